package vnet

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// fabric carries packets between the stacks by their destination address, synchronously: when a stack's write returns,
// the packet is in the other stack's queue. Clients reach nodes, nodes reach clients and targets, targets reach nodes;
// everything else (multicast too) is dropped, as no route leads there.
type fabric struct {
	clock   Clock
	ingress func(netip.Addr, uint16) bool
	tap     func(*Packet)
	fault   atomic.Pointer[func(*Packet) Fault] // nil: a good path
	routes  map[netip.Addr]*port                // not changed after start
	scans   *scans
	acks    *delayedAcks
	running atomic.Bool
	moved   atomic.Uint64 // packets that passed or were dropped

	tapMu   sync.Mutex // one call of tap at a time
	packet  Packet     // what the tap is given
	scratch []byte
}

func newFabric(c Config, s *scans) *fabric {
	f := &fabric{clock: c.Clock, ingress: c.Ingress, tap: c.Tap, routes: make(map[netip.Addr]*port), scans: s}
	f.setFault(c.Fault)
	f.acks = newDelayedAcks(c, func(a *heldAck) {
		if !f.running.Load() {
			a.data.Release()
			return
		}
		f.moved.Add(1)
		f.carry(a.from, a.to, a.proto, a.h, a.data)
	})
	return f
}

func (f *fabric) start() { f.running.Store(true) }

func (f *fabric) setFault(decide func(*Packet) Fault) {
	if decide == nil {
		f.fault.Store(nil)
		return
	}
	f.fault.Store(&decide)
}

func (f *fabric) stop() {
	f.running.Store(false)
	f.acks.close()
}

func (f *fabric) port(r role, index int, mtu uint32) *port {
	return &port{fabric: f, role: r, index: index, mtu: mtu}
}

func (f *fabric) route(a netip.Addr, p *port) { f.routes[a] = p }

// send takes a packet from a stack's interface.
func (f *fabric) send(from *port, proto tcpip.NetworkProtocolNumber, h head, data buffer.Buffer) {
	if !f.running.Load() {
		data.Release()
		return
	}
	f.moved.Add(1)
	to := f.routes[h.dst]
	if to == nil || (from.role == nodes) == (to.role == nodes) {
		data.Release()
		return
	}
	if h.proto == header.TCPProtocolNumber && f.acks.hold(from, to, proto, h, &data) {
		return
	}
	f.carry(from, to, proto, h, data)
}

// carry takes a packet over the link.
func (f *fabric) carry(from, to *port, proto tcpip.NetworkProtocolNumber, h head, data buffer.Buffer) {
	if from.role == nodes {
		f.observe(from.index, false, false, &data)
	}
	if fault := f.fault.Load(); fault != nil && (from.role == outside || to.role == outside) {
		f.sendFaulty(*fault, from, to, proto, h, data)
		return
	}
	f.arrive(from, to, proto, h, data)
}

// sendFaulty asks what the path does to the packet.
func (f *fabric) sendFaulty(decide func(*Packet) Fault, from, to *port, proto tcpip.NetworkProtocolNumber, h head, data buffer.Buffer) {
	p := Packet{Time: f.clock.Now(), Interface: to.index, Inbound: to.role == nodes, Data: data.Flatten()}
	if from.role == nodes {
		p.Interface = from.index
	}
	fault := decide(&p)
	if fault.Drop {
		data.Release()
		return
	}
	for range fault.Copies + 1 {
		c := data.Clone()
		if fault.Delay <= 0 {
			f.arrive(from, to, proto, h, c)
			continue
		}
		f.clock.AfterFunc(fault.Delay, func() {
			if !f.running.Load() {
				c.Release()
				return
			}
			f.moved.Add(1)
			f.arrive(from, to, proto, h, c)
		})
	}
	data.Release()
}

// arrive brings a packet to an interface: past the security group and the tap into the stack.
func (f *fabric) arrive(from, to *port, proto tcpip.NetworkProtocolNumber, h head, data buffer.Buffer) {
	if to.role == nodes {
		rejected := f.rejects(from, h)
		f.observe(to.index, true, rejected, &data)
		if rejected {
			f.scans.dropped(h)
			data.Release()
			return
		}
	}
	to.deliver(proto, data)
	if to.role == outside {
		f.scans.answered(h)
	}
}

// rejects asks the security group. It is stateful: answers to what a node began (only towards targets) come in unasked.
// Source: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html.
func (f *fabric) rejects(from *port, h head) bool {
	if f.ingress == nil {
		return false
	}
	if from.role == targets && (h.proto != header.TCPProtocolNumber || !h.opens()) {
		return false
	}
	return h.proto != header.TCPProtocolNumber || !f.ingress(h.src, h.dstPort)
}

// observe shows a packet to the tap.
func (f *fabric) observe(index int, inbound, rejected bool, data *buffer.Buffer) {
	if f.tap == nil {
		return
	}
	f.tapMu.Lock()
	defer f.tapMu.Unlock()
	f.scratch = f.scratch[:0]
	data.Apply(func(v *buffer.View) { f.scratch = append(f.scratch, v.AsSlice()...) })
	f.packet = Packet{Time: f.clock.Now(), Interface: index, Inbound: inbound, Rejected: rejected, Data: f.scratch}
	f.tap(&f.packet)
}

// head is what the fabric reads of a packet.
type head struct {
	src, dst         netip.Addr
	proto            tcpip.TransportProtocolNumber
	srcPort, dstPort uint16 // TCP only
	flags            header.TCPFlags
	seq, ack         uint32
	window           uint16
	payload          uint32 // bytes of data
	long             bool   // its header holds more options than timestamps
}

// bareAck reports whether a segment acknowledges and does nothing else.
func (h head) bareAck() bool {
	return h.flags&^header.TCPFlagPsh == header.TCPFlagAck && h.payload == 0
}

// opens reports whether the packet asks for a new connection: a SYN that acknowledges nothing.
func (h head) opens() bool { return h.flags&(header.TCPFlagSyn|header.TCPFlagAck) == header.TCPFlagSyn }

// headOf reads the headers of a packet that a stack has written; what is missing stays zero.
func headOf(pkt *stack.PacketBuffer) (h head) {
	b := pkt.NetworkHeader().Slice()
	switch {
	case pkt.NetworkProtocolNumber == header.IPv4ProtocolNumber && len(b) >= header.IPv4MinimumSize:
		h.src, h.dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	case pkt.NetworkProtocolNumber == header.IPv6ProtocolNumber && len(b) >= header.IPv6MinimumSize:
		h.src, h.dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	}
	h.proto = pkt.TransportProtocolNumber
	if h.proto == header.TCPProtocolNumber {
		h.readTCP(pkt.TransportHeader().Slice(), pkt.Data().Size())
	}
	return h
}

func (h *head) readTCP(b []byte, payload int) {
	if len(b) < header.TCPMinimumSize {
		return
	}
	h.srcPort, h.dstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	h.seq, h.ack, h.flags = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), header.TCPFlags(b[13])
	h.window, h.long, h.payload = binary.BigEndian.Uint16(b[14:]), b[12]>>4 > 8, uint32(payload)
}

// port is a stack's interface: a stack.LinkEndpoint.
type port struct {
	fabric *fabric
	role   role
	index  int // of the node's interface
	mtu    uint32

	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
}

func (p *port) deliver(proto tcpip.NetworkProtocolNumber, data buffer.Buffer) {
	p.mu.RLock()
	d := p.dispatcher
	p.mu.RUnlock()
	if d == nil {
		data.Release()
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: data})
	d.DeliverNetworkPacket(proto, pkt)
	pkt.DecRef()
}

// WritePackets implements stack.LinkWriter.
func (p *port) WritePackets(l stack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range l.AsSlice() {
		p.fabric.send(p, pkt.NetworkProtocolNumber, headOf(pkt), pkt.ToBuffer())
	}
	return l.Len(), nil
}

// Attach implements stack.NetworkLinkEndpoint.
func (p *port) Attach(d stack.NetworkDispatcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatcher = d
}

// IsAttached implements stack.NetworkLinkEndpoint.
func (p *port) IsAttached() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.dispatcher != nil
}

// The rest of stack.LinkEndpoint: a link without link-layer headers, addresses and goroutines.

func (p *port) MTU() uint32                                { return p.mtu }
func (*port) SetMTU(uint32)                                {}
func (*port) MaxHeaderLength() uint16                      { return 0 }
func (*port) LinkAddress() tcpip.LinkAddress               { return "" }
func (*port) SetLinkAddress(tcpip.LinkAddress)             {}
func (*port) Capabilities() stack.LinkEndpointCapabilities { return 0 }
func (*port) Wait()                                        {}
func (*port) ARPHardwareType() header.ARPHardwareType      { return header.ARPHardwareNone }
func (*port) AddHeader(*stack.PacketBuffer)                {}
func (*port) ParseHeader(*stack.PacketBuffer) bool         { return true }
func (*port) Close()                                       {}
func (*port) SetOnCloseAction(func())                      {}
