package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// notIP is what decoding says of a frame that is none of its business.
const notIP = "not IP"

var be = binary.BigEndian

// link decodes a frame from its link layer on; full is its length on the wire. It returns what is wrong, notIP, or "".
func (p *Packet) link(b []byte, link, full int) string {
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

func (p *Packet) ethernet(b []byte, full int) string {
	if len(b) < ethernetLen {
		return "Ethernet header is cut short"
	}
	return p.network(be.Uint16(b[12:]), b[ethernetLen:], full-ethernetLen)
}

// network takes off VLAN tags.
func (p *Packet) network(etherType uint16, b []byte, full int) string {
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
func (p *Packet) ip(b []byte, full int) string {
	if len(b) == 0 {
		return "no bytes of the IP packet"
	}
	switch b[0] >> 4 {
	case 4:
		return p.ipv4(b, full)
	case 6:
		return p.ipv6(b, full)
	}
	return fmt.Sprintf("IP version %d", b[0]>>4)
}

func (p *Packet) ipv4(b []byte, full int) string {
	if len(b) < ipv4Len {
		return "IPv4 header is cut short"
	}
	head, total := int(b[0]&15)*4, int(be.Uint16(b[2:]))
	if total == 0 { // segmentation offload leaves it empty
		total = full
	}
	if head < ipv4Len || total < head || head > len(b) {
		return fmt.Sprintf("IPv4 header of %d bytes in a packet of %d", head, total)
	}
	p.IPLen = total
	b = p.cut(b, total)
	p.Protocol = b[9]
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	offset := be.Uint16(b[6:])
	p.Fragment = offset&0x3fff != 0
	if offset&0x1fff != 0 {
		p.Src, p.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
		return ""
	}
	return p.transport(src, dst, b[head:], total-head)
}

// cut drops what follows the packet in its frame, and notes if a part of it was not captured.
func (p *Packet) cut(b []byte, total int) []byte {
	if len(b) < total {
		p.Truncated = true
		return b
	}
	return b[:total]
}

func (p *Packet) ipv6(b []byte, full int) string {
	const header = 40
	if len(b) < header {
		return "IPv6 header is cut short"
	}
	rest := int(be.Uint16(b[4:]))
	if rest == 0 { // jumbo or segmentation offload
		rest = max(0, full-header)
	}
	p.IPLen = header + rest
	b = p.cut(b, p.IPLen)
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	p.Protocol = b[6]
	b = b[header:]
	for range 16 { // extension headers, RFC 8200, section 4
		n := 0
		switch p.Protocol {
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
				p.Fragment = be.Uint16(b[2:])&^6 != 0
				if be.Uint16(b[2:])&^7 != 0 {
					p.Protocol = b[0]
					p.Src, p.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
					return ""
				}
			}
		default:
			return p.transport(src, dst, b, rest)
		}
		if n == 0 || n > len(b) {
			return "IPv6 extension header is cut short"
		}
		p.Protocol = b[0]
		b, rest = b[n:], rest-n
	}
	return "too many IPv6 extension headers"
}

// transport decodes TCP and UDP; full is the length from here on the wire.
func (p *Packet) transport(src, dst netip.Addr, b []byte, full int) string {
	p.Src, p.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	switch p.Protocol {
	case protoTCP:
		return p.tcp(src, dst, b, full)
	case protoUDP:
		if len(b) < udpLen {
			return "UDP header is cut short"
		}
		p.Src, p.Dst = netip.AddrPortFrom(src, be.Uint16(b)), netip.AddrPortFrom(dst, be.Uint16(b[2:]))
		p.Payload, p.PayloadLen = b[udpLen:], max(0, full-udpLen)
		if be.Uint16(b[2:]) == vxlanPort && p.VNI < 0 && len(p.Payload) >= vxlanLen && p.Payload[0]&0x08 != 0 {
			return p.unwrap()
		}
	}
	return ""
}

// unwrap goes on with the frame inside of VXLAN.
func (p *Packet) unwrap() string {
	inner := Packet{Number: p.Number, Time: p.Time, VNI: int(be.Uint32(p.Payload[4:]) >> 8)}
	cut := p.Truncated
	what := inner.ethernet(p.Payload[vxlanLen:], p.PayloadLen-vxlanLen)
	*p = inner
	p.Truncated = p.Truncated || cut
	if what != "" && what != notIP {
		return "in VXLAN: " + what
	}
	return what
}

func (p *Packet) tcp(src, dst netip.Addr, b []byte, full int) string {
	if len(b) < 20 {
		return "TCP header is cut short"
	}
	p.Src, p.Dst = netip.AddrPortFrom(src, be.Uint16(b)), netip.AddrPortFrom(dst, be.Uint16(b[2:]))
	p.Seq, p.Ack = be.Uint32(b[4:]), be.Uint32(b[8:])
	p.Flags, p.Window = TCPFlags(b[13]), be.Uint16(b[14:])
	head := int(b[12]>>4) * 4
	if head < 20 || head > full {
		return fmt.Sprintf("TCP header of %d bytes in %d", head, full)
	}
	if p.Flags&SYN != 0 {
		p.MSS = maxSegment(b[20:min(head, len(b))])
	}
	p.Payload, p.PayloadLen = b[min(head, len(b)):], full-head
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
