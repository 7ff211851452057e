package embedded

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/vnet"
)

// maxCounted is the number of connections whose packets are counted for a Link at a time; then counting begins anew.
const maxCounted = 1 << 16

// links makes the paths of some clients bad.
type links struct {
	mu     sync.Mutex
	by     map[netip.Addr]lab.Link
	counts map[way]int
}

// way is one direction of a connection.
type way struct {
	client, node netip.AddrPort
	in           bool
}

func newLinks() *links {
	return &links{by: map[netip.Addr]lab.Link{}, counts: map[way]int{}}
}

// SetLink implements [lab.Faulty].
func (l *Lab) SetLink(from lab.Vantage, link lab.Link) error {
	if from.Client < 0 || from.Client >= vantages {
		return fmt.Errorf("setting a link: client %d: the embedded lab has clients 0 to %d", from.Client, vantages-1)
	}
	if err := link.Check(); err != nil {
		return err
	}
	l.links.mu.Lock()
	defer l.links.mu.Unlock()
	addr := clientAddr(from.Client, from.IPv6)
	if link.Bad() {
		l.links.by[addr] = link
	} else {
		delete(l.links.by, addr)
	}
	clear(l.links.counts)
	if len(l.links.by) == 0 {
		l.net.SetFault(nil) // costs nothing then
	} else {
		l.net.SetFault(l.links.fault)
	}
	return nil
}

// fault is the network's: it decides what happens to a packet. Its choices follow from the seed, the connection and the
// packet's number in it, so that they do not depend on what other connections do meanwhile.
func (s *links) fault(p *vnet.Packet) vnet.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, _, _, ok := tcpOf(p.Data)
	if !ok {
		return vnet.Fault{}
	}
	w := way{client: t.src, node: t.dst, in: p.Inbound}
	if !p.Inbound {
		w.client, w.node = t.dst, t.src
	}
	link, ok := s.by[w.client.Addr()]
	if !ok {
		return vnet.Fault{}
	}
	if len(s.counts) >= maxCounted {
		clear(s.counts)
	}
	s.counts[w]++
	return decide(&link, w, s.counts[w])
}

func decide(l *lab.Link, w way, n int) vnet.Fault {
	lose := l.LoseOut
	if w.in {
		lose = l.LoseIn
	}
	draw := draws(l.Seed, w, n)
	f := vnet.Fault{Delay: l.Delay, Drop: slices.Contains(lose, n) || draw() < l.Loss}
	if draw() < l.Duplicate {
		f.Copies = 1
	}
	if draw() < l.Reorder {
		f.Delay += cmp.Or(l.Late, 10*time.Millisecond)
	}
	return f
}

// draws returns numbers in [0, 1) that depend on the arguments alone.
func draws(seed uint64, w way, n int) func() float64 {
	turn := uint64(0)
	return func() float64 {
		turn++
		b := binary.BigEndian.AppendUint64(nil, seed)
		b = binary.BigEndian.AppendUint64(b, uint64(n)<<8|turn)
		b = append(b, w.client.String()...)
		b = append(b, w.node.String()...)
		if w.in {
			b = append(b, 'i')
		}
		h := fnv.New64a()
		_, _ = h.Write(b)
		x := h.Sum64()
		x ^= x >> 31
		x *= 0x9e3779b97f4a7c15 // spreads FNV's low bits over the high ones (Weyl's constant, as splitmix64 has it)
		x ^= x >> 29
		return float64(x>>11) / math.Exp2(53)
	}
}
