package embedded_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/labtest"
)

// BenchmarkLab carries connections through the whole lab, client and load balancer in one process, with the evidence off
// and on (flow, connection, access log, metrics, both captures, to files). What limits: refused connections the network
// stack, completed ones the signature of the server's key.
func BenchmarkLab(b *testing.B) {
	for _, bench := range []struct{ name, certificate, profile string }{
		{"refused", "ecdsa", "tls11-max"},
		{"completed-rsa-2048", "rsa", "tls12-http1"},
		{"completed-p-256", "ecdsa", "tls12-http1"},
	} {
		for _, on := range []bool{false, true} {
			name := bench.name + "/evidence-off"
			if on {
				name = bench.name + "/evidence-on"
			}
			b.Run(name, func(b *testing.B) {
				o := &embedded.Options{Off: !on}
				if on {
					o.Dir = b.TempDir()
				}
				spec := lab.Spec{Listeners: map[string]lab.Listener{
					"https": {Port: 443, SSLPolicy: "FS-1-2-Res-2020-10", Certificate: bench.certificate},
				}}
				benchmarkConnections(b, labtest.StartWith(b, spec, o), profile(b, bench.profile), on)
			})
		}
	}
}

func profile(b *testing.B, name string) *clients.Profile {
	if name == "tls12-http1" {
		p, err := clients.ByName("tls12-only")
		require.NoError(b, err)
		one := *p
		one.ALPN = []string{"http/1.1"}
		return &one
	}
	return recorded(b, name)
}

// recorded sends the bytes that a profile would send: what a uTLS client costs to build a hello is not the lab's cost.
func recorded(b *testing.B, name string) *clients.Profile {
	p, err := clients.ByName(name)
	require.NoError(b, err)
	l := labtest.Start(b, experiment1)
	conn, err := l.Dial(b.Context(), lab.Vantage{}, "https")
	require.NoError(b, err)
	a, err := clients.Do(b.Context(), conn, clients.Call{Profile: p, ServerName: l.Endpoint().Host})
	require.NoError(b, err)
	raw, err := clients.Recorded(name, a.Hello)
	require.NoError(b, err)
	return raw
}

func benchmarkConnections(b *testing.B, l *embedded.Lab, p *clients.Profile, on bool) {
	call := clients.Call{Profile: p, ServerName: l.Endpoint().Host, Roots: l.PKI().RootPool(), Requests: []clients.Request{{Path: "/"}}}
	client := make(chan int, 64)
	for i := range 64 {
		client <- i
	}
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		from := lab.Vantage{Client: <-client}
		for pb.Next() {
			conn, err := l.Dial(context.Background(), from, "https")
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := clients.Do(context.Background(), conn, call); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "conns/s")
	if !on {
		return
	}
	bundle, err := l.Collect(context.Background())
	require.NoError(b, err)
	lines := int64(0)
	for _, f := range bundle.Files(evidence.KindConnection) {
		lines += f.Records
	}
	require.Equal(b, int64(b.N), lines, "every connection has its line")
}

// BenchmarkStartToFirstClient is how long a user waits for the lab: from Start to the end of one completed request, keys,
// network, evidence and all, on the wall's clock.
func BenchmarkStartToFirstClient(b *testing.B) {
	for _, certificate := range []string{"ecdsa", "both", "rsa"} {
		for _, name := range []string{"tls12-only", "curl-http1"} {
			b.Run(certificate+"/"+name, func(b *testing.B) {
				p, err := clients.ByName(name)
				require.NoError(b, err)
				startToFirstClient(b, certificate, p)
			})
		}
	}
}

func startToFirstClient(b *testing.B, certificate string, p *clients.Profile) {
	spec := lab.Spec{Listeners: map[string]lab.Listener{
		"https": {Port: 443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: certificate},
	}}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		l, err := embedded.Start(b.Context(), spec, &embedded.Options{WallClock: true})
		require.NoError(b, err)
		conn, err := l.Dial(b.Context(), lab.Vantage{}, "https")
		require.NoError(b, err)
		a, err := clients.Do(b.Context(), conn, clients.Call{
			Profile: p, ServerName: l.Endpoint().Host, Roots: l.PKI().RootPool(), Requests: []clients.Request{{Path: "/"}},
		})
		require.NoError(b, err)
		require.Len(b, a.Responses, 1)
		require.Equal(b, 200, a.Responses[0].Status)
		took = append(took, time.Since(began))
		b.StopTimer()
		require.NoError(b, l.Close())
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
}
