package catalog_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/labtest"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

const (
	matrixHost = "lab.alblab.example"
	// Without ALBLAB_LONG one cell in so many is carried out in full, and one as bytes; and all those that no engine can answer.
	// Prime, so that every client, policy and certificate comes up.
	sampleFull  = 97
	sampleBytes = 23
)

var matrixCerts = []string{"rsa", "ecdsa", "both"}

// cell is one client at one policy with one kind of certificate.
type cell struct {
	client   *catalog.Client
	hello    *wire.ClientHello
	policy   *policy.Policy
	cert     string
	set      policy.CertSet
	listener string
}

func (c *cell) String() string { return c.client.Name + ", " + c.policy.Name + ", " + c.cert }

// cells are all of them, and the lab that has a listener for each policy and kind of certificate.
func cells(t *testing.T) ([]cell, lab.Spec) {
	t.Helper()
	spec := lab.Spec{Listeners: map[string]lab.Listener{}, Embedded: &lab.Embedded{Seed: 1, Zones: 1, Capture: "off"}}
	var all []cell
	for i, p := range policy.All() {
		for j, cert := range matrixCerts {
			name := fmt.Sprintf("%s-%s", p.Name, cert)
			spec.Listeners[name] = lab.Listener{Port: uint16(1000 + 3*i + j), SSLPolicy: p.Name, Certificate: cert}
			set, err := policy.ParseCertSet(cert)
			require.NoError(t, err)
			for _, c := range catalog.All() {
				b, err := c.Hello(matrixHost)
				require.NoError(t, err)
				h, err := wire.ParseHello(b)
				require.NoError(t, err)
				all = append(all, cell{c, h, p, cert, set, name})
			}
		}
	}
	return all, spec
}

// TestMatrix: what a client sees of the embedded lab is what the policy decides of its hello: for every client, policy and
// kind of certificate. The exceptions are those of alb.Limitations, the hellos that no engine can answer; there the lab resets.
func TestMatrix(t *testing.T) {
	all, spec := cells(t)
	l := labtest.StartWith(t, spec, &embedded.Options{Off: true})
	long := os.Getenv("ALBLAB_LONG") != ""
	work := make(chan func())
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for f := range work {
				f()
			}
		})
	}
	full, raw, refused, limited, unoffered := 0, 0, 0, 0, 0
	seen := map[any]bool{}
	for i := range all {
		c := &all[i]
		d := c.policy.Decide(c.hello, c.set)
		limit := limitation(c.hello, d)
		for n, tried := range map[int]func(*testing.T, *embedded.Lab, *cell, policy.Decision, string){sampleFull: checkFull, sampleBytes: checkBytes} {
			if !long && i%n != 0 && limit == "" {
				continue
			}
			if n == sampleFull {
				full++
				seen[c.client], seen[c.policy], seen[c.cert] = true, true, true
			} else {
				raw++
			}
			refused += count(d.Outcome == policy.Refused)
			limited += count(limit != "")
			unoffered += count(d.SchemeUnoffered)
			work <- func() { tried(t, l, c, d, limit) }
		}
	}
	close(work)
	workers.Wait()
	t.Logf("%d cells: %d in full, %d as bytes; %d refused, %d that no engine can answer, %d with a scheme that was not offered",
		len(all), full, raw, refused, limited, unoffered)
	require.Equal(t, 3*len(policy.All())*len(catalog.All()), len(all))
	require.Len(t, seen, len(catalog.All())+len(policy.All())+len(matrixCerts), "every client, policy and kind of certificate comes up")
	require.Greater(t, refused, raw/20)
	require.Positive(t, limited)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// limitation names what keeps the lab from answering as decided, "" if nothing does.
func limitation(h *wire.ClientHello, d policy.Decision) string {
	if d.Outcome == policy.Refused {
		return ""
	}
	for _, x := range alb.Limitations() {
		if x.Is(h, d) {
			return x.Name
		}
	}
	return ""
}

func dialer(l *embedded.Lab, listener string) catalog.Dial {
	return func(ctx context.Context) (net.Conn, error) { return l.Dial(ctx, lab.Vantage{}, listener) }
}

// checkFull lets the client make its handshake, as simulate does.
func checkFull(t *testing.T, l *embedded.Lab, c *cell, d policy.Decision, limit string) {
	r := catalog.Try(t.Context(), dialer(l, c.listener), c.client, &catalog.Options{ServerName: matrixHost, To: netip.AddrPort{}})
	if r.Err != nil {
		t.Errorf("%s: %v", c, r.Err)
		return
	}
	want := catalog.Connects
	switch {
	case d.Outcome == policy.Refused || limit != "":
		want = catalog.Refused
	case d.SchemeUnoffered && d.Version >= wire.TLS12:
		want = catalog.Declines
	}
	if r.Verdict != want {
		t.Errorf("%s: %s, want %s: decided %+v, limitation %q, saw %+v", c, r.Verdict, want, d, limit, r.Attempt.Outcome)
		return
	}
	if raw := c.client.RawReason() != nil; want == catalog.Connects && r.Completed == raw {
		t.Errorf("%s: handshake completed: %v: %s", c, r.Completed, r.Why)
	}
	compareOutcome(t, c, d, want == catalog.Refused, &r.Attempt)
}

// checkBytes sends the hello alone and looks at the server's answer.
func checkBytes(t *testing.T, l *embedded.Lab, c *cell, d policy.Decision, limit string) {
	b, err := c.client.Hello(matrixHost)
	if err != nil {
		t.Errorf("%s: %v", c, err)
		return
	}
	conn, err := l.Dial(t.Context(), lab.Vantage{}, c.listener)
	if err != nil {
		t.Errorf("%s: %v", c, err)
		return
	}
	a, err := clients.Do(t.Context(), conn, clients.Call{Profile: &clients.Profile{Name: "bytes", Kind: clients.KindRaw, Raw: b}})
	if err != nil {
		t.Errorf("%s: %v", c, err)
		return
	}
	if retry := d.Outcome == policy.HelloRetry && limit == ""; a.HelloRetry != retry {
		t.Errorf("%s: hello retry: %v, want %v", c, a.HelloRetry, retry)
	}
	compareOutcome(t, c, d, d.Outcome == policy.Refused || limit != "", &a)
}

func compareOutcome(t *testing.T, c *cell, d policy.Decision, refused bool, a *clients.Attempt) {
	o := a.Outcome
	if refused {
		if o.Stage != wire.StageHello || o.Ending != wire.EndingReset || o.Version != 0 {
			t.Errorf("%s: want a reset after the hello, saw %+v", c, o)
		}
		return
	}
	if o.Version != d.Version || o.Suite != d.Suite || o.Group != d.Group {
		t.Errorf("%s: decided %s %s %s, saw %s %s %s", c, d.Version, d.Suite, d.Group, o.Version, o.Suite, o.Group)
	}
}

// TestSimulate: the results are in the list's order, also with few workers, and what cannot be reached says so.
func TestSimulate(t *testing.T) {
	spec := lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: "TLS13-1-2-Res-FIPS-PQ-2025-09", Certificate: "ecdsa"}},
		Embedded: &lab.Embedded{Seed: 1, Zones: 1, Capture: "off"}}
	l := labtest.StartWith(t, spec, &embedded.Options{Off: true})
	list := catalog.All()
	for _, parallel := range []int{0, 1, 7} {
		results := catalog.Simulate(t.Context(), dialer(l, "https"), list, &catalog.Options{ServerName: matrixHost, Parallel: parallel})
		require.Len(t, results, len(list))
		libraries := map[catalog.Library]int{}
		for i, r := range results {
			require.NoError(t, r.Err)
			require.Same(t, list[i], r.Client)
			libraries[r.Library]++
		}
		require.Equal(t, 3, libraries[catalog.LibraryNone])
	}

	closed := func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	for _, r := range catalog.Simulate(t.Context(), closed, list[:3], nil) {
		require.Equal(t, catalog.Failed, r.Verdict)
		require.Equal(t, wire.StageDial, r.Attempt.Outcome.Stage)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range catalog.Simulate(ctx, dialer(l, "https"), list[:3], nil) {
		require.Equal(t, catalog.Failed, r.Verdict)
		require.Error(t, r.Err)
	}
	require.Empty(t, catalog.Simulate(t.Context(), closed, nil, nil))
}

// TestHybridsOfNISTCurves: a client that offers them is carried out by crypto/tls where the server wants one, with a share of it
// or after a HelloRetryRequest. Those of the catalogue get X25519MLKEM768 from every policy, so this one has none.
func TestHybridsOfNISTCurves(t *testing.T) {
	openssl, err := catalog.ByName("OpenSSL 4.0.0 (git)")
	require.NoError(t, err)
	spec := lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: "TLS13-1-2-Res-FIPS-PQ-2025-09", Certificate: "ecdsa"}},
		Embedded: &lab.Embedded{Seed: 1, Zones: 1, Capture: "off"}}
	l := labtest.StartWith(t, spec, &embedded.Options{Off: true})
	tests := []struct{ groups, shares []wire.Group }{
		{[]wire.Group{wire.SecP256r1MLKEM768, wire.X25519}, []wire.Group{wire.SecP256r1MLKEM768}},
		{[]wire.Group{wire.SecP384r1MLKEM1024, wire.X25519}, []wire.Group{wire.SecP384r1MLKEM1024}},
		{[]wire.Group{wire.X25519, wire.SecP256r1MLKEM768}, []wire.Group{wire.X25519}},
		{[]wire.Group{wire.X25519, wire.SecP384r1MLKEM1024}, []wire.Group{wire.X25519}},
	}
	for _, tt := range tests {
		c := *openssl
		c.Groups, c.KeyShares = tt.groups, tt.shares
		r := catalog.Try(t.Context(), dialer(l, "https"), &c, &catalog.Options{ServerName: matrixHost})
		require.NoError(t, r.Err)
		require.Equal(t, catalog.Connects, r.Verdict, "%+v", r.Attempt.Outcome)
		require.True(t, r.Completed)
		require.Equal(t, catalog.LibraryStandard, r.Library)
		require.True(t, r.Attempt.Outcome.Group.PostQuantum())
	}
}

// TestRoundTrips: over a network a client costs at most four round trips: TCP's, one or two of TLS, and the end.
func TestRoundTrips(t *testing.T) {
	spec := lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: "TLS13-1-0-2021-06", Certificate: "ecdsa"}},
		Embedded: &lab.Embedded{Seed: 1, Zones: 1, Capture: "off"}}
	l := labtest.StartWith(t, spec, &embedded.Options{Off: true})
	for _, c := range catalog.All() {
		var trace *clients.Trace
		dial := func(ctx context.Context) (net.Conn, error) {
			conn, err := l.Dial(ctx, lab.Vantage{}, "https")
			trace = clients.NewTrace(conn, time.Time{})
			return trace, err
		}
		r := catalog.Try(t.Context(), dial, c, &catalog.Options{ServerName: matrixHost})
		require.NoError(t, r.Err)
		answers := 0
		for _, e := range trace.Events() {
			answers += count(!e.Sent)
		}
		require.LessOrEqual(t, 1+answers, 4, "%s: %+v", c.Name, trace.Events())
	}
}

// BenchmarkSimulate lets the whole catalogue knock on a loopback endpoint with an ECDSA certificate.
func BenchmarkSimulate(b *testing.B) {
	certs := pki.New(matrixHost)
	cert, err := certs.Server("ecdsa")
	require.NoError(b, err)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS, s.EnableHTTP2 = &tls.Config{Certificates: []tls.Certificate{cert}}, true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	b.Cleanup(s.Close)
	list := catalog.All()
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range catalog.Simulate(b.Context(), dial, list, &catalog.Options{ServerName: matrixHost}) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
	b.ReportMetric(float64(len(list)), "clients/op")
}
