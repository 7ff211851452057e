package clients

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

const host = "lab.alblab.example"

var certs = pki.New(host)

// TestMain fails when a client leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftovers(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftovers waits a little for goroutines that are about to end, and returns those of clients that do not.
func leftovers() string {
	deadline := time.Now().Add(5 * time.Second)
	for {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for i, g := range strings.Split(string(buf), "\n\n") {
			if i > 0 && (strings.Contains(g, "http2.(*ClientConn)") || strings.Contains(g, "alblab/clients.")) {
				left = append(left, g)
			}
		}
		if left == nil || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
	}
}

// serve runs a server for one test; handle owns each connection.
func serve(t testing.TB, handle func(net.Conn)) *net.TCPAddr {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() { handle(c); _ = c.Close() })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr)
}

// call dials and does.
func call(t testing.TB, to *net.TCPAddr, c Call) Attempt {
	t.Helper()
	a, err := tryCall(t, to, c)
	require.NoError(t, err)
	return a
}

func tryCall(t testing.TB, to *net.TCPAddr, c Call) (Attempt, error) {
	t.Helper()
	conn, err := net.DialTCP("tcp", nil, to)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if c.ServerName == "" {
		c.ServerName = host
	}
	return Do(ctx, conn, c)
}

func profile(t testing.TB, name string) *Profile {
	t.Helper()
	p, err := ByName(name)
	require.NoError(t, err)
	return p
}

// tlsServer makes handshakes and then hands the connection on.
func tlsServer(t testing.TB, cfg *tls.Config, after func(raw *net.TCPConn, c *tls.Conn)) func(net.Conn) {
	t.Helper()
	cert, err := certs.Server("ecdsa")
	require.NoError(t, err)
	cfg = cfg.Clone()
	if cfg.Certificates == nil {
		cfg.Certificates = []tls.Certificate{cert}
	}
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS10
	}
	return func(raw net.Conn) {
		c := tls.Server(raw, cfg)
		if c.Handshake() == nil {
			after(raw.(*net.TCPConn), c)
		}
	}
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// once reads what comes first.
func once(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }

// shut ends the sending side and waits for the client's end.
func shut(c *net.TCPConn) {
	_ = c.CloseWrite()
	_, _ = io.Copy(io.Discard, c)
}

// TestEndings classifies what a peer does, against servers that do just that.
func TestEndings(t *testing.T) {
	hello := wire.Outcome{Stage: wire.StageHello, ByPeer: true}
	with := func(o wire.Outcome, e wire.Ending, a *wire.Alert, detail string) wire.Outcome {
		o.Ending, o.Alert, o.Detail = e, a, detail
		return o
	}
	closeNotify := &wire.Alert{Level: 1, Description: 0}
	version := &wire.Alert{Level: 2, Description: 70}
	tests := []struct {
		name   string
		handle func(net.Conn)
		want   wire.Outcome
	}{
		{"reset", func(c net.Conn) { once(c); reset(c) }, with(hello, wire.EndingReset, nil, "connection reset by peer")},
		{"fin", func(c net.Conn) { once(c); shut(c.(*net.TCPConn)) }, with(hello, wire.EndingFIN, nil, "EOF")},
		{"alert", func(c net.Conn) { once(c); _, _ = c.Write(version.Record(wire.TLS10)); shut(c.(*net.TCPConn)) },
			with(hello, wire.EndingAlert, version, "remote error: tls: protocol version not supported")},
		{"close_notify", func(c net.Conn) { once(c); _, _ = c.Write(closeNotify.Record(wire.TLS12)); shut(c.(*net.TCPConn)) },
			with(hello, wire.EndingAlert, closeNotify, "EOF")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := serve(t, tt.handle)
			a := call(t, to, Call{Profile: Curl()})
			require.Equal(t, tt.want, a.Outcome)
			// The client that completes nothing sees the same.
			raw, err := Recorded("recorded", a.Hello)
			require.NoError(t, err)
			b := call(t, to, Call{Profile: raw})
			require.Equal(t, a.Hello, b.Hello)
			if tt.want.Alert == nil {
				require.Equal(t, tt.want, b.Outcome)
			}
			b.Outcome.Detail = tt.want.Detail
			require.Equal(t, tt.want, b.Outcome)
			require.Equal(t, a.Exit, b.Exit)
			require.Equal(t, a.Words, b.Words)
		})
	}
}

func TestSilence(t *testing.T) {
	release := make(chan struct{})
	to := serve(t, func(net.Conn) { <-release })
	t.Cleanup(func() { close(release) }) // runs before the server's own cleanup, which waits
	dial := func() net.Conn {
		c, err := net.DialTCP("tcp", nil, to)
		require.NoError(t, err)
		return c
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // time enough to send the hello
	defer cancel()
	a, err := Do(ctx, dial(), Call{Profile: Curl(), ServerName: host})
	require.NoError(t, err)
	require.Equal(t, wire.Outcome{Stage: wire.StageSilent, Ending: wire.EndingTimeout, Detail: "i/o timeout"}, a.Outcome)
	require.Equal(t, "SSL connection timeout", a.Words)
	require.Equal(t, 28, a.Exit)

	a, err = Do(t.Context(), dial(), Call{Profile: profile(t, "silent"), Wait: 20 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, wire.Outcome{Stage: wire.StageSilent, Ending: wire.EndingTimeout, Detail: "i/o timeout"}, a.Outcome)
	require.Empty(t, a.Hello)

	cancelled, interrupt := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	interrupt(why)
	_, err = Do(cancelled, dial(), Call{Profile: Curl(), ServerName: host})
	require.ErrorIs(t, err, why)
}

// TestSilentUntilClosed: the client stays until the peer has had enough.
func TestSilentUntilClosed(t *testing.T) {
	tests := []struct {
		name   string
		handle func(net.Conn)
		ending wire.Ending
		exit   int
	}{
		{"fin", func(c net.Conn) { shut(c.(*net.TCPConn)) }, wire.EndingFIN, 0},
		{"reset", reset, wire.EndingReset, 56},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			connected := make(chan struct{})
			to := serve(t, func(c net.Conn) { <-connected; tt.handle(c) })
			conn, err := net.DialTCP("tcp", nil, to)
			require.NoError(t, err)
			close(connected)
			a, err := Do(t.Context(), conn, Call{Profile: profile(t, "silent")})
			require.NoError(t, err)
			require.Equal(t, wire.StageSilent, a.Outcome.Stage)
			require.Equal(t, tt.ending, a.Outcome.Ending)
			require.Equal(t, tt.exit, a.Exit)
		})
	}
}

func TestPlain(t *testing.T) {
	to := serve(t, func(c net.Conn) {
		once(c)
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nServer: awselb/2.0\r\nContent-Length: 3\r\n\r\nbad")
		shut(c.(*net.TCPConn))
	})
	a := call(t, to, Call{Profile: profile(t, "plain-http")})
	require.Equal(t, wire.StageResponse, a.Outcome.Stage)
	require.Len(t, a.Responses, 1)
	require.Equal(t, 400, a.Responses[0].Status)
	require.Equal(t, "bad", a.Responses[0].Body)
	require.True(t, strings.HasPrefix(string(a.Hello), "GET / HTTP/1.1\r\n"))

	a = call(t, serve(t, func(c net.Conn) { once(c); reset(c) }), Call{Profile: profile(t, "plain-http")})
	require.Equal(t, wire.StageHello, a.Outcome.Stage)
	require.Equal(t, wire.EndingReset, a.Outcome.Ending)
	require.Equal(t, "Recv failure: Connection reset by peer", a.Words)
	require.Equal(t, 56, a.Exit)
}

// TestHostile feeds every kind of client what no server says; nothing may panic or hang.
func TestHostile(t *testing.T) {
	answers := [][]byte{
		{22, 3, 3, 0, 0}, {22, 3, 3, 255, 255, 2, 0, 0, 1}, {22, 3, 3, 0, 5, 2, 0, 0, 1, 7}, {21, 3, 3, 0, 2, 9, 9}, {0}, {22},
		[]byte("HTTP/9 x\r\n"), []byte(strings.Repeat("\x16\x03\x03\x00\x04\x0c\xff\xff\xff", 1000)),
	}
	for i, answer := range answers {
		to := serve(t, func(c net.Conn) { once(c); _, _ = c.Write(answer); shut(c.(*net.TCPConn)) })
		for _, name := range []string{"curl", "tls10-only", "sslv3", "plain-http", "pq-p256"} {
			a := call(t, to, Call{Profile: profile(t, name), Requests: []Request{{}}})
			require.NotEqual(t, wire.StageRequest, a.Outcome.Stage, "%d %s", i, name)
			require.True(t, a.Exit != 0 || a.Outcome.Ending != "", "%d %s: %+v", i, name, a)
		}
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	to := l.Addr().(*net.TCPAddr)
	require.NoError(t, l.Close())
	_, err = net.DialTCP("tcp", nil, to)
	a, err := Unreachable(Call{Profile: Curl(), ServerName: host}, to.AddrPort(), err, 0)
	require.NoError(t, err)
	require.Equal(t, wire.Outcome{Stage: wire.StageDial, Ending: wire.EndingReset, ByPeer: true, Detail: "connection refused"}, a.Outcome)
	require.Equal(t, 7, a.Exit)
	require.Equal(t, fmt.Sprintf("Failed to connect to %s port %d after 0 ms: Couldn't connect to server", host, to.Port), a.Words)

	a, err = Unreachable(Call{Profile: Curl()}, to.AddrPort(), context.DeadlineExceeded, time.Second)
	require.NoError(t, err)
	require.Equal(t, wire.EndingTimeout, a.Outcome.Ending)
	require.Equal(t, 28, a.Exit)

	_, err = Unreachable(Call{}, to.AddrPort(), errors.New("no lab"), 0)
	require.ErrorContains(t, err, "no lab")
}
