package vnet

import (
	"net"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// backlog is how many connections may wait to be accepted: what Linux allows by default (net.core.somaxconn).
const backlog = 4096

// Listen accepts connections at an address and port of a node or a target. The listener's conns are *Conn.
func (n *Network) Listen(at netip.AddrPort) (net.Listener, error) {
	home, ok := n.homes[at.Addr()]
	if !ok || home.role == outside {
		return nil, opError("listen", netip.AddrPort{}, at, errno(&tcpip.ErrBadLocalAddress{}))
	}
	if isClosed(n.done) {
		return nil, opError("listen", netip.AddrPort{}, at, net.ErrClosed)
	}
	l := &listener{net: n, at: at, wq: new(waiter.Queue), closed: make(chan struct{}), ready: make(chan struct{}, 1)}
	ep, err := home.host.stack.NewEndpoint(tcp.ProtocolNumber, protocolOf(at.Addr()), l.wq)
	if err != nil {
		return nil, opError("listen", netip.AddrPort{}, at, errno(err))
	}
	l.ep = ep
	if err = ep.Bind(fullAddress(home.nic, at)); err == nil {
		if at.Port() == 0 {
			a, _ := ep.GetLocalAddress()
			l.at = netip.AddrPortFrom(at.Addr(), a.Port)
		}
		l.entry.Init(waiter.ChannelNotifier(l.ready), waiter.ReadableEvents|waiter.EventHUp|waiter.EventErr)
		l.wq.EventRegister(&l.entry)
		err = ep.Listen(backlog)
	}
	if err != nil {
		ep.Close()
		return nil, opError("listen", netip.AddrPort{}, at, errno(err))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		ep.Close()
		return nil, opError("listen", netip.AddrPort{}, at, net.ErrClosed)
	}
	n.open[l] = struct{}{}
	return l, nil
}

type listener struct {
	net    *Network
	ep     tcpip.Endpoint
	wq     *waiter.Queue
	entry  waiter.Entry
	at     netip.AddrPort
	ready  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		var remote tcpip.FullAddress
		ep, wq, err := l.ep.Accept(&remote)
		switch err.(type) {
		case nil:
			l.again()
			return newConn(ep, wq, l.net.clock, l.at, addrPortOf(remote)), nil
		case *tcpip.ErrWouldBlock:
		default:
			if !isClosed(l.closed) {
				return nil, opError("accept", netip.AddrPort{}, l.at, errno(err))
			}
		}
		select {
		case <-l.ready:
		case <-l.closed:
			return nil, opError("accept", netip.AddrPort{}, l.at, net.ErrClosed)
		}
	}
}

// again wakes the next goroutine in Accept: several connections may have come with one notice.
func (l *listener) again() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// Close implements net.Listener. Connections that nobody has accepted are reset.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.ep.Close()
		l.net.mu.Lock()
		delete(l.net.open, l)
		l.net.mu.Unlock()
	})
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

func addrPortOf(a tcpip.FullAddress) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(a.Addr.AsSlice())
	return netip.AddrPortFrom(addr, a.Port)
}
