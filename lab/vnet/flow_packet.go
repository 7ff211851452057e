package vnet

import "encoding/binary"

// IANA protocol numbers and IPv6 extension headers that the meter tells apart.
const (
	protoTCP, protoUDP                            = 6, 17
	ipv6HopByHop, ipv6Routing, ipv6DestOpts       = 0, 43, 60
	ipv6Fragment                                  = 44
	flagFIN, flagSYN, flagRST, flagACK      uint8 = 1, 2, 4, 16
)

// flowHead is what a packet adds to which flow.
type flowHead struct {
	key   flowKey
	bytes int64 // the IP packet's total length: the IP header in, the Ethernet header out
	flags uint8
}

// parseFlow reads an IP packet's headers. ok is false for what is no IP packet. A packet cut behind its IP header counts
// with ports and flags of 0, as later fragments and protocols without ports do.
func parseFlow(p *Packet) (h flowHead, ok bool) {
	b := p.Data
	h.key.iface = uint16(p.Interface)
	if p.Inbound {
		h.key.bits |= bitInbound
	}
	if p.Rejected {
		h.key.bits |= bitRejected
	}
	var rest []byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		rest = h.ipv4(b)
	case len(b) >= 40 && b[0]>>4 == 6:
		rest = h.ipv6(b)
	default:
		return h, false
	}
	if k := &h.key; (k.proto == protoTCP || k.proto == protoUDP) && len(rest) >= 4 {
		k.srcPort, k.dstPort = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
	}
	if h.key.proto == protoTCP && len(rest) >= 14 {
		h.flags = recordedFlags(rest[13])
	}
	return h, true
}

// recordedFlags are the flags of a segment as flow logs record them: FIN 1, SYN 2, RST 4, and a SYN with an ACK as 18.
// Other ACKs and PSH are not recorded. Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html.
func recordedFlags(f uint8) uint8 {
	r := f & (flagFIN | flagSYN | flagRST)
	if f&flagSYN != 0 {
		r |= f & flagACK
	}
	return r
}

func (h *flowHead) ipv4(b []byte) []byte {
	k := &h.key
	copy(k.src[:4], b[12:16])
	copy(k.dst[:4], b[16:20])
	k.proto = b[9]
	h.bytes = int64(binary.BigEndian.Uint16(b[2:]))
	size := int(b[0]&15) * 4
	if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 || size < 20 || size > len(b) {
		return nil
	}
	return b[size:]
}

func (h *flowHead) ipv6(b []byte) []byte {
	k := &h.key
	k.bits |= bitIPv6
	copy(k.src[:], b[8:24])
	copy(k.dst[:], b[24:40])
	h.bytes = 40 + int64(binary.BigEndian.Uint16(b[4:]))
	k.proto = b[6]
	b = b[40:]
	for { // each step shortens b
		switch k.proto {
		case ipv6HopByHop, ipv6Routing, ipv6DestOpts:
			if len(b) < 8 {
				return nil
			}
			size := 8 + int(b[1])*8
			if size > len(b) {
				return nil
			}
			k.proto, b = b[0], b[size:]
		case ipv6Fragment:
			if len(b) < 8 {
				return nil
			}
			later := binary.BigEndian.Uint16(b[2:])&0xfff8 != 0
			k.proto, b = b[0], b[8:]
			if later {
				return nil
			}
		default:
			return b
		}
	}
}
