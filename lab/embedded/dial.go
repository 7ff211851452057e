package embedded

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/vnet"
)

// Dial implements [lab.Lab]. A client reaches the node of zone (client number modulo zones), always the same, as one that
// resolved the load balancer's name once.
func (l *Lab) Dial(ctx context.Context, from lab.Vantage, listener string) (net.Conn, error) {
	if from.Client < 0 || from.Client >= vantages {
		return nil, fmt.Errorf("dialing %s: client %d: the embedded lab has clients 0 to %d", listener, from.Client, vantages-1)
	}
	return l.dial(ctx, netip.AddrPortFrom(clientAddr(from.Client, from.IPv6), 0), from.Client, listener)
}

// DialFrom connects from an address and port of the first client's: what a gateway asks for, which keeps its peers' ports.
func (l *Lab) DialFrom(ctx context.Context, from netip.AddrPort, listener string) (net.Conn, error) {
	return l.dial(ctx, from, 0, listener)
}

// GatewayAddr is the client address that a gateway's loopback peers get.
func (l *Lab) GatewayAddr(v6 bool) netip.Addr { return clientAddr(0, v6) }

func (l *Lab) dial(ctx context.Context, from netip.AddrPort, client int, listener string) (net.Conn, error) {
	port, err := l.port(listener)
	if err != nil {
		return nil, err
	}
	to := netip.AddrPortFrom(l.nodeAddr(client, from.Addr().Is6()), port)
	if l.manual == nil {
		return l.counted(l.net.DialPort(ctx, from, to))
	}
	// On a clock that stands still nobody sends a second SYN: when the security group has dropped the first, the
	// attempt is over.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dropped, done := l.rejects.watch(from.Addr(), to, cancel)
	defer done()
	conn, err := l.counted(l.net.DialPort(ctx, from, to))
	if err == nil {
		return conn, nil
	}
	if dropped() {
		return nil, fmt.Errorf("dialing %s from %s: no answer: %w", to, from.Addr(), os.ErrDeadlineExceeded)
	}
	return nil, err
}

// counted notes that the load balancer has one more connection to write up.
func (l *Lab) counted(c *vnet.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	l.conns.add(1)
	return c, nil
}

// SYN implements [lab.Scanner].
func (l *Lab) SYN(ctx context.Context, from lab.Vantage, port uint16) (bool, error) {
	if from.Client < 0 || from.Client >= vantages {
		return false, fmt.Errorf("scanning: client %d: the embedded lab has clients 0 to %d", from.Client, vantages-1)
	}
	src := clientAddr(from.Client, from.IPv6)
	to := netip.AddrPortFrom(l.nodeAddr(from.Client, from.IPv6), port)
	if l.manual == nil {
		return l.net.SYN(ctx, src, to)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dropped, done := l.rejects.watch(src, to, cancel)
	defer done()
	open, err := l.net.SYN(ctx, src, to)
	if err != nil && dropped() {
		return false, nil
	}
	return open, err
}

func (l *Lab) nodeAddr(client int, v6 bool) netip.Addr {
	n := l.names.nodes[client%len(l.names.nodes)]
	if v6 {
		return n.IPv6
	}
	return n.IPv4
}

// port finds a listener by its name, or reads ":8444".
func (l *Lab) port(listener string) (uint16, error) {
	if number, ok := strings.CutPrefix(listener, ":"); ok {
		p, err := strconv.ParseUint(number, 10, 16)
		if err != nil || p == 0 {
			return 0, fmt.Errorf("dialing %q: not a port", listener)
		}
		return uint16(p), nil
	}
	for _, x := range l.listeners {
		if x.name == listener {
			return x.Port, nil
		}
	}
	return 0, fmt.Errorf("dialing %q: the lab has no such listener", listener)
}

// rejects tells waiting dials that the security group dropped their SYN.
type rejects struct {
	mu      sync.Mutex
	waiting map[*reject]struct{}
}

type reject struct {
	from    netip.Addr
	to      netip.AddrPort
	cancel  context.CancelFunc
	dropped bool
}

func newRejects() *rejects { return &rejects{waiting: map[*reject]struct{}{}} }

// watch calls cancel when a packet between these addresses is dropped. dropped tells whether that happened.
func (r *rejects) watch(from netip.Addr, to netip.AddrPort, cancel context.CancelFunc) (dropped func() bool, done func()) {
	w := &reject{from: from, to: to, cancel: cancel}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[w] = struct{}{}
	return func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return w.dropped
		}, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.waiting, w)
		}
}

func (r *rejects) saw(ip []byte) {
	t, _, _, ok := tcpOf(ip)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.waiting {
		if w.from == t.src.Addr() && w.to == t.dst {
			w.dropped = true
			w.cancel()
		}
	}
}
