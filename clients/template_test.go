package clients

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

// helloOf returns what a profile sends.
func helloOf(t testing.TB, p *Profile) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		_, _ = theirs.Read(make([]byte, 1<<14))
		_ = theirs.Close()
	}()
	a, err := Do(t.Context(), ours, Call{Profile: p, ServerName: "lab.alblab.example"})
	require.NoError(t, err)
	require.NotEmpty(t, a.Hello)
	return a.Hello
}

func TestValidateTemplate(t *testing.T) {
	curl := helloOf(t, Curl())
	require.NoError(t, (&Profile{Name: "x", Hello: curl}).Validate())
	old := helloOf(t, func() *Profile { p, _ := ByName("sslv3"); return p }())
	sslv2 := helloOf(t, func() *Profile { p, _ := ByName("sslv2-hello"); return p }())
	grease := func(types ...uint16) []byte {
		h, err := wire.ParseHello(curl)
		require.NoError(t, err)
		h.Extensions = append(h.Extensions, types...)
		msg, err := wire.AppendClientHello(nil, h, nil)
		require.NoError(t, err)
		return msg
	}
	tests := []struct {
		profile Profile
		want    string
	}{
		{Profile{Hello: []byte("GET /")}, "its hello: "},
		{Profile{Hello: curl, ALPN: []string{"h2"}}, "leave the other fields empty"},
		{Profile{Hello: curl, Raw: curl}, "leave the other fields empty"},
		{Profile{Hello: old}, "older ones need kind raw"},
		{Profile{Hello: sslv2}, "SSLv2's framing"},
		{Profile{Hello: grease(0x0A0A, 0x1A1A, 0x2A2A)}, "more than two GREASE extensions"},
	}
	for _, tt := range tests {
		tt.profile.Name = "x"
		require.ErrorContains(t, tt.profile.Validate(), tt.want)
	}
	require.NoError(t, (&Profile{Name: "x", Hello: grease(0x0A0A, 0x1A1A)}).Validate())
}

// TestTemplate: what a profile of ours sends, taken as a template, is sent again, but for what is the call's own.
func TestTemplate(t *testing.T) {
	n := 0
	for _, p := range Builtin() {
		if p.Kind != KindTLS || p.HelloLen > 0 { // padding is not the template's
			continue
		}
		first := helloOf(t, p)
		template := &Profile{Name: p.Name, Hello: first}
		if template.Validate() != nil {
			continue
		}
		n++
		h, err := wire.ParseHello(first)
		require.NoError(t, err)
		again, err := wire.ParseHello(helloOf(t, template))
		require.NoError(t, err)
		require.Equal(t, h.JA4(), again.JA4(), p.Name)
		require.Equal(t, h.JA3(), again.JA3(), p.Name)
		require.Equal(t, h.ServerName, again.ServerName)
		require.NotEqual(t, h.Random, again.Random)
		require.Equal(t, h.RecordVersion, again.RecordVersion)
	}
	require.Greater(t, n, 15)
}

// FuzzTemplate: a hello from anywhere never breaks the client that imitates it.
func FuzzTemplate(f *testing.F) {
	for _, p := range Builtin() {
		if p.Kind != KindSilent {
			f.Add(helloOf(f, p))
		}
	}
	f.Fuzz(func(t *testing.T, hello []byte) {
		p := &Profile{Name: "fuzzed", Hello: hello}
		if len(hello) == 0 || p.Validate() != nil {
			return
		}
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Read(make([]byte, 1<<16))
			_ = theirs.Close()
		}()
		_, _ = Do(t.Context(), ours, Call{Profile: p, ServerName: "lab.alblab.example"})
	})
}

// script is a connection whose peer says a fixed thing.
type script struct {
	net.Conn
	r io.Reader
}

func (s *script) Read(b []byte) (int, error)  { return s.r.Read(b) }
func (s *script) Write(b []byte) (int, error) { return len(b), nil }

func traced(sent, received []byte) []Event {
	tr := NewTrace(&script{r: bytes.NewReader(received)}, time.Time{})
	_, _ = tr.Write(sent)
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{tr})
	return tr.Events()
}

func TestTrace(t *testing.T) {
	retry := []byte{22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3}
	retry = append(retry, 0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
		0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C, 0, 0x13, 0x01, 0, 0, 0)
	tests := []struct {
		received []byte
		want     []string
	}{
		{nil, []string{"FIN"}},
		{[]byte{21, 3, 1, 0, 2, 2, 40}, []string{"alert fatal handshake_failure", "FIN"}},
		{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), []string{`not TLS: "HTTP/1.1 400 Bad Request"`, "FIN"}},
		{[]byte{22, 3, 1, 0, 8, 14, 0, 0, 0, 99, 0, 0, 0}, []string{"ServerHelloDone", "handshake message 99", "FIN"}},
		{[]byte{20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 1, 7, 22, 3, 3, 0, 1, 7, 21, 3, 3, 0, 3, 1, 2, 3, 23, 3, 3, 0, 1, 1},
			[]string{"ChangeCipherSpec", "encrypted handshake", "encrypted alert", "encrypted data", "FIN"}},
		{append(retry, 23, 3, 3, 0, 1, 1), []string{"HelloRetryRequest", "encrypted data", "FIN"}},
		{[]byte{22, 3, 3, 0x40}, []string{"FIN"}},
	}
	for _, tt := range tests {
		events := traced([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, tt.received)
		require.Len(t, events, 2)
		require.Equal(t, []string{"ClientHello"}, events[0].What)
		require.Equal(t, 9, events[0].Bytes)
		require.Equal(t, tt.want, events[1].What)
		require.Equal(t, len(tt.received), events[1].Bytes)
	}
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, []byte{21, 3, 1, 0, 2, 2, 40})
	f.Add([]byte{0x80, 2, 1, 3, 0}, []byte("HTTP/1.1 400 Bad Request\r\n"))
	f.Fuzz(func(t *testing.T, sent, received []byte) {
		for _, e := range traced(sent, received) {
			require.True(t, e.Bytes > 0 || len(e.What) > 0)
		}
	})
}
