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
				client.CloseIdleConnections()
				b.wait(t)
			}
			require.Error(t, tls.Client(b.dial(t), tls11()).Handshake())
			b.wait(t)
			b.dial(t) // stays until the load balancer closes
		}
	})
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before }, 10*time.Second, 10*time.Millisecond,
		"%d goroutines before", before)
}
