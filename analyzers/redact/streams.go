package redact

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/alblab/alblab/lab/evidence/capture"
)

// way is one direction of a connection.
type way struct{ from, to netip.AddrPort }

// streams are the bytes of a capture's connections that may be shown, by direction.
type streams struct {
	m    *Mapper
	ways map[way]*lives
	kept int // bytes, of all
}

// lives are the connections that one way had, one after the other.
type lives struct {
	list []*stream
	now  int // of the second reading
}

// stream is one direction of one connection.
type stream struct {
	syn    bool
	base   uint32 // sequence number of its first byte
	next   int    // bytes that came in order
	held   map[uint32][]byte
	heldN  int
	parser parser
	chunks []chunk // by offset
}

// chunk is what is shown in place of a stretch of a stream.
type chunk struct {
	off  int
	data []byte
}

// Bounds of the memory that a capture may take.
const (
	maxHeld = 1 << 20   // of a stream, out of order
	maxKept = 512 << 20 // of all streams
)

var errTooLarge = errors.New("the capture has more clear text than fits the memory; cut it into parts")

func newStreams(m *Mapper) *streams { return &streams{m: m, ways: map[way]*lives{}} }

// packet takes a packet of the first reading.
func (s *streams) packet(p *capture.Packet) error {
	if p.Protocol != 6 || p.Fragment {
		return nil
	}
	w := way{p.Src, p.Dst}
	l := s.ways[w]
	if l == nil {
		l = &lives{}
		s.ways[w] = l
	}
	if p.Flags&capture.SYN != 0 {
		l.begin(p.Seq + 1)
		return nil
	}
	if len(l.list) == 0 {
		if len(p.Payload) == 0 {
			return nil
		}
		l.list = append(l.list, &stream{base: p.Seq})
	}
	st := l.list[len(l.list)-1]
	if st.parser.s == nil {
		st.parser = parser{s: s, stream: st}
	}
	st.segment(p.Seq, p.Payload)
	if s.kept > maxKept {
		return errTooLarge
	}
	return nil
}

// begin begins a connection, if this is no repeated SYN.
func (l *lives) begin(base uint32) {
	if n := len(l.list); n > 0 && l.list[n-1].syn && l.list[n-1].base == base {
		return
	}
	l.list = append(l.list, &stream{syn: true, base: base})
}

// segment puts a segment into its place.
func (st *stream) segment(seq uint32, b []byte) {
	for {
		off := int32(seq - (st.base + uint32(st.next)))
		switch {
		case len(b) == 0:
		case off <= 0 && int(-off) < len(b):
			b = b[-off:]
			st.parser.take(st.next, b)
			st.next += len(b)
		case off > 0 && st.heldN+len(b) <= maxHeld:
			if st.held == nil {
				st.held = map[uint32][]byte{}
			}
			if old := st.held[seq]; len(old) < len(b) {
				st.heldN += len(b) - len(old)
				st.held[seq] = slices.Clone(b)
			}
			return
		}
		// What waited may fit now.
		found := false
		for at, h := range st.held {
			d := int32(at - (st.base + uint32(st.next)))
			if d <= 0 {
				delete(st.held, at)
				st.heldN -= len(h)
				if int(-d) < len(h) {
					seq, b, found = at, h, true
					break
				}
			}
		}
		if !found {
			return
		}
	}
}

// show lets bytes of a stream be seen.
func (st *stream) show(s *streams, off int, b []byte) {
	if len(b) == 0 {
		return
	}
	s.kept += len(b)
	if n := len(st.chunks); n > 0 && st.chunks[n-1].off+len(st.chunks[n-1].data) == off {
		st.chunks[n-1].data = append(st.chunks[n-1].data, b...)
		return
	}
	st.chunks = append(st.chunks, chunk{off, slices.Clone(b)})
}

// finish ends the first reading.
func (s *streams) finish() {
	for _, l := range s.ways {
		for _, st := range l.list {
			st.parser.finish()
			st.held = nil
			st.merge()
		}
	}
}

// merge puts chunks into the order of the stream, none over another. Where they overlap, they say the same.
func (st *stream) merge() {
	slices.SortStableFunc(st.chunks, func(a, b chunk) int { return a.off - b.off })
	out := st.chunks[:0]
	end := 0
	for _, c := range st.chunks {
		if cut := end - c.off; cut >= len(c.data) {
			continue
		} else if cut > 0 {
			c = chunk{end, c.data[cut:]}
		}
		end = c.off + len(c.data)
		out = append(out, c)
	}
	st.chunks = out
}

// rewrite replaces the payload of a segment in the second reading.
func (s *streams) rewrite(from, to netip.AddrPort, seq uint32, syn bool, payload []byte) {
	l := s.ways[way{from, to}]
	if l == nil || len(l.list) == 0 {
		clear(payload)
		return
	}
	if syn {
		l.step(seq + 1)
		clear(payload)
		return
	}
	st := l.list[l.now]
	off := int(int32(seq - st.base))
	clear(payload)
	i, _ := slices.BinarySearchFunc(st.chunks, off, func(c chunk, off int) int { return c.off + len(c.data) - 1 - off })
	for ; i < len(st.chunks) && st.chunks[i].off < off+len(payload); i++ {
		c := st.chunks[i]
		if c.off >= off {
			copy(payload[c.off-off:], c.data)
		} else if off-c.off < len(c.data) {
			copy(payload, c.data[off-c.off:])
		}
	}
}

// step goes on to the connection that a SYN begins.
func (l *lives) step(base uint32) {
	if l.list[l.now].syn && l.list[l.now].base == base {
		return
	}
	if l.now+1 < len(l.list) && l.list[l.now+1].base == base {
		l.now++
	}
}
