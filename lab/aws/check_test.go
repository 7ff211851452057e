package aws_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
)

// reachable says that every address answers.
func reachable(context.Context, string) error { return nil }

func TestCheck(t *testing.T) {
	list := few(t)
	tests := []struct {
		name   string
		change func(a *account, o *aws.CheckOptions)
		item   string // the first that is not good, "" none
		text   string
	}{
		{"good", func(*account, *aws.CheckOptions) {}, "", ""},
		{"another account", func(a *account, o *aws.CheckOptions) { o.Accounts = []string{"999999999999"} }, "account", "the credentials are of account 111122223333, allowed is 999999999999"},
		{"another region", func(a *account, o *aws.CheckOptions) { a.cfg.Outputs.Region = "eu-west-1" }, "region", "the lab is in eu-west-1"},
		{"a left-over endpoint", func(a *account, o *aws.CheckOptions) {
			a.cfg.Outputs.LoadBalancerDNSName = "alblab-1.us-east-1.elb.amazonaws.com"
			o.Endpoint = false
		}, "endpoint", "not to AWS"},
		{"a forgotten endpoint", func(a *account, o *aws.CheckOptions) { a.cfg.Clients.Endpoint = "" }, "endpoint", "of a lab that is not in AWS"},
		{"credentials end before the run", func(a *account, o *aws.CheckOptions) {
			a.cfg.AWS.Credentials = ending(a.lab.Now().Add(time.Hour))
		}, "credentials", "the run not before"},
		{"credentials have ended", func(a *account, o *aws.CheckOptions) {
			a.cfg.AWS.Credentials = ending(a.lab.Now().Add(-time.Hour))
		}, "credentials", "they ended at"},
		{"no credentials", func(a *account, o *aws.CheckOptions) { a.cfg.AWS.Credentials = sdk.AnonymousCredentials{} }, "credentials", "there are none"},
		{"expired at AWS", func(a *account, o *aws.CheckOptions) { a.api.SetFaults(awsapi.Faults{Expired: true}) }, "account", "ExpiredToken"},
		{"too many listeners", func(a *account, o *aws.CheckOptions) { o.Listeners = 1000 }, "quotas", "the run needs 1000 listeners"},
		{"the lab is gone", func(a *account, o *aws.CheckOptions) {
			a.cfg.Outputs.LoadBalancerARN = strings.Replace(a.cfg.Outputs.LoadBalancerARN, "/app/", "/app/no", 1)
		}, "lab", "no load balancer"},
		{"the lab ends first", func(a *account, o *aws.CheckOptions) { a.cfg.Outputs.ExpiresAt = a.lab.Now().Add(time.Hour) }, "expiry", "the lab ends itself"},
		{"logs go elsewhere", func(a *account, o *aws.CheckOptions) { a.cfg.Outputs.AccessLog.Bucket = "other" }, "logs", "access log does not go to other"},
		{"not reachable", func(a *account, o *aws.CheckOptions) {
			o.Dial = func(context.Context, string) error { return errors.New("i/o timeout") }
		}, "reachability", "i/o timeout"},
		{"too little time", func(a *account, o *aws.CheckOptions) { o.Deadline = a.lab.Now().Add(30 * time.Minute) }, "time", "there are 30m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := plannedAccount(t, list, nil)
			o := aws.CheckOptions{Outputs: &a.cfg.Outputs, Listeners: 3, Minutes: 90, Phases: 2, Endpoint: true, Clock: a.lab, Dial: reachable}
			tt.change(a, &o)
			r, err := aws.Check(t.Context(), a.cfg.AWS, a.cfg.Clients, o)
			require.NoError(t, err)
			require.NotEmpty(t, r.Items)
			if tt.item == "" {
				require.NoError(t, r.Err())
				require.Zero(t, r.Dollars, "it is not in AWS")
				return
			}
			require.ErrorContains(t, r.Err(), tt.item+": ")
			require.ErrorContains(t, r.Err(), tt.text)
			require.NotEmpty(t, aws.Hint(r.Err()), "what to do about it")
		})
	}
}

// ending are credentials that end.
func ending(at time.Time) sdk.CredentialsProvider {
	return sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
		return sdk.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "t", CanExpire: true, Expires: at}, nil
	})
}

// TestCheckBeforeBuilding: without outputs the account alone is looked at.
func TestCheckBeforeBuilding(t *testing.T) {
	a := plannedAccount(t, few(t), nil)
	r, err := aws.Check(t.Context(), a.cfg.AWS, a.cfg.Clients, aws.CheckOptions{Endpoint: true, Clock: a.lab, Build: true, Minutes: 10, Phases: 1})
	require.NoError(t, err)
	require.NoError(t, r.Err())
	require.Equal(t, "111122223333", r.Account)
	require.Greater(t, r.Finish.Sub(r.Begin), 35*time.Minute, "building and taking down take time too")
	require.InDelta(t, aws.Cost(r.Finish.Sub(r.Begin)), r.Dollars, 1e-9)
}

// changed answers with one policy less, one more, and one that differs.
type changed struct{ aws.ELB }

func (c changed) DescribeSSLPolicies(ctx context.Context, in *elb.DescribeSSLPoliciesInput, o ...func(*elb.Options)) (*elb.DescribeSSLPoliciesOutput, error) {
	out, err := c.ELB.DescribeSSLPolicies(ctx, in, o...)
	if err != nil || sdk.ToString(in.Marker) != "" {
		return out, err
	}
	p := out.SslPolicies
	p[0].Name = sdk.String("ELBSecurityPolicy-TLS14-2027-01")
	p[1].SslProtocols = append(p[1].SslProtocols, "TLSv1.4")
	p[2].Ciphers = p[2].Ciphers[1:]
	p[3].Ciphers[0].Priority, p[3].Ciphers[1].Priority = p[3].Ciphers[1].Priority, p[3].Ciphers[0].Priority
	return out, nil
}

func TestPolicies(t *testing.T) {
	a := plannedAccount(t, few(t), nil)
	all, compared, err := a.cfg.Clients.Policies(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	require.Greater(t, compared, 40)

	a.api.SetFaults(awsapi.Faults{PageSize: 10})
	a.cfg.Clients.ELB = changed{a.cfg.Clients.ELB}
	all, again, err := a.cfg.Clients.Policies(t.Context())
	require.NoError(t, err)
	require.Equal(t, compared-1, again)
	fields := map[string]int{}
	for _, d := range all {
		fields[d.Field]++
		require.NotEmpty(t, d.String())
	}
	require.Equal(t, map[string]int{"policy": 2, "protocols": 1, "ciphers": 1, "order": 1}, fields, "%v", all)
}

// TestCheckCallsNobodyElse: where the endpoint or the region is wrong, no call is made: it would go to an account that is not meant.
func TestCheckCallsNobodyElse(t *testing.T) {
	for name, change := range map[string]func(*account){
		"endpoint": func(a *account) { a.cfg.Clients.Endpoint = "" },
		"region":   func(a *account) { a.cfg.Outputs.Region = "eu-west-1" },
	} {
		a := plannedAccount(t, few(t), nil)
		change(a)
		a.cfg.Clients.STS, a.cfg.Clients.ELB = nil, nil // a call would panic
		r, err := aws.Check(t.Context(), a.cfg.AWS, a.cfg.Clients, aws.CheckOptions{Outputs: &a.cfg.Outputs, Clock: a.lab, Dial: reachable})
		require.NoError(t, err)
		require.ErrorContains(t, r.Err(), name+": ")
	}
}

// TestHintsOfWrongAddresses: a wrong region is no wrong key, and where nobody listens is not AWS.
func TestHintsOfWrongAddresses(t *testing.T) {
	a := plannedAccount(t, few(t), nil)
	c := a.cfg.AWS.Copy()
	c.Region = "eu-west-1"
	_, err := aws.NewClients(c).Describe(t.Context(), "alblab")
	require.ErrorContains(t, err, "SignatureDoesNotMatch")
	require.Contains(t, aws.Hint(err), "--region")

	nobody := httptest.NewServer(nil)
	nobody.Close()
	c.BaseEndpoint = &nobody.URL
	_, err = aws.NewClients(c).Describe(t.Context(), "alblab")
	require.Error(t, err)
	require.Contains(t, aws.Hint(err), "nobody listens there")

	_, err = os.ReadFile(t.TempDir()) // its error has the methods of a net.Error
	require.Empty(t, aws.Hint(err))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = aws.NewClients(c).EC2.FlowLogs(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, aws.Hint(err), "an interruption is no trouble of the network")
	a.api.SetFaults(awsapi.Faults{Errors: 1})
	_, err = a.cfg.Clients.Describe(t.Context(), "alblab")
	require.Contains(t, aws.Hint(err), "the service itself failed")
}
