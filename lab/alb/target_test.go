package alb

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// target is an HTTP server behind the load balancer. It keeps what it was asked.
type target struct {
	srv  *httptest.Server
	mu   sync.Mutex
	seen []*http.Request
}

func newTarget(t testing.TB, h http.HandlerFunc) *target {
	g := new(target)
	g.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.seen = append(g.seen, r.Clone(context.Background()))
		g.mu.Unlock()
		if h != nil {
			h(w, r)
		}
	}))
	t.Cleanup(g.srv.Close)
	return g
}

func (g *target) config(c *Config) {
	c.DialTarget = func(ctx context.Context, _ Node) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", g.srv.Listener.Addr().String())
	}
	for i := range c.Listeners {
		c.Listeners[i].Action.TargetGroupARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/0123456789abcdef"
	}
}

func (g *target) last(t testing.TB) *http.Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	require.NotEmpty(t, g.seen, "the target was not asked")
	return g.seen[len(g.seen)-1]
}
