package vnet

import (
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/stretchr/testify/require"
)

// BenchmarkRefused makes connections whose hello is answered with a RST, from 16 goroutines.
func BenchmarkRefused(b *testing.B) {
	benches := []struct {
		name string
		tap  func(c Config) func(*Packet)
	}{
		{"tap=off", func(Config) func(*Packet) { return nil }},
		{"tap=empty", func(Config) func(*Packet) { return func(*Packet) {} }},
		{"tap=meter", func(c Config) func(*Packet) {
			return NewFlowMeter(FlowConfig{Interfaces: c.Nodes, Emit: func(*flowlog.Record) {}}).Observe
		}},
	}
	for _, bb := range benches {
		b.Run(bb.name, func(b *testing.B) {
			c := testConfig()
			c.Tap = bb.tap(c)
			n := start(b, c)
			to := netip.AddrPortFrom(node4, 443)
			serve(b, n, to, func(c *Conn) {
				var buf [164]byte
				_, _ = io.ReadFull(c, buf[:])
				_ = c.Reset()
			})
			hello := make([]byte, 164)
			ctx := testContext(b)
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					var one [1]byte
					for next.Add(1) <= int64(b.N) {
						c, err := n.Dial(ctx, client4, to)
						if err != nil {
							b.Error(err)
							return
						}
						_, _ = c.Write(hello)
						_, _ = c.Read(one[:])
						_ = c.Close()
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refused/s")
		})
	}
}

// BenchmarkTransfer sends data from a node to a client.
func BenchmarkTransfer(b *testing.B) {
	n := start(b, testConfig())
	to := netip.AddrPortFrom(node4, 443)
	block := make([]byte, 64<<10)
	serve(b, n, to, func(c *Conn) {
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	c, err := n.Dial(testContext(b), client4, to)
	require.NoError(b, err)
	b.SetBytes(int64(len(block)))
	b.ResetTimer()
	buf := make([]byte, len(block))
	for range b.N {
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
	_ = c.Close()
}

// BenchmarkObserve counts packets of many flows.
func BenchmarkObserve(b *testing.B) {
	m := NewFlowMeter(FlowConfig{Interfaces: testConfig().Nodes})
	packets := make([]*Packet, 4096)
	for i := range packets {
		packets[i] = segment(i/256, i%2 == 0, netip.AddrPortFrom(client4, uint16(i/6)), netip.AddrPortFrom(node4, 443), 16, 100)
	}
	b.ReportAllocs()
	for i := range b.N {
		m.Observe(packets[i%len(packets)])
	}
}

// BenchmarkNew starts and ends networks.
func BenchmarkNew(b *testing.B) {
	for range b.N {
		n, err := New(testConfig())
		require.NoError(b, err)
		n.Close()
	}
}

func BenchmarkQuiesce(b *testing.B) {
	n := start(b, testConfig())
	ctx := testContext(b)
	for range b.N {
		require.NoError(b, n.Quiesce(ctx))
	}
}
