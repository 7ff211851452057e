// Package vnet is a VPC inside the process: three stacks of gVisor's netstack (clients outside, the load balancer's
// nodes, the targets) joined by links on which every packet at a node's interface can be seen. TCP is real: sequence
// numbers, checksums, resets and retransmissions are those of a TCP implementation, so that flow logs and captures
// made from the packets need no invention. It needs no privileges and opens no socket of the host.
//
// Start with [New]; [Network.Listen] on a node and [Network.Dial] from a client. A [FlowMeter] turns packets into flow
// log records. No TLS and no HTTP are in here, and no UDP.
package vnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// DefaultMTU is the MTU of the links when a Config names none: that of the Internet, which limits what a client and a
// load balancer exchange whatever the VPC could carry (source:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html).
const DefaultMTU = 1500

// Config describes a network. It is read by [New] and not after.
type Config struct {
	Clock   Clock        // nil: the wall clock; see NewManualClock
	MTU     uint32       // 0: DefaultMTU; at least 1280, the least that IPv6 allows (RFC 8200, section 5)
	Nodes   []Interface  // the load balancer's network interfaces; at least one
	Clients []netip.Addr // addresses outside of the VPC, IPv4 and IPv6
	Targets []netip.Addr // addresses behind the load balancer
	// Ingress is the nodes' security group: may a TCP packet from src come in to dstPort? nil allows all. It is asked
	// for every packet from outside and for a target's new connections; what it forbids is dropped at the interface.
	// Everything else than TCP that comes from outside is dropped when Ingress is set.
	Ingress func(src netip.Addr, dstPort uint16) bool
	// Tap sees each packet at a node's interface once. One call is made at a time, with times that do not go back: in
	// the order of each direction, and an answer after what it answers. It must not call the network. nil sees nothing.
	Tap func(*Packet)
	// Seed makes what TCP draws by chance (initial sequence numbers, timestamp offsets) the same in every run; 0: random.
	Seed uint64
	// Fault decides what the path between a client and a node does to a packet; nil delivers all. It may be called from
	// several goroutines and must not keep Data.
	Fault func(*Packet) Fault
}

// Interface is a network interface of the load balancer.
type Interface struct {
	ID, SubnetID, AZ string // eni-..., subnet-..., the zone's id, such as use1-az1
	MAC              net.HardwareAddr
	IPv4, IPv6       netip.Addr // IPv6 may be the zero Addr
}

// Packet is an IP packet at a node's interface.
type Packet struct {
	Time      time.Time
	Interface int    // index in Config.Nodes
	Inbound   bool   // towards the load balancer
	Rejected  bool   // dropped by the security group
	Data      []byte // from the IP header on; valid during the call
}

// Fault is what happens to a packet on the path between a client and a node. The zero value delivers it once, at once.
// A packet towards the node meets its fault before the interface sees it, the other direction after.
type Fault struct {
	Drop   bool
	Delay  time.Duration // on the network's clock; packets with less delay overtake
	Copies int           // delivered besides the first
}

// Network is a running network. All methods may be called from several goroutines.
type Network struct {
	clock   Clock
	mtu     uint32
	sw      *fabric
	stacks  [3]*host
	homes   map[netip.Addr]home // who has an address
	scans   scans
	done    chan struct{} // closed by Close
	mu      sync.Mutex
	closed  bool
	open    map[*listener]struct{}
	nextEph map[netip.Addr]uint16
}

// role is the part of the network that a stack plays.
type role uint8

const (
	outside role = iota
	nodes
	targets
)

// home is where an address lives.
type home struct {
	host *host
	role role
	nic  int // NIC id in the stack, from 1
}

// New builds a network and starts it. [Network.Close] frees it.
func New(c Config) (*Network, error) {
	if c.Clock == nil {
		c.Clock = WallClock()
	}
	if c.MTU == 0 {
		c.MTU = DefaultMTU
	}
	if c.MTU < 1280 || c.MTU > 65535 {
		return nil, fmt.Errorf("vnet: MTU %d is not within 1280 to 65535", c.MTU)
	}
	if len(c.Nodes) == 0 {
		return nil, errors.New("vnet: no node")
	}
	quiet()
	n := &Network{
		clock: c.Clock, mtu: c.MTU,
		done:    make(chan struct{}),
		homes:   make(map[netip.Addr]home),
		open:    make(map[*listener]struct{}),
		nextEph: make(map[netip.Addr]uint16),
	}
	n.sw = newFabric(c, &n.scans)
	if err := n.build(c); err != nil {
		n.Close()
		return nil, err
	}
	n.sw.start()
	return n, nil
}

// Now returns the network's time.
func (n *Network) Now() time.Time { return n.clock.Now() }

// SetFault replaces Config.Fault from the next packet on; nil makes all paths good.
func (n *Network) SetFault(decide func(*Packet) Fault) { n.sw.setFault(decide) }

// Close ends all connections and listeners and frees the stacks; it returns when their goroutines have ended. Blocked
// calls return. Packets that this causes are not seen by the tap. A second Close does nothing.
func (n *Network) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	close(n.done)
	var ls []*listener
	for l := range n.open {
		ls = append(ls, l)
	}
	n.mu.Unlock()
	n.sw.stop()
	for _, l := range ls {
		_ = l.Close()
	}
	for _, h := range n.stacks {
		if h != nil {
			h.stack.Destroy()
		}
	}
}
