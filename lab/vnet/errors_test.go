package vnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair is a connection from the first client to the first node.
func pair(t testing.TB, n *Network) (client, server *Conn) {
	t.Helper()
	at := netip.AddrPortFrom(node4, 443)
	l, err := n.Listen(at)
	require.NoError(t, err)
	defer l.Close()
	client, err = n.Dial(testContext(t), client4, at)
	require.NoError(t, err)
	c, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, client.LocalAddr(), c.RemoteAddr())
	return client, c.(*Conn)
}

// TestEndings checks the error that each way to end a connection gives the other side.
func TestEndings(t *testing.T) {
	tests := []struct {
		name  string
		end   func(*Conn) error
		read  error // of the peer, then
		write error // of the peer, at last
	}{
		{"reset", (*Conn).Reset, syscall.ECONNRESET, syscall.EPIPE},
		{"close", (*Conn).Close, io.EOF, syscall.EPIPE}, // as Linux: a RST in CLOSE-WAIT is EPIPE
		{"close write", (*Conn).CloseWrite, io.EOF, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t, testConfig())
			client, server := pair(t, n)
			require.NoError(t, tt.end(server))
			_, err := client.Read(make([]byte, 1))
			require.ErrorIs(t, err, tt.read)
			_, err = client.Write([]byte("x"))
			if tt.name == "close" { // the first write sets off the RST
				require.NoError(t, err)
				require.NoError(t, n.Quiesce(testContext(t)))
				_, err = client.Write([]byte("x"))
			}
			require.ErrorIs(t, err, tt.write)
			require.NoError(t, client.Close())
			_, err = client.Write([]byte("x"))
			require.ErrorIs(t, err, net.ErrClosed)
			require.ErrorIs(t, client.CloseWrite(), net.ErrClosed)
			require.NoError(t, client.Reset())
		})
	}
}

func TestCloseUnblocks(t *testing.T) {
	ends := map[string]func(n *Network, c *Conn){
		"close":   func(_ *Network, c *Conn) { _ = c.Close() },
		"reset":   func(_ *Network, c *Conn) { _ = c.Reset() },
		"network": func(n *Network, _ *Conn) { n.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			n := start(t, testConfig())
			client, _ := pair(t, n)
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := client.Read(make([]byte, 1))
				require.Error(t, err)
			})
			wg.Go(func() {
				for {
					if _, err := client.Write(make([]byte, 1<<20)); err != nil {
						return
					}
				}
			})
			require.NoError(t, n.Quiesce(testContext(t)))
			end(n, client)
			wg.Wait()
		})
	}
}

func TestDeadlines(t *testing.T) {
	clock := NewManualClock(time.Time{})
	c := testConfig()
	c.Clock = clock
	n := start(t, c)
	client, server := pair(t, n)
	b := make([]byte, 1)

	for name, past := range map[string]time.Time{"wall": time.Now().Add(-time.Second), "epoch": time.Unix(1, 0), "clock": clock.Now()} {
		require.NoError(t, client.SetDeadline(past))
		_, err := client.Read(b)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, name)
		_, err = client.Write(b)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, name)
		var ne net.Error
		require.ErrorAs(t, err, &ne)
		require.True(t, ne.Timeout())
	}
	require.NoError(t, client.SetDeadline(time.Time{}))

	// A deadline of the clock comes when the clock does.
	require.NoError(t, client.SetReadDeadline(clock.Now().Add(time.Minute)))
	done := make(chan error)
	go func() {
		_, err := client.Read(make([]byte, 1))
		done <- err
	}()
	require.NoError(t, n.Quiesce(testContext(t)))
	clock.Advance(time.Minute - 1)
	select {
	case err := <-done:
		t.Fatalf("read ended early: %v", err)
	default:
	}
	clock.Advance(1)
	require.ErrorIs(t, <-done, os.ErrDeadlineExceeded)

	// One of package time comes although the clock stands still.
	require.NoError(t, client.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err := client.Read(b)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	// And the connection goes on.
	require.NoError(t, client.SetReadDeadline(time.Time{}))
	_, err = server.Write(b)
	require.NoError(t, err)
	_, err = client.Read(b)
	require.NoError(t, err)
}

// TestDeadlineMoved moves a deadline while a read waits under the old one's successor.
func TestDeadlineMoved(t *testing.T) {
	clock := NewManualClock(time.Time{})
	var d deadline
	for range 3 {
		d.set(clock, clock.Now().Add(time.Second))
		d.set(clock, clock.Now().Add(2*time.Second))
		ch := d.done()
		clock.Advance(time.Second)
		require.False(t, isClosed(ch))
		clock.Advance(time.Second)
		require.True(t, isClosed(ch))
		d.set(clock, time.Time{})
		require.False(t, isClosed(d.done()))
	}
	require.Zero(t, clock.pending())
}

func TestDialErrors(t *testing.T) {
	c := testConfig()
	c.Ingress = func(_ netip.Addr, port uint16) bool { return port == 443 || port == 444 }
	n := start(t, c)
	at := func(a netip.Addr, p uint16) netip.AddrPort { return netip.AddrPortFrom(a, p) }
	expired, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	soon, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	l, err := n.Listen(at(node4, 443))
	require.NoError(t, err)
	taken, err := n.DialPort(testContext(t), at(client4, 40000), at(node4, 443))
	require.NoError(t, err)
	require.Equal(t, "203.0.113.10:40000", taken.LocalAddr().String())
	tests := []struct {
		name string
		ctx  context.Context
		from netip.AddrPort
		to   netip.AddrPort
		want error
	}{
		{"nobody listens", nil, at(client4, 0), at(node4, 444), syscall.ECONNREFUSED},
		{"nobody listens IPv6", nil, at(client6, 0), at(node6, 443), syscall.ECONNREFUSED},
		{"security group", soon, at(client4, 0), at(node4, 8444), os.ErrDeadlineExceeded},
		{"security group, context's error", soon, at(client4, 0), at(node4, 8444), context.DeadlineExceeded},
		{"expired before", expired, at(client4, 0), at(node4, 443), os.ErrDeadlineExceeded},
		{"canceled", canceled, at(client4, 0), at(node4, 443), context.Canceled},
		{"unknown client", nil, at(netip.MustParseAddr("198.51.100.1"), 0), at(node4, 443), syscall.EADDRNOTAVAIL},
		{"unknown node", nil, at(client4, 0), at(netip.MustParseAddr("10.9.9.9"), 443), syscall.ENETUNREACH},
		{"client to target", nil, at(client4, 0), at(target4, 80), syscall.ENETUNREACH},
		{"node to client", nil, at(node4, 0), at(client4, 80), syscall.ENETUNREACH},
		{"families mixed", nil, at(client4, 0), at(node6, 443), syscall.ENETUNREACH},
		{"port taken", nil, at(client4, 40000), at(node4, 443), syscall.EADDRINUSE},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.ctx == nil {
				tt.ctx = testContext(t)
			}
			_, err := n.DialPort(tt.ctx, tt.from, tt.to)
			require.ErrorIs(t, err, tt.want)
			var oe *net.OpError
			require.ErrorAs(t, err, &oe)
		})
	}
	_, err = n.Listen(at(node4, 443))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = n.Listen(at(client4, 443))
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
	require.NoError(t, l.Close())
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	n.Close()
	_, err = n.Dial(testContext(t), client4, at(node4, 443))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = n.Listen(at(node4, 443))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestNewErrors(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no node", func(c *Config) { c.Nodes = nil }, "vnet: no node"},
		{"small MTU", func(c *Config) { c.MTU = 1000 }, "vnet: MTU 1000 is not within 1280 to 65535"},
		{"address twice", func(c *Config) { c.Targets = append(c.Targets, client4) }, "vnet: address 203.0.113.10 is given twice"},
		{"no IPv4", func(c *Config) { c.Nodes[0].IPv4 = netip.Addr{} }, `vnet: "invalid IP" is no address for a host (interface eni-0a)`},
		{"mapped", func(c *Config) { c.Clients = []netip.Addr{netip.MustParseAddr("::ffff:1.2.3.4")} }, `vnet: "::ffff:1.2.3.4" is no address for a host`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testConfig()
			tt.change(&c)
			_, err := New(c)
			require.EqualError(t, err, tt.want)
		})
	}
}
