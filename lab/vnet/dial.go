package vnet

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Ephemeral ports: Linux's range (net.ipv4.ip_local_port_range). They are given out one after the other for each local
// address, the same in every run, and begin anew at the end.
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// Dial connects from a client's, node's or target's address. Clients reach nodes and nodes reach targets; between
// others there is no route. The local port is the address's next free one.
//
// An error is a *net.OpError. It wraps syscall.ECONNREFUSED where nobody listens, os.ErrDeadlineExceeded when ctx's
// deadline or the time for SYNs (about two minutes on the network's clock) has passed without an answer, as when the
// security group drops the SYN, and ctx's error when ctx ended. On a clock that stands still no SYN is sent twice.
func (n *Network) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (*Conn, error) {
	return n.dial(ctx, netip.AddrPortFrom(from, 0), to)
}

// DialPort is Dial from a given local port. A port that another connection uses is syscall.EADDRINUSE; port 0 is as in
// Dial.
func (n *Network) DialPort(ctx context.Context, from, to netip.AddrPort) (*Conn, error) {
	return n.dial(ctx, from, to)
}

func (n *Network) dial(ctx context.Context, from, to netip.AddrPort) (*Conn, error) {
	home, ok := n.homes[from.Addr()]
	if !ok {
		return nil, opError("dial", from, to, syscall.EADDRNOTAVAIL)
	}
	if there, ok := n.homes[to.Addr()]; !ok || (there.role == nodes) == (home.role == nodes) ||
		there.role == outside || from.Addr().Is4() != to.Addr().Is4() {
		return nil, opError("dial", from, to, syscall.ENETUNREACH)
	}
	if ctx.Err() != nil {
		return nil, opError("dial", from, to, ended(ctx))
	}
	if isClosed(n.done) {
		return nil, opError("dial", from, to, net.ErrClosed)
	}
	wq := new(waiter.Queue)
	ep, err := home.host.stack.NewEndpoint(tcp.ProtocolNumber, protocolOf(from.Addr()), wq)
	if err != nil {
		return nil, opError("dial", from, to, errno(err))
	}
	local, err := n.bind(ep, home, from)
	if err != nil {
		ep.Close()
		return nil, opError("dial", from, to, errno(err))
	}
	if err := n.connect(ctx, ep, wq, to); err != nil {
		ep.Close()
		return nil, opError("dial", local, to, err)
	}
	return newConn(ep, wq, n.clock, local, to), nil
}

// connect makes the three-way handshake.
func (n *Network) connect(ctx context.Context, ep tcpip.Endpoint, wq *waiter.Queue, to netip.AddrPort) error {
	entry, done := waiter.NewChannelEntry(waiter.WritableEvents | waiter.EventHUp | waiter.EventErr)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	err := ep.Connect(fullAddress(0, to))
	if _, started := err.(*tcpip.ErrConnectStarted); started {
		select {
		case <-done:
		case <-ctx.Done():
			return ended(ctx)
		case <-n.done:
			return net.ErrClosed
		}
		err = ep.LastError()
	}
	if err != nil {
		return errno(err)
	}
	return nil
}

// bind gives the endpoint its local port. A port stays taken while a connection of that address has it.
func (n *Network) bind(ep tcpip.Endpoint, h home, from netip.AddrPort) (netip.AddrPort, tcpip.Error) {
	if from.Port() != 0 {
		return from, ep.Bind(fullAddress(h.nic, from))
	}
	for range lastEphemeral - firstEphemeral + 1 {
		local := netip.AddrPortFrom(from.Addr(), n.nextPort(from.Addr()))
		err := ep.Bind(fullAddress(h.nic, local))
		if _, taken := err.(*tcpip.ErrPortInUse); !taken {
			return local, err
		}
	}
	return from, &tcpip.ErrNoPortAvailable{}
}

func (n *Network) nextPort(a netip.Addr) uint16 {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.nextEph[a]
	if p < firstEphemeral || p > lastEphemeral {
		p = firstEphemeral
	}
	n.nextEph[a] = p + 1
	return p
}
