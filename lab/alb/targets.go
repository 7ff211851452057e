package alb

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
)

type gotConnKey struct{}

// gotConn is told which connection a request goes over, and what becomes of it after the response.
type gotConn struct {
	note func(addr string)
	mu   sync.Mutex
	conn *targetConn
	kept chan struct{} // closed when the connection waits for the next request
}

func (g *gotConn) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.conn, _ = info.Conn.(*targetConn)
			if a := addrPort(info.Conn.RemoteAddr()); a.IsValid() {
				g.note(a.String())
			}
		},
		PutIdleConn: func(err error) {
			if err == nil {
				close(g.kept)
			}
		},
	}
}

// settle waits until the connection of a response that has been read is free for the next request, or closed. net/http
// does that on the side; whoever has a response must be able to count on how the next request goes.
func (g *gotConn) settle(ctx context.Context) {
	g.mu.Lock()
	conn := g.conn
	g.mu.Unlock()
	if conn == nil {
		return
	}
	select {
	case <-g.kept:
	case <-conn.done:
	case <-ctx.Done():
	}
}

// dialError is a failure to connect to a target.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connecting to the target: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// targets returns the connections of a node to its targets. A load balancer keeps them open for further requests.
func (lb *LoadBalancer) targets(node Node) http.RoundTripper {
	lb.mu.Lock()
	defer lb.mu.Unlock()
	t := lb.transports[node]
	if t == nil {
		t = &http.Transport{
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxResponseHeader,
			MaxIdleConnsPerHost:    maxIdleTargets,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return lb.dialTarget(ctx, node)
			},
		}
		lb.transports[node] = t
	}
	return tracing{t}
}

const (
	maxResponseHeader = 32 << 10 // load-balancer-limits.html: entire response header
	maxIdleTargets    = 64
)

// tracing tells a request's gotConn of the connection that it got.
type tracing struct{ t *http.Transport }

func (t tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	if got, ok := r.Context().Value(gotConnKey{}).(*gotConn); ok {
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), got.trace()))
	}
	return t.t.RoundTrip(r)
}

func (lb *LoadBalancer) dialTarget(ctx context.Context, node Node) (net.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := lb.cfg.Clock.AfterFunc(connectTimeout, func() { cancel(errConnectTimeout) })
	defer stop()
	conn, err := lb.cfg.DialTarget(ctx, node)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &dialError{err}
	}
	lb.cfg.Recorder.Count(metricNewConnections, node.Zone, 1)
	lb.cfg.Recorder.Count(metricActiveConnections, node.Zone, 1)
	t := &targetConn{Conn: conn, lb: lb, done: make(chan struct{})}
	t.arm()
	return t, nil
}
