package configlint

import (
	"strconv"
	"strings"
)

// Where nobody names a policy, who makes the listener decides. The policies, and where it is said:
const (
	// Of a listener that is made through the API, by the AWS CLI, CloudFormation, the CDK or Terraform without naming a
	// policy: "the default security policy for HTTPS listeners created using the AWS CLI".
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
	// Terraform's provider sends none either: "ssl_policy - (Optional) Name of the SSL Policy for the listener. Required if
	// protocol is HTTPS or TLS. Default is ELBSecurityPolicy-2016-08."
	// https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lb_listener
	// The CDK's sslPolicy property defaults to none in the template:
	// https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_elasticloadbalancingv2.ApplicationListenerProps.html
	apiDefault = "ELBSecurityPolicy-2016-08"

	// Of aws-load-balancer-controller's flag --default-ssl-policy, "Default SSL Policy that will be applied to all Ingresses or
	// Services that do not have the SSL Policy annotation"; since 2.0, and not changed: "Changing default now would be a
	// breaking change" (issue 4054).
	// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/configurations/
	controllerDefault = "ELBSecurityPolicy-2016-08"

	// Network Load Balancers have the same two defaults:
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html

	// Of a listener made in the console, for comparison: no file says so, so no reader here uses it. The same page.
	// It was ELBSecurityPolicy-TLS13-1-2-2021-06 in 2024 (cloudposse/terraform-aws-alb, issue 178, quotes the page).
	ConsoleDefault = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
)

// Whose default it is, in words.
const (
	whyTerraform      = "the default of AWS's API, for Terraform's aws_lb_listener sends none"
	whyCloudFormation = "the default of AWS's API for listeners that CloudFormation or the CDK makes"
	whyController     = "the default of aws-load-balancer-controller's --default-ssl-policy"
)

// moduleDefault returns the policy of a listener that a published Terraform module makes, by the version constraint that the
// call has; "" and why where that is not known.
//
// terraform-aws-modules/alb/aws: up to 8 the variable listener_ssl_policy_default, ELBSecurityPolicy-2016-08; 9 has
// ELBSecurityPolicy-TLS13-1-2-Res-2021-06 in main.tf; 10 has ELBSecurityPolicy-TLS13-1-3-2021-06 (its issue 420 tells how that
// surprised clients). https://github.com/terraform-aws-modules/terraform-aws-alb/blob/v10.0.0/main.tf
func moduleDefault(constraint string) (name, why string) {
	const module = "the default of terraform-aws-modules/alb/aws "
	major, ok := majorVersion(constraint)
	switch {
	case !ok:
		return "", "the version of terraform-aws-modules/alb/aws is not pinned: up to 8 the default is 2016-08, in 9 TLS13-1-2-Res-2021-06, from 10 on TLS13-1-3-2021-06"
	case major <= 8:
		return "ELBSecurityPolicy-2016-08", module + "up to version 8"
	case major == 9:
		return "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", module + "9"
	case major == 10:
		return "ELBSecurityPolicy-TLS13-1-3-2021-06", module + "10"
	}
	return "", "the default of terraform-aws-modules/alb/aws " + strconv.Itoa(major) + " is not known here"
}

// cloudposseDefault is the same for cloudposse/alb/aws, whose https_ssl_policy is ELBSecurityPolicy-TLS13-1-2-2021-06 from
// version 2.2.0 on (its pull request 179). What it was before differs from version to version.
// https://github.com/cloudposse/terraform-aws-alb/releases/tag/v2.2.0
func cloudposseDefault(constraint string) (name, why string) {
	minor, ok := minorVersion(constraint)
	if ok && (minor[0] > 2 || minor[0] == 2 && minor[1] >= 2) {
		return "ELBSecurityPolicy-TLS13-1-2-2021-06", "the default of cloudposse/alb/aws from version 2.2.0 on"
	}
	return "", "the default of cloudposse/alb/aws is known from version 2.2.0 on; the version here is " + orNone(constraint)
}

func orNone(s string) string {
	if s == "" {
		return "not pinned"
	}
	return s
}

// majorVersion returns the one major version that a constraint of Terraform's allows: "9.1.0", "= 9", "~> 9.0", "~> 9.1.2",
// ">= 9.0, < 10.0". Anything that allows more than one gives false.
func majorVersion(constraint string) (int, bool) {
	lower, upper := -1, -1
	for part := range strings.SplitSeq(constraint, ",") {
		op, v, ok := splitConstraint(part)
		if !ok {
			return 0, false
		}
		switch op {
		case "=":
			lower, upper = v[0], v[0]
		case "~>":
			if v[1] < 0 { // "~> 9" allows 10 as well
				lower = v[0]
				continue
			}
			lower, upper = v[0], v[0]
		case ">=", ">":
			lower = max(lower, v[0])
		case "<=":
			upper = v[0]
		case "<":
			upper = v[0]
			if v[1] <= 0 {
				upper--
			}
		}
	}
	return lower, lower >= 0 && lower == upper
}

// minorVersion returns the lowest version that a constraint allows, if it is bounded below.
func minorVersion(constraint string) ([2]int, bool) {
	best, found := [2]int{}, false
	for part := range strings.SplitSeq(constraint, ",") {
		op, v, ok := splitConstraint(part)
		if !ok {
			return best, false
		}
		if op == "=" || op == "~>" || op == ">=" || op == ">" {
			best, found = [2]int{v[0], max(v[1], 0)}, true
		}
	}
	return best, found
}

// splitConstraint reads one condition: its operator, major and minor number, -1 for one that is not there.
func splitConstraint(s string) (op string, v [2]int, ok bool) {
	s = strings.TrimSpace(s)
	op = "="
	for _, o := range []string{"~>", ">=", "<=", "!=", "=", ">", "<"} {
		if rest, has := strings.CutPrefix(s, o); has {
			op, s = o, strings.TrimSpace(rest)
			break
		}
	}
	if op == "!=" {
		return op, v, false
	}
	v = [2]int{-1, -1}
	for i, p := range strings.SplitN(strings.TrimPrefix(s, "v"), ".", 3) {
		if i == 2 {
			break
		}
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return op, v, false
		}
		v[i] = n
	}
	return op, v, true
}
