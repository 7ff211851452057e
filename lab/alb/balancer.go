package alb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// defaultIdleTimeout is AWS's default (docs.aws.amazon.com/elasticloadbalancing/latest/application/
// edit-load-balancer-attributes.html#connection-idle-timeout).
const defaultIdleTimeout = 60 * time.Second

// maxAcceptFailures is how many passing failures in a row end a Serve.
const maxAcceptFailures = 100

// LoadBalancer is a running load balancer. All methods may be called from several goroutines.
type LoadBalancer struct {
	cfg       Config
	listeners map[string]*listener
	ids       *idSource
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc

	mu         sync.Mutex
	closing    bool
	conns      map[*transport]struct{}
	accepting  map[net.Listener]struct{}
	transports map[Node]*http.Transport // towards the targets, by node
	wg         sync.WaitGroup
}

// New makes a load balancer. It reads the configuration once; nothing runs until [LoadBalancer.Serve].
func New(c Config) (*LoadBalancer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = defaultIdleTimeout
	}
	if c.WireProfile == "" {
		c.WireProfile = ProfileReset
	}
	if c.Recorder == nil {
		c.Recorder = nothing{}
	}
	lb := &LoadBalancer{
		cfg:        c,
		listeners:  map[string]*listener{},
		ids:        newIDSource(c.Seed),
		conns:      map[*transport]struct{}{},
		accepting:  map[net.Listener]struct{}{},
		transports: map[Node]*http.Transport{},
	}
	lb.ctx, lb.cancel = context.WithCancel(context.Background())
	for i := range c.Listeners {
		l, err := newListener(&c, &c.Listeners[i])
		if err != nil {
			return nil, fmt.Errorf("listener %q: %w", c.Listeners[i].Name, err)
		}
		lb.listeners[l.Name] = l
	}
	return lb, nil
}

// Serve accepts connections of a node and listener until l closes, and closes l when the load balancer closes. The
// error is nil in both cases.
func (lb *LoadBalancer) Serve(l net.Listener, node Node, listener string) error {
	ln := lb.listener(listener)
	if ln == nil {
		return fmt.Errorf("serving: no listener named %q", listener)
	}
	lb.mu.Lock()
	if lb.closing {
		lb.mu.Unlock()
		l.Close()
		return nil
	}
	lb.accepting[l] = struct{}{}
	lb.mu.Unlock()
	defer func() {
		lb.mu.Lock()
		delete(lb.accepting, l)
		lb.mu.Unlock()
	}()
	for failures := 0; ; {
		conn, err := l.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if failures++; errors.As(err, &temporary) && temporary.Temporary() && lb.ctx.Err() == nil && failures < maxAcceptFailures {
				continue // such as a client that was gone before it was accepted
			}
			if errors.Is(err, net.ErrClosed) || lb.ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accepting on listener %q: %w", listener, err)
		}
		failures = 0
		t := lb.admit(conn)
		if t == nil {
			conn.Close()
			return nil
		}
		go func() {
			defer lb.release(t)
			lb.serveConn(t, node, ln)
		}()
	}
}

// ServeConn serves one connection and returns when it has ended.
func (lb *LoadBalancer) ServeConn(conn net.Conn, node Node, listener string) error {
	ln := lb.listener(listener)
	if ln == nil {
		return fmt.Errorf("serving: no listener named %q", listener)
	}
	t := lb.admit(conn)
	if t == nil {
		return conn.Close()
	}
	defer lb.release(t)
	lb.serveConn(t, node, ln)
	return nil
}

// Close stops accepting, ends all connections and waits for them.
func (lb *LoadBalancer) Close() error {
	lb.mu.Lock()
	lb.closing = true
	lb.cancel()
	for l := range lb.accepting {
		l.Close()
	}
	for t := range lb.conns {
		t.force()
	}
	lb.mu.Unlock()
	lb.wg.Wait()
	lb.mu.Lock()
	defer lb.mu.Unlock()
	for _, t := range lb.transports {
		t.CloseIdleConnections()
	}
	return nil
}

// admit registers a connection, or returns nil when the load balancer closes.
func (lb *LoadBalancer) admit(conn net.Conn) *transport {
	lb.mu.Lock()
	defer lb.mu.Unlock()
	if lb.closing {
		return nil
	}
	t := newTransport(conn, lb.cfg.Clock, lb.cfg.IdleTimeout)
	lb.conns[t] = struct{}{}
	lb.wg.Add(1)
	return t
}

func (lb *LoadBalancer) release(t *transport) {
	t.stopTimer()
	t.Conn.Close()
	lb.mu.Lock()
	delete(lb.conns, t)
	lb.mu.Unlock()
	lb.wg.Done()
}

// ticketKey derives the session-ticket key of a listener on a node: sessions resume only at the same address
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html).
func (lb *LoadBalancer) ticketKey(ln *listener, node Node, engine string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "ticket\x00%d\x00%s\x00%s\x00%s", lb.cfg.Seed, ln.Name, node.Private, engine))
}
