package scenarios

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/wire"
)

func startEmbedded(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
	return embedded.Start(ctx, spec, nil)
}

// TestVerdictsAreExact changes one expectation of a scenario that passes, and wants the verdict to fail for that reason
// alone: an expectation that nothing can violate judges nothing.
func TestVerdictsAreExact(t *testing.T) {
	first := func(s *Scenario) *ConnWant { return &s.Steps[0].Want }
	tests := []struct {
		name   string
		of     func() *Scenario
		change func(*Scenario)
		fact   Fact
		found  string // in the reason
	}{
		{"signature", tls11Refused, func(s *Scenario) { first(s).Signature = "not-tls" }, FactFinding, "no-common-version"},
		{"flow: packets", experiment1, func(s *Scenario) {
			first(s).Refused, first(s).In = false, &FlowWant{Exactly(4), Exactly(328), []int{2}}
		}, FactFlow, "3 packets, 328 bytes, flags 2"},
		{"flow: bytes", experiment1, func(s *Scenario) {
			first(s).Refused, first(s).Out = false, &FlowWant{Exactly(3), Exactly(165), []int{22}}
		}, FactFlow, "164 bytes"},
		{"flow: flags", tls13H2, func(s *Scenario) { first(s).Out.Flags = []int{22, 23} }, FactFlow, "flags 19"},
		{"flow: no reject", closedPort, func(s *Scenario) { first(s).Reject, first(s).In = false, nil }, FactFlow, "REJECT records"},
		{"flow: reject", tls13H2, func(s *Scenario) { first(s).Reject, first(s).In = true, nil }, FactFlow, "0 REJECT"},
		{"connection: a line too much", tls11Refused, func(s *Scenario) { first(s).Line = nil }, FactConnection, "Failed:UnmappedConnectionError"},
		{"connection: a line too little", connectSilent, func(s *Scenario) { first(s).Line = &LineWant{Status: "Success"} }, FactConnection, "none"},
		{"connection: cipher", tls13H2, func(s *Scenario) { first(s).Line.Cipher = "TLS_AES_256_GCM_SHA384" }, FactConnection, "TLS_AES_128_GCM_SHA256"},
		{"connection: subject", mtlsRightCertificate, func(s *Scenario) { first(s).Line.Subject = false }, FactConnection, "CN=client good-ecdsa,O=alblab test"},
		{"access: a line too much", tls13H2, func(s *Scenario) { first(s).Access = nil }, FactAccess, "2"},
		{"access: a line too little", tls11Refused, func(s *Scenario) { first(s).Access = &AccessWant{Type: "h2"} }, FactAccess, "0"},
		{"access: version", oldClientAccepted, func(s *Scenario) { first(s).Access.Version = "TLSv1.2" }, FactAccess, "TLSv1.1"},
		{"waf: too few", mtlsRightCertificate, func(s *Scenario) { s.Want.WAF = map[string]int{"ALLOW": 4} }, FactWAF, "3 ALLOW"},
		{"waf: too many", mtlsRightCertificate, func(s *Scenario) { s.Want.WAF = nil }, FactWAF, "3 ALLOW"},
		{"waf: action", wafBlock, func(s *Scenario) { s.Want.WAF = map[string]int{"ALLOW": 1} }, FactWAF, "1 BLOCK"},
		{"metrics: sum", tls11Refused, func(s *Scenario) { s.Want.Metrics[0]["ClientTLSNegotiationErrorCount"] = Exactly(2) }, FactMetrics, "1"},
		{"metrics: too many", tls11Refused, func(s *Scenario) { delete(s.Want.Metrics[0], "NewConnectionCount") }, FactMetrics, "1"},
		{"metrics: too few", tls11Refused, func(s *Scenario) { s.Want.Metrics[0]["HTTP_Fixed_Response_Count"] = Exactly(1) }, FactMetrics, "no data"},
		{"filter finds too much", experiment1, func(s *Scenario) {
			s.Want.Filter.Pattern = strings.Replace(publishedPattern, "packets<5", "packets<5000", 1)
		}, FactFilter, "also 203.0.113.10:"},
		{"filter finds nothing", experiment1, func(s *Scenario) {
			s.Want.Filter.Pattern = strings.Replace(publishedPattern, `"ACCEPT"`, `"REJECT"`, 1)
		}, FactFilter, "does not find"},
		{"client: words", experiment1, func(s *Scenario) { first(s).Client.Words = []string{"Connection refused"} }, FactClient, "OpenSSL SSL_connect: Connection reset by peer"},
		{"client: exit code", tls11Refused, func(s *Scenario) { first(s).Client.Exit = []int{7} }, FactClient, "exit code 35"},
		{"client: stage", tls11Refused, func(s *Scenario) { first(s).Client.Stages = []wire.Stage{wire.StageRequest} }, FactClient, "stage hello"},
		{"client: ending", tls11Refused, func(s *Scenario) { first(s).Client.Endings = []wire.Ending{wire.EndingFIN} }, FactClient, "ending reset"},
		{"client: group", tls13H2, func(s *Scenario) { first(s).Client.Groups = []wire.Group{wire.SECP256R1} }, FactClient, "x25519"},
		{"client: body", tls13H2, func(s *Scenario) { first(s).Client.Body = "something else" }, FactClient, "alblab ok"},
		{"client: responses", tls13H2, func(s *Scenario) { first(s).Client.Status = nil }, FactClient, "2"},
		{"header missing", passthroughNoCertificate, func(s *Scenario) { first(s).Header[headerClientcert] = true }, FactClient, "none"},
		{"header too much", passthroughCertificate, func(s *Scenario) { first(s).Header[headerClientcert] = false }, FactClient, "X-Amzn-Mtls-Clientcert"},
		{"capture", tls13H2, func(s *Scenario) { first(s).Capture = "hello, then reset" }, FactCapture, "fin"},
	}
	var all []*Scenario
	for _, tt := range tests {
		s := tt.of()
		s.Name = "changed-" + strings.NewReplacer(" ", "-", ":", "").Replace(tt.name)
		tt.change(s)
		all = append(all, s)
	}
	r, err := Run(t.Context(), Options{Start: startEmbedded, Scenarios: all})
	require.NoError(t, err)
	require.Len(t, r.Scenarios, len(tests))
	require.Equal(t, len(tests), r.Failed)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := r.Scenarios[i]
			require.Equal(t, Fail, v.Verdict)
			for _, reason := range v.Reasons {
				require.Equal(t, tt.fact, reason.Fact, v.Story())
			}
			require.Contains(t, v.Reasons[0].Found, tt.found, v.Story())
			require.Contains(t, v.Story(), tt.found)
			require.Contains(t, v.Story(), v.Reasons[0].Wanted)
			for _, reason := range v.Reasons {
				require.Len(t, reason.Evidence, len(reason.Cites))
				for _, line := range reason.Evidence {
					require.NotContains(t, line, "(no", "each citation leads to a line")
				}
			}
		})
	}
}

// odd is a lab that does something that no scenario asked for.
type odd struct {
	*embedded.Lab
	once sync.Once
	lack []lab.Capability
}

// Dial makes one connection more than it was asked for, and says nothing on it.
func (o *odd) Dial(ctx context.Context, from lab.Vantage, listener string) (net.Conn, error) {
	o.once.Do(func() {
		if c, err := o.Lab.Dial(ctx, lab.Vantage{}, listener); err == nil {
			c.Close()
		}
	})
	return o.Lab.Dial(ctx, from, listener)
}

func (o *odd) Endpoint() lab.Endpoint {
	e := o.Lab.Endpoint()
	e.Capabilities = slices.DeleteFunc(e.Capabilities, func(c lab.Capability) bool { return slices.Contains(o.lack, c) })
	return e
}

// TestUnwantedConnection: what is found and not wanted fails too.
func TestUnwantedConnection(t *testing.T) {
	start := func(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
		l, err := embedded.Start(ctx, spec, nil)
		return &odd{Lab: l}, err
	}
	r, err := Run(t.Context(), Options{Start: start, Scenarios: []*Scenario{tls13H2()}})
	require.NoError(t, err)
	v := r.Scenarios[0]
	require.Equal(t, Fail, v.Verdict)
	require.Len(t, v.Reasons, 1, v.Story())
	require.Equal(t, FactFinding, v.Reasons[0].Fact)
	require.Contains(t, v.Reasons[0].Wanted, "no other connection")
	require.NotEmpty(t, v.Reasons[0].Evidence)
}

// TestAbsenceNeedsCanary: without the canary's WAF record, that there are no others proves nothing.
func TestAbsenceNeedsCanary(t *testing.T) {
	start := func(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
		spec.WAF = nil // a WAF log that is not delivered
		return embedded.Start(ctx, spec, nil)
	}
	r, err := Run(t.Context(), Options{Start: start, Scenarios: []*Scenario{wafAbsence()}})
	require.NoError(t, err)
	v := r.Scenarios[0]
	require.Equal(t, Fail, v.Verdict)
	require.Len(t, v.Reasons, 1, v.Story())
	require.Equal(t, FactCanary, v.Reasons[0].Fact)
}

// TestOwnAddressOnTheReputationList: where AWS WAF blocks what should pass, the story names the rule, at the step and at the canary.
func TestOwnAddressOnTheReputationList(t *testing.T) {
	start := func(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
		own := lab.Embedded{}
		if spec.Embedded != nil {
			own = *spec.Embedded
		}
		own.IPReputation = []netip.Prefix{netip.MustParsePrefix("203.0.113.10/32")}
		spec.Embedded = &own
		return embedded.Start(ctx, spec, nil)
	}
	r, err := Run(t.Context(), Options{Start: start, Scenarios: []*Scenario{experiment2()}})
	require.NoError(t, err)
	v := r.Scenarios[0]
	require.Equal(t, Fail, v.Verdict)
	named := map[Fact]bool{}
	for _, x := range v.Reasons {
		if strings.HasPrefix(x.Found, "waf-blocked: ") && strings.Contains(x.Found, "by rule AWS-AWSManagedRulesAmazonIpReputationList") {
			named[x.Fact] = true
		}
	}
	require.Equal(t, map[Fact]bool{FactFinding: true, FactCanary: true}, named, v.Story())
}

// TestSkip: what the lab lacks is a counted skip with its reason, neither a pass nor silence.
func TestSkip(t *testing.T) {
	start := func(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
		l, err := embedded.Start(ctx, spec, nil)
		o := &odd{Lab: l, lack: []lab.Capability{lab.RawPackets}}
		o.once.Do(func() {})
		return o, err
	}
	r, err := Run(t.Context(), Options{Start: start, Scenarios: []*Scenario{synScan(), tls13H2()}})
	require.NoError(t, err)
	require.Equal(t, 1, r.Skipped)
	require.Equal(t, 1, r.Passed)
	require.Equal(t, Skip, r.Scenarios[0].Verdict)
	require.Contains(t, r.Scenarios[0].Message, "rawpackets")
	require.True(t, r.OK())
}

// TestHarnessError: a step that cannot be carried out is an error, not a fail, and the others are judged.
func TestHarnessError(t *testing.T) {
	broken := tls13H2()
	broken.Name = "broken"
	broken.Steps[0].Cert = "no-such-kind"
	r, err := Run(t.Context(), Options{Start: startEmbedded, Scenarios: []*Scenario{broken, tls12H2()}})
	require.NoError(t, err)
	require.Equal(t, Error, r.Scenarios[0].Verdict)
	require.Contains(t, r.Scenarios[0].Message, "step curl: client certificate")
	require.Equal(t, Pass, r.Scenarios[1].Verdict)
	require.False(t, r.OK())
}

// TestInterrupted: what was carried out before the end is judged and kept, the rest is an error.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	list := []*Scenario{tls11Refused(), tls10Refused(), noCommonSuite()}
	r, err := Run(ctx, Options{Start: startEmbedded, Scenarios: list, Progress: func(done, total int, s *Scenario) {
		require.Equal(t, 3, total)
		if done == 1 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, Pass, r.Scenarios[0].Verdict, r.Scenarios[0].Story())
	require.Equal(t, Error, r.Scenarios[1].Verdict)
	require.Equal(t, Error, r.Scenarios[2].Verdict)
	require.Len(t, r.Bundles, 1)
	require.NotEmpty(t, r.Bundles[0].Manifest.Files)
}

// TestAssumed: in an account, what differs from an assumption alone has taught us something and does not fail.
func TestAssumed(t *testing.T) {
	s := plainHTTP()
	s.Steps[0].Want.Line.Status = "Failed:SomethingElse"
	c := &carrier{endpoint: lab.Endpoint{Kind: "aws"}, plan: &plan{}}
	j := &judgement{cut: &cut{scenario: s, slot: &slot{}}, carrier: c}
	j.reasons = []Reason{{Fact: FactConnection, Wanted: "a", Found: "b"}}
	require.True(t, j.assumed(FactConnection))
	require.False(t, j.assumed(FactFilter))
	v := j.sort(s.verdict(Pass, ""))
	require.Equal(t, Pass, v.Verdict)
	require.Len(t, v.Learned, 1)
	require.Contains(t, v.Story(), "learned: connection")
	c.endpoint.Kind = "embedded"
	require.Equal(t, Fail, j.sort(s.verdict(Pass, "")).Verdict)
}

// TestWordsOverRelay: curl names the port that it called, which a relay in front of the listener has chosen.
func TestWordsOverRelay(t *testing.T) {
	j := &judgement{carrier: &carrier{endpoint: lab.Endpoint{Host: "lab.example"}}}
	a := &attempt{step: &Step{}, port: 443}
	a.Attempt.Remote = netip.MustParseAddrPort("127.0.0.1:8443")
	a.Attempt.Words = "OpenSSL SSL_connect: Connection reset by peer in connection to lab.example:8443"
	j.client(a, &ClientWant{Words: resetWords})
	require.Empty(t, j.reasons)
	a.Attempt.Words = strings.Replace(a.Attempt.Words, "8443", "443", 1)
	j.client(a, &ClientWant{Words: resetWords})
	require.Len(t, j.reasons, 1)
	require.Contains(t, j.reasons[0].Wanted, "lab.example:8443")
}
