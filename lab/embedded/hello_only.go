package embedded

import (
	"net/netip"
	"sync"

	"github.com/alblab/alblab/lab/vnet"
)

// helloBytes is how much payload per direction and connection a capture in mode "hello" keeps: enough for a post-quantum
// hello and the server's certificates.
const helloBytes = 16 << 10

// helloFilter lets the beginnings and ends of connections pass, so that a capture of a long run stays small.
type helloFilter struct {
	mu   sync.Mutex
	seen map[tuple]int // payload bytes so far; entries go with the connection's end
}

type tuple struct{ src, dst netip.AddrPort }

// keep reports whether a packet belongs into the capture.
func (f *helloFilter) keep(p *vnet.Packet) bool {
	t, flags, payload, ok := tcpOf(p.Data)
	if !ok {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	const fin, syn, rst = 1, 2, 4
	if flags&(syn|fin|rst) != 0 {
		if flags&(fin|rst) != 0 {
			delete(f.seen, t)
		}
		return true
	}
	if f.seen[t] > helloBytes {
		return false
	}
	f.seen[t] += payload
	return true
}

// tcpOf reads addresses, flags and payload length of a TCP packet as the vnet makes them: no fragments, no extension headers.
func tcpOf(ip []byte) (t tuple, flags byte, payload int, ok bool) {
	if len(ip) < 20 {
		return t, 0, 0, false
	}
	var src, dst netip.Addr
	var tcp []byte
	switch ip[0] >> 4 {
	case 4:
		head := int(ip[0]&15) * 4
		if ip[9] != 6 || len(ip) < head {
			return t, 0, 0, false
		}
		src, dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
		tcp = ip[head:]
	case 6:
		if len(ip) < 40 || ip[6] != 6 {
			return t, 0, 0, false
		}
		src, dst = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
		tcp = ip[40:]
	}
	if len(tcp) < 20 {
		return t, 0, 0, false
	}
	t.src = netip.AddrPortFrom(src, uint16(tcp[0])<<8|uint16(tcp[1]))
	t.dst = netip.AddrPortFrom(dst, uint16(tcp[2])<<8|uint16(tcp[3]))
	head := int(tcp[12]>>4) * 4
	return t, tcp[13], max(0, len(tcp)-head), true
}
