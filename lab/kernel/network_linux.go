package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/alblab/alblab/lab/vnet"
)

// Network is a running network. The process that made it is on the clients' side.
type Network struct {
	c       Config
	clients *os.File // the clients' end of the wire
	nodes   *os.File // the load balancer's
	byAddr  map[netip.Addr]int
	work    chan func() // runs on the thread that is in the load balancer's namespace
	tap     sync.Mutex  // one packet at a time
	wires   sync.WaitGroup
}

// New builds the network. The process must have been started by Command, or have a network namespace to itself.
func New(c Config) (*Network, error) {
	n := &Network{c: c, byAddr: map[netip.Addr]int{}, work: make(chan func())}
	for i, node := range c.VNet.Nodes {
		n.byAddr[node.IPv4], n.byAddr[node.IPv6] = i, i
	}
	entered := make(chan error)
	go n.balancerSide(entered)
	if err := <-entered; err != nil {
		return nil, err
	}
	err := n.onBalancerSide(n.buildNodes)
	if err == nil {
		err = n.buildClients()
	}
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.wires.Go(func() { n.carry(n.clients, n.nodes, true) })
	n.wires.Go(func() { n.carry(n.nodes, n.clients, false) })
	return n, nil
}

// balancerSide holds a thread in a namespace of its own: sockets that it makes are the load balancer's. The thread ends with it.
func (n *Network) balancerSide(entered chan<- error) {
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		entered <- fmt.Errorf("%w: a second network namespace: %w", ErrUnavailable, err)
		return
	}
	entered <- nil
	for f := range n.work {
		f()
	}
}

func (n *Network) onBalancerSide(f func() error) error {
	done := make(chan error)
	n.work <- func() { done <- f() }
	return <-done
}

// buildNodes gives the load balancer's side its addresses, with the world behind its end of the wire.
func (n *Network) buildNodes() error {
	var err error
	if n.nodes, err = openTun("nodes"); err != nil {
		return err
	}
	lines := []string{"link set lo up", fmt.Sprintf("link set nodes mtu %d up", mtu)}
	for _, node := range n.c.VNet.Nodes {
		lines = append(lines, fmt.Sprintf("addr add %s/32 dev nodes", node.IPv4), fmt.Sprintf("-6 addr add %s/128 dev nodes nodad", node.IPv6))
	}
	return ip(append(lines, "route add default dev nodes", "-6 route add default dev nodes")...)
}

// buildClients gives the clients a way to each node.
func (n *Network) buildClients() error {
	var err error
	if n.clients, err = openTun("clients"); err != nil {
		return err
	}
	lines := []string{"link set lo up", fmt.Sprintf("link set clients mtu %d up", mtu)}
	for _, p := range n.c.Paths {
		family, nodad, bits, headers := "", "", 32, 40
		if p.To.Is6() {
			family, nodad, bits, headers = "-6 ", " nodad", 128, 60
		}
		m := cmp.Or(p.MTU, mtu)
		lines = append(lines, fmt.Sprintf("%saddr add %s/%d dev clients%s", family, p.From, bits, nodad),
			fmt.Sprintf("%sroute add %s/%d dev clients src %s mtu %d advmss %d", family, p.To, bits, p.From, m, m-headers))
	}
	return ip(lines...)
}

// Listen listens on a node's address, on the load balancer's side.
func (n *Network) Listen(at netip.AddrPort) (net.Listener, error) {
	var l net.Listener
	err := n.onBalancerSide(func() (err error) {
		l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", at.String())
		return err
	})
	return l, err
}

// Close ends the wire, and the load balancer's side. Listeners are their owners' to close.
func (n *Network) Close() error {
	var errs []error
	for _, f := range []*os.File{n.clients, n.nodes} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	n.wires.Wait()
	close(n.work)
	return errors.Join(errs...)
}

// carry moves packets from one end of the wire to the other until either is closed. A packet is told of where it passes the load
// balancer's interface: before what may happen to it on its way out, and after what happened on its way in.
func (n *Network) carry(from, to *os.File, in bool) {
	buf := make([]byte, 1<<16)
	for {
		k, err := from.Read(buf)
		if err != nil {
			return
		}
		p := &vnet.Packet{Time: n.c.VNet.Clock.Now(), Inbound: in, Data: buf[:k]}
		f, ok := parse(p.Data)
		if !ok {
			continue
		}
		node, port := f.dst, f.dstPort
		if !in {
			node = f.src
		}
		if p.Interface, ok = n.byAddr[node]; !ok {
			continue
		}
		var fault vnet.Fault
		if n.c.VNet.Fault != nil {
			fault = n.c.VNet.Fault(p)
		}
		if !in {
			n.see(p)
		}
		if fault.Drop {
			continue
		}
		p.Rejected = in && n.c.VNet.Ingress != nil && !n.c.VNet.Ingress(f.src, port)
		if fault.Delay <= 0 {
			n.deliver(p, to, fault.Copies)
			continue
		}
		late := *p
		late.Data = append([]byte(nil), p.Data...)
		n.c.VNet.Clock.AfterFunc(fault.Delay, func() { n.deliver(&late, to, fault.Copies) })
	}
}

// deliver hands a packet and its copies over.
func (n *Network) deliver(p *vnet.Packet, to *os.File, copies int) {
	for range 1 + copies {
		if p.Inbound {
			p.Time = n.c.VNet.Clock.Now()
			n.see(p)
		}
		if !p.Rejected {
			_, _ = to.Write(p.Data) // a packet that the kernel does not take is lost
		}
	}
}

func (n *Network) see(p *vnet.Packet) {
	n.tap.Lock()
	defer n.tap.Unlock()
	n.c.VNet.Tap(p)
}
