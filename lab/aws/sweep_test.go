package aws_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/aws/ec2query"
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

func TestSettled(t *testing.T) {
	f := &forgetting{left: 4}
	c := &aws.Clients{Tags: f, EC2: f}
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
	gone  []string
	tries int
}

func (d *deleting) DeleteLoadBalancer(_ context.Context, in *elb.DeleteLoadBalancerInput, _ ...func(*elb.Options)) (*elb.DeleteLoadBalancerOutput, error) {
	d.gone = append(d.gone, *in.LoadBalancerArn)
	return &elb.DeleteLoadBalancerOutput{}, nil
}

func (d *deleting) Do(_ context.Context, action string, params map[string][]string, _ any) error {
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
		mk("acm certificate", "c"), mk("ec2 vpc", "vpc-1"),
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
