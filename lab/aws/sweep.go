package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"

	"github.com/alblab/alblab/lab/aws/ec2query"
)

// Leftover is one resource that carries the tag alblab:run.
type Leftover struct {
	ARN     string    `json:"arn"`
	Kind    string    `json:"kind"` // "elasticloadbalancing loadbalancer", "ec2 vpc"
	ID      string    `json:"id"`
	Run     string    `json:"run"`
	Owner   string    `json:"owner,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Deleted bool      `json:"deleted,omitempty"`
	Error   string    `json:"error,omitempty"` // why it could not be deleted
	Command string    `json:"command"`         // that deletes it
}

// Leftovers lists everything of the account's region that carries the tag alblab:run, of one run or, with run "", of all, in the
// order in which it can be deleted. Mirror sessions are asked for at EC2 too: the tagging API forgets what is young.
func (c *Clients) Leftovers(ctx context.Context, run string) ([]Leftover, error) {
	filter := types.TagFilter{Key: sdk.String(TagRun)}
	if run != "" {
		filter.Values = []string{run}
	}
	var all []Leftover
	in := &resourcegroupstaggingapi.GetResourcesInput{TagFilters: []types.TagFilter{filter}}
	for p := resourcegroupstaggingapi.NewGetResourcesPaginator(c.Tags, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, explain(err, "looking for what carries the tag %s", TagRun)
		}
		for _, m := range page.ResourceTagMappingList {
			tags := map[string]string{}
			for _, t := range m.Tags {
				tags[sdk.ToString(t.Key)] = sdk.ToString(t.Value)
			}
			all = append(all, newLeftover(sdk.ToString(m.ResourceARN), tags))
		}
	}
	filters := []ec2query.Filter{{Name: "tag-key", Values: []string{TagRun}}}
	if run != "" {
		filters = []ec2query.Filter{{Name: "tag:" + TagRun, Values: []string{run}}}
	}
	sessions, err := c.EC2.MirrorSessions(ctx, filters...)
	if err != nil {
		return nil, explain(err, "looking for mirror sessions")
	}
	for _, s := range sessions {
		tags := map[string]string{}
		for _, t := range s.Tags {
			tags[t.Key] = t.Value
		}
		listed := slices.ContainsFunc(all, func(l Leftover) bool { return l.ID == s.ID })
		if tags[TagRun] == "" || run != "" && tags[TagRun] != run || listed {
			continue
		}
		all = append(all, newLeftover(fmt.Sprintf("arn:aws:ec2:%s::traffic-mirror-session/%s", c.Region, s.ID), tags))
	}
	if all, err = c.withoutEnded(ctx, all); err != nil {
		return nil, err
	}
	if all, err = c.withUntagged(ctx, run, all); err != nil {
		return nil, err
	}
	if all, err = c.withRoles(ctx, run, all); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Leftover) int {
		return orderOf(a.Kind) - orderOf(b.Kind)
	})
	return all, nil
}

// withoutEnded drops instances that were terminated: EC2 and the tagging API list them, with their tags, for about an hour more
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html). Who may not ask gets them listed.
func (c *Clients) withoutEnded(ctx context.Context, all []Leftover) ([]Leftover, error) {
	params, n := map[string][]string{"Filter.1.Name": {"instance-id"}}, 0
	for _, l := range all {
		if l.Kind == "ec2 instance" {
			n++
			params[fmt.Sprintf("Filter.1.Value.%d", n)] = []string{l.ID}
		}
	}
	if n == 0 {
		return all, nil
	}
	alive := map[string]bool{}
	for {
		var out struct {
			Instances []struct {
				ID    string `xml:"instanceId"`
				State string `xml:"instanceState>name"`
			} `xml:"reservationSet>item>instancesSet>item"`
			Next string `xml:"nextToken"`
		}
		err := c.EC2.Do(ctx, "DescribeInstances", params, &out)
		switch {
		case err != nil && code(err) == "UnauthorizedOperation":
			return all, nil
		case err != nil:
			return nil, explain(err, "looking at instances")
		}
		for _, i := range out.Instances {
			alive[i.ID] = i.State != "terminated" && i.State != "shutting-down"
		}
		if out.Next == "" {
			break
		}
		params["NextToken"] = []string{out.Next}
	}
	return slices.DeleteFunc(all, func(l Leftover) bool { return l.Kind == "ec2 instance" && !alive[l.ID] }), nil
}

// settleAgain is how long Settled waits between two looks, and settleLooks how many of them must find nothing less.
//
// Assumption: AWS says that GetResources has what was tagged before, and not for how long.
const (
	settleAgain = 30 * time.Second
	settleLooks = 3
)

// Settled lists a run's leftovers after it was taken down. The tagging API lists "tagged or previously tagged" resources
// (docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html), so what is there is asked for again
// until the list no longer shrinks, at most for the time given.
func (c *Clients) Settled(ctx context.Context, run string, clock Clock, most time.Duration) ([]Leftover, error) {
	end := clock.Now().Add(most)
	all, err := c.Leftovers(ctx, run)
	for looks := 0; err == nil && len(all) > 0 && looks < settleLooks && clock.Now().Before(end); {
		if err := clock.WaitUntil(ctx, clock.Now().Add(settleAgain)); err != nil {
			return all, err
		}
		had := len(all)
		if all, err = c.Leftovers(ctx, run); len(all) < had {
			looks = 0
		} else {
			looks++
		}
	}
	return all, err
}

func newLeftover(arn string, tags map[string]string) Leftover {
	l := Leftover{ARN: arn, Run: tags[TagRun], Owner: tags[TagOwner]}
	l.Expires, _ = time.Parse(time.RFC3339, tags[TagExpires])
	l.Kind, l.ID = kindOfARN(arn)
	l.Command = commandFor(&l)
	return l
}

// kindOfARN takes service and type out of an ARN, and what names the resource in its service's calls.
func kindOfARN(arn string) (kind, id string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return "unknown", arn
	}
	service, rest := parts[2], parts[5]
	if service == "s3" {
		return "s3 bucket", rest
	}
	if service == "wafv2" { // regional/webacl/NAME/ID
		_, rest, _ = strings.Cut(rest, "/")
	}
	i := strings.IndexAny(rest, ":/")
	if i < 0 {
		return service, rest
	}
	return service + " " + rest[:i], rest[i+1:]
}

// deleter says how a kind is deleted.
type deleter struct {
	kind    string
	command string // of the AWS CLI, the region left out; %s is the id, %a the ARN, %n and %i the halves of an id with a slash, %r the region's flag
	delete  func(ctx context.Context, c *Clients, l *Leftover) error
	with    bool // goes with what it is part of
}

// ec2Delete calls an action of EC2 with one parameter.
func ec2Delete(action, parameter string) func(context.Context, *Clients, *Leftover) error {
	return func(ctx context.Context, c *Clients, l *Leftover) error {
		return c.EC2.Do(ctx, action, map[string][]string{parameter: {l.ID}}, nil)
	}
}

// deleters are the kinds that a lab has, in the order in which they can be deleted.
func deleters() []deleter {
	return []deleter{
		{kind: "ec2 traffic-mirror-session", command: "aws ec2 delete-traffic-mirror-session --traffic-mirror-session-id %s", delete: func(ctx context.Context, c *Clients, l *Leftover) error {
			return c.EC2.DeleteMirrorSession(ctx, l.ID)
		}},
		{kind: "elasticloadbalancing loadbalancer", command: "aws elbv2 delete-load-balancer --load-balancer-arn %a", delete: func(ctx context.Context, c *Clients, l *Leftover) error {
			_, err := c.ELB.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &l.ARN})
			return err
		}},
		{kind: "elasticloadbalancing listener", command: "aws elbv2 delete-listener --listener-arn %a", with: true}, // with its load balancer
		{kind: "elasticloadbalancing listener-rule", command: "aws elbv2 delete-rule --rule-arn %a", with: true},
		{kind: "elasticloadbalancing truststore", command: "aws elbv2 delete-trust-store --trust-store-arn %a", delete: func(ctx context.Context, c *Clients, l *Leftover) error {
			_, err := c.ELB.DeleteTrustStore(ctx, &elb.DeleteTrustStoreInput{TrustStoreArn: &l.ARN})
			return err
		}},
		{kind: "elasticloadbalancing targetgroup", command: "aws elbv2 delete-target-group --target-group-arn %a", delete: func(ctx context.Context, c *Clients, l *Leftover) error {
			_, err := c.ELB.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &l.ARN})
			return err
		}},
		{kind: "wafv2 webacl", command: "aws wafv2 delete-web-acl --scope REGIONAL --name %n --id %i --lock-token $(aws%r wafv2 get-web-acl --scope REGIONAL --name %n --id %i --query LockToken --output text)", delete: deleteWebACL},
		{kind: "wafv2 ipset", command: "aws wafv2 delete-ip-set --scope REGIONAL --name %n --id %i --lock-token $(aws%r wafv2 get-ip-set --scope REGIONAL --name %n --id %i --query LockToken --output text)", delete: deleteIPSet},
		{kind: "acm certificate", command: "aws acm delete-certificate --certificate-arn %a", delete: deleteCertificate},
		{kind: "ec2 instance", command: "aws ec2 terminate-instances --instance-ids %s", delete: ec2Delete("TerminateInstances", "InstanceId.1")},
		{kind: "ec2 volume", with: true}, // with its instance
		{kind: "ec2 vpc-flow-log", command: "aws ec2 delete-flow-logs --flow-log-ids %s", delete: ec2Delete("DeleteFlowLogs", "FlowLogId.1")},
		{kind: "ec2 traffic-mirror-target", command: "aws ec2 delete-traffic-mirror-target --traffic-mirror-target-id %s", delete: ec2Delete("DeleteTrafficMirrorTarget", "TrafficMirrorTargetId")},
		{kind: "ec2 traffic-mirror-filter", command: "aws ec2 delete-traffic-mirror-filter --traffic-mirror-filter-id %s", delete: ec2Delete("DeleteTrafficMirrorFilter", "TrafficMirrorFilterId")},
		{kind: "logs log-group", command: "aws logs delete-log-group --log-group-name %s", delete: deleteLogGroup},
		{kind: "s3 bucket", command: "aws s3 rb --force s3://%s  # versions of objects are deleted one by one", delete: deleteBucket},
		{kind: "cloudwatch alarm", command: "aws cloudwatch delete-alarms --alarm-names %s", delete: deleteAlarm},
		{kind: "cloudwatch dashboard", command: "aws cloudwatch delete-dashboards --dashboard-names %s", delete: deleteDashboard},
		{kind: "logs query-definition", command: "aws logs delete-query-definition --query-definition-id %s", delete: deleteQuery},
		{kind: "athena workgroup", command: "aws athena delete-work-group --work-group %s --recursive-delete-option", delete: deleteWorkgroup},
		{kind: "glue database", command: "aws glue delete-database --name %s", delete: deleteDatabase}, // with its tables
		{kind: "iam instance-profile", command: "aws iam delete-instance-profile --instance-profile-name %s  # first remove-role-from-instance-profile", delete: deleteProfile},
		{kind: "iam role", command: "aws iam delete-role --role-name %s  # first delete-role-policy and detach-role-policy", delete: deleteRole},
		{kind: "ec2 network-interface", command: "aws ec2 delete-network-interface --network-interface-id %s", delete: ec2Delete("DeleteNetworkInterface", "NetworkInterfaceId")},
		{kind: "ec2 vpc-endpoint", command: "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids %s", delete: ec2Delete("DeleteVpcEndpoints", "VpcEndpointId.1")},
		{kind: "ec2 security-group", command: "aws ec2 delete-security-group --group-id %s", delete: ec2Delete("DeleteSecurityGroup", "GroupId")},
		{kind: "ec2 security-group-rule", with: true}, // with its group
		{kind: "ec2 subnet", command: "aws ec2 delete-subnet --subnet-id %s", delete: ec2Delete("DeleteSubnet", "SubnetId")},
		{kind: "ec2 route-table", command: "aws ec2 delete-route-table --route-table-id %s", delete: ec2Delete("DeleteRouteTable", "RouteTableId")},
		{kind: "ec2 internet-gateway", command: "aws ec2 delete-internet-gateway --internet-gateway-id %s  # detach it first", delete: deleteGateway},
		{kind: "ec2 vpc", command: "aws ec2 delete-vpc --vpc-id %s", delete: ec2Delete("DeleteVpc", "VpcId")},
	}
}

// KindOfLeftover is what sweep knows of a kind of resource.
type KindOfLeftover struct {
	Name    string // as Leftover.Kind
	Command string // of the AWS CLI, with %s, %a, %n, %i and %r for what names the resource
	Deleted bool   // Sweep can delete it
	With    bool   // it goes with what it is part of
}

// Kinds lists what Sweep knows, in the order in which it can be deleted.
func Kinds() []KindOfLeftover {
	var all []KindOfLeftover
	for _, d := range deleters() {
		all = append(all, KindOfLeftover{d.kind, d.command, d.delete != nil, d.with})
	}
	return all
}

func deleterOf(kind string) (int, *deleter) {
	all := deleters()
	i := slices.IndexFunc(all, func(d deleter) bool { return d.kind == kind })
	if i < 0 {
		return len(all), nil
	}
	return i, &all[i]
}

func orderOf(kind string) int {
	i, _ := deleterOf(kind)
	return i
}

func commandFor(l *Leftover) string {
	_, d := deleterOf(l.Kind)
	if d == nil {
		return ""
	}
	name, id, _ := strings.Cut(l.ID, "/")
	region := ""
	if parts := strings.Split(l.ARN, ":"); len(parts) > 3 && parts[3] != "" {
		region = " --region " + parts[3]
	}
	command := strings.NewReplacer("%s", l.ID, "%a", l.ARN, "%n", name, "%i", id, "%r", region).Replace(d.command)
	return strings.Replace(command, "aws ", "aws"+region+" ", 1)
}

// Sweep deletes leftovers, again and again as long as that may help: a subnet cannot go before the load balancer's interfaces
// have. It goes by clock between rounds, at most for the time given, and ends after a round that has deleted nothing and met only
// errors that do not pass. What it cannot delete keeps its error.
func (c *Clients) Sweep(ctx context.Context, all []Leftover, clock Clock, most time.Duration, progress func(l *Leftover)) error {
	end := clock.Now().Add(most)
	for {
		left, again, err := c.sweepOnce(ctx, all, progress)
		if err != nil {
			return err
		}
		if left == 0 || !again || clock.Now().After(end) {
			break
		}
		if err := clock.WaitUntil(ctx, clock.Now().Add(15*time.Second)); err != nil {
			return err
		}
	}
	var errs []error
	for _, l := range Undeleted(all) {
		if l.Error != "" {
			errs = append(errs, fmt.Errorf("%s: %s", l.ARN, l.Error))
			continue
		}
		errs = append(errs, fmt.Errorf("%s: delete it by hand", l.ARN))
	}
	return errors.Join(errs...)
}

// sweepOnce is one round. left is what it could not delete, again whether another round may help.
func (c *Clients) sweepOnce(ctx context.Context, all []Leftover, progress func(l *Leftover)) (left int, again bool, err error) {
	for i := range all {
		l := &all[i]
		_, d := deleterOf(l.Kind)
		if l.Deleted || d == nil || d.delete == nil {
			continue
		}
		if err := d.delete(ctx, c, l); err != nil && !gone(err) {
			l.Error = firstWords(err)
			left++
			again = again || passes(err)
			if ctx.Err() != nil {
				return left, again, ctx.Err()
			}
			continue
		}
		l.Deleted, l.Error, again = true, "", true
		if progress != nil {
			progress(l)
		}
	}
	return left, again, nil
}

// Undeleted are the leftovers that are still there, without what goes with another: listeners, rules, volumes.
func Undeleted(all []Leftover) []Leftover {
	return slices.DeleteFunc(slices.Clone(all), func(l Leftover) bool {
		_, d := deleterOf(l.Kind)
		return l.Deleted || d != nil && d.with
	})
}

// Passing are the words of errors that pass: ELB delivers logs after the load balancer is gone, its interfaces keep what they
// hang on, and what was deleted still holds mirror target, filter and trust store for a while
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteTrustStore.html).
func Passing() []string {
	return []string{"BucketNotEmpty", "DependencyViolation", "ResourceInUse", "TrafficMirrorTargetInUse", "TrafficMirrorFilterInUse", "TrustStoreInUse",
		"OperationAborted", "Throttling", "WAFAssociatedItem", "WAFUnavailableEntity", "DeleteConflict"}
}

// passes reports whether deleting may work later: also after an error of the service's or of the network's.
func passes(err error) bool {
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorFault() == smithy.FaultServer {
		return true
	}
	return slices.ContainsFunc(Passing(), func(s string) bool { return strings.Contains(e.ErrorCode(), s) })
}

// gone reports whether a thing is not there any more.
func gone(err error) bool {
	c := code(err)
	return strings.Contains(c, "NotFound") || strings.Contains(c, "NoSuch")
}
