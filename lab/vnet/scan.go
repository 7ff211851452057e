package vnet

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// SYN sends one SYN to a port and reports whether a SYN-ACK came: a half-open scan. The client's stack knows nothing of
// the connection and answers the SYN-ACK with a RST, as a scanner's kernel does (RFC 9293, section 3.10.7.1). The SYN is
// a scanner's: 44 bytes over IPv4, with the MSS as its only option.
//
// A SYN that the security group drops is answered by nothing: the error is os.ErrDeadlineExceeded, at once, since one
// packet is sent once. A refusal (RST) is open = false without an error.
func (n *Network) SYN(ctx context.Context, from netip.Addr, to netip.AddrPort) (open bool, err error) {
	home, ok := n.homes[from]
	if !ok || home.role != outside {
		return false, opError("scan", netip.AddrPortFrom(from, 0), to, syscall.EADDRNOTAVAIL)
	}
	if there, ok := n.homes[to.Addr()]; !ok || there.role != nodes || from.Is4() != to.Addr().Is4() {
		return false, opError("scan", netip.AddrPortFrom(from, 0), to, syscall.ENETUNREACH)
	}
	// An endpoint that is bound and no more keeps the port from others and gets no packets.
	ep, terr := home.host.stack.NewEndpoint(tcp.ProtocolNumber, protocolOf(from), new(waiter.Queue))
	if terr != nil {
		return false, opError("scan", netip.AddrPortFrom(from, 0), to, errno(terr))
	}
	defer ep.Close()
	local, terr := n.bind(ep, home, netip.AddrPortFrom(from, 0))
	if terr != nil {
		return false, opError("scan", local, to, errno(terr))
	}
	answer, done := n.scans.begin(local, to)
	defer done()
	h := head{src: from, dst: to.Addr(), proto: header.TCPProtocolNumber, srcPort: local.Port(), dstPort: to.Port(), flags: header.TCPFlagSyn}
	n.sw.send(n.sw.port(outside, 0, n.mtu), protocolOf(from), h, n.synPacket(local, to))
	select {
	case a := <-answer:
		if a == answerNone {
			return false, opError("scan", local, to, errDeadline)
		}
		return a == answerOpen, nil
	case <-n.done:
		return false, opError("scan", local, to, net.ErrClosed)
	case <-ctx.Done():
		return false, opError("scan", local, to, ended(ctx))
	}
}

// synPacket builds the SYN. Its sequence number need not be secret.
func (n *Network) synPacket(from, to netip.AddrPort) buffer.Buffer {
	const tcpSize = header.TCPMinimumSize + 4
	src, dst := tcpip.AddrFromSlice(from.Addr().AsSlice()), tcpip.AddrFromSlice(to.Addr().AsSlice())
	ipSize := header.IPv4MinimumSize
	if from.Addr().Is6() {
		ipSize = header.IPv6MinimumSize
	}
	b := make([]byte, ipSize+tcpSize)
	if from.Addr().Is4() {
		ip := header.IPv4(b)
		ip.Encode(&header.IPv4Fields{TotalLength: uint16(len(b)), TTL: 64, Protocol: uint8(header.TCPProtocolNumber),
			SrcAddr: src, DstAddr: dst})
		ip.SetChecksum(^ip.CalculateChecksum())
	} else {
		header.IPv6(b).Encode(&header.IPv6Fields{PayloadLength: tcpSize, TransportProtocol: header.TCPProtocolNumber,
			HopLimit: 64, SrcAddr: src, DstAddr: dst})
	}
	t := header.TCP(b[ipSize:])
	r := rand.New(rand.NewPCG(uint64(from.Port()), uint64(to.Port())))
	t.Encode(&header.TCPFields{SrcPort: from.Port(), DstPort: to.Port(), SeqNum: r.Uint32(), DataOffset: tcpSize,
		Flags: header.TCPFlagSyn, WindowSize: 1024})
	header.EncodeMSSOption(uint32(int(n.mtu)-ipSize-header.TCPMinimumSize), t[header.TCPMinimumSize:])
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, src, dst, tcpSize)
	t.SetChecksum(^t.CalculateChecksum(sum)) // the header with its options
	return buffer.MakeWithData(b)
}

// answer is what came back for a SYN.
type answer uint8

const (
	answerNone answer = iota
	answerOpen
	answerClosed
)

// scans waits for the answers of SYNs that no stack knows of.
type scans struct {
	active atomic.Int32
	mu     sync.Mutex
	wait   map[scanKey]chan answer
}

type scanKey struct{ local, remote netip.AddrPort }

// begin registers a scan; done ends it.
func (s *scans) begin(local, remote netip.AddrPort) (_ <-chan answer, done func()) {
	k, ch := scanKey{local, remote}, make(chan answer, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wait == nil {
		s.wait = make(map[scanKey]chan answer)
	}
	s.wait[k] = ch
	s.active.Add(1)
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.wait, k)
		s.active.Add(-1)
	}
}

// answered looks whether a packet that a client has got answers a scan.
func (s *scans) answered(h head) {
	const synAck = header.TCPFlagSyn | header.TCPFlagAck
	if s.active.Load() == 0 {
		return
	}
	k := scanKey{netip.AddrPortFrom(h.dst, h.dstPort), netip.AddrPortFrom(h.src, h.srcPort)}
	switch {
	case h.flags&synAck == synAck:
		s.tell(k, answerOpen)
	case h.flags&header.TCPFlagRst != 0:
		s.tell(k, answerClosed)
	}
}

// dropped ends the scan whose SYN the security group has dropped.
func (s *scans) dropped(h head) {
	if s.active.Load() != 0 {
		s.tell(scanKey{netip.AddrPortFrom(h.src, h.srcPort), netip.AddrPortFrom(h.dst, h.dstPort)}, answerNone)
	}
}

func (s *scans) tell(k scanKey, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.wait[k]; ch != nil {
		select {
		case ch <- a:
		default:
		}
	}
}
