package aws_test

import (
	"context"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/scenarios"
)

// account is an embedded lab that answers AWS's API: an account without AWS.
type account struct {
	lab *embedded.Lab
	api *awsapi.Server
	cfg aws.Config
}

// newAccount builds what a run needs, as terraform/ would, and serves the API of it.
func newAccount(t *testing.T, spec lab.Spec, o *awsapi.Options) *account {
	t.Helper()
	return newAccountAt(t, time.Time{}, spec, o)
}

// newAccountAt begins at a time of the caller's choice.
func newAccountAt(t *testing.T, begin time.Time, spec lab.Spec, o *awsapi.Options) *account {
	t.Helper()
	l, err := embedded.Start(t.Context(), spec, &embedded.Options{Begin: begin})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	a := &account{lab: l, api: awsapi.New(l, o)}
	s := httptest.NewServer(a.api)
	t.Cleanup(s.Close)
	a.cfg = aws.Config{
		AWS: sdk.Config{
			Region: l.Identity().Region, BaseEndpoint: &s.URL,
			Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
			Retryer: func() sdk.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) {
					o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 8, time.Millisecond, noLimit{}
				})
			},
		},
		PKI: l.PKI(), Clock: l, Nonce: "0011223344556677",
		Dial: func(ctx context.Context, from lab.Vantage, listener, _ string) (net.Conn, error) {
			return l.Dial(ctx, from, listener)
		},
	}
	d := aws.DefaultDelivery()
	a.cfg.Delivery = &d
	a.cfg.Clients = aws.NewClients(a.cfg.AWS)
	a.cfg.Outputs = a.outputs(t)
	return a
}

// noLimit lets retries go on for as long as there are tries: half of all calls are made to fail in these tests.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noLimit) AddTokens(uint) error { return nil }

// outputs are Terraform's, from what the API says.
func (a *account) outputs(t *testing.T) aws.Outputs {
	t.Helper()
	c, id := a.cfg.Clients, a.lab.Identity()
	lb, err := c.Describe(t.Context(), id.LoadBalancer)
	require.NoError(t, err)
	require.Empty(t, lb.Unread)
	o := aws.Outputs{
		Schema: aws.OutputsSchema, RunID: id.RunID, Region: id.Region, AccountID: id.Account, ExpiresAt: id.Created.AddDate(0, 0, 1),
		Endpoints: map[string]string{}, Policies: map[string]string{}, ListenerARNs: map[string]string{}, TrustStoreARNs: map[string]string{},
		LoadBalancerARN: lb.ARN, LoadBalancerName: lb.Name, LoadBalancerDNSName: lb.DNSName, VPCID: lb.VPC, RootsPEM: string(a.lab.PKI().Roots()),
		AccessLog:     aws.BucketOutput{Bucket: lb.AccessLog.Bucket, Prefix: lb.AccessLog.Prefix},
		ConnectionLog: aws.BucketOutput{Bucket: lb.ConnectionLog.Bucket, Prefix: lb.ConnectionLog.Prefix},
	}
	for _, l := range a.lab.Listeners() {
		for _, x := range lb.Listeners {
			if x.Port == int(l.Port) {
				o.Endpoints[l.Name] = net.JoinHostPort(lb.DNSName, strconv.Itoa(x.Port))
				o.Policies[l.Name], o.ListenerARNs[l.Name] = x.Policy, x.ARN
			}
		}
	}
	require.NotEmpty(t, lb.FlowLogs)
	o.FlowLog = aws.FlowLogOutput{DestinationType: lb.FlowLogs[0].DestinationType, LogGroup: lb.FlowLogs[0].LogGroup, Format: lb.FlowLogs[0].Format}
	if rest, ok := strings.CutPrefix(lb.FlowLogs[0].Destination, "arn:aws:s3:::"); ok {
		bucket, prefix, _ := strings.Cut(rest, "/")
		o.FlowLog.Bucket, o.FlowLog.Prefix = bucket, strings.TrimSuffix(prefix, "/")
	}
	if lb.WebACL != nil {
		require.NotEmpty(t, lb.WAFLogs)
		_, group, _ := strings.Cut(lb.WAFLogs[0], ":log-group:")
		o.WAF = &aws.WAFOutput{WebACLARN: sdk.ToString(lb.WebACL.ARN), DestinationType: aws.ToCloudWatchLogs, LogGroup: strings.TrimSuffix(group, ":*")}
	}
	stores, err := c.ELB.DescribeTrustStores(t.Context(), &elb.DescribeTrustStoresInput{})
	require.NoError(t, err)
	for _, s := range stores.TrustStores {
		o.TrustStoreARNs["default"] = sdk.ToString(s.TrustStoreArn)
	}
	if id.Mirrored { // as lab/awsapi names them
		long := "0" + id.LoadBalancer[strings.LastIndex(id.LoadBalancer, "/")+1:]
		o.Mirror = &aws.MirrorOutput{TargetID: "tmt-" + long, FilterID: "tmf-" + long, InstanceID: "i-" + long,
			Bucket: "alblab-mirror-" + id.Account, Prefix: "mirror", VNI: 1}
	}
	return o
}

// runOptions run scenarios on the account through lab/aws.
func runOptions(l *aws.Lab, list []*scenarios.Scenario) scenarios.Options {
	return scenarios.Options{
		Together: true, Capabilities: l.Capabilities(), Listeners: l.Deployed(), Scenarios: list, Seed: 1,
		Start: func(ctx context.Context, spec lab.Spec) (lab.Lab, error) { return l.Phase(ctx, spec) },
	}
}
