package rollout

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// logReader gives lines of a connection log of many clients, again and again, until there were enough.
type logReader struct {
	text []byte
	left int // bytes
	at   int
}

const benchClients = 50_000

// newLogReader makes a log of so many lines: a stretch of 200,000 different ones, repeated.
func newLogReader(t testing.TB, lines int) *logReader {
	const distinct = 200_000
	r := rand.New(rand.NewPCG(1, 1))
	var text []byte
	var first int
	for i := range distinct {
		n := r.IntN(benchClients)
		rec := connlog.Record{
			Time: time.Date(2026, 9, 1, 0, 0, i/100, 1000*i, time.UTC), ClientPort: uint16(20000 + i%40000), ListenerPort: 443,
			ClientIP:    netip.AddrFrom4([4]byte{100, 64 + byte(n>>16), byte(n >> 8), byte(n)}),
			TLSProtocol: "TLSv1.3", TLSCipher: "TLS_AES_128_GCM_SHA256", HandshakeLatency: 12 * time.Millisecond, VerifyStatus: "Success",
			ConnTraceID: fmt.Sprintf("TID_%032x", i), KeyExchange: "x25519", ELB: "app/web/0123456789abcdef", NodeIP: "10.0.1.10",
		}
		switch {
		case n%10 == 0:
			rec.TLSProtocol, rec.TLSCipher, rec.KeyExchange = "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "secp256r1"
		case n%1000 == 1:
			rec.TLSProtocol, rec.TLSCipher, rec.KeyExchange = "TLSv1", "ECDHE-RSA-AES128-SHA", "secp256r1"
		case n%777 == 2:
			rec.TLSProtocol, rec.TLSCipher, rec.KeyExchange, rec.VerifyStatus, rec.HandshakeLatency = "", "", "", "Failed:UnmappedConnectionError", -1
		}
		var err error
		text, err = rec.AppendText(text)
		require.NoError(t, err)
		text = append(text, '\n')
		if i == distinct-1 {
			first = len(text)
		}
	}
	rest := text[:0:0]
	if n := lines % distinct; n > 0 {
		rest = append(rest, bytes.Join(bytes.SplitAfterN(text, []byte("\n"), n+1)[:n], nil)...)
	}
	return &logReader{text: text, left: lines/distinct*first + len(rest)}
}

func (r *logReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.left)], r.text[r.at:])
	r.left -= n
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

var benchLines = flag.Int("lines", 10_000_000, "how many lines BenchmarkConnectionLog reads")

// BenchmarkConnectionLog answers who breaks from ten million lines of a connection log; run it with -benchtime 1x.
func BenchmarkConnectionLog(b *testing.B) {
	lines := *benchLines
	from, err := policy.ByName("TLS13-1-0-2021-06")
	require.NoError(b, err)
	to, err := policy.ByName("TLS13-1-2-Res-PQ-2025-09")
	require.NoError(b, err)
	certs, err := policy.ParseCertSet("both")
	require.NoError(b, err)
	log := newLogReader(b, lines)
	size := log.left
	b.SetBytes(int64(size))
	for b.Loop() {
		log.left, log.at = size, 0
		in := Input{Kind: evidence.KindConnection, Name: "connection.log", Open: func() (io.ReadCloser, error) { return io.NopCloser(log), nil }}
		t, err := Read(b.Context(), []Input{in}, nil)
		require.NoError(b, err)
		r := Judge(&Question{To: to, From: from, Certs: certs, Assume: AssumeStandard}, t)
		require.EqualValues(b, lines, r.Stats.Lines)
		require.NotZero(b, r.Breaks.Connections)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/(1<<20), "MB-from-system")
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkMatrix decides the hellos of the whole catalogue under every policy with three sets of certificates.
func BenchmarkMatrix(b *testing.B) {
	var hellos []*wire.ClientHello
	for _, c := range catalog.All() {
		raw, err := c.Hello("www.example.com")
		require.NoError(b, err)
		h, err := wire.ParseHello(raw)
		require.NoError(b, err)
		hellos = append(hellos, h)
	}
	sets := certSets(b)[:3]
	n, keep := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range policy.All() {
			for _, set := range sets {
				for _, h := range hellos {
					if n++; p.Decide(h, set).Outcome != policy.Refused {
						keep++
					}
				}
			}
		}
	}
	require.NotZero(b, keep)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/decision")
	b.ReportMetric(float64(n)/float64(b.N), "decisions/op")
}
