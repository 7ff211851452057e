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
	i := strings.IndexAny(rest, ":/")
	if i < 0 {
		return service, rest
	}
	return service + " " + rest[:i], rest[i+1:]
}

// deleter says how a kind is deleted.
type deleter struct {
	kind    string
	command string // of the AWS CLI; %s is the id, %a the ARN
	delete  func(ctx context.Context, c *Clients, l *Leftover) error
}

// ec2Delete calls an action of EC2 with one parameter.
func ec2Delete(action, parameter string) func(context.Context, *Clients, *Leftover) error {
	return func(ctx context.Context, c *Clients, l *Leftover) error {
		return c.EC2.Do(ctx, action, map[string][]string{parameter: {l.ID}}, nil)
	}
}

// deleters are the kinds that a lab has, in the order in which they can be deleted. A kind without a function is listed with
// its command.
func deleters() []deleter {
	return []deleter{
		{"ec2 traffic-mirror-session", "aws ec2 delete-traffic-mirror-session --traffic-mirror-session-id %s", func(ctx context.Context, c *Clients, l *Leftover) error {
			return c.EC2.DeleteMirrorSession(ctx, l.ID)
		}},
		{"elasticloadbalancing loadbalancer", "aws elbv2 delete-load-balancer --load-balancer-arn %a", func(ctx context.Context, c *Clients, l *Leftover) error {
			_, err := c.ELB.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &l.ARN})
			return err
		}},
		{"elasticloadbalancing listener", "aws elbv2 delete-listener --listener-arn %a", nil}, // goes with its load balancer
		{"elasticloadbalancing listener-rule", "aws elbv2 delete-rule --rule-arn %a", nil},
		{"elasticloadbalancing truststore", "aws elbv2 delete-trust-store --trust-store-arn %a", func(ctx context.Context, c *Clients, l *Leftover) error {
			_, err := c.ELB.DeleteTrustStore(ctx, &elb.DeleteTrustStoreInput{TrustStoreArn: &l.ARN})
			return err
		}},
		{"elasticloadbalancing targetgroup", "aws elbv2 delete-target-group --target-group-arn %a", func(ctx context.Context, c *Clients, l *Leftover) error {
			_, err := c.ELB.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &l.ARN})
			return err
		}},
		{"wafv2 regional", "aws wafv2 list-web-acls --scope REGIONAL  # then delete-web-acl with its lock token: %a", nil},
		{"acm certificate", "aws acm delete-certificate --certificate-arn %a", nil},
		{"ec2 instance", "aws ec2 terminate-instances --instance-ids %s", ec2Delete("TerminateInstances", "InstanceId.1")},
		{"ec2 vpc-flow-log", "aws ec2 delete-flow-logs --flow-log-ids %s", ec2Delete("DeleteFlowLogs", "FlowLogId.1")},
		{"ec2 traffic-mirror-target", "aws ec2 delete-traffic-mirror-target --traffic-mirror-target-id %s", ec2Delete("DeleteTrafficMirrorTarget", "TrafficMirrorTargetId")},
		{"ec2 traffic-mirror-filter", "aws ec2 delete-traffic-mirror-filter --traffic-mirror-filter-id %s", ec2Delete("DeleteTrafficMirrorFilter", "TrafficMirrorFilterId")},
		{"logs log-group", "aws logs delete-log-group --log-group-name %s", deleteLogGroup},
		{"s3 bucket", "aws s3 rb --force s3://%s  # versions of objects are deleted one by one", deleteBucket},
		{"iam role", "aws iam delete-role --role-name %s", nil},
		{"ec2 network-interface", "aws ec2 delete-network-interface --network-interface-id %s", ec2Delete("DeleteNetworkInterface", "NetworkInterfaceId")},
		{"ec2 vpc-endpoint", "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids %s", ec2Delete("DeleteVpcEndpoints", "VpcEndpointId.1")},
		{"ec2 security-group", "aws ec2 delete-security-group --group-id %s", ec2Delete("DeleteSecurityGroup", "GroupId")},
		{"ec2 security-group-rule", "", nil}, // goes with its group
		{"ec2 subnet", "aws ec2 delete-subnet --subnet-id %s", ec2Delete("DeleteSubnet", "SubnetId")},
		{"ec2 route-table", "aws ec2 delete-route-table --route-table-id %s", ec2Delete("DeleteRouteTable", "RouteTableId")},
		{"ec2 internet-gateway", "aws ec2 delete-internet-gateway --internet-gateway-id %s  # detach it first", deleteGateway},
		{"ec2 vpc", "aws ec2 delete-vpc --vpc-id %s", ec2Delete("DeleteVpc", "VpcId")},
	}
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
	return strings.NewReplacer("%s", l.ID, "%a", l.ARN).Replace(d.command)
}

// Sweep deletes leftovers, again and again as long as each round deletes one more: a subnet cannot go before the load balancer's
// interfaces have. It goes by clock between rounds, at most for the time given. What it cannot delete keeps its error.
func (c *Clients) Sweep(ctx context.Context, all []Leftover, clock Clock, most time.Duration, progress func(l *Leftover)) error {
	end := clock.Now().Add(most)
	for {
		left := 0
		for i := range all {
			l := &all[i]
			if l.Deleted {
				continue
			}
			_, d := deleterOf(l.Kind)
			if d == nil || d.delete == nil {
				continue
			}
			if err := d.delete(ctx, c, l); err != nil && !gone(err) {
				l.Error = firstWords(err)
				left++
				if ctx.Err() != nil {
					return ctx.Err()
				}
				continue
			}
			l.Deleted, l.Error = true, ""
			if progress != nil {
				progress(l)
			}
		}
		if left == 0 {
			break
		}
		if clock.Now().After(end) {
			break
		}
		if err := clock.WaitUntil(ctx, clock.Now().Add(15*time.Second)); err != nil {
			return err
		}
	}
	var errs []error
	for _, l := range all {
		switch {
		case l.Deleted || l.Kind == "elasticloadbalancing listener" || l.Kind == "elasticloadbalancing listener-rule" || l.Kind == "ec2 security-group-rule":
		case l.Error != "":
			errs = append(errs, fmt.Errorf("%s: %s", l.ARN, l.Error))
		default:
			errs = append(errs, fmt.Errorf("%s: delete it by hand", l.ARN))
		}
	}
	return errors.Join(errs...)
}

// gone reports whether a thing is not there any more.
func gone(err error) bool {
	c := code(err)
	return strings.Contains(c, "NotFound") || strings.Contains(c, "NoSuch")
}
