package aws_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/aws/ec2query"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
)

// troubled is an account in which old clients and one without a certificate have failed, and another was served; all evidence
// has been delivered.
func troubled(t *testing.T) (*account, aws.Window) { return troubledWith(t, &awsapi.Options{}) }

func troubledWith(t *testing.T, o *awsapi.Options) (*account, aws.Window) {
	t.Helper()
	return troubledAt(t, time.Time{}, o)
}

func troubledAt(t *testing.T, begin time.Time, o *awsapi.Options) (*account, aws.Window) {
	t.Helper()
	a := newAccountAt(t, begin, lab.Spec{
		Listeners: map[string]lab.Listener{
			"https": {Port: 443, SSLPolicy: "FS-1-2-Res-2020-10", Certificate: "rsa"},
			"mtls":  {Port: 8443, SSLPolicy: "TLS13-1-2-2021-06", MTLSMode: "verify", Certificate: "rsa"},
		},
		WAF: &lab.WAF{IPReputation: true},
	}, o)
	w := aws.Window{From: a.lab.Now()}
	for _, c := range []struct{ listener, profile string }{
		{"https", "tls11-max"}, {"https", "tls11-max"}, {"https", "tls12-only"}, {"mtls", "tls12-only"},
	} {
		p, err := clients.ByName(c.profile)
		require.NoError(t, err)
		conn, err := a.lab.Dial(t.Context(), lab.Vantage{}, c.listener)
		require.NoError(t, err)
		_, err = clients.Do(t.Context(), conn, clients.Call{Profile: p, ServerName: a.lab.Endpoint().Host, Roots: a.lab.PKI().RootPool(),
			Requests: []clients.Request{{Path: "/"}}})
		require.NoError(t, err)
	}
	w.To = a.lab.Now().Add(time.Minute)
	require.NoError(t, a.lab.WaitUntil(t.Context(), a.lab.Now().Add(time.Hour)))
	return a, w
}

// TestGather: from a load balancer's name alone, who failed and why.
func TestGather(t *testing.T) {
	a, w := troubled(t)
	lb, err := a.cfg.Clients.Describe(t.Context(), a.lab.Identity().LoadBalancer)
	require.NoError(t, err)
	require.Empty(t, lb.Unread)
	require.Empty(t, lb.Gaps(), "every log is on")

	for _, dir := range []string{"", filepath.Join(t.TempDir(), "kept")} {
		g, err := a.cfg.Clients.Gather(t.Context(), lb, w, &aws.GatherOptions{Dir: dir})
		require.NoError(t, err)
		require.Empty(t, g.Problems)
		require.NotZero(t, g.Bytes)
		for _, k := range []evidence.Kind{evidence.KindMetrics, evidence.KindConnection, evidence.KindAccess, evidence.KindFlow, evidence.KindWAF} {
			require.True(t, g.Bundle.Has(k), "no %s", k)
		}
		r, err := analyzers.Run(t.Context(), g.Bundle, signatures.All(), nil)
		require.NoError(t, err)
		require.Zero(t, r.Damaged)
		found := map[string]int{}
		for _, f := range r.Findings {
			found[f.Signature]++
		}
		require.Equal(t, map[string]int{"refused-first-flight": 2, "completed": 1, "client-certificate-missing": 1}, found)
		require.Equal(t, 3, r.Failures)
		if dir != "" {
			_, err := os.Stat(filepath.Join(dir, evidence.ManifestName))
			require.NoError(t, err)
		}
	}
}

// TestGatherIsBounded: what does not fit is said, and what came before is there.
func TestGatherIsBounded(t *testing.T) {
	a, w := troubled(t)
	lb, err := a.cfg.Clients.Describe(t.Context(), a.lab.Identity().LoadBalancer)
	require.NoError(t, err)
	g, err := a.cfg.Clients.Gather(t.Context(), lb, w, &aws.GatherOptions{MaxBytes: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, g.Problems)
	require.ErrorContains(t, errors.Join(g.Problems...), "more than fits")
	require.True(t, g.Bundle.Has(evidence.KindMetrics))
}

// TestGatherInterrupted: an interruption leaves a bundle of what came.
func TestGatherInterrupted(t *testing.T) {
	a, w := troubled(t)
	lb, err := a.cfg.Clients.Describe(t.Context(), a.lab.Identity().LoadBalancer)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	g, err := a.cfg.Clients.Gather(ctx, lb, w, &aws.GatherOptions{Progress: func(text string) {
		if strings.HasPrefix(text, "access") {
			cancel()
		}
	}})
	require.NoError(t, err)
	require.NotEmpty(t, g.Problems)
	require.True(t, g.Bundle.Has(evidence.KindConnection))
	require.False(t, g.Bundle.Has(evidence.KindFlow))
}

func TestGaps(t *testing.T) {
	arn := "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/x/1"
	full := func() *aws.LoadBalancer {
		return &aws.LoadBalancer{
			ARN: "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/x/1", Region: "eu-west-1", Account: "111122223333",
			Attributes: map[string]string{}, AccessLog: aws.BucketLog{On: true}, ConnectionLog: aws.BucketLog{On: true},
			Interfaces: []ec2query.NetworkInterface{{ID: "eni-1"}, {ID: "eni-2"}},
			FlowLogs:   []ec2query.FlowLog{{ID: "fl-1", Status: "ACTIVE", TrafficType: "ALL", Format: "${version} ${tcp-flags}", MaxAggregation: 60}},
			WebACL:     &waftypes.WebACL{ARN: &arn}, WAFLogs: []string{"arn:aws:logs:eu-west-1:111122223333:log-group:aws-waf-logs-x"},
		}
	}
	require.Empty(t, full().Gaps())
	tests := []struct {
		name    string
		change  func(*aws.LoadBalancer)
		what    string
		command string
	}{
		{"connection log", func(lb *aws.LoadBalancer) { lb.ConnectionLog.On = false }, "connection log", "Key=connection_logs.s3.enabled,Value=true"},
		{"access log", func(lb *aws.LoadBalancer) { lb.AccessLog.On = false }, "access log", "Key=access_logs.s3.enabled,Value=true"},
		{"flow log", func(lb *aws.LoadBalancer) { lb.FlowLogs = nil }, "flow log", "--resource-ids eni-1 eni-2 "},
		{"ended flow log", func(lb *aws.LoadBalancer) { lb.FlowLogs[0].Status = "DELETED" }, "flow log", "--max-aggregation-interval 60"},
		{"flags", func(lb *aws.LoadBalancer) { lb.FlowLogs[0].Format = "" }, "tcp-flags in flow log fl-1", "${tcp-flags}"},
		{"window", func(lb *aws.LoadBalancer) { lb.FlowLogs[0].MaxAggregation = 600 }, "a window of 60 s in flow log fl-1 (it is 600 s)", "create-flow-logs"},
		{"web ACL", func(lb *aws.LoadBalancer) { lb.WAFLogs = nil }, "AWS WAF log", "ResourceArn=" + arn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lb := full()
			tt.change(lb)
			gaps := lb.Gaps()
			require.Len(t, gaps, 1)
			require.Equal(t, tt.what, gaps[0].What)
			require.Contains(t, gaps[0].Command, tt.command)
			require.Contains(t, gaps[0].Command, "--region eu-west-1")
			require.NotEmpty(t, gaps[0].Why)
		})
	}
	unread := full()
	unread.FlowLogs, unread.Unread = nil, []error{errors.New("listing flow logs: access denied")}
	require.Empty(t, unread.Gaps(), "what could not be read is not off")
}

func TestBestFlowLog(t *testing.T) {
	require.Nil(t, aws.BestFlowLog(nil))
	all := []ec2query.FlowLog{
		{ID: "rejects", Status: "ACTIVE", TrafficType: "REJECT", Format: "${version} ${tcp-flags}"},
		{ID: "plain", Status: "ACTIVE", TrafficType: "ALL"},
		{ID: "best", Status: "ACTIVE", TrafficType: "ALL", Format: "${version} ${tcp-flags}"},
		{ID: "ended", Status: "DELETING", TrafficType: "ALL", Format: "${version} ${tcp-flags}", MaxAggregation: 60},
	}
	require.Equal(t, "best", aws.BestFlowLog(all).ID)
}
