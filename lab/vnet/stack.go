package vnet

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// timeWait is how long a closed connection's addresses stay taken. Links lose nothing unless told to, so no old segment
// can come; a real TIME-WAIT of a minute would eat the ephemeral ports of a client that makes thousands of connections.
const timeWait = time.Millisecond

// minRTO is the least time before a segment is sent again: RFC 6298's (section 2.4), not the 200 ms of Linux and netstack.
// On links that lose nothing a retransmission is only ever a sign that the computer was busy.
const minRTO = time.Second

// host is one stack.
type host struct {
	stack *stack.Stack
	role  role
}

// newHost makes a stack as the measured recipe says: selective acknowledgements as every client of today, but no
// RACK/TLP, whose tail-loss probes fire without need on links of microseconds and turn clean closes into resets.
func newHost(r role, clock Clock, seed uint64) (*host, error) {
	o := stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
		Clock:              stackClock(clock),
	}
	if seed != 0 {
		o.SecureRNG = &seeded{r: rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24, 32), seed+uint64(r))))}
	}
	s := stack.New(o)
	sack, recovery, tw := tcpip.TCPSACKEnabled(true), tcpip.TCPRecovery(0), tcpip.TCPTimeWaitTimeoutOption(timeWait)
	if _, still := clock.(*ManualClock); still {
		tw = 0 // a clock that stands still would never end it
	}
	rto := tcpip.TCPMinRTOOption(minRTO)
	for _, o := range []tcpip.SettableTransportProtocolOption{&sack, &recovery, &tw, &rto} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			s.Destroy()
			return nil, fmt.Errorf("setting %T: %s", o, err)
		}
	}
	return &host{stack: s, role: r}, nil
}

// seeded is an io.Reader of numbers that are the same in every run.
type seeded struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (s *seeded) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(b)
}

// build makes the three stacks, their interfaces and addresses.
func (n *Network) build(c Config) error {
	for r := range n.stacks {
		h, err := newHost(role(r), c.Clock, c.Seed)
		if err != nil {
			return fmt.Errorf("vnet: making a stack: %w", err)
		}
		n.stacks[r] = h
	}
	if err := n.attach(outside, 1, c.Clients...); err != nil {
		return err
	}
	for i, node := range c.Nodes {
		addrs := []netip.Addr{node.IPv4}
		if node.IPv6.IsValid() {
			addrs = append(addrs, node.IPv6)
		}
		if err := n.attach(nodes, i+1, addrs...); err != nil {
			return fmt.Errorf("%w (interface %s)", err, node.ID)
		}
	}
	return n.attach(targets, 1, c.Targets...)
}

// attach gives a stack an interface with addresses.
func (n *Network) attach(r role, nic int, addrs ...netip.Addr) error {
	h, id := n.stacks[r], tcpip.NICID(nic)
	p := n.sw.port(r, nic-1, n.mtu)
	if err := h.stack.CreateNIC(id, p); err != nil {
		return fmt.Errorf("vnet: making an interface: %s", err)
	}
	for _, a := range addrs {
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return fmt.Errorf("vnet: %q is no address for a host", a)
		}
		if _, taken := n.homes[a]; taken {
			return fmt.Errorf("vnet: address %s is given twice", a)
		}
		pa := tcpip.ProtocolAddress{Protocol: protocolOf(a), AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}
		if err := h.stack.AddProtocolAddress(id, pa, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("vnet: adding address %s: %s", a, err)
		}
		n.homes[a] = home{host: h, role: r, nic: nic}
		n.sw.route(a, p)
	}
	h.stack.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: id})
	h.stack.AddRoute(tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: id})
	return nil
}

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

func fullAddress(nic int, a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: tcpip.NICID(nic), Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}

// stackClock lets netstack run on a Clock.
func stackClock(c Clock) tcpip.Clock {
	if _, wall := c.(wallClock); wall {
		return tcpip.NewStdClock()
	}
	return &netClock{clock: c, base: c.Now()}
}

type netClock struct {
	clock Clock
	base  time.Time
}

func (c *netClock) Now() time.Time { return c.clock.Now() }

func (c *netClock) NowMonotonic() tcpip.MonotonicTime {
	return tcpip.MonotonicTime{}.Add(max(c.clock.Now().Sub(c.base), 0))
}

func (c *netClock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	t := &netTimer{clock: c.clock, f: f}
	t.Reset(d)
	return t
}

// netTimer is a tcpip.Timer on a Clock.
type netTimer struct {
	clock Clock
	f     func()
	mu    sync.Mutex
	stop  func() bool
}

func (t *netTimer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stop()
}

func (t *netTimer) Reset(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop = t.clock.AfterFunc(d, t.f)
}
