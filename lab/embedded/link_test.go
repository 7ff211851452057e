package embedded_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"io"
)

// TestLink loses, doubles and delays packets of one client and leaves the others alone. What is lost on the way to the load
// balancer its interface never sees; what is lost on the way back it has sent.
func TestLink(t *testing.T) {
	tests := []struct {
		name string
		link lab.Link
		// beyond what a good path shows
		in, out int64
		takes   time.Duration
	}{
		{name: "good"},
		{name: "SYN lost", link: lab.Link{LoseIn: []int{1}}, takes: time.Second},
		{name: "SYN-ACK lost", link: lab.Link{LoseOut: []int{1}}, in: 1, out: 1, takes: time.Second},
		{name: "all doubled", link: lab.Link{Duplicate: 1}, in: 1},
		{name: "delayed", link: lab.Link{Delay: 100 * time.Millisecond}, takes: 200 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			l, err := embedded.Start(ctx, lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443, Certificate: "ecdsa"}}}, nil)
			require.NoError(t, err)
			defer func() { require.NoError(t, l.Close()) }()
			bad, other := lab.Vantage{}, lab.Vantage{Client: 1}
			want := call(ctx, t, l, other)
			require.NoError(t, l.SetLink(bad, tt.link))
			took := call(ctx, t, l, bad)
			require.Equal(t, want, call(ctx, t, l, other), "another client's path")
			require.GreaterOrEqual(t, took, tt.takes)
			require.Less(t, took, tt.takes+time.Second)
			b, err := l.Collect(ctx)
			require.NoError(t, err)
			f := countPackets(t, b)
			require.GreaterOrEqual(t, f["203.0.113.10"].in, f["203.0.113.11"].in/2+tt.in)
			require.GreaterOrEqual(t, f["203.0.113.10"].out, f["203.0.113.11"].out/2+tt.out)
			if !tt.link.Bad() {
				require.Equal(t, f["203.0.113.11"].in/2, f["203.0.113.10"].in)
			}
		})
	}
}

type packetCount struct{ in, out int64 }

// countPackets sums the packets by client.
func countPackets(t *testing.T, b *evidence.Bundle) map[string]packetCount {
	t.Helper()
	out := map[string]packetCount{}
	require.NoError(t, b.Each(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range flowlog.Records(r, o) {
			require.NoError(t, err)
			if rec.DstPort == 443 {
				f := out[rec.SrcAddr.String()]
				f.in += rec.Packets
				out[rec.SrcAddr.String()] = f
			} else {
				f := out[rec.DstAddr.String()]
				f.out += rec.Packets
				out[rec.DstAddr.String()] = f
			}
		}
		return nil
	}))
	return out
}

// call connects, sends a byte of no TLS and waits for the end. It returns how much of the lab's time that took.
func call(ctx context.Context, t *testing.T, l *embedded.Lab, from lab.Vantage) time.Duration {
	t.Helper()
	begin := l.Now()
	done := make(chan error, 1)
	go func() {
		c, err := l.Dial(ctx, from, "https")
		if err == nil {
			_, err = c.Write([]byte("x"))
			_, _ = io.ReadAll(c)
			_ = c.Close()
		}
		done <- err
	}()
	for {
		require.NoError(t, l.WaitUntil(ctx, l.Now())) // lets all that can happen now happen
		select {
		case err := <-done:
			require.NoError(t, err)
			return l.Now().Sub(begin)
		default:
			require.NoError(t, l.WaitUntil(ctx, l.Now().Add(50*time.Millisecond)))
		}
	}
}

func TestLinkRefused(t *testing.T) {
	l, err := embedded.Start(context.Background(), lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443}}}, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	require.ErrorContains(t, l.SetLink(lab.Vantage{}, lab.Link{Loss: 1.5}), "loss: 1.5 is not a share")
	require.ErrorContains(t, l.SetLink(lab.Vantage{Client: 64}, lab.Link{}), "clients 0 to 63")
}
