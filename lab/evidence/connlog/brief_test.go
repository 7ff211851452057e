package connlog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checkBrief holds a brief against the record of the same line.
func checkBrief(t testing.TB, line []byte) (taken bool) {
	var b Brief
	if !b.Parse(line) {
		return false
	}
	r := new(Record)
	if _, bad := r.parse(string(line)); bad != nil {
		t.Fatalf("Parse takes a line that Records does not: %s\n%s", bad.Msg, line)
	}
	got := fmt.Sprint(time.Unix(0, b.Time).UTC(), b.ClientIP, b.ClientPort, b.ListenerPort, string(b.TLSProtocol), "|", string(b.TLSCipher), "|",
		string(b.VerifyStatus), "|", string(b.ConnTraceID), "|", string(b.KeyExchange), "|", string(b.ELB))
	want := fmt.Sprint(r.Time.UTC(), r.ClientIP, r.ClientPort, r.ListenerPort, r.TLSProtocol, "|", r.TLSCipher, "|",
		r.VerifyStatus, "|", r.ConnTraceID, "|", r.KeyExchange, "|", r.ELB)
	if got != want {
		t.Fatalf("Parse differs from Records:\n%s\n%s\n%s", got, want, line)
	}
	return true
}

func briefSeeds(t testing.TB) (lines [][]byte) {
	names, err := filepath.Glob("testdata/alb-*")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		lines = append(lines, bytes.Split(bytes.TrimSpace(text), []byte("\n"))...)
	}
	return append(lines,
		[]byte(`2024-02-29T23:59:59.999999Z 2001:db8::1 1 443 - - - "-" - - Failed:UnmappedConnectionError TID_1`),
		[]byte(`2026-12-31T00:00:00.000000Z 203.0.113.10 65535 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.012 "CN=\"a\" b" - - Success TID_1 x25519 app/a/b 10.0.1.10 new`),
		[]byte(`2026-02-30T00:00:00.000000Z 203.0.113.010 1 443 TLSv1.3 - 0.1 "-" - - - TID_1`))
}

func TestBrief(t *testing.T) {
	taken := 0
	for _, line := range briefSeeds(t) {
		if checkBrief(t, line) {
			taken++
		}
	}
	require.GreaterOrEqual(t, taken, 4, "the usual lines")
	for day := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2101; day = day.Add(25*time.Hour + time.Second) {
		nanos, ok := parseTime([]byte(day.Format(timeLayout) + " "))
		require.True(t, ok)
		require.Equal(t, day.UnixNano(), nanos)
	}
}

// TestToken: where a field ends, byte by byte, wherever it stands among eight.
func TestToken(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				line := bytes.Repeat([]byte{'x'}, length)
				for i := range at { // bytes that are near the limits, and of other scripts
					line[i] = []byte{'!', '~', 0x80, 0xff}[i%4]
				}
				line[at] = byte(c)
				field, rest := token(line)
				switch {
				case at == 0 && (c <= ' ' || c == 0x7f || c == '"'), c < ' ', c == 0x7f:
					require.Nil(t, field)
				case c == ' ':
					require.Equal(t, line[:at], field)
					require.Equal(t, line[at+1:], rest)
				default:
					require.Equal(t, line, field)
					require.Empty(t, rest)
				}
			}
		}
	}
}

func FuzzBrief(f *testing.F) {
	for _, line := range briefSeeds(f) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if !bytes.ContainsAny(line, "\n") {
			checkBrief(t, line)
		}
	})
}

func BenchmarkBrief(b *testing.B) {
	line := []byte(`2026-09-23T07:11:27.691358Z 198.18.71.40 64326 443 TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 0.337 "-" - - Success TID_14bdaac20df9aa4ca3139b3168e4e071 secp256r1 app/k8s-web-0123456789/0123456789abcdef 192.0.2.57`)
	var brief Brief
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if !brief.Parse(line) {
			b.Fatal("not taken")
		}
	}
}
