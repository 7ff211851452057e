package redact

import (
	"encoding/binary"
	"net/netip"
)

// frames rewrites packets in place. What it does not understand it fills with zeros.
type frames struct {
	m       *Mapper
	streams *streams
}

// frame rewrites one frame of a link type: www.tcpdump.org/linktypes.html.
func (f *frames) frame(link uint32, b []byte) {
	switch link {
	case 1:
		f.ethernet(b, 0)
	case 0, 108: // BSD loopback
		if len(b) > 4 {
			f.ip(b[4:], 0)
		}
	case 12, 14, 101, 228, 229:
		f.ip(b, 0)
	case 113: // Linux cooked
		if len(b) < 16 {
			clear(b)
			return
		}
		f.hardware(b[6:14], int(binary.BigEndian.Uint16(b[4:])))
		f.typed(binary.BigEndian.Uint16(b[14:]), b[16:], 0)
	case 276: // Linux cooked, version 2
		if len(b) < 20 {
			clear(b)
			return
		}
		f.hardware(b[12:20], int(b[11]))
		f.typed(binary.BigEndian.Uint16(b), b[20:], 0)
	default:
		clear(b)
	}
}

func (f *frames) hardware(b []byte, n int) {
	if n == 6 {
		f.m.MAC(b[:6])
		clear(b[6:])
		return
	}
	clear(b)
}

const maxTunnels = 4

func (f *frames) ethernet(b []byte, depth int) {
	if len(b) < 14 || depth > maxTunnels {
		clear(b)
		return
	}
	f.m.MAC(b[:6])
	f.m.MAC(b[6:12])
	f.typed(binary.BigEndian.Uint16(b[12:]), b[14:], depth)
}

// typed rewrites what follows an EtherType.
func (f *frames) typed(typ uint16, b []byte, depth int) {
	for (typ == 0x8100 || typ == 0x88a8 || typ == 0x9100) && len(b) >= 4 {
		typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	if typ == 0x0800 || typ == 0x86dd {
		f.ip(b, depth)
		return
	}
	clear(b) // ARP and others hold addresses
}

func (f *frames) ip(b []byte, depth int) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		f.ipv4(b, depth)
	case len(b) >= 40 && b[0]>>4 == 6:
		f.ipv6(b, depth)
	default:
		clear(b)
	}
}

func (f *frames) ipv4(b []byte, depth int) {
	n := int(b[0]&15) * 4
	if n < 20 || n > len(b) {
		clear(b)
		return
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total < n || total > len(b) { // segmentation offload, or cut
		total = len(b)
	}
	clear(b[total:])
	was := sum(b[:n])
	l4 := b[n:total]
	before := sum(b[12:20])
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	f.address(b[12:16], src)
	f.address(b[16:20], dst)
	clear(b[20:n]) // options hold addresses; zeros are their end
	adjust(b, 10, was, sum(b[:n]))
	frag := binary.BigEndian.Uint16(b[6:])
	f.transport(b[9], l4, src, dst, before, sum(b[12:20]), frag&0x1fff != 0, frag&0x3fff != 0, depth)
}

func (f *frames) ipv6(b []byte, depth int) {
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total == 40 || total > len(b) {
		total = len(b)
	}
	clear(b[total:])
	before := sum(b[8:40])
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	f.address(b[8:24], src)
	f.address(b[24:40], dst)
	next, rest := b[6], b[40:total]
	later, fragment := false, false
	for range 8 {
		if next != 0 && next != 43 && next != 44 && next != 60 && next != 51 || len(rest) < 8 {
			break
		}
		n := (int(rest[1]) + 1) * 8
		switch next {
		case 44:
			n = 8
			later = binary.BigEndian.Uint16(rest[2:])&0xfff8 != 0
			fragment = true
		case 51:
			n = (int(rest[1]) + 2) * 4
		}
		if n > len(rest) {
			clear(rest)
			return
		}
		if next != 44 {
			clear(rest[2:n]) // routing headers and options may hold addresses; zeros pad
		}
		next, rest = rest[0], rest[n:]
	}
	f.transport(next, rest, src, dst, before, sum(b[8:40]), later, fragment, depth)
}

func (f *frames) address(b []byte, a netip.Addr) { copy(b, f.m.Addr(a).AsSlice()) }

// transport rewrites what IP carries. The pseudo header's sums are those of the addresses before and after.
func (f *frames) transport(proto byte, b []byte, src, dst netip.Addr, before, after uint32, later, fragment bool, depth int) {
	if later { // not the first fragment: content without ports
		clear(b)
		return
	}
	was := sum(b)
	switch proto {
	case 6:
		if len(b) < 20 {
			clear(b[min(len(b), 8):])
			return
		}
		n := int(b[12]>>4) * 4
		if n < 20 || n > len(b) {
			clear(b[20:])
		} else {
			tcpOptions(b[20:n])
			from := netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
			to := netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
			if fragment {
				clear(b[n:])
			} else {
				f.streams.rewrite(from, to, binary.BigEndian.Uint32(b[4:]), b[13]&2 != 0, b[n:])
			}
		}
		adjust(b, 16, was+before, sum(b)+after)
	case 17:
		if len(b) < 8 {
			return
		}
		f.udp(binary.BigEndian.Uint16(b[2:]), b[8:], fragment, depth)
		if binary.BigEndian.Uint16(b[6:]) != 0 { // 0: none
			adjust(b, 6, was+before, sum(b)+after)
		}
	case 1, 58: // an error quotes the packet it is about, and neighbour discovery holds addresses
		if len(b) < 8 {
			clear(b)
			return
		}
		clear(b[8:])
		if proto == 1 {
			before, after = 0, 0 // no pseudo header
		}
		adjust(b, 2, was+before, sum(b)+after)
	default:
		clear(b)
	}
}

// udp rewrites tunnels' content, VXLAN (RFC 7348) and GENEVE (RFC 8926), and clears all other.
func (f *frames) udp(port uint16, b []byte, fragment bool, depth int) {
	switch {
	case fragment:
		clear(b)
	case port == 4789 && len(b) >= 8 && b[0]&8 != 0:
		f.ethernet(b[8:], depth+1)
	case port == 6081 && len(b) >= 8 && b[0]>>6 == 0:
		n := 8 + int(b[0]&0x3f)*4
		if n > len(b) {
			clear(b)
			return
		}
		for o := b[8:n]; len(o) >= 4; { // options hold identifiers of endpoints; their headers stay
			end := min(4+int(o[3]&31)*4, len(o))
			clear(o[4:end])
			o = o[end:]
		}
		if typ := binary.BigEndian.Uint16(b[2:]); typ == 0x6558 {
			f.ethernet(b[n:], depth+1)
		} else if depth < maxTunnels {
			f.typed(typ, b[n:], depth+1)
		} else {
			clear(b[n:])
		}
	default:
		clear(b)
	}
}

// tcpOptions keeps the usual options and makes others, which may hold addresses (multipath TCP), no-operations.
func tcpOptions(b []byte) {
	for len(b) > 0 {
		kind := b[0]
		if kind == 0 {
			clear(b)
			return
		}
		if kind == 1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			clear(b)
			return
		}
		n := int(b[1])
		if kind != 2 && kind != 3 && kind != 4 && kind != 5 && kind != 8 {
			for i := range b[:n] {
				b[i] = 1
			}
		}
		b = b[n:]
	}
}

// sum is the one's complement sum of 16-bit words, not folded. RFC 1071.
func sum(b []byte) uint32 {
	var s uint64
	for ; len(b) >= 2; b = b[2:] {
		s += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint32(s)
}

// adjust changes the checksum at an index so that it is as right or wrong as it was: RFC 1624. The sums are those of all that
// the checksum is for, itself included and unchanged.
func adjust(b []byte, at int, before, after uint32) {
	if len(b) < at+2 {
		return
	}
	s := uint32(^binary.BigEndian.Uint16(b[at:])) + fold(after) + uint32(^uint16(fold(before)))
	binary.BigEndian.PutUint16(b[at:], ^uint16(fold(s)))
}

func fold(s uint32) uint32 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return s
}
