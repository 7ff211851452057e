package terraform_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requests are what Terraform asks of AWS, an action and a resource a line: with which resources an action is judged, and by which
// conditions, is in docs.aws.amazon.com/service-authorization/latest/reference/ ("Actions, resources, and condition keys for ...").
// A resource is that of the module's names for run 0a1b2c3d. new: the request carries the lab's tags; own: the resource has them;
// key=value is another condition key. Not every service judges every request by tags: what a line does not say is not there.
const requests = `
acm:ImportCertificate        acm:certificate/1 new
acm:ImportCertificate        acm:certificate/1 own
acm:AddTagsToCertificate     acm:certificate/1 new
acm:RequestCertificate       acm:certificate/1 new
acm:DescribeCertificate      acm:certificate/1
acm:DeleteCertificate        acm:certificate/1 own
athena:CreateNamedQuery      athena:workgroup/alblab-0a1b2c3d
athena:GetNamedQuery         athena:workgroup/alblab-0a1b2c3d
athena:DeleteNamedQuery      athena:workgroup/alblab-0a1b2c3d
athena:CreateWorkGroup       athena:workgroup/alblab-0a1b2c3d
athena:GetWorkGroup          athena:workgroup/alblab-0a1b2c3d
athena:DeleteWorkGroup       athena:workgroup/alblab-0a1b2c3d
athena:TagResource           athena:workgroup/alblab-0a1b2c3d
athena:ListTagsForResource   athena:workgroup/alblab-0a1b2c3d
cloudwatch:PutDashboard      arn:aws:cloudwatch::111122223333:dashboard/alblab-0a1b2c3d
cloudwatch:GetDashboard      arn:aws:cloudwatch::111122223333:dashboard/alblab-0a1b2c3d
cloudwatch:DeleteDashboards  arn:aws:cloudwatch::111122223333:dashboard/alblab-0a1b2c3d
cloudwatch:PutMetricAlarm    cloudwatch:alarm:alblab-0a1b2c3d-client-tls-negotiation-errors
cloudwatch:TagResource       cloudwatch:alarm:alblab-0a1b2c3d-client-tls-negotiation-errors
cloudwatch:DescribeAlarms    cloudwatch:alarm:alblab-0a1b2c3d-client-tls-negotiation-errors
cloudwatch:DeleteAlarms      cloudwatch:alarm:alblab-0a1b2c3d-client-tls-negotiation-errors
cloudwatch:ListTagsForResource cloudwatch:alarm:alblab-0a1b2c3d-client-tls-negotiation-errors
logs:CreateLogGroup          logs:log-group:/alblab/alblab-0a1b2c3d/flow
logs:CreateLogGroup          logs:log-group:aws-waf-logs-alblab-0a1b2c3d
logs:DescribeLogGroups       logs:log-group:*
logs:PutRetentionPolicy      logs:log-group:/alblab/alblab-0a1b2c3d/flow
logs:DeleteLogGroup          logs:log-group:/alblab/alblab-0a1b2c3d/flow
logs:DeleteLogGroup          logs:log-group:aws-waf-logs-alblab-0a1b2c3d
logs:ListTagsForResource     logs:log-group:/alblab/alblab-0a1b2c3d/flow
logs:TagResource             logs:log-group:aws-waf-logs-alblab-0a1b2c3d
logs:PutMetricFilter         logs:log-group:/alblab/alblab-0a1b2c3d/flow
logs:DescribeMetricFilters   logs:log-group:/alblab/alblab-0a1b2c3d/flow
logs:DeleteMetricFilter      logs:log-group:/alblab/alblab-0a1b2c3d/flow
logs:PutResourcePolicy       *
logs:DescribeResourcePolicies *
logs:DeleteResourcePolicy    *
logs:PutQueryDefinition      *
logs:DescribeQueryDefinitions *
logs:DeleteQueryDefinition   *
logs:CreateLogDelivery       *
logs:DeleteLogDelivery       *
ec2:DescribeSecurityGroups   *
ec2:DescribeFlowLogs         *
ec2:DescribeInstances        *
ec2:DescribeVpcs             *
ec2:DescribeAvailabilityZones *
ec2:CreateTags               ec2:security-group/sg-default new
ec2:CreateTags               ec2:vpc/vpc-1 own
ec2:CreateTags               ec2:vpc/vpc-1 new ec2:CreateAction=CreateVpc
ec2:CreateTags               ec2:instance/i-1 new ec2:CreateAction=RunInstances
ec2:CreateTags               ec2:volume/vol-1 new ec2:CreateAction=RunInstances
ec2:CreateTags               ec2:security-group-rule/sgr-1 new ec2:CreateAction=AuthorizeSecurityGroupIngress
ec2:RevokeSecurityGroupIngress ec2:security-group/sg-default own
ec2:RevokeSecurityGroupIngress ec2:security-group-rule/sgr-1
ec2:RevokeSecurityGroupEgress ec2:security-group/sg-1 own
ec2:RevokeSecurityGroupEgress ec2:security-group-rule/sgr-1
ec2:AuthorizeSecurityGroupIngress ec2:security-group/sg-1 own
ec2:AuthorizeSecurityGroupIngress ec2:security-group-rule/*
ec2:AuthorizeSecurityGroupEgress ec2:security-group/sg-1 own
ec2:AuthorizeSecurityGroupEgress ec2:security-group-rule/*
ec2:CreateSecurityGroup      ec2:security-group/* new
ec2:CreateSecurityGroup      ec2:vpc/vpc-1 own
ec2:DeleteSecurityGroup      ec2:security-group/sg-1 own
ec2:CreateTrafficMirrorFilter ec2:traffic-mirror-filter/* new
ec2:DeleteTrafficMirrorFilter ec2:traffic-mirror-filter/tmf-1 own
ec2:CreateTrafficMirrorFilterRule ec2:traffic-mirror-filter/tmf-1 own
ec2:CreateTrafficMirrorFilterRule ec2:traffic-mirror-filter-rule/*
ec2:DeleteTrafficMirrorFilterRule ec2:traffic-mirror-filter/tmf-1 own
ec2:DeleteTrafficMirrorFilterRule ec2:traffic-mirror-filter-rule/tmfr-1 own
ec2:CreateTrafficMirrorTarget ec2:traffic-mirror-target/* new
ec2:CreateTrafficMirrorTarget ec2:network-interface/eni-1
ec2:DeleteTrafficMirrorTarget ec2:traffic-mirror-target/tmt-1 own
ec2:CreateFlowLogs           ec2:vpc-flow-log/* new
ec2:CreateFlowLogs           ec2:vpc/vpc-1 own
ec2:DeleteFlowLogs           ec2:vpc-flow-log/fl-1 own
ec2:RunInstances             ec2:instance/* new
ec2:RunInstances             ec2:volume/* new
ec2:RunInstances             arn:aws:ec2:us-east-1::image/ami-1
ec2:RunInstances             ec2:network-interface/*
ec2:RunInstances             ec2:security-group/sg-1 own
ec2:RunInstances             ec2:subnet/subnet-1 own
ec2:TerminateInstances       ec2:instance/i-1 own
ec2:CreateInternetGateway    ec2:internet-gateway/* new
ec2:AttachInternetGateway    ec2:internet-gateway/igw-1 own
ec2:AttachInternetGateway    ec2:vpc/vpc-1 own
ec2:DetachInternetGateway    ec2:internet-gateway/igw-1 own
ec2:DetachInternetGateway    ec2:vpc/vpc-1 own
ec2:DeleteInternetGateway    ec2:internet-gateway/igw-1 own
ec2:CreateRouteTable         ec2:route-table/* new
ec2:CreateRouteTable         ec2:vpc/vpc-1 own
ec2:DeleteRouteTable         ec2:route-table/rtb-1 own
ec2:CreateRoute              ec2:route-table/rtb-1 own
ec2:DeleteRoute              ec2:route-table/rtb-1 own
ec2:AssociateRouteTable      ec2:route-table/rtb-1 own
ec2:AssociateRouteTable      ec2:subnet/subnet-1 own
ec2:DisassociateRouteTable   ec2:route-table/rtb-1 own
ec2:DisassociateRouteTable   ec2:subnet/subnet-1 own
ec2:CreateSubnet             ec2:subnet/* new
ec2:CreateSubnet             ec2:vpc/vpc-1 own
ec2:DeleteSubnet             ec2:subnet/subnet-1 own
ec2:CreateVpc                ec2:vpc/* new
ec2:ModifyVpcAttribute       ec2:vpc/vpc-1 own
ec2:DeleteVpc                ec2:vpc/vpc-1 own
glue:CreateDatabase          glue:catalog
glue:CreateDatabase          glue:database/alblab_0a1b2c3d
glue:GetDatabase             glue:catalog
glue:GetDatabase             glue:database/alblab_0a1b2c3d
glue:DeleteDatabase          glue:catalog
glue:DeleteDatabase          glue:database/alblab_0a1b2c3d
glue:DeleteDatabase          glue:table/alblab_0a1b2c3d/access_logs
glue:TagResource             glue:database/alblab_0a1b2c3d
glue:GetTags                 glue:database/alblab_0a1b2c3d
glue:CreateTable             glue:table/alblab_0a1b2c3d/access_logs
glue:GetTable                glue:table/alblab_0a1b2c3d/access_logs
glue:DeleteTable             glue:table/alblab_0a1b2c3d/access_logs
glue:GetPartitionIndexes     glue:table/alblab_0a1b2c3d/access_logs
iam:CreateInstanceProfile    iam:instance-profile/alblab-0a1b2c3d-mirror
iam:AddRoleToInstanceProfile iam:instance-profile/alblab-0a1b2c3d-mirror
iam:RemoveRoleFromInstanceProfile iam:instance-profile/alblab-0a1b2c3d-mirror
iam:DeleteInstanceProfile    iam:instance-profile/alblab-0a1b2c3d-mirror
iam:CreateRole               iam:role/alblab-0a1b2c3d-mirror iam:PermissionsBoundary=arn:aws:iam::111122223333:policy/alblab-boundary
iam:PutRolePolicy            iam:role/alblab-0a1b2c3d-flow-log iam:PermissionsBoundary=arn:aws:iam::111122223333:policy/alblab-boundary
iam:AttachRolePolicy         iam:role/alblab-0a1b2c3d-mirror iam:PermissionsBoundary=arn:aws:iam::111122223333:policy/alblab-boundary iam:PolicyARN=arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
iam:DetachRolePolicy         iam:role/alblab-0a1b2c3d-mirror iam:PolicyARN=arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
iam:GetRole                  iam:role/alblab-0a1b2c3d-mirror
iam:GetRolePolicy            iam:role/alblab-0a1b2c3d-mirror
iam:TagInstanceProfile       iam:instance-profile/alblab-0a1b2c3d-mirror
iam:TagRole                  iam:role/alblab-0a1b2c3d-mirror
iam:ListRolePolicies         iam:role/alblab-0a1b2c3d-mirror
iam:ListAttachedRolePolicies iam:role/alblab-0a1b2c3d-mirror
iam:ListInstanceProfilesForRole iam:role/alblab-0a1b2c3d-mirror
iam:DeleteRole               iam:role/alblab-0a1b2c3d-mirror
iam:DeleteRolePolicy         iam:role/alblab-0a1b2c3d-mirror
iam:PassRole                 iam:role/alblab-0a1b2c3d-mirror iam:PassedToService=ec2.amazonaws.com
iam:PassRole                 iam:role/alblab-0a1b2c3d-flow-log iam:PassedToService=vpc-flow-logs.amazonaws.com
iam:CreateServiceLinkedRole  iam:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing iam:AWSServiceName=elasticloadbalancing.amazonaws.com
elasticloadbalancing:AddTags elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/* new elasticloadbalancing:CreateAction=CreateLoadBalancer
elasticloadbalancing:AddTags elasticloadbalancing:truststore/alblab-0a1b2c3d-default/* new elasticloadbalancing:CreateAction=CreateTrustStore
elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/* new
elasticloadbalancing:ModifyLoadBalancerAttributes elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/1 own
elasticloadbalancing:DeleteLoadBalancer elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/1 own
elasticloadbalancing:SetWebAcl elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/1 own
elasticloadbalancing:CreateListener elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/1 own
elasticloadbalancing:ModifyListener elasticloadbalancing:listener/app/alblab-0a1b2c3d/1/2 own
elasticloadbalancing:DeleteListener elasticloadbalancing:listener/app/alblab-0a1b2c3d/1/2 own
elasticloadbalancing:AddListenerCertificates elasticloadbalancing:listener/app/alblab-0a1b2c3d/1/2 own
elasticloadbalancing:RemoveListenerCertificates elasticloadbalancing:listener/app/alblab-0a1b2c3d/1/2 own
elasticloadbalancing:CreateTargetGroup elasticloadbalancing:targetgroup/alblab-0a1b2c3d-target/* new
elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:targetgroup/alblab-0a1b2c3d-target/1 own
elasticloadbalancing:DeleteTargetGroup elasticloadbalancing:targetgroup/alblab-0a1b2c3d-target/1 own
elasticloadbalancing:RegisterTargets elasticloadbalancing:targetgroup/alblab-0a1b2c3d-target/1 own
elasticloadbalancing:DeregisterTargets elasticloadbalancing:targetgroup/alblab-0a1b2c3d-target/1 own
elasticloadbalancing:CreateTrustStore elasticloadbalancing:truststore/alblab-0a1b2c3d-default/* new
elasticloadbalancing:ModifyTrustStore elasticloadbalancing:truststore/alblab-0a1b2c3d-default/1 own
elasticloadbalancing:DeleteTrustStore elasticloadbalancing:truststore/alblab-0a1b2c3d-default/1 own
elasticloadbalancing:AddTrustStoreRevocations elasticloadbalancing:truststore/alblab-0a1b2c3d-default/1 own
elasticloadbalancing:RemoveTrustStoreRevocations elasticloadbalancing:truststore/alblab-0a1b2c3d-default/1 own
route53:ChangeResourceRecordSets arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ
route53:ListResourceRecordSets arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ
route53:GetHostedZone        arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ
route53:GetChange            arn:aws:route53:::change/C1
s3:CreateBucket              arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:CreateBucket              arn:aws:s3:::aws-waf-logs-alblab-0a1b2c3d-111122223333
s3:ListBucket                arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust
s3:ListBucketVersions        arn:aws:s3:::alblab-0a1b2c3d-111122223333-mirror
s3:DeleteBucket              arn:aws:s3:::alblab-0a1b2c3d-111122223333-athena
s3:DeleteObject              arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs/access/x
s3:DeleteObjectVersion       arn:aws:s3:::aws-waf-logs-alblab-0a1b2c3d-111122223333/AWSLogs/x
s3:PutBucketTagging          arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:PutLifecycleConfiguration arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:GetLifecycleConfiguration arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:PutBucketOwnershipControls arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:GetBucketOwnershipControls arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:PutBucketPolicy           arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:GetBucketPolicy           arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:DeleteBucketPolicy        arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:PutBucketPublicAccessBlock arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:GetBucketPublicAccessBlock arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:PutEncryptionConfiguration arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:GetEncryptionConfiguration arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs
s3:PutBucketVersioning       arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust
s3:GetBucketVersioning       arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust
s3:PutObject                 arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust/bundle.pem
s3:GetObject                 arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust/bundle.pem
s3:GetObjectVersion          arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust/bundle.pem
s3:PutObjectTagging          arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust/bundle.pem
s3:GetObjectTagging          arn:aws:s3:::alblab-0a1b2c3d-111122223333-trust/bundle.pem
ssm:GetParameter             arn:aws:ssm:us-east-1::parameter/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64
sts:GetCallerIdentity        *
wafv2:CreateIPSet            wafv2:regional/ipset/alblab-0a1b2c3d-forwarded-ipv4/*
wafv2:TagResource            wafv2:regional/ipset/alblab-0a1b2c3d-forwarded-ipv4/1
wafv2:TagResource            wafv2:regional/webacl/alblab-0a1b2c3d/1
wafv2:GetIPSet               wafv2:regional/ipset/alblab-0a1b2c3d-forwarded-ipv4/1
wafv2:DeleteIPSet            wafv2:regional/ipset/alblab-0a1b2c3d-forwarded-ipv4/1
wafv2:CreateWebACL           wafv2:regional/webacl/alblab-0a1b2c3d/*
wafv2:CreateWebACL           wafv2:regional/managedruleset/AWS/AWSManagedRulesAmazonIpReputationList
wafv2:CreateWebACL           wafv2:regional/ipset/alblab-0a1b2c3d-forwarded-ipv4/1
wafv2:GetWebACL              wafv2:regional/webacl/alblab-0a1b2c3d/1
wafv2:DeleteWebACL           wafv2:regional/webacl/alblab-0a1b2c3d/1
wafv2:AssociateWebACL        wafv2:regional/webacl/alblab-0a1b2c3d/1
wafv2:AssociateWebACL        elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/1
wafv2:DisassociateWebACL     elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/1
wafv2:GetWebACLForResource   elasticloadbalancing:loadbalancer/app/alblab-0a1b2c3d/1
wafv2:PutLoggingConfiguration wafv2:regional/webacl/alblab-0a1b2c3d/1
wafv2:GetLoggingConfiguration wafv2:regional/webacl/alblab-0a1b2c3d/1
wafv2:DeleteLoggingConfiguration wafv2:regional/webacl/alblab-0a1b2c3d/1
`

// request is a line of requests.
type request struct {
	action, resource string
	context          map[string]string
}

func parseRequest(t *testing.T, line string) request {
	t.Helper()
	f := strings.Fields(line)
	require.GreaterOrEqual(t, len(f), 2, line)
	r := request{f[0], f[1], map[string]string{}}
	if service, rest, ok := strings.Cut(f[1], ":"); ok && service != "arn" {
		region := "us-east-1"
		if service == "iam" {
			region = ""
		}
		r.resource = "arn:aws:" + service + ":" + region + ":111122223333:" + rest
	}
	for _, flag := range f[2:] {
		switch key, value, ok := strings.Cut(flag, "="); {
		case ok:
			r.context[key] = value
		case flag == "new":
			r.context["aws:RequestTag/alblab:run"] = "0a1b2c3d"
		case flag == "own":
			r.context["aws:ResourceTag/alblab:run"] = "0a1b2c3d"
		default:
			t.Fatalf("%s: what is %q?", line, flag)
		}
	}
	return r
}

// permits judges a request as IAM does where there is no Deny
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html), and names the statement.
func permits(statements []statement, r request) string {
	for _, s := range statements {
		if slices.ContainsFunc(s.Action, func(a string) bool { return like(a, r.action) }) &&
			slices.ContainsFunc(s.resources(), func(p string) bool { return like(p, r.resource) }) && s.holds(r.context) {
			return s.Sid
		}
	}
	return ""
}

// holds reports whether all conditions do: of a key any value, of operators and keys every one
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
func (s statement) holds(context map[string]string) bool {
	for operator, keys := range s.Condition {
		for key, want := range keys {
			have, ok := context[key]
			switch operator {
			case "Null":
				if (want == "true") == ok {
					return false
				}
			case "StringEquals":
				if !ok || !slices.Contains(values(want), have) {
					return false
				}
			default: // StringLike, ArnLike, ArnEquals: all take wildcards
				if !ok || !slices.ContainsFunc(values(want), func(w string) bool { return like(w, have) }) {
					return false
				}
			}
		}
	}
	return true
}

func values(v any) []string {
	if one, ok := v.(string); ok {
		return []string{one}
	}
	var all []string
	for _, x := range v.([]any) {
		all = append(all, x.(string))
	}
	return all
}

// like matches * and ?, also over colons and slashes.
func like(pattern, s string) bool {
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '*':
			for j := 0; j <= len(s); j++ {
				if like(pattern[i+1:], s[j:]) {
					return true
				}
			}
			return false
		case s == "" || pattern[i] != '?' && pattern[i] != s[0]:
			return false
		}
		s = s[1:]
	}
	return s == ""
}

// runner is what who builds the lab may, in account 111122223333 with a zone.
func runner(t *testing.T) []statement {
	t.Helper()
	var all []statement
	for _, name := range []string{"runner-build.json", "runner-watch.json"} {
		text := strings.NewReplacer("ACCOUNT", "111122223333", "hostedzone/ZONE", "hostedzone/Z0123456789ABCDEFGHIJ").Replace(read(t, filepath.Join("policies", name)))
		var p struct{ Statement []statement }
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		all = append(all, p.Statement...)
	}
	return all
}

// TestRunnerMayBuild: every request that building makes is permitted by resource and conditions, and every action of the table of
// kinds occurs in one.
func TestRunnerMayBuild(t *testing.T) {
	may := runner(t)
	asked := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSpace(requests), "\n") {
		r := parseRequest(t, line)
		asked[r.action] = true
		require.NotEmpty(t, permits(may, r), line)
	}
	for kind, actions := range needed() {
		for action := range strings.FieldsSeq(actions) {
			require.True(t, asked[action], "%s needs %s, of which there is no request", kind, action)
		}
	}
}

// TestRunnerMayNotTouchOthers: the same requests for what is not the lab's, by tag or by name, are refused. What is left open is
// listed, with the reason.
func TestRunnerMayNotTouchOthers(t *testing.T) {
	may := runner(t)
	open := map[string]string{
		"MirrorTargetOnInterface":    "an interface of the load balancer has no tag of the lab's",
		"RulesOfOwnGroupsAndFilters": "a rule is judged with its group or filter, which has to be the lab's",
		"RunIn":                      "image, subnet and group of an instance that has to carry the lab's tag",
		"TagWhatIsMade":              "only while a thing is made",
		"TagLoadBalancersMade":       "only while a thing is made",
		"LogDelivery":                "AWS offers neither names nor tags for the delivery of logs",
		"ServiceLinkedRole":          "AWS's own role",
		"Domain":                     "the one zone",
		"Glue":                       "arn:aws:glue:*:catalog",                    // an account has one; what lies in it is the lab's own
		"WebACL":                     "arn:aws:wafv2:*:regional/managedruleset/*", // AWS's own
	}
	refused, seen := 0, map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSpace(requests), "\n") {
		r := parseRequest(t, line)
		if _, verb, _ := strings.Cut(r.action, ":"); strings.HasPrefix(verb, "Describe") || strings.HasPrefix(verb, "Get") || strings.HasPrefix(verb, "List") {
			continue
		}
		own := permits(may, r)
		delete(r.context, "aws:RequestTag/alblab:run")
		delete(r.context, "aws:ResourceTag/alblab:run")
		delete(r.context, "iam:PermissionsBoundary")
		r.resource = strings.ReplaceAll(r.resource, "alblab", "production")
		if sid := permits(may, r); sid != "" {
			require.Contains(t, open, sid, "%s is permitted for %s too", line, r.resource)
			if only, ok := open[sid]; ok && strings.HasPrefix(only, "arn:") {
				require.True(t, like(only, r.resource), "%s is permitted for %s too", line, r.resource)
			}
			seen[sid] = true
			continue
		}
		require.NotEmpty(t, own)
		refused++
	}
	require.Greater(t, refused, 100)
	for sid := range open {
		require.True(t, seen[sid], "%s is open no more", sid)
	}
}

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"?*", "", false}, {"?*", "x", true}, {"a*c", "abbc", true}, {"a*c", "abbd", false}, {"a?c", "abc", true}, {"a", "ab", false}, {"ab", "a", false},
	} {
		require.Equal(t, tt.want, like(tt.pattern, tt.s), "%s %s", tt.pattern, tt.s)
	}
}
