package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// notIP is what decoding says of a frame that is none of its business.
const notIP = "not IP"

var be = binary.BigEndian

// end is one end of a connection: an address, IPv4 as mapped into IPv6, and a port.
type end struct {
	hi, lo uint64
	port   uint16
}

const mapped = 0xffff << 32 // ::ffff:0:0/96

func (e end) addrPort(v6 bool) netip.AddrPort {
	var b [16]byte
	be.PutUint64(b[:], e.hi)
	be.PutUint64(b[8:], e.lo)
	if v6 {
		return netip.AddrPortFrom(netip.AddrFrom16(b), e.port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:])), e.port)
}

func (e end) less(o end) bool {
	if e.hi != o.hi {
		return e.hi < o.hi
	}
	if e.lo != o.lo {
		return e.lo < o.lo
	}
	return e.port < o.port
}

// packet is a [Packet] as the decoder has it.
type packet struct {
	number     int
	time       int64 // Unix nanoseconds
	src, dst   end
	vni        int32
	ipLen      int
	payloadLen int
	payload    []byte
	seq, ack   uint32
	window     uint16
	mss        uint16
	protocol   uint8
	flags      TCPFlags
	v6         bool
	fragment   bool
	truncated  bool
}

// link decodes a frame from its link layer on; full is its length on the wire. It returns what is wrong, notIP, or "".
func (p *packet) link(b []byte, link, full int) string {
	skip := 0
	var etherType uint16
	switch link {
	case linkEthernet:
		return p.ethernet(b, full)
	case linkRaw, linkRawBSD, linkRawOBSD, linkIPv4, linkIPv6:
		return p.ip(b, full)
	case linkNull, linkLoop: // four bytes, the address family in the byte order of who knows which machine
		skip = 4
	case linkSLL:
		skip = 16
		if len(b) >= skip {
			etherType = be.Uint16(b[14:])
		}
	case linkSLL2:
		skip = 20
		if len(b) >= skip {
			etherType = be.Uint16(b)
		}
	default:
		return fmt.Sprintf("link type %d is not known", link)
	}
	if len(b) < skip {
		return "link header is cut short"
	}
	if etherType != 0 {
		return p.network(etherType, b[skip:], full-skip)
	}
	if len(b) > skip && b[skip]>>4 != 4 && b[skip]>>4 != 6 {
		return notIP
	}
	return p.ip(b[skip:], full-skip)
}

func (p *packet) ethernet(b []byte, full int) string {
	if len(b) < ethernetLen {
		return "Ethernet header is cut short"
	}
	return p.network(be.Uint16(b[12:]), b[ethernetLen:], full-ethernetLen)
}

// network takes off VLAN tags.
func (p *packet) network(etherType uint16, b []byte, full int) string {
	for range 4 {
		switch etherType {
		case etherIPv4, etherIPv6:
			return p.ip(b, full)
		case etherVLAN, etherQinQ, etherOld:
			if len(b) < 4 {
				return "VLAN tag is cut short"
			}
			etherType = be.Uint16(b[2:])
			b, full = b[4:], full-4
		default:
			return notIP
		}
	}
	return notIP
}

// ip decodes an IP packet of either version.
func (p *packet) ip(b []byte, full int) string {
	if len(b) == 0 {
		return "IP packet is cut short"
	}
	switch b[0] >> 4 {
	case 4:
		return p.ipv4(b, full)
	case 6:
		return p.ipv6(b, full)
	}
	return fmt.Sprintf("IP version %d", b[0]>>4)
}

func (p *packet) ipv4(b []byte, full int) string {
	if len(b) < ipv4Len {
		return "IPv4 header is cut short"
	}
	head, total := int(b[0]&15)*4, int(be.Uint16(b[2:]))
	if total == 0 { // segmentation offload leaves it empty
		total = full
	}
	if head < ipv4Len || total < head {
		return fmt.Sprintf("IPv4 header of %d bytes in a packet of %d", head, total)
	}
	if head > len(b) {
		return "IPv4 options are cut short"
	}
	p.ipLen = total
	p.protocol = b[9]
	p.src.lo, p.dst.lo = mapped|uint64(be.Uint32(b[12:])), mapped|uint64(be.Uint32(b[16:]))
	if offset := be.Uint16(b[6:]); offset&0x3fff != 0 {
		p.fragment = true
		if offset&0x1fff != 0 {
			p.cut(b, total)
			return ""
		}
	}
	return p.transport(p.cut(b, total)[head:], total-head)
}

// cut drops what follows the packet in its frame, and notes if a part of it was not captured.
func (p *packet) cut(b []byte, total int) []byte {
	if len(b) < total {
		p.truncated = true
		return b
	}
	return b[:total]
}

func (p *packet) ipv6(b []byte, full int) string {
	const header = 40
	if len(b) < header {
		return "IPv6 header is cut short"
	}
	rest := int(be.Uint16(b[4:]))
	if rest == 0 { // jumbo or segmentation offload
		rest = max(0, full-header)
	}
	p.ipLen, p.v6 = header+rest, true
	b = p.cut(b, p.ipLen)
	p.src.hi, p.src.lo = be.Uint64(b[8:]), be.Uint64(b[16:])
	p.dst.hi, p.dst.lo = be.Uint64(b[24:]), be.Uint64(b[32:])
	p.protocol = b[6]
	b = b[header:]
	for range 16 { // extension headers, RFC 8200, section 4
		n := 0
		switch p.protocol {
		case protoHopByHop, protoRouting, protoDestOpts:
			if len(b) >= 2 {
				n = (int(b[1]) + 1) * 8
			}
		case protoAH:
			if len(b) >= 2 {
				n = (int(b[1]) + 2) * 4
			}
		case protoFragment:
			n = 8
			if len(b) >= n {
				p.fragment = be.Uint16(b[2:])&^6 != 0
				if be.Uint16(b[2:])&^7 != 0 {
					p.protocol = b[0]
					return ""
				}
			}
		default:
			return p.transport(b, rest)
		}
		if n == 0 || n > len(b) {
			return "IPv6 extension header is cut short"
		}
		p.protocol = b[0]
		b, rest = b[n:], rest-n
	}
	return "too many IPv6 extension headers"
}

// transport decodes TCP and UDP; full is the length from here on the wire.
func (p *packet) transport(b []byte, full int) string {
	switch p.protocol {
	case protoTCP:
		return p.tcp(b, full)
	case protoUDP:
		if len(b) < udpLen {
			return "UDP header is cut short"
		}
		p.src.port, p.dst.port = be.Uint16(b), be.Uint16(b[2:])
		p.payload, p.payloadLen = b[udpLen:], max(0, full-udpLen)
		if p.vni < 0 {
			return p.tunnel()
		}
	}
	return ""
}

func (p *packet) tcp(b []byte, full int) string {
	if len(b) < 20 {
		return "TCP header is cut short"
	}
	p.src.port, p.dst.port = be.Uint16(b), be.Uint16(b[2:])
	p.seq, p.ack = be.Uint32(b[4:]), be.Uint32(b[8:])
	p.flags, p.window = TCPFlags(b[13]), be.Uint16(b[14:])
	head := int(b[12]>>4) * 4
	if head < 20 || head > full {
		return fmt.Sprintf("TCP header of %d bytes in %d", head, full)
	}
	if p.flags&SYN != 0 {
		p.mss = maxSegment(b[20:min(head, len(b))])
	}
	p.payload, p.payloadLen = b[min(head, len(b)):], full-head
	return ""
}

// maxSegment finds the maximum segment size option (RFC 9293, section 3.2).
func maxSegment(o []byte) uint16 {
	for len(o) > 0 {
		switch {
		case o[0] == 0:
			return 0
		case o[0] == 1:
			o = o[1:]
			continue
		case len(o) < 2 || o[1] < 2 || int(o[1]) > len(o):
			return 0
		case o[0] == 2 && o[1] == 4:
			return be.Uint16(o[2:])
		}
		o = o[o[1]:]
	}
	return 0
}
