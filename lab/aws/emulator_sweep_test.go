package aws_test

import (
	"context"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/aws/ec2query"
)

// What moto does not answer: mirror sessions, saved queries, and CloudWatch in CBOR. Web ACLs have tags there that the tagging API
// does not list.
type withoutSessions struct{ aws.EC2 }

func (withoutSessions) MirrorSessions(context.Context, ...ec2query.Filter) ([]ec2query.MirrorSession, error) {
	return nil, nil
}

type withoutDashboards struct{ aws.CloudWatch }

func (withoutDashboards) GetDashboard(context.Context, *cloudwatch.GetDashboardInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetDashboardOutput, error) {
	return nil, &smithy.GenericAPIError{Code: "ResourceNotFound"}
}

type withoutQueries struct{ aws.Logs }

func (withoutQueries) DescribeQueryDefinitions(context.Context, *cloudwatchlogs.DescribeQueryDefinitionsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeQueryDefinitionsOutput, error) {
	return &cloudwatchlogs.DescribeQueryDefinitionsOutput{}, nil
}

const sweptRun = "0a1b2c3d"

// litter makes what a lab that was forgotten leaves, as terraform/ names and tags it, tagged with a run or, with "", not at all.
func (m *moto) litter(name, run string) {
	t, ctx := m.t, m.t.Context()
	tag := func(ids ...string) {
		params := map[string][]string{"Tag.1.Key": {aws.TagRun}, "Tag.1.Value": {run}}
		for i, id := range ids {
			params["ResourceId."+string(rune('1'+i))] = []string{id}
		}
		if run != "" {
			require.NoError(t, m.clients.EC2.Do(ctx, "CreateTags", params, nil))
		}
	}
	vpc := m.ec2("CreateVpc", "vpcId", "CidrBlock", "10.7.0.0/16")
	one := m.ec2("CreateSubnet", "subnetId", "VpcId", vpc, "CidrBlock", "10.7.1.0/24", "AvailabilityZone", "us-east-1a")
	two := m.ec2("CreateSubnet", "subnetId", "VpcId", vpc, "CidrBlock", "10.7.2.0/24", "AvailabilityZone", "us-east-1b")
	gateway := m.ec2("CreateInternetGateway", "internetGatewayId")
	m.ec2("AttachInternetGateway", "", "InternetGatewayId", gateway, "VpcId", vpc)
	routes := m.ec2("CreateRouteTable", "routeTableId", "VpcId", vpc)
	group := m.ec2("CreateSecurityGroup", "groupId", "GroupName", name, "GroupDescription", "clients", "VpcId", vpc)
	instance := m.ec2("RunInstances", "instanceId", "ImageId", "ami-12c6146b", "MinCount", "1", "MaxCount", "1", "SubnetId", one, "InstanceType", "t4g.nano")
	tag(vpc, one, two, gateway, routes, group, instance)

	var balancerTags []elbtypes.Tag
	groupTags := map[string]string{}
	if run != "" {
		balancerTags = []elbtypes.Tag{{Key: sdk.String(aws.TagRun), Value: &run}}
		groupTags[aws.TagRun] = run
	}
	lb, err := m.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: &name, Subnets: []string{one, two}, Tags: balancerTags})
	require.NoError(t, err)
	target, err := m.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, VpcId: &vpc, Protocol: elbtypes.ProtocolEnumHttp, Port: sdk.Int32(80), Tags: balancerTags})
	require.NoError(t, err)
	_, err = m.elb.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: sdk.Int32(80), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: target.TargetGroups[0].TargetGroupArn}}})
	require.NoError(t, err)
	m.litterBucket(name, run)

	_, err = cloudwatchlogs.NewFromConfig(m.cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: sdk.String("/alblab/" + name), Tags: groupTags})
	require.NoError(t, err)
	role := map[string][]string{"RoleName": {name + "-mirror"}, "AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[]}`}}
	if run != "" {
		role["Tags.member.1.Key"], role["Tags.member.1.Value"] = []string{aws.TagRun}, []string{run}
	}
	require.NoError(t, m.clients.IAM.Query(ctx, "CreateRole", role, nil))
	require.NoError(t, m.clients.IAM.Query(ctx, "PutRolePolicy", map[string][]string{"RoleName": {name + "-mirror"}, "PolicyName": {"p"},
		"PolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`}}, nil))
}

// litterBucket makes a bucket with two versions of an object and a delete marker.
func (m *moto) litterBucket(name, run string) {
	t, ctx := m.t, m.t.Context()
	c := s3.NewFromConfig(m.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	_, err = c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
	require.NoError(t, err)
	if run != "" {
		_, err = c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: sdk.String(aws.TagRun), Value: &run}}}})
		require.NoError(t, err)
	}
	for _, text := range []string{"one", "two"} {
		_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: sdk.String("ca.pem"), Body: strings.NewReader(text)})
		require.NoError(t, err)
	}
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &name, Key: sdk.String("ca.pem")})
	require.NoError(t, err)
}

// TestSweepElsewhere: what a forgotten lab leaves is found and deleted in an account that other people's emulator holds, in an order that
// its dependencies allow; what carries another tag or none stays.
func TestSweepElsewhere(t *testing.T) {
	m := startMoto(t)
	c := *m.clients
	c.EC2, c.CloudWatch, c.Logs = withoutSessions{c.EC2}, withoutDashboards{c.CloudWatch}, withoutQueries{c.Logs}
	m.litter("alblab-"+sweptRun, sweptRun)
	m.litter("alblab-ffffffff", "ffffffff")
	m.litter("production", "")
	others, err := c.Leftovers(t.Context(), "ffffffff")
	require.NoError(t, err)
	found, err := c.Leftovers(t.Context(), sweptRun)
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, l := range found {
		kinds[l.Kind]++
	}
	require.Equal(t, map[string]int{"ec2 instance": 1, "ec2 internet-gateway": 1, "ec2 route-table": 1, "ec2 security-group": 1, "ec2 subnet": 2, "ec2 vpc": 1,
		"elasticloadbalancing loadbalancer": 1, "elasticloadbalancing targetgroup": 1, "iam role": 1, "logs log-group": 1, "s3 bucket": 1}, kinds)
	err = c.Sweep(t.Context(), found, &steps{now: time.Now()}, 10*time.Minute, nil)
	require.NoError(t, err)
	left, err := c.Leftovers(t.Context(), sweptRun)
	require.NoError(t, err)
	require.Empty(t, left)
	still, err := c.Leftovers(t.Context(), "ffffffff")
	require.NoError(t, err)
	require.Equal(t, others, still)
	production, err := m.elb.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"production"}})
	require.NoError(t, err)
	require.Len(t, production.LoadBalancers, 1)
	_, err = c.S3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: sdk.String("production")})
	require.NoError(t, err)
}
