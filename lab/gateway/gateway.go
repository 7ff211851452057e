// Package gateway lets real clients into the embedded lab: a listener on the loopback interface relays each connection
// into the lab's network and turns what ends it there into the same here: a RST into a RST, a FIN into a FIN.
//
// Start with [Listen], then [Gateway.Serve]. The gateway reads nothing of what it carries. It is for tests of one's own
// machine: never put it before anything that matters.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// Dialer is the lab as the gateway needs it.
type Dialer interface {
	// DialFrom connects from an address and port outside of the VPC to a listener of the lab, by its name. It returns
	// when ctx ends. A port in use is an error that wraps syscall.EADDRINUSE; port 0 is any free one. The conn is safe
	// for use by several goroutines and should have Reset() error and CloseWrite() error. The gateway closes it.
	DialFrom(ctx context.Context, from netip.AddrPort, listener string) (net.Conn, error)
}

// Options are a gateway's settings. The zero value is useful.
type Options struct {
	// AllowRemote permits addresses that other machines can reach. Without it only loopback addresses are listened on.
	AllowRemote bool
	// IPv4 and IPv6 are the addresses that peers have in the lab: 203.0.113.10 and 2001:db8::10 by default. A peer
	// keeps its port, unless the lab has a connection with that port still: then it gets another.
	IPv4, IPv6 netip.Addr
	// MaxConns bounds the connections carried at a time; more wait to be accepted. 0: 1024.
	MaxConns int
	// Logger hears of connections that could not be made in the lab; nil discards.
	Logger *slog.Logger
}

// The documented clients of the lab's network.
var (
	defaultIPv4 = netip.AddrFrom4([4]byte{203, 0, 113, 10})
	defaultIPv6 = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 0x10})
)

const defaultMaxConns = 1024

// Gateway is a loopback listener of one of the lab's listeners.
type Gateway struct {
	l        *net.TCPListener
	listener string
	dialer   Dialer
	o        Options
	slots    chan struct{} // one element for each connection carried
	freed    chan struct{} // cap 1: a connection has ended

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	stop   chan struct{} // closed when no more is accepted
	once   sync.Once

	mu     sync.Mutex
	relays map[*relay]struct{}
	wg     sync.WaitGroup // relays
	served sync.WaitGroup // Serve
}

// Listen listens on addr ("127.0.0.1:8443", "[::1]:0") for the lab's listener of that name. The caller runs Serve and
// then Close. Errors name the address and wrap the system's.
func Listen(addr, listener string, d Dialer, o *Options) (*Gateway, error) {
	if o == nil {
		o = new(Options)
	}
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", addr, err)
	}
	if !o.AllowRemote && !a.IP.IsLoopback() {
		return nil, fmt.Errorf("listening on %q: not a loopback address; the lab is for this machine alone", addr)
	}
	l, err := net.ListenTCP("tcp", a)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listening on %s: another program has the port; choose another, or 0 for a free one: %w",
			addr, syscall.EADDRINUSE)
	case err != nil:
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	g := &Gateway{l: l, listener: listener, dialer: d, o: *o, stop: make(chan struct{}), relays: make(map[*relay]struct{})}
	if !g.o.IPv4.IsValid() {
		g.o.IPv4 = defaultIPv4
	}
	if !g.o.IPv6.IsValid() {
		g.o.IPv6 = defaultIPv6
	}
	if g.o.MaxConns <= 0 {
		g.o.MaxConns = defaultMaxConns
	}
	if g.o.Logger == nil {
		g.o.Logger = slog.New(slog.DiscardHandler)
	}
	g.slots, g.freed = make(chan struct{}, g.o.MaxConns), make(chan struct{}, 1)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

// Addr is the address listened on, with the real port where 0 was asked for.
func (g *Gateway) Addr() net.Addr { return g.l.Addr() }

// Serve carries connections until Close or Shutdown, and then returns nil. It is called once.
func (g *Gateway) Serve() error {
	g.mu.Lock()
	if isClosed(g.stop) {
		g.mu.Unlock()
		return nil
	}
	g.served.Add(1)
	g.mu.Unlock()
	defer g.served.Done()
	for {
		select {
		case g.slots <- struct{}{}:
		case <-g.stop:
			return nil
		}
		c, err := g.l.AcceptTCP()
		if err == nil {
			g.carry(c)
			continue
		}
		<-g.slots
		if isClosed(g.stop) {
			return nil
		}
		if !g.mayRecover(err) {
			return fmt.Errorf("accepting on %s: %w", g.Addr(), err)
		}
	}
}

// mayRecover reports whether accepting can go on after an error, and waits for a file descriptor where none was left.
func (g *Gateway) mayRecover(err error) bool {
	if errors.Is(err, syscall.ECONNABORTED) {
		return true
	}
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) || len(g.slots) == 0 {
		return false
	}
	select {
	case <-g.freed:
	case <-g.stop:
	}
	return true
}

// carry relays a connection in goroutines of its own.
func (g *Gateway) carry(c *net.TCPConn) {
	r := &relay{peer: c}
	g.mu.Lock()
	if isClosed(g.stop) {
		g.mu.Unlock()
		<-g.slots
		r.reset()
		return
	}
	g.relays[r] = struct{}{}
	g.wg.Add(1)
	g.mu.Unlock()
	go func() {
		defer g.wg.Done()
		g.run(r)
		g.mu.Lock()
		delete(g.relays, r)
		g.mu.Unlock()
		<-g.slots
		select {
		case g.freed <- struct{}{}:
		default:
		}
	}()
}

func (g *Gateway) run(r *relay) {
	from := g.addressOf(r.peer)
	c, err := g.dialer.DialFrom(g.ctx, from, g.listener)
	if errors.Is(err, syscall.EADDRINUSE) {
		c, err = g.dialer.DialFrom(g.ctx, netip.AddrPortFrom(from.Addr(), 0), g.listener)
	}
	if err != nil {
		// The peer's connection stands already: a RST is all that can be said.
		g.o.Logger.Warn("no connection in the lab", "from", from, "listener", g.listener, "error", err)
		r.reset()
		return
	}
	r.run(c)
}

// addressOf is a peer's address in the lab.
func (g *Gateway) addressOf(c net.Conn) netip.AddrPort {
	p := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	if p.Addr().Unmap().Is4() {
		return netip.AddrPortFrom(g.o.IPv4, p.Port())
	}
	return netip.AddrPortFrom(g.o.IPv6, p.Port())
}

// Shutdown accepts no more and waits for the connections to end by themselves. When ctx ends first it resets the rest
// and returns ctx's error. No goroutine is left either way.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.stopAccepting()
	idle := make(chan struct{})
	go func() {
		g.wg.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return errors.Join(err, g.Close())
}

// Close accepts no more, resets all connections and returns when they have ended. Further calls do nothing.
func (g *Gateway) Close() error {
	g.stopAccepting()
	g.cancel()
	g.mu.Lock()
	for r := range g.relays {
		r.reset()
	}
	g.mu.Unlock()
	g.wg.Wait()
	g.served.Wait()
	return nil
}

func (g *Gateway) stopAccepting() {
	g.once.Do(func() {
		g.mu.Lock()
		close(g.stop)
		g.mu.Unlock()
		_ = g.l.Close()
	})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

var _ io.Closer = (*Gateway)(nil)
