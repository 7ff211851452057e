package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

// Hellos that do not come first: behind a proxy's handshake, behind STARTTLS, behind the PROXY protocol's header.
func TestPrefaces(t *testing.T) {
	v1 := "PROXY TCP4 203.0.113.10 10.0.1.10 40000 443\r\n"
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x0a\x0a\x00\x01\x0a\x9c\x40\x01\xbb"
	alert := record(recordAlert, 2, 70)
	for _, tt := range []struct {
		name    string
		talk    []string // the client's and the server's words in turn
		with    bool     // the last of them is in the hello's segment
		preface string
	}{
		{"SOCKS 5", []string{"\x05\x01\x00", "\x05\x00", "\x05\x01\x00\x03\x03abc\x01\xbb", "\x05\x00\x00\x01\x0a\x00\x00\x01\x04\x38"}, false, "\x05\x01\x00"},
		{"SOCKS 4", []string{"\x04\x01\x01\xbb\x0a\x00\x00\x01u\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00"}, false, "\x04\x01\x01\xbb\x0a\x00\x00\x01u\x00"},
		{"CONNECT", []string{"CONNECT lab:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}, false, "CONNECT lab:443 HTTP/1.1\r\n\r\n"},
		{"STARTTLS", []string{"EHLO me\r\n", "250 STARTTLS\r\n", "STARTTLS\r\n", "220 go on\r\n"}, false, "EHLO me\r\n"},
		{"PROXY, version 1", []string{v1}, true, v1}, {"PROXY, version 2", []string{v2}, true, v2},
		{"PROXY, version 1, alone", []string{v1}, false, v1}, {"PROXY, version 2, alone", []string{v2}, false, v2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t)
			f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
			f.open()
			hello := hello11(t, 0)
			first := hello
			for i, words := range tt.talk {
				if tt.with && i == len(tt.talk)-1 {
					first = append([]byte(words), hello...)
					break
				}
				f.send(i%2 == 0, PSH|ACK, []byte(words))
			}
			f.send(true, PSH|ACK, first)
			f.send(false, PSH|ACK, alert)
			f.send(false, FIN|ACK, nil)
			c := s.one()
			require.NotNil(t, c.Hello)
			require.Equal(t, hello, c.HelloBytes)
			require.Equal(t, tt.preface, string(c.Preface))
			require.Empty(t, c.NotTLS)
			require.Equal(t, AnswerAlert, c.Answer())
			a, _ := c.Alert()
			require.Equal(t, wire.AlertProtocolVersion, a.Description)
		})
	}
}
