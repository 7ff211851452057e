package vnet

import (
	"context"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/stretchr/testify/require"
)

func only443(_ netip.Addr, port uint16) bool { return port == 443 }

// TestRejected checks that a forbidden SYN is one rejected packet on a clock that stands still, is sent again when time
// passes, and that nothing comes back.
func TestRejected(t *testing.T) {
	clock := NewManualClock(time.Time{})
	n, shapes := metered(t, func(c *Config) { c.Clock, c.Ingress = clock, only443 })
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error)
	go func() {
		_, err := n.Dial(ctx, client4, netip.AddrPortFrom(node4, 8444))
		done <- err
	}()
	require.NoError(t, n.Quiesce(testContext(t)))
	in, out := shapes()
	require.Equal(t, map[shape]int{{1, 60, 2, flowlog.Reject}: 1}, in)
	require.Empty(t, out)

	clear(in)
	clock.Advance(2 * time.Second) // RFC 6298: the first SYN is sent again after a second
	in, _ = shapes()
	require.Equal(t, map[shape]int{{1, 60, 2, flowlog.Reject}: 1}, in)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestSYNTimeout(t *testing.T) {
	clock := NewManualClock(time.Time{})
	n, shapes := metered(t, func(c *Config) { c.Clock, c.Ingress = clock, only443 })
	done := make(chan error)
	go func() {
		_, err := n.Dial(context.Background(), client6, netip.AddrPortFrom(node6, 22))
		done <- err
	}()
	for {
		require.NoError(t, n.Quiesce(testContext(t)))
		select {
		case err := <-done:
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			in, out := shapes()
			require.Empty(t, out)
			// After 0, 1, 3, 7, 15, 31 and 63 seconds: the last in the second window.
			require.Equal(t, map[shape]int{{6, 480, 2, flowlog.Reject}: 1, {1, 80, 2, flowlog.Reject}: 1}, in)
			return
		default:
			clock.Advance(time.Second)
			require.Less(t, clock.Now().Sub(defaultStart), 5*time.Minute)
		}
	}
}

// TestScan checks the half-open scan: the client's flags 6 (SYN, RST), the load balancer's 18; a closed port's RST.
func TestScan(t *testing.T) {
	tests := []struct {
		name     string
		from, to netip.Addr
		port     uint16
		open     bool
		wantErr  error
		in, out  map[shape]int
	}{
		{"open IPv4", client4, node4, 443, true, nil,
			map[shape]int{{2, 84, 6, flowlog.Accept}: 1}, map[shape]int{{1, 44, 18, flowlog.Accept}: 1}},
		{"open IPv6", client6, node6, 443, true, nil,
			map[shape]int{{2, 124, 6, flowlog.Accept}: 1}, map[shape]int{{1, 64, 18, flowlog.Accept}: 1}},
		{"closed", client4, node4, 80, false, nil,
			map[shape]int{{1, 44, 2, flowlog.Accept}: 1}, map[shape]int{{1, 40, 4, flowlog.Accept}: 1}},
		{"filtered", client4, node4, 22, false, os.ErrDeadlineExceeded,
			map[shape]int{{1, 44, 2, flowlog.Reject}: 1}, map[shape]int{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, shapes := metered(t, func(c *Config) {
				c.Ingress = func(_ netip.Addr, port uint16) bool { return port != 22 }
			})
			serve(t, n, netip.AddrPortFrom(tt.to, 443), echo)
			open, err := n.SYN(testContext(t), tt.from, netip.AddrPortFrom(tt.to, tt.port))
			require.ErrorIs(t, err, tt.wantErr)
			require.Equal(t, tt.open, open)
			in, out := shapes()
			require.Equal(t, tt.in, in)
			require.Equal(t, tt.out, out)
		})
	}
}

// TestStateful checks that the security group lets the answers of a target come back, and asks about what it begins.
func TestStateful(t *testing.T) {
	n, _ := metered(t, func(c *Config) { c.Ingress = only443 })
	at := netip.AddrPortFrom(target4, 80)
	serve(t, n, at, echo)
	c, err := n.Dial(testContext(t), node4, at)
	require.NoError(t, err)
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	ctx, cancel := context.WithTimeout(testContext(t), 20*time.Millisecond)
	defer cancel()
	_, err = n.Dial(ctx, target4, netip.AddrPortFrom(node4, 80))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// TestFaults checks that a lost hello is sent again, and that flow logs show what the interface saw.
func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault Fault // of the client's first packet with data
		want  shape
	}{
		{"none", Fault{}, shape{3, 328, 2, flowlog.Accept}},
		{"drop", Fault{Drop: true}, shape{3, 328, 2, flowlog.Accept}},
		{"delay", Fault{Delay: 50 * time.Millisecond}, shape{3, 328, 2, flowlog.Accept}},
		{"duplicate", Fault{Copies: 1}, shape{4, 544, 2, flowlog.Accept}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock, first := NewManualClock(time.Time{}), true
			n, shapes := metered(t, func(c *Config) {
				c.Clock = clock
				c.Fault = func(p *Packet) Fault {
					if p.Inbound && len(p.Data) == 216 && first {
						first = false
						return tt.fault
					}
					return Fault{}
				}
			})
			clock.OnStep(func() { require.NoError(t, n.Quiesce(testContext(t))) })
			to := netip.AddrPortFrom(node4, 443)
			serve(t, n, to, refuse(164))
			c, err := n.Dial(testContext(t), client4, to)
			require.NoError(t, err)
			_, err = c.Write(make([]byte, 164))
			require.NoError(t, err)
			require.NoError(t, n.Quiesce(testContext(t)))
			clock.Advance(2 * time.Second)
			_, err = c.Read(make([]byte, 1))
			require.ErrorContains(t, err, "connection reset by peer")
			in, out := shapes()
			require.Equal(t, map[shape]int{tt.want: 1}, in)
			require.Equal(t, 1, withFlags(out, 22))
		})
	}
}
