package aws_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers/fidelity"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
)

// moto is an account in an emulator by other people, moto (github.com/getmoto/moto; "pip install 'moto[server]'"), that holds what
// the embedded lab's account holds. It does not know trust stores,
// mirror sessions and sampled requests, nor the CBOR in which the SDK speaks to CloudWatch.
type moto struct {
	t       *testing.T
	cfg     sdk.Config
	clients *aws.Clients
	elb     *elb.Client
	name    string            // app/<name>/<id> there
	arn     string            // of the load balancer
	rename  *strings.Replacer // what has another name there
}

// startMoto starts the emulator on a port of its own. No distribution packages it, so that it may be missing where all tools are required.
func startMoto(t *testing.T) *moto {
	t.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("SKIPPED: moto_server is not installed; pip install 'moto[server]' to run this test")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.NoError(t, free.Close())
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	c := exec.CommandContext(ctx, program, "-H", "127.0.0.1", "-p", port)
	c.Stdout, c.Stderr = &said, &said
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		cancel()
		_ = c.Wait()
	})
	url := "http://" + address
	require.Eventually(t, func() bool {
		r, err := http.Get(url + "/moto-api/")
		return err == nil && r.Body.Close() == nil
	}, time.Minute, 100*time.Millisecond, "moto_server does not answer")
	cfg := sdk.Config{Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}
	return &moto{t: t, cfg: cfg, clients: aws.NewClients(cfg), elb: elb.NewFromConfig(cfg)}
}

// ec2 makes a call of EC2 with pairs of parameters, and returns the first element of a name in the answer.
func (m *moto) ec2(action, element string, pairs ...string) string {
	m.t.Helper()
	params := map[string][]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		params[pairs[i]] = []string{pairs[i+1]}
	}
	var out struct {
		Inner string `xml:",innerxml"`
	}
	require.NoError(m.t, m.clients.EC2.Do(m.t.Context(), action, params, &out), action)
	_, rest, ok := strings.Cut(out.Inner, "<"+element+">")
	require.True(m.t, ok || element == "", "%s: %s", action, out.Inner)
	value, _, _ := strings.Cut(rest, "<")
	return value
}

// build makes what a described load balancer has, with the lab's own addresses.
func (m *moto) build(lb *aws.LoadBalancer) {
	t, ctx := m.t, m.t.Context()
	vpc := m.ec2("CreateVpc", "vpcId", "CidrBlock", "10.0.0.0/16")
	var subnets []string
	for i, n := range lb.Interfaces {
		prefix := n.PrivateIP[:strings.LastIndex(n.PrivateIP, ".")] + ".0/24"
		subnets = append(subnets, m.ec2("CreateSubnet", "subnetId", "VpcId", vpc, "CidrBlock", prefix, "AvailabilityZone", "us-east-1"+string(rune('a'+i))))
	}
	made, err := m.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: sdk.String("alblab"), Subnets: subnets,
		Scheme: elbtypes.LoadBalancerSchemeEnumInternetFacing, IpAddressType: elbtypes.IpAddressTypeDualstack,
		Tags: []elbtypes.Tag{{Key: sdk.String(aws.TagRun), Value: sdk.String("run-1")}}})
	require.NoError(t, err)
	m.arn = *made.LoadBalancers[0].LoadBalancerArn
	_, m.name, _ = strings.Cut(m.arn, ":loadbalancer/")
	account := strings.Split(m.arn, ":")[4]
	oldID, id := lb.Name[strings.LastIndex(lb.Name, "/")+1:], m.name[strings.LastIndex(m.name, "/")+1:]
	names := []string{lb.Account, account, oldID, id}
	for i, n := range lb.Interfaces {
		made := m.ec2("CreateNetworkInterface", "networkInterfaceId", "SubnetId", subnets[i], "PrivateIpAddress", n.PrivateIP, "Description", "ELB "+m.name)
		names = append(names, n.ID, made)
	}
	m.rename = strings.NewReplacer(names...)
	for _, l := range lb.Listeners {
		in := &elb.CreateListenerInput{LoadBalancerArn: &m.arn, Port: sdk.Int32(int32(l.Port)), Protocol: elbtypes.ProtocolEnumHttps,
			SslPolicy: &l.Policy, Certificates: []elbtypes.Certificate{{CertificateArn: sdk.String("arn:aws:iam::" + account + ":server-certificate/x")}},
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse,
				FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: sdk.String("200"), ContentType: sdk.String("text/plain"), MessageBody: sdk.String("alblab ok")}}}}
		if l.MTLSMode != "off" {
			in.MutualAuthentication = &elbtypes.MutualAuthenticationAttributes{Mode: &l.MTLSMode}
		}
		_, err := m.elb.CreateListener(ctx, in)
		require.NoError(t, err)
	}
}

// fill copies the evidence from one account's API to the emulator, through the services' own calls.
func (m *moto) fill(from *aws.Clients, lb *aws.LoadBalancer, w aws.Window) {
	m.objects(from, lb.AccessLog.Bucket)
	if lb.ConnectionLog.Bucket != lb.AccessLog.Bucket {
		m.objects(from, lb.ConnectionLog.Bucket)
	}
	set := func(k, v string) elbtypes.LoadBalancerAttribute {
		return elbtypes.LoadBalancerAttribute{Key: &k, Value: &v}
	}
	_, err := m.elb.ModifyLoadBalancerAttributes(m.t.Context(), &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &m.arn, Attributes: []elbtypes.LoadBalancerAttribute{
		set("access_logs.s3.enabled", "true"), set("access_logs.s3.bucket", m.rename.Replace(lb.AccessLog.Bucket)), set("access_logs.s3.prefix", lb.AccessLog.Prefix),
		set("connection_logs.s3.enabled", "true"), set("connection_logs.s3.bucket", m.rename.Replace(lb.ConnectionLog.Bucket)), set("connection_logs.s3.prefix", lb.ConnectionLog.Prefix),
	}})
	require.NoError(m.t, err)

	flow := lb.FlowLogs[0]
	m.events(from, flow.LogGroup, w)
	m.ec2("CreateFlowLogs", "item", "ResourceType", "VPC", "ResourceId.1", m.ec2("DescribeNetworkInterfaces", "vpcId", "Filter.1.Name", "description", "Filter.1.Value.1", "ELB "+m.name),
		"TrafficType", "ALL", "LogGroupName", flow.LogGroup, "DeliverLogsPermissionArn", "arn:aws:iam::"+strings.Split(m.arn, ":")[4]+":role/flow",
		"LogFormat", flow.Format, "MaxAggregationInterval", "60")
	_, group, _ := strings.Cut(lb.WAFLogs[0], ":log-group:")
	m.acl(m.events(from, strings.TrimSuffix(group, ":*"), w))
}

// objects copies a bucket. The files' text has other names there.
func (m *moto) objects(from *aws.Clients, bucket string) {
	t, ctx := m.t, m.t.Context()
	to := s3.NewFromConfig(m.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	name := m.rename.Replace(bucket)
	_, err := to.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	n := 0
	require.NoError(t, from.Objects(ctx, bucket, "", func(o aws.Object) bool {
		n++
		content, err := from.Object(ctx, o)
		require.NoError(t, err)
		if strings.HasSuffix(o.Key, ".gz") {
			plain, err := gzip.NewReader(bytes.NewReader(content))
			require.NoError(t, err)
			text, err := io.ReadAll(plain)
			require.NoError(t, err)
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			_, err = z.Write([]byte(m.rename.Replace(string(text))))
			require.NoError(t, errors.Join(err, z.Close()))
			content = packed.Bytes()
		}
		_, err = to.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: sdk.String(m.rename.Replace(o.Key)), Body: bytes.NewReader(content)})
		require.NoError(t, err)
		return true
	}))
	require.Greater(t, n, 2)
}

// events copies a log group and returns its ARN there.
func (m *moto) events(from *aws.Clients, group string, w aws.Window) string {
	t, ctx := m.t, m.t.Context()
	to := cloudwatchlogs.NewFromConfig(m.cfg)
	_, err := to.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	require.NoError(t, err)
	streams := map[string][]logstypes.InputLogEvent{}
	require.NoError(t, from.Events(ctx, group, "", "", w, func(e aws.Event) bool {
		name := m.rename.Replace(e.Stream)
		streams[name] = append(streams[name], logstypes.InputLogEvent{Timestamp: sdk.Int64(e.Time.UnixMilli()), Message: sdk.String(m.rename.Replace(e.Message))})
		return true
	}))
	require.NotEmpty(t, streams, group)
	for name, events := range streams {
		_, err := to.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &name})
		require.NoError(t, err)
		slices.SortStableFunc(events, func(a, b logstypes.InputLogEvent) int { return int(*a.Timestamp - *b.Timestamp) })
		out, err := to.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &name, LogEvents: events})
		require.NoError(t, err)
		require.Nil(t, out.RejectedLogEventsInfo)
	}
	groups, err := to.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group})
	require.NoError(t, err)
	return *groups.LogGroups[0].Arn
}

// acl makes the web ACL, with its log in a group.
func (m *moto) acl(group string) {
	t, ctx := m.t, m.t.Context()
	c := wafv2.NewFromConfig(m.cfg)
	seen := &waftypes.VisibilityConfig{MetricName: sdk.String("alblab"), SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true}
	acl, err := c.CreateWebACL(ctx, &wafv2.CreateWebACLInput{Name: sdk.String("alblab"), Scope: waftypes.ScopeRegional,
		DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}}, VisibilityConfig: seen})
	require.NoError(t, err)
	_, err = c.AssociateWebACL(ctx, &wafv2.AssociateWebACLInput{ResourceArn: &m.arn, WebACLArn: acl.Summary.ARN})
	require.NoError(t, err)
	_, err = c.PutLoggingConfiguration(ctx, &wafv2.PutLoggingConfigurationInput{LoggingConfiguration: &waftypes.LoggingConfiguration{
		ResourceArn: acl.Summary.ARN, LogDestinationConfigs: []string{strings.TrimSuffix(group, ":*")}}})
	require.NoError(t, err)
}

// TestIndependentEmulator: from an account that other people's emulator holds, the same evidence is gathered as from the embedded
// lab's own API, and the same is found. Of both, neither is AWS; but they were written by different people.
func TestIndependentEmulator(t *testing.T) {
	m := startMoto(t)
	a, w := troubledAt(t, time.Now().UTC().Truncate(time.Hour).Add(-24*time.Hour), &awsapi.Options{}) // it takes no old events
	ours := a.cfg.Clients
	lb, err := ours.Describe(t.Context(), a.lab.Identity().LoadBalancer)
	require.NoError(t, err)
	m.build(lb)
	m.fill(ours, lb, w)

	there, err := m.clients.Describe(t.Context(), "alblab")
	require.NoError(t, err)
	require.Empty(t, there.Unread)
	require.Empty(t, there.Gaps(), "every log is on")
	require.Len(t, there.Listeners, len(lb.Listeners))
	for i := range there.Listeners {
		there.Listeners[i].MTLSMode = lb.Listeners[i].MTLSMode // moto keeps it and does not tell it
	}
	gather := func(c *aws.Clients, lb *aws.LoadBalancer) (*evidence.Bundle, []error) {
		g, err := c.Gather(t.Context(), lb, w, nil)
		require.NoError(t, err)
		return g.Bundle, g.Problems
	}
	here, problems := gather(ours, lb)
	require.Empty(t, problems)
	elsewhere, problems := gather(m.clients, there)
	require.Len(t, problems, 1)
	require.ErrorContains(t, problems[0], "CloudWatch: ListMetrics", "what cannot be read is said, the rest is read")

	r, err := fidelity.Compare(t.Context(), here, elsewhere, &fidelity.Options{Analyzers: signatures.All()})
	require.NoError(t, err)
	compared := 0
	for _, k := range r.Kinds {
		if k.Kind == string(evidence.KindMetrics) {
			continue
		}
		compared++
		require.NotZero(t, k.Paired, k.Kind)
		require.Equal(t, [2]int{}, [2]int{k.AloneA, k.AloneB}, "%s without a partner: %+v %+v", k.Kind, k.OnlyA, k.OnlyB)
		for _, f := range k.Fields {
			require.Zero(t, f.Differs+f.OnlyA+f.OnlyB, "%s %s: %+v", k.Kind, f.Name, f.Examples)
		}
	}
	require.Equal(t, 5, compared, "flow, connection, access and WAF records, findings")
}
