package capture

import "slices"

// Bounds of what is held of one direction while bytes before it are missing.
const (
	maxPending      = 64
	maxPendingBytes = 256 << 10
)

// stream puts one direction's segments in order.
type stream struct {
	began        bool
	next         uint32 // sequence number of the next byte in order
	finSeq       uint32 // behind the last byte, if fin
	fin          bool
	broken       bool // bytes are missing for good
	pending      []piece
	pendingBytes int64
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
	return s.broken || len(s.pending) > 0 || s.began && s.fin && s.finSeq != s.next
}

// segment takes the payload of a packet.
func (s *stream) segment(c *conn, from int, p *Packet) {
	seq := p.Seq
	if p.Flags&SYN != 0 {
		seq++
	}
	if !s.began {
		if p.Flags&RST != 0 && p.PayloadLen == 0 {
			return // its number may be anything
		}
		s.began, s.next = true, seq
	}
	if p.Flags&FIN != 0 && !s.fin {
		s.fin, s.finSeq = true, seq+uint32(p.PayloadLen)
	}
	if p.PayloadLen == 0 || s.broken || p.Flags&RST != 0 {
		return // the payload of a RST is words for people (RFC 9293, section 3.5.3)
	}
	ahead := int32(seq - s.next)
	if ahead > 0 {
		s.hold(&c.sides[from], piece{seq: seq, n: p.PayloadLen, data: p.Payload}, ahead)
		return
	}
	s.take(c, from, piece{seq: seq, n: p.PayloadLen, data: p.Payload}, p.Number)
	for len(s.pending) > 0 && !s.broken && int32(s.pending[0].seq-s.next) <= 0 {
		q := s.pending[0]
		s.pending = s.pending[:copy(s.pending, s.pending[1:])]
		s.pendingBytes -= int64(len(q.data))
		s.take(c, from, q, p.Number)
	}
}

// hold keeps a piece until its turn comes.
func (s *stream) hold(d *side, q piece, ahead int32) {
	if len(s.pending) >= maxPending || s.pendingBytes+int64(len(q.data)) > maxPendingBytes || ahead > 16*maxPendingBytes {
		s.lose(d)
		return
	}
	i, found := slices.BinarySearchFunc(s.pending, q.seq, func(e piece, seq uint32) int { return int(int32(e.seq - seq)) })
	if found && s.pending[i].n >= q.n {
		d.Retransmitted++
		return
	}
	q.data = slices.Clone(q.data)
	s.pending = slices.Insert(s.pending, i, q)
	s.pendingBytes += int64(len(q.data))
}

// lose gives the direction up: what follows cannot be put in order.
func (s *stream) lose(d *side) {
	s.broken, d.Lost = true, true
	s.pending, s.pendingBytes = nil, 0
	d.tls.off = true
}

// take hands on the part of a piece that is new; it begins at next or before. The frame is the one that made it the
// piece's turn.
func (s *stream) take(c *conn, from int, q piece, frame int) {
	d := &c.sides[from]
	old := int(s.next - q.seq) // bytes that came already
	if old >= q.n {
		d.Retransmitted++
		return
	}
	d.Data += int64(q.n - old)
	d.Segments++
	s.next = q.seq + uint32(q.n)
	if old < len(q.data) {
		c.deliver(from, q.data[old:], frame)
	}
	if len(q.data) < q.n {
		s.lose(d)
	}
}
