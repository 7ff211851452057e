package aws_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/aws/ec2query"
	"github.com/alblab/alblab/lab/aws/signed"
	"github.com/alblab/alblab/lab/awsapi"
)

// TestLeftovers: everything with the tag is listed, mirror sessions among them, in an order in which it can be deleted.
func TestLeftovers(t *testing.T) {
	a := plannedAccount(t, few(t), nil)
	l, err := aws.Attach(t.Context(), a.cfg)
	require.NoError(t, err)
	all, err := a.cfg.Clients.Leftovers(t.Context(), a.cfg.Outputs.RunID)
	require.NoError(t, err)
	at := map[string]int{}
	for i, x := range all {
		at[x.Kind] = i
		require.Equal(t, a.cfg.Outputs.RunID, x.Run)
		require.NotEqual(t, "unknown", x.Kind, x.ARN)
	}
	require.Zero(t, at["elasticloadbalancing loadbalancer"]-2, "two mirror sessions come first")
	require.Less(t, at["elasticloadbalancing loadbalancer"], at["elasticloadbalancing truststore"])
	require.Less(t, at["ec2 security-group"], at["ec2 vpc"])
	require.NoError(t, l.Close())
	left(t, a)
	none, err := a.cfg.Clients.Leftovers(t.Context(), "another")
	require.NoError(t, err)
	require.Empty(t, none)
}

// TestEndSessions: the sessions of a run that was killed go by their tag, those of others stay.
func TestEndSessions(t *testing.T) {
	a := plannedAccount(t, few(t), nil)
	_, err := aws.Attach(t.Context(), a.cfg) // never closed: killed
	require.NoError(t, err)
	c := a.cfg.Clients
	n, err := c.EndSessions(t.Context(), "another")
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = c.EndSessions(t.Context(), a.cfg.Outputs.RunID)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	left(t, a)
}

// TestLeftoversWithoutTerminated: an instance that was terminated is described and tagged for an hour more, and is no leftover.
func TestLeftoversWithoutTerminated(t *testing.T) {
	const id = "i-0123456789abcdef0"
	a := plannedAccount(t, few(t), &awsapi.Options{Terminated: id})
	tags, err := a.cfg.Clients.Tags.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"ec2:instance"}})
	require.NoError(t, err)
	require.Len(t, tags.ResourceTagMappingList, 2, "the API lists it")
	all, err := a.cfg.Clients.Leftovers(t.Context(), a.cfg.Outputs.RunID)
	require.NoError(t, err)
	var instances []string
	for _, l := range all {
		if l.Kind == "ec2 instance" {
			instances = append(instances, l.ID)
		}
	}
	require.Equal(t, []string{a.cfg.Outputs.Mirror.InstanceID}, instances)
}

// forgetting is a tagging API that forgets one resource a look, and keeps the last.
type forgetting struct {
	aws.EC2
	left int
}

func (f *forgetting) GetResources(context.Context, *resourcegroupstaggingapi.GetResourcesInput, ...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error) {
	out := &resourcegroupstaggingapi.GetResourcesOutput{}
	for i := range f.left {
		arn := fmt.Sprintf("arn:aws:ec2:us-east-1:111122223333:vpc/vpc-%d", i)
		out.ResourceTagMappingList = append(out.ResourceTagMappingList, types.ResourceTagMapping{ResourceARN: &arn})
	}
	f.left = max(1, f.left-1)
	return out, nil
}

func (f *forgetting) MirrorSessions(context.Context, ...ec2query.Filter) ([]ec2query.MirrorSession, error) {
	return nil, nil
}

// watching has a dashboard and two saved queries of run 0a1b2c3d, a web ACL and an IP set, and notes what is deleted.
type watching struct {
	aws.CloudWatch
	aws.WAF
	gone []string
}

func (w *watching) GetDashboard(_ context.Context, in *cloudwatch.GetDashboardInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetDashboardOutput, error) {
	if *in.DashboardName != "alblab-0a1b2c3d" {
		return nil, &smithy.GenericAPIError{Code: "ResourceNotFound"}
	}
	return &cloudwatch.GetDashboardOutput{DashboardArn: sdk.String("arn:aws:cloudwatch::111122223333:dashboard/alblab-0a1b2c3d")}, nil
}

func (w *watching) DeleteDashboards(_ context.Context, in *cloudwatch.DeleteDashboardsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DeleteDashboardsOutput, error) {
	w.gone = append(w.gone, in.DashboardNames...)
	return &cloudwatch.DeleteDashboardsOutput{}, nil
}

func (w *watching) DeleteAlarms(_ context.Context, in *cloudwatch.DeleteAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DeleteAlarmsOutput, error) {
	w.gone = append(w.gone, in.AlarmNames...)
	return &cloudwatch.DeleteAlarmsOutput{}, nil
}

func (w *watching) GetWebACL(context.Context, *wafv2.GetWebACLInput, ...func(*wafv2.Options)) (*wafv2.GetWebACLOutput, error) {
	return &wafv2.GetWebACLOutput{LockToken: sdk.String("token-1")}, nil
}

func (w *watching) DeleteWebACL(_ context.Context, in *wafv2.DeleteWebACLInput, _ ...func(*wafv2.Options)) (*wafv2.DeleteWebACLOutput, error) {
	w.gone = append(w.gone, *in.Name+" "+*in.Id+" "+*in.LockToken)
	return &wafv2.DeleteWebACLOutput{}, nil
}

func (w *watching) GetIPSet(context.Context, *wafv2.GetIPSetInput, ...func(*wafv2.Options)) (*wafv2.GetIPSetOutput, error) {
	return &wafv2.GetIPSetOutput{LockToken: sdk.String("token-2")}, nil
}

func (w *watching) DeleteIPSet(_ context.Context, in *wafv2.DeleteIPSetInput, _ ...func(*wafv2.Options)) (*wafv2.DeleteIPSetOutput, error) {
	w.gone = append(w.gone, *in.Name+" "+*in.Id+" "+*in.LockToken)
	return &wafv2.DeleteIPSetOutput{}, nil
}

type watchingLogs struct {
	aws.Logs
	w *watching
}

func (l watchingLogs) DescribeQueryDefinitions(_ context.Context, in *cloudwatchlogs.DescribeQueryDefinitionsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeQueryDefinitionsOutput, error) {
	out := &cloudwatchlogs.DescribeQueryDefinitionsOutput{}
	switch {
	case *in.QueryDefinitionNamePrefix != "alblab-0a1b2c3d/":
	case in.NextToken == nil:
		out.QueryDefinitions, out.NextToken = []logtypes.QueryDefinition{{QueryDefinitionId: sdk.String("q-1")}}, sdk.String("more")
	default:
		out.QueryDefinitions = []logtypes.QueryDefinition{{QueryDefinitionId: sdk.String("q-2")}}
	}
	return out, nil
}

func (l watchingLogs) DeleteQueryDefinition(_ context.Context, in *cloudwatchlogs.DeleteQueryDefinitionInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteQueryDefinitionOutput, error) {
	l.w.gone = append(l.w.gone, *in.QueryDefinitionId)
	return &cloudwatchlogs.DeleteQueryDefinitionOutput{}, nil
}

// tagged is a tagging API with these ARNs, all of run 0a1b2c3d.
type tagged struct {
	forgetting
	arns []string
}

func (f *tagged) GetResources(context.Context, *resourcegroupstaggingapi.GetResourcesInput, ...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error) {
	out := &resourcegroupstaggingapi.GetResourcesOutput{}
	for _, arn := range f.arns {
		out.ResourceTagMappingList = append(out.ResourceTagMappingList, types.ResourceTagMapping{ResourceARN: &arn,
			Tags: []types.Tag{{Key: sdk.String(aws.TagRun), Value: sdk.String("0a1b2c3d")}}})
	}
	return out, nil
}

// TestLeftoverCommands: each kind that Terraform tags has a command, in the forms of ARNs of AWS's service authorization reference
// (docs.aws.amazon.com/service-authorization/latest/reference/); what can have no tag is found by its name.
func TestLeftoverCommands(t *testing.T) {
	f, w := &tagged{arns: []string{
		"arn:aws:wafv2:us-east-1:111122223333:regional/webacl/alblab-0a1b2c3d/11111111-2222", "arn:aws:wafv2:us-east-1:111122223333:regional/ipset/alblab-0a1b2c3d/33333333-4444",
		"arn:aws:cloudwatch:us-east-1:111122223333:alarm:alblab-0a1b2c3d-tls", "arn:aws:athena:us-east-1:111122223333:workgroup/alblab-0a1b2c3d",
		"arn:aws:glue:us-east-1:111122223333:database/alblab_0a1b2c3d", "arn:aws:iam::111122223333:instance-profile/alblab-0a1b2c3d",
		"arn:aws:ec2:us-east-1:111122223333:volume/vol-1", "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234",
	}}, &watching{}
	iam := &asked{answers: map[string]string{
		"GetRole alblab-0a1b2c3d-mirror": `<R><GetRoleResult><Role><Arn>arn:aws:iam::111122223333:role/alblab-0a1b2c3d-mirror</Arn>
<Tags><member><Key>alblab:run</Key><Value>0a1b2c3d</Value></member></Tags></Role></GetRoleResult></R>`,
		"GetRole alblab-0a1b2c3d-flow-log": `<R><GetRoleResult><Role><Arn>arn:aws:iam::111122223333:role/alblab-0a1b2c3d-flow-log</Arn></Role></GetRoleResult></R>`,
		"GetInstanceProfile alblab-0a1b2c3d": `<R><GetInstanceProfileResult><InstanceProfile><Roles><member><RoleName>alblab-0a1b2c3d-mirror</RoleName></member></Roles>
</InstanceProfile></GetInstanceProfileResult></R>`,
		"ListRolePolicies alblab-0a1b2c3d-mirror":         `<R><ListRolePoliciesResult><PolicyNames><member>upload</member></PolicyNames></ListRolePoliciesResult></R>`,
		"ListAttachedRolePolicies alblab-0a1b2c3d-mirror": `<R><ListAttachedRolePoliciesResult><AttachedPolicies><member><PolicyArn>arn:ssm</PolicyArn></member></AttachedPolicies></ListAttachedRolePoliciesResult></R>`,
	}}
	acm, athena, glue := &asked{}, &asked{}, &asked{}
	c := &aws.Clients{Region: "us-east-1", Tags: f, EC2: f, CloudWatch: w, Logs: watchingLogs{w: w}, WAF: w, IAM: iam, ACM: acm, Athena: athena, Glue: glue}
	all, err := c.Leftovers(t.Context(), "")
	require.NoError(t, err)
	got := map[string]string{}
	for _, l := range all {
		got[l.Kind+" "+l.ID] = l.Command
		require.Equal(t, "0a1b2c3d", l.Run)
	}
	require.Equal(t, map[string]string{
		"wafv2 webacl alblab-0a1b2c3d/11111111-2222": "aws --region us-east-1 wafv2 delete-web-acl --scope REGIONAL --name alblab-0a1b2c3d --id 11111111-2222 --lock-token $(aws --region us-east-1 wafv2 get-web-acl --scope REGIONAL --name alblab-0a1b2c3d --id 11111111-2222 --query LockToken --output text)",
		"wafv2 ipset alblab-0a1b2c3d/33333333-4444":  "aws --region us-east-1 wafv2 delete-ip-set --scope REGIONAL --name alblab-0a1b2c3d --id 33333333-4444 --lock-token $(aws --region us-east-1 wafv2 get-ip-set --scope REGIONAL --name alblab-0a1b2c3d --id 33333333-4444 --query LockToken --output text)",
		"cloudwatch alarm alblab-0a1b2c3d-tls":       "aws --region us-east-1 cloudwatch delete-alarms --alarm-names alblab-0a1b2c3d-tls",
		"cloudwatch dashboard alblab-0a1b2c3d":       "aws cloudwatch delete-dashboards --dashboard-names alblab-0a1b2c3d",
		"logs query-definition q-1":                  "aws --region us-east-1 logs delete-query-definition --query-definition-id q-1",
		"logs query-definition q-2":                  "aws --region us-east-1 logs delete-query-definition --query-definition-id q-2",
		"athena workgroup alblab-0a1b2c3d":           "aws --region us-east-1 athena delete-work-group --work-group alblab-0a1b2c3d --recursive-delete-option",
		"glue database alblab_0a1b2c3d":              "aws --region us-east-1 glue delete-database --name alblab_0a1b2c3d",
		"iam instance-profile alblab-0a1b2c3d":       "aws iam delete-instance-profile --instance-profile-name alblab-0a1b2c3d  # first remove-role-from-instance-profile",
		"iam role alblab-0a1b2c3d-mirror":            "aws iam delete-role --role-name alblab-0a1b2c3d-mirror  # first delete-role-policy and detach-role-policy",
		"acm certificate 12345678-1234":              "aws --region us-east-1 acm delete-certificate --certificate-arn arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234",
		"ec2 volume vol-1":                           "",
	}, got, "the role without the tag is no leftover")
	files, err := filepath.Glob("../../terraform/modules/*/main.tf")
	require.NoError(t, err)
	roles := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?s)resource "aws_iam_(role|instance_profile)" "\w+" \{.*?\bname +(?:= +)"\$\{var\.name\}-([a-z-]+)"`).FindAllStringSubmatch(string(b), -1) {
			roles++
			require.Contains(t, iam.calls, map[string]string{"role": "GetRole", "instance_profile": "GetInstanceProfile"}[m[1]]+" alblab-0a1b2c3d-"+m[2], file)
		}
	}
	require.Equal(t, 3, roles)
	iam.calls = nil
	err = c.Sweep(t.Context(), all, &steps{now: time.Unix(0, 0)}, time.Hour, nil)
	require.Equal(t, []string{"alblab-0a1b2c3d 11111111-2222 token-1", "alblab-0a1b2c3d 33333333-4444 token-2", "alblab-0a1b2c3d-tls", "alblab-0a1b2c3d", "q-1", "q-2"}, w.gone)
	require.NoError(t, err)
	require.Empty(t, aws.Undeleted(all))
	require.Equal(t, []string{`DeleteCertificate {"CertificateArn":"arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234"}`}, acm.calls)
	require.Equal(t, []string{`DeleteWorkGroup {"RecursiveDeleteOption":true,"WorkGroup":"alblab-0a1b2c3d"}`}, athena.calls)
	require.Equal(t, []string{`DeleteDatabase {"Name":"alblab_0a1b2c3d"}`}, glue.calls)
	require.Equal(t, []string{
		"GetInstanceProfile alblab-0a1b2c3d", "RemoveRoleFromInstanceProfile alblab-0a1b2c3d alblab-0a1b2c3d-mirror", "DeleteInstanceProfile alblab-0a1b2c3d",
		"ListRolePolicies alblab-0a1b2c3d-mirror", "ListAttachedRolePolicies alblab-0a1b2c3d-mirror", "DeleteRolePolicy upload alblab-0a1b2c3d-mirror",
		"DetachRolePolicy arn:ssm alblab-0a1b2c3d-mirror", "DeleteRole alblab-0a1b2c3d-mirror",
	}, iam.calls)
}

// asked is a service that notes its calls, Query's with the values of their parameters in the order of their names. Without an
// answer for a question it knows no such thing.
type asked struct {
	answers map[string]string
	calls   []string
}

func (a *asked) Query(_ context.Context, action string, params map[string][]string, out any) error {
	call := action
	for _, name := range slices.Sorted(maps.Keys(params)) {
		call += " " + params[name][0]
	}
	a.calls = append(a.calls, call)
	if text, ok := a.answers[call]; ok {
		return xml.Unmarshal([]byte(text), out)
	}
	if strings.HasPrefix(action, "Get") || strings.HasPrefix(action, "List") {
		return &signed.Error{Action: action, Code: "NoSuchEntity", Status: 404}
	}
	return nil
}

func (a *asked) JSON(_ context.Context, action string, in, _ any) error {
	b, err := json.Marshal(in)
	a.calls = append(a.calls, action+" "+string(b))
	if a.answers != nil {
		return &signed.Error{Action: action, Code: "InvalidRequestException", Message: a.answers[action], Status: 400}
	}
	return err
}

// TestSweepGoneWorkgroup: Athena has no code of its own for a workgroup that is not there.
func TestSweepGoneWorkgroup(t *testing.T) {
	l := func() []aws.Leftover { return []aws.Leftover{{ARN: "a", Kind: "athena workgroup", ID: "w"}} }
	c := &aws.Clients{Athena: &asked{answers: map[string]string{"DeleteWorkGroup": "WorkGroup w is not found."}}}
	require.NoError(t, c.Sweep(t.Context(), l(), &steps{}, time.Minute, nil))
	c.Athena = &asked{answers: map[string]string{"DeleteWorkGroup": "WorkGroup w is not empty"}}
	require.ErrorContains(t, c.Sweep(t.Context(), l(), &steps{}, time.Minute, nil), "is not empty")
	require.ErrorContains(t, new(aws.Clients).Sweep(t.Context(), l(), &steps{}, time.Minute, nil), "cannot be called")
}

// TestEveryKindHasACommand: whatever sweep lists and knows, it can say how to delete.
func TestEveryKindHasACommand(t *testing.T) {
	known := 0
	for _, kind := range aws.Kinds() {
		known++
		if kind.With {
			continue
		}
		require.Regexp(t, `^aws [a-z0-9]+ [a-z-]+ `, kind.Command, kind.Name)
		require.True(t, kind.Deleted, "%s is deleted by the command itself", kind.Name)
	}
	require.Greater(t, known, 25)
}

func TestSettled(t *testing.T) {
	f := &forgetting{left: 4}
	w := &watching{}
	c := &aws.Clients{Tags: f, EC2: f, CloudWatch: w, Logs: watchingLogs{w: w}}
	clock := &steps{now: time.Unix(0, 0)}
	all, err := c.Settled(t.Context(), "r", clock, time.Hour)
	require.NoError(t, err)
	require.Len(t, all, 1, "what stays is reported")
	require.Equal(t, 6, clock.waits, "three looks that find less, three that do not")
	f.left, clock.waits = 100, 0
	all, err = c.Settled(t.Context(), "r", clock, 5*time.Minute)
	require.NoError(t, err)
	require.Len(t, all, 90)
	require.Equal(t, 10, clock.waits, "not for longer than it was told")
}

// deleting notes what is deleted; the VPC goes only in the third round.
type deleting struct {
	aws.ELB
	aws.EC2
	gone   []string
	tries  int
	denied bool
}

func (d *deleting) DeleteLoadBalancer(_ context.Context, in *elb.DeleteLoadBalancerInput, _ ...func(*elb.Options)) (*elb.DeleteLoadBalancerOutput, error) {
	d.gone = append(d.gone, *in.LoadBalancerArn)
	return &elb.DeleteLoadBalancerOutput{}, nil
}

func (d *deleting) Do(_ context.Context, action string, params map[string][]string, _ any) error {
	if d.denied {
		return &ec2query.Error{Action: action, Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation.", Status: 403}
	}
	if action == "DeleteVpc" {
		if d.tries++; d.tries < 3 {
			return &ec2query.Error{Action: action, Code: "DependencyViolation", Message: "The vpc 'vpc-1' has dependencies and cannot be deleted.", Status: 400}
		}
	}
	d.gone = append(d.gone, action)
	return nil
}

func (d *deleting) DeleteMirrorSession(context.Context, string) error {
	return &ec2query.Error{Code: "InvalidTrafficMirrorSessionId.NotFound", Status: 400}
}

func TestSweep(t *testing.T) {
	d := &deleting{}
	c := &aws.Clients{ELB: d, EC2: d}
	mk := func(kind, id string) aws.Leftover {
		return aws.Leftover{ARN: "arn:" + id, Kind: kind, ID: id, Run: "r"}
	}
	all := []aws.Leftover{
		mk("ec2 traffic-mirror-session", "tms-1"), mk("elasticloadbalancing loadbalancer", "app/a/1"), mk("elasticloadbalancing listener", "app/a/1/2"),
		mk("kinesis stream", "c"), mk("ec2 vpc", "vpc-1"),
	}
	clock := &steps{now: time.Unix(0, 0)}
	var told []string
	err := c.Sweep(t.Context(), all, clock, time.Hour, func(l *aws.Leftover) { told = append(told, l.ID) })
	require.EqualError(t, err, "arn:c: delete it by hand")
	require.Equal(t, []string{"arn:app/a/1", "DeleteVpc"}, d.gone)
	require.Equal(t, []string{"tms-1", "app/a/1", "vpc-1"}, told)
	require.Equal(t, 2, clock.waits)

	d.tries = -100
	all = []aws.Leftover{mk("ec2 vpc", "vpc-2")}
	err = c.Sweep(t.Context(), all, clock, time.Minute, nil)
	require.ErrorContains(t, err, "DependencyViolation")
	require.False(t, all[0].Deleted)

	// Errors that do not pass end it: nobody waits for ten minutes to be told that a right is missing.
	clock.waits = 0
	d.denied = true
	all = []aws.Leftover{mk("ec2 vpc", "vpc-2"), mk("ec2 subnet", "subnet-1")}
	err = c.Sweep(t.Context(), all, clock, time.Hour, nil)
	require.ErrorContains(t, err, "UnauthorizedOperation")
	require.Len(t, aws.Undeleted(all), 2)
	require.Zero(t, clock.waits)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Sweep(ctx, []aws.Leftover{mk("ec2 vpc", "vpc-2")}, clock, time.Minute, nil), context.Canceled)
}

// steps is a clock that counts the waits.
type steps struct {
	now   time.Time
	waits int
}

func (c *steps) Now() time.Time { return c.now }
func (c *steps) WaitUntil(ctx context.Context, t time.Time) error {
	c.now, c.waits = t, c.waits+1
	return ctx.Err()
}
