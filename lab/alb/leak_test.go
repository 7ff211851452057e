package alb

import (
	"crypto/tls"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNothingIsLeftBehind: connections of every kind, and then no goroutine more than before.
func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("connections", func(t *testing.T) {
		target := newTarget(t, nil)
		b := start(t, Listener{Action: Action{Type: ActionForward}}, target.config)
		for range 5 {
			for _, h2 := range []bool{false, true} {
				client := b.httpsClient(t, h2)
				get(t, client, "https://"+testHost+"/", nil)
				b.hangUp(t, client)
			}
			require.Error(t, tls.Client(b.dial(t), tls11()).Handshake())
			b.wait(t)
			b.dial(t) // stays until the load balancer closes
		}
	})
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			require.Fail(t, "goroutines are left", "%d before, now %d:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}
