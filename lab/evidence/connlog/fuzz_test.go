package connlog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func FuzzRecords(f *testing.F) {
	names, err := filepath.Glob("testdata/alb-*")
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte(`0000-01-01T00:00:00Z fe80::1%eth0 0 0 "a" "-" 0.1234567 "CN=\"," NotBefore=0001-01-01T00:00:00Z;NotAfter=2026-01-01T00:00:00.5Z 0 "Failed:x" T`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for r, err := range Records(bytes.NewReader(in), &evidence.Options{MaxLine: 4096}) {
			var pe *evidence.ParseError
			if err != nil {
				if !errors.As(err, &pe) {
					t.Fatalf("error type %T: %v", err, err)
				}
				continue
			}
			checkRoundTrip(t, r)
		}
	})
}

// checkRoundTrip compares after cutting what the written form has no digits for.
func checkRoundTrip(t *testing.T, r *Record) {
	text, err := r.AppendText(nil)
	if err != nil {
		t.Fatalf("a record that was read cannot be written: %v", err)
	}
	want := *r
	want.Line = 1
	want.Time = want.Time.Truncate(time.Microsecond)
	want.LeafNotBefore = want.LeafNotBefore.Truncate(time.Second)
	want.LeafNotAfter = want.LeafNotAfter.Truncate(time.Second)
	if want.HandshakeLatency > 0 {
		want.HandshakeLatency = want.HandshakeLatency.Truncate(time.Millisecond)
	}
	if want.LeafSubject != "" { // control characters are written escaped, and names are read as they stand
		want.LeafSubject = string(appendSubject(nil, want.LeafSubject))
	}
	n := 0
	for again, err := range Records(bytes.NewReader(text), nil) {
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		require.Equal(t, want, *again)
		n++
	}
	if n != 1 {
		t.Fatalf("%q: %d records", text, n)
	}
}

func BenchmarkRecords(b *testing.B) {
	const n = 10000
	lines := strings.Repeat(`2026-09-23T07:11:27.691358Z 198.18.71.40 64326 443 TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 0.337 "-" - - Success TID_558e26a7adede44b9fdb98006014afcf secp256r1 app/k8s-web-0123456789/0123456789abcdef 192.0.2.57`+"\n", n)
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	count := 0
	for b.Loop() {
		for _, err := range Records(strings.NewReader(lines), nil) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
	}
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkAppendText(b *testing.B) {
	recs, _ := readAll(b, sample(b, "alb-connection-2026.log"))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf, _ = recs[0].AppendText(buf[:0])
	}
}
