package capture

import "slices"

// Bounds of what is held of one direction while bytes before it are missing.
const (
	maxPending      = 1024
	maxPendingBytes = 256 << 10
)

// stream puts one direction's segments in order.
type stream struct {
	next         uint32 // sequence number of the next byte in order
	finSeq       uint32 // behind the last byte, if fin
	rstSeq       uint32 // behind the last byte, if reset
	pendingBytes uint32
	began        bool
	fin          bool
	reset        bool
	broken       bool // bytes are missing for good
	pending      []piece
}

// piece is a segment that came before its turn.
type piece struct {
	seq  uint32
	n    int // length on the wire; data is shorter if it was cut
	data []byte
}

// acked reports whether seq is the number before the first byte, as that of the SYN is.
func (s *stream) acked(seq uint32) bool { return s.began && s.next == seq+1 }

// gap reports whether bytes are known to be missing.
func (s *stream) gap() bool {
	if s.began && s.reset && !s.fin && int32(s.rstSeq-s.next) > 0 {
		return true
	}
	return s.broken || len(s.pending) > 0 || s.began && s.fin && s.finSeq != s.next
}

// segment takes the payload of a packet.
func (s *stream) segment(c *conn, from int, p *packet, x *scratch) {
	seq := p.seq
	if p.flags&SYN != 0 {
		seq++
	}
	if !s.began {
		if p.flags&RST != 0 && p.payloadLen == 0 {
			return // its number may be anything
		}
		s.began, s.next = true, seq
	}
	if p.flags&FIN != 0 && !s.fin {
		s.fin, s.finSeq = true, seq+uint32(p.payloadLen)
	}
	if p.flags&(RST|ACK) == RST|ACK && !s.reset { // an end's own; one without ACK answers, and has the other's number (RFC 9293, section 3.10.7.1)
		s.reset, s.rstSeq = true, seq
	}
	if p.payloadLen == 0 || s.broken || p.flags&RST != 0 {
		return // the payload of a RST is words for people (RFC 9293, section 3.5.3)
	}
	ahead := int32(seq - s.next)
	if ahead > 0 {
		c.grew = true
		s.hold(&c.sides[from], piece{seq: seq, n: p.payloadLen, data: p.payload}, ahead)
		return
	}
	s.take(c, from, piece{seq: seq, n: p.payloadLen, data: p.payload}, p.number, x)
	for len(s.pending) > 0 && !s.broken && int32(s.pending[0].seq-s.next) <= 0 {
		c.grew = true
		q := s.pending[0]
		s.pending = s.pending[:copy(s.pending, s.pending[1:])]
		s.pendingBytes -= uint32(len(q.data))
		s.take(c, from, q, p.number, x)
	}
}

// hold keeps a piece until its turn comes.
func (s *stream) hold(d *side, q piece, ahead int32) {
	if len(s.pending) >= maxPending || int(s.pendingBytes)+len(q.data) > maxPendingBytes || ahead > 16*maxPendingBytes {
		s.lose(d)
		return
	}
	i, found := slices.BinarySearchFunc(s.pending, q.seq, func(e piece, seq uint32) int { return int(int32(e.seq - seq)) })
	if found && s.pending[i].n >= q.n {
		d.retransmitted++
		return
	}
	q.data = slices.Clone(q.data)
	s.pending = slices.Insert(s.pending, i, q)
	s.pendingBytes += uint32(len(q.data))
}

// lose gives the direction up: what follows cannot be put in order.
func (s *stream) lose(d *side) {
	s.broken, d.lost = true, true
	s.pending, s.pendingBytes = nil, 0
	d.tls.off = true
}

// take hands on the part of a piece that is new; it begins at next or before. The frame is the one that made it the
// piece's turn.
func (s *stream) take(c *conn, from int, q piece, frame int, x *scratch) {
	d := &c.sides[from]
	old := int(s.next - q.seq) // bytes that came already
	if old >= q.n {
		d.retransmitted++
		return
	}
	d.data += int64(q.n - old)
	d.segments++
	s.next = q.seq + uint32(q.n)
	if old < len(q.data) {
		c.deliver(from, q.data[old:], frame, x)
	}
	if len(q.data) < q.n {
		s.lose(d)
	}
}
