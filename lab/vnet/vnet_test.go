package vnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	client4 = netip.MustParseAddr("203.0.113.10")
	client6 = netip.MustParseAddr("2001:db8::10")
	node4   = netip.MustParseAddr("10.0.1.10")
	node6   = netip.MustParseAddr("2001:db8:1::10")
	target4 = netip.MustParseAddr("10.0.3.10")
)

// testConfig is the embedded lab's network.
func testConfig() Config {
	return Config{
		Nodes: []Interface{
			{ID: "eni-0a", SubnetID: "subnet-0a", AZ: "use1-az1", IPv4: node4, IPv6: node6},
			{ID: "eni-0b", SubnetID: "subnet-0b", AZ: "use1-az2", IPv4: netip.MustParseAddr("10.0.2.10"), IPv6: netip.MustParseAddr("2001:db8:2::10")},
		},
		Clients: []netip.Addr{client4, client6, netip.MustParseAddr("203.0.113.11"), netip.MustParseAddr("2001:db8::11")},
		Targets: []netip.Addr{target4},
	}
}

func start(t testing.TB, c Config) *Network {
	t.Helper()
	n, err := New(c)
	require.NoError(t, err)
	t.Cleanup(n.Close)
	return n
}

// serve accepts until the test ends and waits for the handlers.
func serve(t testing.TB, n *Network, at netip.AddrPort, handle func(*Conn)) {
	t.Helper()
	l, err := n.Listen(at)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { handle(c.(*Conn)) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); n.Close(); wg.Wait() })
}

func echo(c *Conn) {
	_, _ = io.Copy(c, c)
	_ = c.CloseWrite()
	_ = c.Close()
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestEcho(t *testing.T) {
	tests := []struct {
		name     string
		from, to netip.Addr
	}{
		{"client to node IPv4", client4, node4},
		{"client to node IPv6", client6, node6},
		{"second client to second node", netip.MustParseAddr("203.0.113.11"), netip.MustParseAddr("10.0.2.10")},
		{"node to target", node4, target4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t, testConfig())
			to := netip.AddrPortFrom(tt.to, 443)
			serve(t, n, to, echo)
			c, err := n.Dial(testContext(t), tt.from, to)
			require.NoError(t, err)
			require.Equal(t, netip.AddrPortFrom(tt.from, 32768).String(), c.LocalAddr().String())
			require.Equal(t, to.String(), c.RemoteAddr().String())
			_, err = c.Write([]byte("hello"))
			require.NoError(t, err)
			require.NoError(t, c.CloseWrite())
			b, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Equal(t, "hello", string(b))
			require.NoError(t, c.Close())
			require.NoError(t, c.Close())
			_, err = c.Read(b)
			require.ErrorIs(t, err, net.ErrClosed)
		})
	}
}

// TestStillTransfer sends much data each way at once to slow readers while the clock stands still: no sender may wait for
// a timer, such as that of a delayed ACK.
func TestStillTransfer(t *testing.T) {
	for _, piece := range []int{1, 100, 1448, 1449, 3000, 100_000} {
		t.Run(strconv.Itoa(piece), func(t *testing.T) {
			size := min(1<<20, 3000*piece)
			c := testConfig()
			c.Clock = NewManualClock(time.Time{})
			n := start(t, c)
			to := netip.AddrPortFrom(node4, 443)
			var wg sync.WaitGroup
			exchange := func(c *Conn) {
				wg.Go(func() {
					b := make([]byte, piece)
					for range size / piece {
						if _, err := c.Write(b); err != nil {
							t.Error(err)
							return
						}
					}
				})
				wg.Go(func() {
					if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{io.LimitReader(c, int64(size/piece*piece))}, make([]byte, 2*piece+1)); err != nil {
						t.Error(err)
					}
				})
			}
			l, err := n.Listen(to)
			require.NoError(t, err)
			client, err := n.Dial(testContext(t), client4, to)
			require.NoError(t, err)
			server, err := l.Accept()
			require.NoError(t, err)
			for _, c := range []*Conn{client, server.(*Conn)} {
				require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
				exchange(c)
			}
			wg.Wait()
		})
	}
}
