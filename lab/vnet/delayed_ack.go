package vnet

import (
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// delayedAcks gives the stacks the delayed acknowledgements that they lack (RFC 1122, section 4.2.3.2; RFC 5681,
// section 4.2). netstack acknowledges whatever it finds in its queue: two segments get one ACK or two, by the chance of
// scheduling, and so one hello of two segments would be refused with 3 packets here and 4 there. It also sends ACKs that
// Linux joins with the data that follow. So a bare ACK is held at the link: the next packet of its direction carries
// what it says and replaces it. It goes out
//
//   - at once if it is among a connection's first (two of the client's: the handshake's and the first data's; one of the
//     server's), as Linux begins with quick ACKs, and the load balancer of experiment 1 acknowledges the hello before
//     its RST,
//   - at once if it reports a gap (SACK blocks) or that the window has opened, or after the peer's FIN,
//   - at once if it acknowledges two full segments or maxUnacked small ones, or if the window is nearly closed: a sender
//     that has used its windows up must never wait for the delay, which on a clock that stands still has no end,
//   - after ackDelay, as on Linux.
type delayedAcks struct {
	clock  Clock
	mtu    uint32
	resend func(*heldAck) // sends an ACK whose time has come
	shards [16]ackShard
}

const (
	ackDelay     = 40 * time.Millisecond // Linux: TCP_DELACK_MIN
	maxUnacked   = 8                     // segments; fewer than the 10 of the initial congestion window (RFC 6928)
	windowUnit   = 128                   // bytes; netstack scales windows by 7 bits
	nearlyClosed = 4                     // full segments
)

type ackShard struct {
	mu    sync.Mutex
	conns map[connKey]*ackConn
}

type connKey struct{ client, server netip.AddrPort }

// ackConn is a connection since its SYN-ACK.
type ackConn struct {
	halves [2]ackHalf // client's, server's
}

// ackHalf is one direction.
type ackHalf struct {
	quick   int    // ACKs that go at once
	sent    uint32 // the last acknowledgement number that went out
	window  uint16 // and the window with it
	fin     bool   // this side has sent FIN
	unacked int    // segments with data of the peer that it did not cover, or more
	end     uint32 // the sequence number after the last that this side has sent
	held    *heldAck
}

// heldAck is an ACK that waits.
type heldAck struct {
	from, to *port
	proto    tcpip.NetworkProtocolNumber
	h        head
	data     buffer.Buffer
	stop     func() bool
}

func newDelayedAcks(c Config, resend func(*heldAck)) *delayedAcks {
	d := &delayedAcks{clock: c.Clock, mtu: c.MTU, resend: resend}
	for i := range d.shards {
		d.shards[i].conns = make(map[connKey]*ackConn)
	}
	return d
}

// hold takes a TCP packet that is about to be sent and reports whether it keeps it for now.
func (d *delayedAcks) hold(from, to *port, proto tcpip.NetworkProtocolNumber, h head, data *buffer.Buffer) bool {
	me := 0
	key := connKey{netip.AddrPortFrom(h.src, h.srcPort), netip.AddrPortFrom(h.dst, h.dstPort)}
	if from.role == targets || to.role == outside {
		me = 1
		key.client, key.server = key.server, key.client
	}
	s := &d.shards[key.client.Port()%uint16(len(d.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	const synAck = header.TCPFlagSyn | header.TCPFlagAck
	if h.flags&synAck == synAck {
		s.forget(key)
		c := new(ackConn)
		c.halves[0].quick, c.halves[1].quick = 2, 1
		s.conns[key] = c
		return false
	}
	c := s.conns[key]
	if c == nil {
		return false
	}
	half, peer := &c.halves[me], &c.halves[1-me]
	half.fin = half.fin || h.flags&header.TCPFlagFin != 0
	if h.payload > 0 {
		peer.unacked++
		half.end = h.seq + h.payload
	}
	switch {
	case h.flags&header.TCPFlagRst != 0, half.fin && peer.fin:
		s.forget(key)
		return false
	case !h.bareAck() || peer.fin || half.quick > 0 || !d.waits(half, h):
		if h.bareAck() && half.quick > 0 {
			half.quick--
		}
		half.drop()
		half.passed(h, peer)
		return false
	}
	if half.held == nil {
		a := &heldAck{from: from, to: to, proto: proto, h: h, data: *data}
		half.held = a
		a.stop = d.clock.AfterFunc(ackDelay, func() { d.expire(s, half, peer, a) })
		return true
	}
	half.held.data.Release() // the delay runs from the first
	half.held.h, half.held.data = h, *data
	return true
}

// waits reports whether a bare ACK is none that must go out. (netstack sends some ACKs twice: the same number again is
// no reason to hurry. A duplicate that a sender needs, to see a loss, has SACK blocks.)
func (d *delayedAcks) waits(half *ackHalf, h head) bool {
	ack, window := half.sent, half.window
	if half.held != nil {
		ack, window = half.held.h.ack, half.held.h.window
	}
	full := d.mtu - header.IPv4MinimumSize - header.TCPMinimumSize - 12 // 12: the timestamps
	if h.src.Is6() {
		full -= header.IPv6MinimumSize - header.IPv4MinimumSize
	}
	switch {
	case h.long, h.ack == ack && h.window > window, half.unacked >= maxUnacked:
		return false
	case uint32(half.window)*windowUnit < nearlyClosed*full, uint32(h.window)*windowUnit < nearlyClosed*full:
		return false
	}
	return h.ack-half.sent < 2*full
}

// expire sends a held ACK that nothing has replaced for the delay.
func (d *delayedAcks) expire(s *ackShard, half, peer *ackHalf, a *heldAck) {
	s.mu.Lock()
	mine := half.held == a
	if mine {
		half.held = nil
		half.passed(a.h, peer)
	}
	s.mu.Unlock()
	if mine {
		d.resend(a)
	}
}

// passed notes what a packet that went out has acknowledged. Segments still on their way when it was made keep being
// counted, lest the ACK that covers them be held.
func (h *ackHalf) passed(p head, peer *ackHalf) {
	h.sent, h.window = p.ack, p.window
	if p.ack == peer.end {
		h.unacked = 0
	}
}

// forget drops a connection and what it holds.
func (s *ackShard) forget(key connKey) {
	if c := s.conns[key]; c != nil {
		c.halves[0].drop()
		c.halves[1].drop()
		delete(s.conns, key)
	}
}

// drop drops the held ACK.
func (h *ackHalf) drop() {
	if h.held != nil {
		h.held.stop()
		h.held.data.Release()
		h.held = nil
	}
}

// close drops all that is held; timers that run find nothing.
func (d *delayedAcks) close() {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		for key := range s.conns {
			s.forget(key)
		}
		s.mu.Unlock()
	}
}

// open is the number of connections that are followed.
func (d *delayedAcks) open() (count int) {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		count += len(s.conns)
		s.mu.Unlock()
	}
	return count
}
