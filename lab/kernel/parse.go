package kernel

import (
	"encoding/binary"
	"net/netip"
)

// ends are those of a TCP segment.
type ends struct {
	src, dst netip.Addr
	dstPort  uint16
}

const protoTCP = 6

// parse reads a packet's ends; of what is no TCP, or a later fragment, it knows nothing.
func parse(b []byte) (e ends, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		head := int(b[0]&15) * 4
		if b[9] != protoTCP || len(b) < head+4 || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return e, false
		}
		e.src, e.dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		b = b[head:]
	case len(b) >= 44 && b[0]>>4 == 6 && b[6] == protoTCP:
		e.src, e.dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		b = b[40:]
	default:
		return e, false
	}
	e.dstPort = binary.BigEndian.Uint16(b[2:])
	return e, true
}
