package signatures_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
)

// manyConnections writes the logs of n connections: half of them refused, half completed with a request.
func manyConnections(n int) fstest.MapFS {
	var flow, conn, access bytes.Buffer
	flow.WriteString("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags\n")
	t0 := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for i := range n {
		t := t0.Add(time.Duration(i) * 10 * time.Millisecond)
		client, port, s := fmt.Sprintf("198.51.%d.%d", i>>8&0xff, i&0xff), 1024+i%60000, t.Unix()
		in, out := "3 328 %d %d ACCEPT OK 2\n", "3 164 %d %d ACCEPT OK 22\n"
		line := `%s %s %d 443 - - - "-" - - Failed:UnmappedConnectionError TID_%032x - app/lab/0123456789abcdef 198.51.100.1` + "\n"
		if i%2 == 0 {
			in, out = "18 1921 %d %d ACCEPT OK 3\n", "16 6682 %d %d ACCEPT OK 19\n"
			line = `%s %s %d 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.004 "-" - - Success TID_%032x x25519 app/lab/0123456789abcdef 198.51.100.1` + "\n"
			stamp := t.Format("2006-01-02T15:04:05.000000Z")
			fmt.Fprintf(&access, `h2 %s app/lab/0123456789abcdef %s:%d - 0.000 0.000 0.000 200 - 40 150 "GET https://lab.example:443/ HTTP/2.0" "curl/7.88.1" TLS_AES_128_GCM_SHA256 TLSv1.3 - "Root=1-%08x-%024x" "lab.example" "-" 0 %s "fixed-response" "-" "-" "-" "-" "-" "-" TID_%032x`+"\n",
				stamp, client, port, s, i, stamp, i)
		}
		fmt.Fprintf(&flow, "3 123456789012 eni-0a1b2c3d4e5f60718 %s 10.0.1.10 %d 443 6 "+in, client, port, s, s)
		fmt.Fprintf(&flow, "3 123456789012 eni-0a1b2c3d4e5f60718 10.0.1.10 %s 443 %d 6 "+out, client, port, s, s)
		fmt.Fprintf(&conn, line, t.Format("2006-01-02T15:04:05.000000Z"), client, port, i)
	}
	return fstest.MapFS{"flow.log": {Data: flow.Bytes()}, "connection.log": {Data: conn.Bytes()}, "access.log": {Data: access.Bytes()}}
}

// TestManyConnections counts exactly, whatever number of examples is kept.
func TestManyConnections(t *testing.T) {
	b, err := evidence.Open(manyConnections(2000))
	require.NoError(t, err)
	rep, err := analyzers.Run(context.Background(), b, signatures.All(), &analyzers.Options{Examples: 1})
	require.NoError(t, err)
	require.Equal(t, 2000, rep.Connections)
	require.Equal(t, 1000, rep.Failures)
	require.Equal(t, []analyzers.Tally{
		{Signature: "completed", Stage: "completed", Connections: 1000},
		{Signature: "refused-first-flight", Stage: "first-flight-refused", Connections: 1000},
	}, rep.Signatures)
	require.Equal(t, 2000, len(rep.Findings)+rep.Omitted)
}

// BenchmarkRun100k reads, joins and judges the logs of 100,000 connections: two flow records, a connection-log line, and half
// of them an access-log line each.
func BenchmarkRun100k(b *testing.B) {
	const n = 100_000
	fsys := manyConnections(n)
	b.ReportAllocs()
	for b.Loop() {
		bundle, err := evidence.Open(fsys)
		require.NoError(b, err)
		rep, err := analyzers.Run(context.Background(), bundle, signatures.All(), nil)
		require.NoError(b, err)
		require.Equal(b, n, rep.Connections)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "conns/s")
}
