package wire

import (
	"testing"
)

func BenchmarkParseClientHello(b *testing.B) {
	msg := testChrome(b)
	var h ClientHello
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Parse(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHelloReader(b *testing.B) {
	rec := AppendRecords(nil, testChrome(b), TLS10, 0)
	var r HelloReader
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		if r.Feed(rec) != HelloComplete {
			b.Fatal(r.Err())
		}
	}
}

func BenchmarkJA4(b *testing.B) {
	h, err := ParseClientHello(testChrome(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = h.JA4()
	}
}

func BenchmarkFingerprints(b *testing.B) {
	h, err := ParseClientHello(testChrome(b))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = h.AppendJA3(buf[:0])
		buf = h.AppendJA4(buf[:0])
	}
}
