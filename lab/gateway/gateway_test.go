package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeLab is a Dialer whose network is a kernel socket pair: the far end of each connection comes out of far.
type fakeLab struct {
	t    testing.TB
	l    net.Listener
	far  chan *net.TCPConn
	mu   sync.Mutex
	from []netip.AddrPort
	err  func(from netip.AddrPort) error // nil: none
	wait bool                            // dial until the context ends
}

func newFakeLab(t testing.TB) *fakeLab {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return &fakeLab{t: t, l: l, far: make(chan *net.TCPConn, 100)}
}

// labConn is a TCPConn with the lab's Reset.
type labConn struct{ *net.TCPConn }

func (c labConn) Reset() error { return errors.Join(c.SetLinger(0), c.Close()) }

func (f *fakeLab) DialFrom(ctx context.Context, from netip.AddrPort, listener string) (net.Conn, error) {
	f.mu.Lock()
	f.from = append(f.from, from)
	f.mu.Unlock()
	if f.wait {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if f.err != nil {
		if err := f.err(from); err != nil {
			return nil, err
		}
	}
	if listener != "https" {
		return nil, errors.New("no such listener")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	near, err := net.Dial("tcp", f.l.Addr().String())
	if err != nil {
		return nil, err
	}
	far, err := f.l.Accept()
	if err != nil {
		return nil, err
	}
	f.far <- far.(*net.TCPConn)
	return labConn{near.(*net.TCPConn)}, nil
}

func startGateway(t testing.TB, addr string, d Dialer, o *Options) *Gateway {
	t.Helper()
	g, err := Listen(addr, "https", d, o)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	t.Cleanup(func() {
		require.NoError(t, g.Close())
		require.NoError(t, <-served)
	})
	return g
}

// connect makes a connection through a gateway and returns both of its ends.
func connect(t testing.TB, g *Gateway, f *fakeLab) (peer, far *net.TCPConn) {
	t.Helper()
	c, err := net.Dial("tcp", g.Addr().String())
	require.NoError(t, err)
	peer, far = c.(*net.TCPConn), <-f.far
	t.Cleanup(func() { _, _ = peer.Close(), far.Close() })
	for _, c := range []*net.TCPConn{peer, far} {
		require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	}
	return peer, far
}

// TestEnds checks, in both directions, that the end of a connection on one side is the same on the other, after all
// that was sent before.
func TestEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(*net.TCPConn) error
		want error
	}{
		{"RST", func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) }, syscall.ECONNRESET},
		{"FIN", (*net.TCPConn).CloseWrite, io.EOF},
		{"close", (*net.TCPConn).Close, io.EOF},
	}
	for _, tt := range tests {
		for _, fromLab := range []bool{true, false} {
			name := tt.name + " by the peer"
			if fromLab {
				name = tt.name + " by the lab"
			}
			t.Run(name, func(t *testing.T) {
				f := newFakeLab(t)
				g := startGateway(t, "127.0.0.1:0", f, nil)
				peer, far := connect(t, g, f)
				a, b := peer, far
				if fromLab {
					a, b = far, peer
				}
				_, err := a.Write([]byte("last words"))
				require.NoError(t, err)
				buf := make([]byte, 10)
				_, err = io.ReadFull(b, buf)
				require.NoError(t, err)
				require.NoError(t, tt.end(a))
				_, err = b.Read(buf)
				require.ErrorIs(t, err, tt.want)
			})
		}
	}
}

func TestHalfClose(t *testing.T) {
	f := newFakeLab(t)
	g := startGateway(t, "127.0.0.1:0", f, nil)
	peer, far := connect(t, g, f)
	_, err := peer.Write([]byte("request"))
	require.NoError(t, err)
	require.NoError(t, peer.CloseWrite())
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, "request", string(got))
	_, err = far.Write([]byte("answer after FIN"))
	require.NoError(t, err)
	require.NoError(t, far.Close())
	got, err = io.ReadAll(peer)
	require.NoError(t, err)
	require.Equal(t, "answer after FIN", string(got))
}

// TestLargeTransfer sends 20 MB each way at once.
func TestLargeTransfer(t *testing.T) {
	f := newFakeLab(t)
	g := startGateway(t, "127.0.0.1:0", f, nil)
	peer, far := connect(t, g, f)
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	want := sha256.Sum256(data)
	var wg sync.WaitGroup
	for _, c := range []*net.TCPConn{peer, far} {
		wg.Go(func() {
			_, err := c.Write(data)
			require.NoError(t, err)
			require.NoError(t, c.CloseWrite())
		})
		wg.Go(func() {
			h := sha256.New()
			_, err := io.Copy(h, c)
			require.NoError(t, err)
			require.Equal(t, want[:], h.Sum(nil))
		})
	}
	wg.Wait()
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		name, listen string
		o            *Options
		want         string
	}{
		{"IPv4", "127.0.0.1:0", nil, "203.0.113.10"},
		{"IPv6", "[::1]:0", nil, "2001:db8::10"},
		{"other", "127.0.0.1:0", &Options{IPv4: netip.MustParseAddr("198.51.100.7")}, "198.51.100.7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.listen[0] == '[' {
				l, err := net.Listen("tcp", tt.listen)
				if err != nil {
					t.Skip("this machine has no IPv6 loopback: ", err)
				}
				require.NoError(t, l.Close())
			}
			f := newFakeLab(t)
			g := startGateway(t, tt.listen, f, tt.o)
			peer, _ := connect(t, g, f)
			port := peer.LocalAddr().(*net.TCPAddr).AddrPort().Port()
			require.Equal(t, []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(tt.want), port)}, f.from)
		})
	}
}

// TestPortTaken checks that a peer whose port is still taken in the lab gets another.
func TestPortTaken(t *testing.T) {
	f := newFakeLab(t)
	f.err = func(from netip.AddrPort) error {
		if from.Port() != 0 {
			return &net.OpError{Op: "dial", Err: syscall.EADDRINUSE}
		}
		return nil
	}
	g := startGateway(t, "127.0.0.1:0", f, nil)
	connect(t, g, f)
	require.Len(t, f.from, 2)
	require.Zero(t, f.from[1].Port())
}

func TestDialFails(t *testing.T) {
	f := newFakeLab(t)
	f.err = func(netip.AddrPort) error { return syscall.ECONNREFUSED }
	var log bytes.Buffer
	g := startGateway(t, "127.0.0.1:0", f, &Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c, err := net.Dial("tcp", g.Addr().String())
	if err == nil { // the RST may come before Dial has looked
		require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = c.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.NoError(t, g.Close())
	require.Contains(t, log.String(), "connection refused")
}

func TestListenErrors(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	at := busy.Addr().String()
	tests := []struct{ name, addr, want string }{
		{"busy", at, "listening on " + at + ": another program has the port; choose another, or 0 for a free one: address already in use"},
		{"all", ":0", `listening on ":0": not a loopback address; the lab is for this machine alone`},
		{"all IPv4", "0.0.0.0:0", `listening on "0.0.0.0:0": not a loopback address; the lab is for this machine alone`},
		{"other", "203.0.113.1:0", `listening on "203.0.113.1:0": not a loopback address; the lab is for this machine alone`},
		{"nonsense", "127.0.0.1", `listening on "127.0.0.1": address 127.0.0.1: missing port in address`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Listen(tt.addr, "https", newFakeLab(t), nil)
			require.EqualError(t, err, tt.want)
		})
	}
	g, err := Listen("0.0.0.0:0", "https", newFakeLab(t), &Options{AllowRemote: true})
	require.NoError(t, err)
	require.NoError(t, g.Close())
	require.NoError(t, g.Serve())
}

func TestShutdown(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	f := newFakeLab(t)

	g := startGateway(t, "127.0.0.1:0", f, nil)
	peer, far := connect(t, g, f)
	done := make(chan error)
	go func() { done <- g.Shutdown(ctx) }()
	<-g.stop
	_, err := peer.Write([]byte("still carried"))
	require.NoError(t, err)
	require.NoError(t, peer.CloseWrite())
	b, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, "still carried", string(b))
	require.NoError(t, far.Close())
	require.NoError(t, <-done)
	_, err = net.Dial("tcp", g.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	// With a context that has ended, and with Close, what is left is reset.
	for _, end := range []func(*Gateway) error{
		func(g *Gateway) error {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			require.ErrorIs(t, g.Shutdown(gone), context.Canceled)
			return nil
		},
		(*Gateway).Close,
	} {
		g = startGateway(t, "127.0.0.1:0", f, nil)
		peer, far = connect(t, g, f)
		require.NoError(t, end(g))
		for _, c := range []net.Conn{peer, far} {
			_, err = c.Read(b)
			require.ErrorIs(t, err, syscall.ECONNRESET)
		}
	}
}

// TestCloseWhileDialing closes a gateway that waits for the lab.
func TestCloseWhileDialing(t *testing.T) {
	f := newFakeLab(t)
	f.wait = true
	g := startGateway(t, "127.0.0.1:0", f, nil)
	c, err := net.Dial("tcp", g.Addr().String())
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.from) == 1
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, g.Close())
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// TestMaxConns checks that more connections wait until one ends.
func TestMaxConns(t *testing.T) {
	f := newFakeLab(t)
	g := startGateway(t, "127.0.0.1:0", f, &Options{MaxConns: 1})
	first, far := connect(t, g, f)
	c, err := net.Dial("tcp", g.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.Empty(t, f.far)
	require.NoError(t, first.Close())
	require.NoError(t, far.Close())
	require.NoError(t, (<-f.far).Close())
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		f := newFakeLab(t)
		g, err := Listen("127.0.0.1:0", "https", f, nil)
		require.NoError(t, err)
		go func() { _ = g.Serve() }()
		for range 10 {
			connect(t, g, f)
		}
		require.NoError(t, g.Close())
		require.NoError(t, g.Close())
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 20*time.Second, time.Millisecond) // Eventually's own
}
