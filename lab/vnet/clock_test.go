package vnet

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestManualClock(t *testing.T) {
	start := time.Date(2025, 2, 15, 10, 0, 0, 0, time.FixedZone("JST", 9*3600))
	c := NewManualClock(start)
	require.True(t, c.Now().Equal(start))
	require.Equal(t, defaultStart, NewManualClock(time.Time{}).Now())
	var got []string
	note := func(name string) func() {
		return func() { got = append(got, fmt.Sprint(name, " ", c.Now().Sub(start))) }
	}
	c.AfterFunc(3*time.Second, note("c"))
	c.AfterFunc(time.Second, note("a"))
	c.AfterFunc(time.Second, func() {
		note("b")()
		c.AfterFunc(time.Second, note("made by b"))
	})
	stopped := c.AfterFunc(time.Second, note("stopped"))
	require.True(t, stopped())
	require.False(t, stopped())
	c.OnStep(note("step"))
	c.Advance(2500 * time.Millisecond)
	require.Equal(t, []string{"step 0s", "a 1s", "b 1s", "step 1s", "made by b 2s", "step 2s"}, got)
	require.Equal(t, 2500*time.Millisecond, c.Now().Sub(start))
	got = nil
	c.Advance(-time.Hour)
	c.Advance(time.Hour)
	require.Equal(t, []string{"step 2.5s", "step 2.5s", "c 3s", "step 3s"}, got)
	require.Equal(t, time.Hour+2500*time.Millisecond, c.Now().Sub(start))
	require.Zero(t, c.pending())
	var wg sync.WaitGroup
	wg.Add(1)
	stop := c.AfterFunc(0, wg.Done)
	wg.Wait() // without Advance
	require.False(t, stop())
}

// ticker is a Clock of a foreign type: what a caller may bring.
type ticker struct{ *ManualClock }

// TestDay lets a day pass with a connection each minute: nothing may wait for the wall clock. (A foreign clock's: two hours.)
func TestDay(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		clock, minutes := NewManualClock(time.Time{}), 24*60
		n, shapes := metered(t, func(c *Config) {
			if c.Clock = clock; foreign {
				c.Clock, minutes = ticker{clock}, 120
			}
		})
		to := netip.AddrPortFrom(node4, 443)
		serve(t, n, to, echo)
		for range minutes {
			c, err := n.Dial(testContext(t), client4, to)
			require.NoError(t, err)
			_, err = c.Write([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, c.CloseWrite())
			_, err = io.ReadAll(c)
			require.NoError(t, err)
			require.NoError(t, c.Close())
			require.NoError(t, n.Quiesce(testContext(t)))
			clock.Advance(time.Minute)
		}
		require.Equal(t, defaultStart.Add(time.Duration(minutes)*time.Minute), n.Now())
		in, out := shapes()
		require.Equal(t, minutes, withFlags(in, 3))
		require.Equal(t, minutes, withFlags(out, 19))
		require.Zero(t, n.sw.acks.open())
		n.Close()
		require.Less(t, clock.pending(), 10, "timers are left")
	}
}

func TestQuiesce(t *testing.T) {
	n := start(t, testConfig())
	require.NoError(t, n.Quiesce(testContext(t)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, n.Quiesce(ctx), context.Canceled)

	// What a goroutine works on before it answers is waited for.
	to := netip.AddrPortFrom(node4, 443)
	serve(t, n, to, func(c *Conn) {
		b := make([]byte, 1)
		for {
			if _, err := c.Read(b); err != nil {
				_ = c.Close()
				return
			}
			s := 0
			for i := range 2_000_000 { // some milliseconds
				s ^= i
			}
			b[0] = byte(s)
			_, _ = c.Write(b)
		}
	})
	c, err := n.Dial(testContext(t), client4, to)
	require.NoError(t, err)
	for range 5 {
		_, err = c.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, n.Quiesce(testContext(t)))
		// The answer is there: no waiting.
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		moved := n.sw.moved.Load()
		_, err = io.ReadFull(c, make([]byte, 1))
		require.NoError(t, err)
		require.Equal(t, moved, n.sw.moved.Load())
	}
	require.NoError(t, c.Close())
	require.NoError(t, n.Quiesce(testContext(t)))
}

// TestQuiesceBusy checks that a process that never rests does not hold Quiesce forever.
func TestQuiesceBusy(t *testing.T) {
	n := start(t, testConfig())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for !isClosed(stop) {
		}
	})
	require.NoError(t, n.Quiesce(testContext(t)))
	close(stop)
	wg.Wait()
}
