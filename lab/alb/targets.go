package alb

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
)

type gotConnKey struct{}

// gotConn is told which target a request goes to.
type gotConn struct{ note func(addr string) }

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
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { got.note(addrPort(info.Conn.RemoteAddr()).String()) },
		}))
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
	t := &targetConn{Conn: conn, lb: lb}
	t.arm()
	return t, nil
}
