package alb

import (
	"bytes"
	"context"
	"io"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/wire"
)

// renegotiate is a client of TLS 1.2 with one suite that asks for another handshake.
func (b *bench) renegotiate(t *testing.T, how clients.Renegotiate, s wire.Suite) clients.Attempt {
	t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	require.NoError(t, err)
	p := clients.Curl()
	p.MinVersion, p.MaxVersion, p.ALPN, p.Suites = wire.TLS12, wire.TLS12, []string{"http/1.1"}, []wire.Suite{s}
	m := &clients.Manner{Renegotiate: how}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a, err := clients.Do(ctx, m.Conn(conn, nil), clients.Call{Profile: p, ServerName: testHost, Roots: authority.RootPool(), Requests: []clients.Request{{}}})
	require.NoError(t, err)
	return a
}

func TestRenegotiation(t *testing.T) {
	// Both engines: crypto/tls has all but 0xC028, which is uTLS's.
	for _, s := range []wire.Suite{0xC02F, 0xC030, 0xC027, 0xC028} {
		for _, how := range []clients.Renegotiate{clients.RenegotiateAtOnce, clients.RenegotiateLater, clients.RenegotiateInClear} {
			t.Run(s.OpenSSL()+" "+string(how), func(t *testing.T) {
				b := start(t, Listener{}, nil)
				a := b.renegotiate(t, how, s)
				require.Equal(t, wire.EndingReset, a.Outcome.Ending, a.Outcome.Detail)
				require.Nil(t, a.Outcome.Alert)
				c := b.wait(t)
				require.Equal(t, wire.EndingReset, c.Outcome.Ending)
				require.False(t, c.Outcome.ByPeer)
				require.Equal(t, "Success", c.Verify)
				want := map[string]float64{metricNewConnections: 1, metricActiveConnections: 1}
				requests := 0
				if how == clients.RenegotiateLater {
					requests = 1
					want[metricFixedResponses] = 1
					want[metricProcessedBytes] = b.metrics()[metricProcessedBytes]
					require.Len(t, a.Responses, 1)
				}
				if how == clients.RenegotiateInClear {
					require.Contains(t, c.Outcome.Detail, "bad record MAC")
				} else {
					require.Contains(t, c.Outcome.Detail, "clientHello", "the hello could be read: its record was right")
				}
				require.Equal(t, want, b.metrics())
				require.Len(t, b.requests(t), requests)
			})
		}
	}
}

// TestRenegotiationAlert has the other wire profile: the engine's alert, then a FIN.
func TestRenegotiationAlert(t *testing.T) {
	for _, s := range []wire.Suite{0xC02F, 0xC028} {
		b := start(t, Listener{}, func(c *Config) { c.WireProfile = ProfileAlertClose })
		a := b.renegotiate(t, clients.RenegotiateLater, s)
		require.Equal(t, wire.EndingAlert, a.Outcome.Ending, a.Outcome.Detail)
		require.Equal(t, "unexpected_message", a.Outcome.Alert.Name())
		c := b.wait(t)
		require.Equal(t, wire.EndingAlert, c.Outcome.Ending)
		require.Equal(t, "unexpected_message", c.Outcome.Alert.Name())
	}
}

// TestOpenSSLRenegotiation presses R.
func TestOpenSSLRenegotiation(t *testing.T) {
	b := start(t, Listener{}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, tooltest.Need(t, "openssl"), "s_client", "-connect", b.addr, "-servername", testHost, "-tls1_2", "-msg")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	out := &watched{seen: make(chan struct{}), word: "Verify return code"}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	select {
	case <-out.seen:
	case <-ctx.Done():
		require.NoError(t, cmd.Wait(), out.b.String())
	}
	_, err = io.WriteString(stdin, "R\n")
	require.NoError(t, err)
	require.Error(t, cmd.Wait(), "s_client ends with an error")
	require.Contains(t, out.b.String(), "RENEGOTIATING")
	require.Contains(t, out.b.String(), "errno=104", "connection reset by peer")
	c := b.wait(t)
	require.Equal(t, "Success", c.Verify)
	require.Equal(t, wire.EndingReset, c.Outcome.Ending)
	require.False(t, c.Outcome.ByPeer)
	require.Contains(t, c.Outcome.Detail, "clientHello")
}

// watched is a command's output that tells when a word has come.
type watched struct {
	b    bytes.Buffer // not embedded: its ReadFrom would be used
	word string
	seen chan struct{}
	told bool
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.b.Write(b)
	if !w.told && bytes.Contains(w.b.Bytes(), []byte(w.word)) {
		w.told = true
		close(w.seen)
	}
	return n, err
}
