package aws_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/scenarios"
)

// few are scenarios that need every kind of evidence, two phases, and absence.
func few(t *testing.T) []*scenarios.Scenario {
	t.Helper()
	var list []*scenarios.Scenario
	for _, s := range scenarios.All() {
		switch s.Name {
		case "experiment-1", "experiment-2", "waf-block", "mtls-verify-good-ecdsa", "mtls-verify-ignore-expiry", "closed-port":
			list = append(list, s)
		}
	}
	require.Len(t, list, 6)
	return list
}

// plannedAccount is an account with what a list of scenarios needs.
func plannedAccount(t *testing.T, list []*scenarios.Scenario, o *awsapi.Options) *account {
	t.Helper()
	plan, err := scenarios.NewPlan(scenarios.Options{Together: true, Scenarios: list, Capabilities: awsCan(), Seed: 1})
	require.NoError(t, err)
	return newAccount(t, plan.Spec, o)
}

// TestFaults: under each unkindness of the API a run ends green, or says what is missing and why.
func TestFaults(t *testing.T) {
	tests := []struct {
		faults  string
		missing string // part of the error; "" is a green run
		failed  bool   // some scenario says that its canary has not come
	}{
		{"throttle=0.3", "", false},
		{"errors=0.3", "", false},
		{"throttle=0.1,errors=0.1,empty-pages,page-size=20", "", false},
		{"empty-pages,page-size=7", "", false},
		{"slow=2ms", "", false},
		{"late=flow:9m,late=access:12m,late=connection:15m,late=metrics:4m", "", false},
		{"late=access:3h", "access log: 0 of 1 canaries came", true},
		{"missing=flow", "flow log: 0 of 1 canaries came", true},
		{"missing=connection", "connection log: 0 of 1 canaries came", true},
		{"missing=waf", "AWS WAF log: 0 of 1 canaries came", true},
		{"missing=metrics", "metrics: 0 of 1 canaries came", true},
		{"missing=capture", "", true}, // extra: the run tells of refusals without the packets
	}
	for _, tt := range tests {
		t.Run(tt.faults, func(t *testing.T) {
			t.Parallel()
			f, err := awsapi.ParseFaults(tt.faults)
			require.NoError(t, err)
			list := few(t)
			a := plannedAccount(t, list, &awsapi.Options{Seed: 7})
			a.api.SetFaults(f)
			a.cfg.Delivery.Poll = time.Minute
			l, err := aws.Attach(t.Context(), a.cfg)
			require.NoError(t, err)
			r, err := scenarios.Run(t.Context(), runOptions(l, list))
			require.NoError(t, l.Close())
			require.NotNil(t, r)
			if tt.missing != "" {
				var e *aws.IncompleteError
				require.ErrorAs(t, err, &e)
				require.ErrorContains(t, err, tt.missing)
				require.NotEmpty(t, aws.Hint(err))
			} else {
				require.NoError(t, err)
			}
			require.Zero(t, r.Errors)
			require.Equal(t, tt.failed, r.Failed > 0)
			require.NotEmpty(t, r.Bundles, "what came is kept")
			left(t, a)
		})
	}
}

// left checks that nothing of a run stays: mirror sessions are gone, listeners are as they were.
func left(t *testing.T, a *account) {
	t.Helper()
	a.api.SetFaults(awsapi.Faults{})
	sessions, err := a.cfg.Clients.EC2.MirrorSessions(t.Context())
	require.NoError(t, err)
	require.Empty(t, sessions)
	o := a.outputs(t)
	require.Equal(t, a.cfg.Outputs, o)
	list, err := a.cfg.Clients.Leftovers(t.Context(), a.cfg.Outputs.RunID)
	require.NoError(t, err)
	for _, x := range list {
		require.NotEqual(t, "ec2 traffic-mirror-session", x.Kind)
	}
}

// TestExpiredCredentials: credentials that end in the middle end the wait at once, with what to do about it.
func TestExpiredCredentials(t *testing.T) {
	list := few(t)
	a := plannedAccount(t, list, nil)
	l, err := aws.Attach(t.Context(), a.cfg)
	require.NoError(t, err)
	o := runOptions(l, list)
	o.Progress = func(_, _ int, s *scenarios.Scenario) {
		if s == nil {
			a.api.SetFaults(awsapi.Faults{Expired: true})
		}
	}
	begin := a.lab.Now()
	r, err := scenarios.Run(t.Context(), o)
	require.ErrorContains(t, err, "ExpiredToken")
	require.Contains(t, aws.Hint(err), "renew")
	require.NotNil(t, r)
	require.Less(t, a.lab.Now().Sub(begin), 45*time.Minute, "it does not wait for what cannot come")
	require.ErrorContains(t, l.Close(), "leaving the lab as it was found")

	_, err = aws.Attach(t.Context(), a.cfg)
	require.ErrorContains(t, err, "listing the listeners")
	require.Contains(t, aws.Hint(err), "renew")
}

// TestCancel: a run that is interrupted while it waits keeps what came, and leaves nothing behind.
func TestCancel(t *testing.T) {
	list := few(t)
	a := plannedAccount(t, list, nil)
	a.api.SetFaults(awsapi.Faults{Late: map[evidence.Kind]time.Duration{evidence.KindFlow: 24 * time.Hour}})
	ctx, cancel := context.WithCancel(t.Context())
	a.cfg.Progress = func(text string) {
		if text != "" && a.lab.Now().Minute()%2 == 0 {
			cancel()
		}
	}
	l, err := aws.Attach(ctx, a.cfg)
	require.NoError(t, err)
	r, err := scenarios.Run(ctx, runOptions(l, list))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "flow log: 0 of 1 canaries came")
	require.Len(t, r.Bundles, 2)
	require.True(t, r.Bundles[0].Has(evidence.KindMetrics))
	require.NoError(t, l.Close())
	left(t, a)
}

// TestCancelBetween: Ctrl-C while scenarios act.
func TestCancelBetween(t *testing.T) {
	list := few(t)
	a := plannedAccount(t, list, nil)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := aws.Attach(ctx, a.cfg)
	require.NoError(t, err)
	o := runOptions(l, list)
	n := 0
	o.Progress = func(_, _ int, s *scenarios.Scenario) {
		if n++; n == 3 {
			cancel()
		}
	}
	r, err := scenarios.Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	require.NotNil(t, r)
	require.NotZero(t, r.Errors, "those that were not carried out")
	require.NoError(t, l.Close())
	left(t, a)
}

// TestNothingStays: no goroutine is left behind.
func TestNothingStays(t *testing.T) {
	list := few(t)
	a := plannedAccount(t, list, nil)
	run := func() {
		l, err := aws.Attach(t.Context(), a.cfg)
		require.NoError(t, err)
		_, err = scenarios.Run(t.Context(), runOptions(l, list))
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
	run()
	before := runtime.NumGoroutine()
	const runs, idle = 4, 11 // less than three a run: what a few idle connections to the API have at both ends
	for range runs {
		run()
	}
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+idle; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "%d goroutines before, %d after", before, runtime.NumGoroutine())
	}
}

// natted is a connection whose client sees another address than the load balancer does.
type natted struct{ net.Conn }

func (natted) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.168.1.17:50123"))
}

// TestBehindNAT: address translation hides the client's address and port, and the Internet's scanners knock at the same ports. The
// run knows its own by the records of its own requests.
func TestBehindNAT(t *testing.T) {
	list := few(t)
	a := plannedAccount(t, list, nil)
	a.cfg.Dial = func(ctx context.Context, from lab.Vantage, listener, _ string) (net.Conn, error) {
		conn, err := a.lab.Dial(ctx, from, listener)
		if err != nil {
			return nil, err
		}
		return natted{conn}, nil
	}
	l, err := aws.Attach(t.Context(), a.cfg)
	require.NoError(t, err)
	o := runOptions(l, list)
	o.Progress = func(_, _ int, s *scenarios.Scenario) {
		if s == nil {
			return
		}
		for name := range l.Deployed() { // a scanner that says something that is no TLS
			conn, err := a.lab.Dial(t.Context(), lab.Vantage{Client: 9}, name)
			require.NoError(t, err)
			_, err = clients.Do(t.Context(), conn, clients.Call{Profile: &clients.Profile{Name: "scanner", Kind: clients.KindRaw, Raw: []byte("GET / HTTP/1.0\r\n\r\n")}})
			require.NoError(t, err)
		}
	}
	r, err := scenarios.Run(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for i := range r.Scenarios {
		v := &r.Scenarios[i]
		if v.Name == "experiment-1" || v.Name == "experiment-2" || v.Name == "closed-port" { // metrics count the scanner too
			continue
		}
		require.Equal(t, scenarios.Pass, v.Verdict, v.Story())
	}
	require.NotEmpty(t, r.Background)
	require.Equal(t, "203.0.113.19", r.Background[0].Client)
	require.NotZero(t, r.Background[0].Signatures["not-tls"])
	require.Equal(t, []string{"203.0.113.10"}, r.Bundles[0].Manifest.Clients)
}

// TestRefusedMirror: a refusal of mirror sessions is told, and the run goes on without captures.
func TestRefusedMirror(t *testing.T) {
	list := few(t)
	a := plannedAccount(t, list, nil)
	a.cfg.Clients.EC2 = refusing{a.cfg.Clients.EC2}
	l, err := aws.Attach(t.Context(), a.cfg)
	require.NoError(t, err)
	require.NotContains(t, l.Capabilities(), lab.Capture)
	r, err := scenarios.Run(t.Context(), runOptions(l, list))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, 2, r.Skipped, "the experiments need packets")
	require.Zero(t, r.Failed)
	lessons := ""
	for _, x := range l.Lessons() {
		lessons += x.Question + ": " + x.Answer + "\n"
	}
	require.Contains(t, lessons, "mirror session on a load balancer's network interface: refused: ")
}

type refusing struct{ aws.EC2 }

func (refusing) CreateMirrorSession(context.Context, aws.MirrorSession) (aws.MirrorSession, error) {
	return aws.MirrorSession{}, errors.New("UnsupportedOperation: the interface's type is not supported")
}
