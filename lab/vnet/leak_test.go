package vnet

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// goroutines waits for those that are ending and returns how many are left, with their stacks.
func goroutines(t *testing.T, atMost int) (int, string) {
	t.Helper()
	for range 1000 {
		if runtime.NumGoroutine() <= atMost {
			return runtime.NumGoroutine(), ""
		}
		runtime.Gosched()
		<-time.After(time.Millisecond)
	}
	var b bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 1))
	return runtime.NumGoroutine(), b.String()
}

// TestNoGoroutineIsLeft closes a network with connections in all states.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		n, err := New(testConfig())
		require.NoError(t, err)
		to := netip.AddrPortFrom(node4, 443)
		l, err := n.Listen(to)
		require.NoError(t, err)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(io.Discard, c) }()
			}
		}()
		for i := range 20 {
			c, err := n.Dial(testContext(t), client4, to)
			require.NoError(t, err)
			_, err = c.Write([]byte("x"))
			require.NoError(t, err)
			switch i % 4 {
			case 0:
				require.NoError(t, c.Close())
			case 1:
				require.NoError(t, c.Reset())
			case 2:
				go func() { _, _ = c.Read(make([]byte, 1)) }()
			}
		}
		n.Close()
		n.Close()
	}
	left, stacks := goroutines(t, before)
	require.LessOrEqual(t, left, before, stacks)
}

// TestIdleMemory checks what an idle network adds to the process.
func TestIdleMemory(t *testing.T) {
	rss := func() int {
		runtime.GC()
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Skip("needs /proc/self/status: ", err)
		}
		_, rest, ok := strings.Cut(string(b), "VmRSS:")
		require.True(t, ok)
		kb, err := strconv.Atoi(strings.Fields(rest)[0])
		require.NoError(t, err)
		return kb
	}
	before := rss()
	n := start(t, testConfig())
	require.NoError(t, n.Quiesce(testContext(t)))
	after := rss()
	t.Logf("%d KiB before, %d after", before, after)
	require.Less(t, after-before, 20<<10)
}

// TestPorts checks that local ports follow each other for each address, wrap, and skip those in use.
func TestPorts(t *testing.T) {
	config := testConfig()
	config.Clock = NewManualClock(time.Time{}) // no TIME-WAIT
	n := start(t, config)
	to := netip.AddrPortFrom(node4, 443)
	serve(t, n, to, echo)
	port := func(from netip.Addr) (*Conn, uint16) {
		c, err := n.Dial(testContext(t), from, to)
		require.NoError(t, err)
		return c, c.local.Port()
	}
	second := netip.MustParseAddr("203.0.113.11")
	kept, p := port(client4)
	require.EqualValues(t, 32768, p)
	for want := uint16(32769); want < 32780; want++ {
		c, p := port(client4)
		require.Equal(t, want, p)
		require.NoError(t, c.Close())
	}
	c, p := port(second)
	require.EqualValues(t, 32768, p)
	require.NoError(t, c.Close())
	require.NoError(t, n.Quiesce(testContext(t)))
	n.nextEph[client4] = lastEphemeral
	c, p = port(client4)
	require.EqualValues(t, 60999, p)
	require.NoError(t, c.Reset())
	c, p = port(client4)
	require.EqualValues(t, 32769, p, "32768 is in use")
	require.NoError(t, c.Reset())
	require.NoError(t, kept.Close())
}
