package vnet

import (
	"io"
	"net/netip"
	"sync"
	"testing"

	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/stretchr/testify/require"
)

// shape is what a flow log shows of one direction of one connection.
type shape struct {
	packets, bytes int64
	flags          int
	action         flowlog.Action
}

// metered starts a network on a clock that stands still, with a flow meter. shapes closes the meter and sorts what it
// saw by direction.
func metered(t testing.TB, change func(*Config)) (n *Network, shapes func() (in, out map[shape]int)) {
	t.Helper()
	in, out := make(map[shape]int), make(map[shape]int)
	c := testConfig()
	m := NewFlowMeter(FlowConfig{Interfaces: c.Nodes, Emit: func(r *flowlog.Record) {
		s := shape{r.Packets, r.Bytes, r.TCPFlags, r.Action}
		if string(r.FlowDirection) == "ingress" {
			in[s]++
		} else {
			out[s]++
		}
	}})
	c.Clock, c.Tap = NewManualClock(defaultStart), m.Observe
	if change != nil {
		change(&c)
	}
	n = start(t, c)
	return n, func() (map[shape]int, map[shape]int) {
		require.NoError(t, n.Quiesce(testContext(t)))
		m.Close()
		return in, out
	}
}

// refuse reads a hello of a size and resets, as the load balancer does with one that it cannot accept.
func refuse(size int) func(*Conn) {
	return func(c *Conn) {
		_, _ = io.ReadFull(c, make([]byte, size))
		_ = c.Reset()
	}
}

// eachOf runs f count times in all, from 16 goroutines at once, half of them each from another client.
func eachOf(t testing.TB, count int, f func(i int)) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < count; i += 16 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// TestRefused checks the figures of experiment 1: client to load balancer 3 packets, 328 bytes, flags 2; load balancer
// to client 3 packets, 164 bytes, flags 22. 328 = 60 (SYN) + 52 (ACK) + 216 (hello); 164 = 60 + 52 + 52 (RST). An IPv6
// header has 20 bytes more.
func TestRefused(t *testing.T) {
	const count = 1000
	tests := []struct {
		name     string
		from, to netip.Addr
		hello    int
		in, out  shape
	}{
		{"IPv4", client4, node4, 164, shape{3, 328, 2, flowlog.Accept}, shape{3, 164, 22, flowlog.Accept}},
		{"IPv6", client6, node6, 164, shape{3, 388, 2, flowlog.Accept}, shape{3, 224, 22, flowlog.Accept}},
		// A hello with a post-quantum key share: two segments, of 1420 and 87 bytes: 60 + 52 + 1472 + 139.
		{"two segments", client4, node4, 1507, shape{4, 1723, 2, flowlog.Accept}, shape{3, 164, 22, flowlog.Accept}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, shapes := metered(t, nil)
			to := netip.AddrPortFrom(tt.to, 443)
			serve(t, n, to, refuse(tt.hello))
			ctx := testContext(t)
			eachOf(t, count, func(int) {
				c, err := n.Dial(ctx, tt.from, to)
				require.NoError(t, err)
				_, err = c.Write(make([]byte, tt.hello))
				require.NoError(t, err)
				_, err = c.Read(make([]byte, 1))
				require.ErrorContains(t, err, "connection reset by peer")
				require.NoError(t, c.Close())
			})
			in, out := shapes()
			require.Equal(t, map[shape]int{tt.in: count}, in)
			require.Equal(t, map[shape]int{tt.out: count}, out)
		})
	}
}

// TestCompleted checks the flags of a connection that ends well: 3 and 19, whoever closes first. Numbers of packets and
// bytes depend on how many segments an ACK covers.
func TestCompleted(t *testing.T) {
	const count = 500
	answer := func(c *Conn) {
		_, _ = io.ReadFull(c, make([]byte, 300))
		_, _ = c.Write(make([]byte, 5000))
	}
	tests := []struct {
		name        string
		serve       func(*Conn)
		clientFirst bool
	}{
		{"server closes first", func(c *Conn) {
			answer(c)
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}, false},
		{"client closes first", func(c *Conn) {
			answer(c)
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, shapes := metered(t, nil)
			to := netip.AddrPortFrom(node4, 443)
			serve(t, n, to, tt.serve)
			ctx := testContext(t)
			eachOf(t, count, func(int) {
				c, err := n.Dial(ctx, client4, to)
				require.NoError(t, err)
				_, err = c.Write(make([]byte, 300))
				require.NoError(t, err)
				_, err = io.ReadFull(c, make([]byte, 5000))
				require.NoError(t, err)
				if tt.clientFirst {
					require.NoError(t, c.CloseWrite())
				}
				_, err = c.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF)
				require.NoError(t, c.Close())
			})
			in, out := shapes()
			require.Equal(t, count, withFlags(in, 3), "client's: %v", in)
			require.Equal(t, count, withFlags(out, 19), "load balancer's: %v", out)
			t.Logf("client's %v, load balancer's %v", in, out)
		})
	}
}

func withFlags(m map[shape]int, flags int) (count int) {
	for s, n := range m {
		if s.flags == flags && s.action == flowlog.Accept {
			count += n
		}
	}
	return count
}
