package evidence

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
)

// vxlanPort is the destination port of mirrored traffic.
// Source: docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-packet-formats.html
const vxlanPort = 4789

// detectCapture knows pcap and pcapng. A capture whose first packet is VXLAN is what a mirror target received.
func detectCapture(b []byte, name string) Kind {
	var frame []byte
	var link uint32
	switch {
	case len(b) < 4:
		return ""
	case bytes.Equal(b[:4], []byte{0xa1, 0xb2, 0xc3, 0xd4}), bytes.Equal(b[:4], []byte{0xa1, 0xb2, 0x3c, 0x4d}):
		link, frame = firstPcap(b, binary.BigEndian)
	case bytes.Equal(b[:4], []byte{0xd4, 0xc3, 0xb2, 0xa1}), bytes.Equal(b[:4], []byte{0x4d, 0x3c, 0xb2, 0xa1}):
		link, frame = firstPcap(b, binary.LittleEndian)
	case bytes.Equal(b[:4], []byte{0x0a, 0x0d, 0x0d, 0x0a}):
		link, frame = firstPcapng(b)
	default:
		return ""
	}
	if frame == nil {
		if strings.Contains(path.Base(name), "mirror") {
			return KindMirror
		}
		return KindCapture
	}
	if isVXLAN(link, frame) {
		return KindMirror
	}
	return KindCapture
}

// firstPcap returns the link type and the first packet, nil if there is none.
// Source: www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
func firstPcap(b []byte, order binary.ByteOrder) (link uint32, frame []byte) {
	const header, record = 24, 16
	if len(b) < header+record {
		return 0, nil
	}
	n := order.Uint32(b[header+8:])
	return order.Uint32(b[20:]) & 0xffff, cut(b[header+record:], n)
}

// firstPcapng does the same for pcapng: section header, interface description, packets.
// Source: www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
func firstPcapng(b []byte) (link uint32, frame []byte) {
	if len(b) < 28 {
		return 0, nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	if binary.BigEndian.Uint32(b[8:]) == 0x1a2b3c4d {
		order = binary.BigEndian
	}
	for len(b) >= 12 {
		kind, n := order.Uint32(b), order.Uint32(b[4:])
		if n < 12 || uint64(n) > uint64(len(b)) {
			return link, nil
		}
		body := b[8 : n-4]
		switch {
		case kind == 1 && len(body) >= 2:
			link = uint32(order.Uint16(body))
		case kind == 6 && len(body) >= 20:
			return link, cut(body[20:], order.Uint32(body[12:]))
		case kind == 3 && len(body) >= 4:
			return link, cut(body[4:], order.Uint32(body))
		}
		b = b[n:]
	}
	return link, nil
}

// cut returns at most n bytes, and never nil.
func cut(b []byte, n uint32) []byte {
	if uint64(n) < uint64(len(b)) {
		b = b[:n]
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

// isVXLAN: UDP to the VXLAN port, in Ethernet or bare IP (link types 1, 101 and 12).
func isVXLAN(link uint32, p []byte) bool {
	if link == 1 {
		if len(p) < 14 {
			return false
		}
		p = p[14:]
	}
	var udp []byte
	switch {
	case len(p) >= 20 && p[0]>>4 == 4 && p[9] == 17:
		udp = p[min(int(p[0]&15)*4, len(p)):]
	case len(p) >= 40 && p[0]>>4 == 6 && p[6] == 17:
		udp = p[40:]
	}
	return len(udp) >= 4 && binary.BigEndian.Uint16(udp[2:]) == vxlanPort
}
