package redact

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

const secretHost = "secret-shop.example.com"

// testCapture is a capture of a connection to port 80 and a hello-like record, with a name in each.
func testCapture(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := capture.NewWriter(&buf, nil)
	require.NoError(t, err)
	for i, payload := range [][]byte{
		[]byte("GET /path HTTP/1.1\r\nHost: " + secretHost + "\r\nX-Forwarded-For: 203.0.113.99\r\n\r\nbody of " + secretHost),
		[]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"),
	} {
		ip := []byte{0x45, 0, 0, byte(40 + len(payload)), 0, 0, 0, 0, 64, 6, 0, 0, 203, 0, 113, 10, 203, 0, 113, 20,
			0x80, byte(i), 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 1, 1, 0, 0, 0, 0}
		require.NoError(t, w.WriteIP(evidenceTime, capture.MAC{2, 1}, capture.MAC{2, 2}, append(ip, payload...)))
	}
	require.NoError(t, w.Flush())
	return buf.Bytes()
}

var evidenceTime = mustTime("2026-01-01T00:00:00Z")

// redactFile redacts one file in memory and returns the copy.
func redactFile(t testing.TB, kind evidence.Kind, name string, content []byte) ([]byte, error) {
	t.Helper()
	b := &evidence.Bundle{
		FS:       fstest.MapFS{name: &fstest.MapFile{Data: content}},
		Manifest: evidence.Manifest{Files: []evidence.File{{Name: name, Kind: kind}}},
	}
	store, err := evidence.NewStore("", nil)
	require.NoError(t, err)
	m := newTestMapper(t)
	if err := m.file(b, b.Manifest.Files[0], store, name, &FileStats{}); err != nil {
		return nil, err
	}
	out, err := store.Seal(evidence.Manifest{})
	require.NoError(t, err)
	f, err := out.OpenFile(name)
	require.NoError(t, err)
	defer f.Close()
	all, err := io.ReadAll(f)
	require.NoError(t, err)
	return all, nil
}

// TestClearText: names go from the head of a request, the body goes whole, lengths stay.
func TestClearText(t *testing.T) {
	in := testCapture(t)
	out, err := redactFile(t, evidence.KindCapture, "capture.pcap", in)
	require.NoError(t, err)
	require.Len(t, out, len(in))
	for _, s := range []string{"secret", "example.com\r\n\r\nbody", "body of", "/path", "203.0.113.99", string([]byte{203, 0, 113, 10})} {
		require.NotContains(t, string(out), s)
	}
	require.Contains(t, string(out), "GET /")
	require.Contains(t, string(out), " HTTP/1.1\r\nHost: ")
	require.Contains(t, string(out), ".com\r\nX-Forwarded-For: ")
}

func FuzzCapture(f *testing.F) {
	f.Add(testCapture(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := redactFile(t, evidence.KindCapture, "capture.pcap", b)
		if err == nil {
			require.LessOrEqual(t, len(out), len(b)+64)
		}
	})
}

// FuzzFrame: whatever a frame is, rewriting it neither panics nor lets unknown content through.
func FuzzFrame(f *testing.F) {
	f.Add(uint8(1), testCapture(f)[40:])
	f.Add(uint8(101), testCapture(f)[54:])
	f.Fuzz(func(t *testing.T, link uint8, b []byte) {
		m := newTestMapper(t)
		fr := &frames{m: m, streams: newStreams(m)}
		b = append(b, secretHost...)
		fr.frame(uint32(link), b)
		require.NotContains(t, string(b), secretHost)
	})
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("GET /path HTTP/1.1\r\nHost: x\r\n\r\n"), uint8(3))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"), uint8(1))
	f.Add([]byte("\x16\x030\x00\x0500000"), uint8(1)) // a message that would be too long
	f.Add([]byte("PROXY TCP4 203.0.113.10 10.0.1.10 40000 443\r\n\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"), uint8(200))
	f.Add([]byte("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"), uint8(7))
	f.Add([]byte("PROXY "), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		whole := append([]byte(nil), b...)
		newTestMapper(t).helloBytes(whole)
		require.Len(t, whole, len(b))
		// In pieces and out of order it comes to the same.
		m := newTestMapper(t)
		s := newStreams(m)
		st := &stream{}
		st.parser = parser{s: s, stream: st}
		n := int(step) + 1
		for i := n; i < len(b); i += n {
			st.segment(uint32(i), b[i:min(i+n, len(b))])
		}
		st.segment(0, b[:min(n, len(b))])
		st.parser.finish()
		st.merge()
		out := make([]byte, len(b))
		for _, c := range st.chunks {
			copy(out[c.off:], c.data)
		}
		// Where TLS may begin in the middle, it matters where segments begin.
		if len(b) > 0 && !bytes.ContainsAny(b[1:], "\x15\x16") {
			require.Equal(t, whole, out)
		}
	})
}

func FuzzLogs(f *testing.F) {
	f.Add("2026-01-01T00:00:05.000000Z 203.0.113.10 32768 8443 - - - \"-\" - - - TID_817aa9c0e49f10598ca2214ec267f7a8\n")
	f.Add("version account-id srcaddr dstaddr\n2 111122223333 203.0.113.10 10.0.0.1\n")
	f.Add(`{"time":"2026-01-01T00:00:05Z","local":"203.0.113.10:1","hello":"1603"}` + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, k := range []evidence.Kind{evidence.KindFlow, evidence.KindConnection, evidence.KindAccess, evidence.KindWAF, evidence.KindMetrics, evidence.KindAttempts} {
			_, err := redactFile(t, k, "x.log", []byte(s))
			require.NoError(t, err)
		}
	})
}

// TestPrefaces: addresses of the PROXY protocol go, and the hello behind it and behind STARTTLS stays readable without its name.
func TestPrefaces(t *testing.T) {
	host := []byte("\x00\x00\x00\x1c\x00\x1a\x00\x00\x17" + secretHost)
	body := append(append([]byte{3, 3}, make([]byte, 32)...), 0, 0, 2, 0xc0, 0x2f, 1, 0, 0, byte(len(host)))
	body = append(body, host...)
	message := append([]byte{1, 0, 0, byte(len(body))}, body...)
	record := append([]byte{22, 3, 1, 0, byte(len(message))}, message...)
	for _, first := range []string{
		"PROXY TCP4 203.0.113.10 10.0.1.10 40000 443\r\n", "PROXY TCP6 2001:db8::10 2001:db8:1::10 40000 443\r\n",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x0a\x0a\x00\x01\x0a\x9c\x40\x01\xbb", "EHLO " + secretHost + "\r\n", "\x05\x01\x00",
	} {
		m := newTestMapper(t)
		s := newStreams(m)
		st := &stream{}
		st.parser = parser{s: s, stream: st}
		st.segment(0, []byte(first))
		st.segment(uint32(len(first)), record)
		st.parser.finish()
		st.merge()
		out := make([]byte, len(first)+len(record))
		for _, c := range st.chunks {
			copy(out[c.off:], c.data)
		}
		require.NotContains(t, string(out), "secret", first)
		require.NotContains(t, string(out), "203.0.113.10")
		require.NotContains(t, string(out), "2001:db8:")
		require.NotContains(t, string(out), "\xcb\x00\x71\x0a")
		h, err := wire.ParseHello(out[len(first):])
		require.NoError(t, err, first)
		require.Len(t, h.ServerName, len(secretHost))
	}
	line, ok := newTestMapper(t).proxyLine("PROXY TCP4 203.0.113.10 10.0.1.255 40000 443")
	require.True(t, ok)
	for _, w := range strings.Fields(line)[2:4] {
		_, err := netip.ParseAddr(w)
		require.NoError(t, err, line)
	}
}

// TestDamagedPrefaces: of a line that is no header of the PROXY protocol no address is left, not even a part.
func TestDamagedPrefaces(t *testing.T) {
	for _, line := range []string{
		"PROXY TC\xcc\xccP4 203.0.113.10 \x7f.0.1.10 40000 443\r\n", "PROXY TCP4 203.0.113.10 10.0.1 40000 443\r\n",
		"PROXY TCP4 203.0.113.10 10.0.1.10\r\n", "PROXY TCP4 2001:db8::10 10.0.1.10 40000 443\r\n", "PROXY TCP6 fe80::1%eth0 2001:db8::10 40000 443\r\n",
		"PROXY UNKNOWN 203.0.113.10 10.0.1.10 40000 443\r\n", "PROXY TCP4 203.0.113.10 10.0.1.10 40000 99999\r\n", "PROXY 203.0.113.10",
	} {
		b := []byte(line)
		newTestMapper(t).helloBytes(b)
		for _, secret := range []string{"203.0.113", "0.1.10", "10.0.1", "2001:db8", "fe80", "40000"} {
			require.NotContains(t, string(b), secret, "%q became %q", line, b)
		}
	}
}
