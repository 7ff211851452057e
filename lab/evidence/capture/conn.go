package capture

import (
	"net/netip"
	"slices"

	"github.com/alblab/alblab/lab/wire"
)

func sortByFirstFrame(all []*conn) {
	slices.SortFunc(all, func(a, b *conn) int { return a.c.FirstFrame - b.c.FirstFrame })
}

// side is one direction in the making.
type side struct {
	Direction
	addr   netip.AddrPort
	stream stream
	tls    tlsStream
	hello  *wire.HelloReader // nil for a side that is known to be the server's
	helloN int64             // Segments when the hello was complete
	helloF int               // and the frame
	syn    bool              // a SYN was seen, synSeq is its number
	synSeq uint32
}

// roles decides by the first packet who is who.
func (c *conn) roles(p *Packet) {
	c.sides[0].addr, c.sides[1].addr = p.Src, p.Dst
	c.server = 1
	switch {
	case p.Flags&(SYN|ACK) == SYN:
		c.known = true
	case p.Flags&(SYN|ACK) == SYN|ACK:
		c.server, c.known = 0, true
	case p.Src.Port() < p.Dst.Port():
		c.server = 0
	}
}

// another reports whether a SYN on the same addresses and ports begins another connection.
func (c *conn) another(p *Packet, src [18]byte) bool {
	from := 0
	if src != c.first {
		from = 1
	}
	s := &c.sides[from]
	if s.syn && s.synSeq == p.Seq {
		return false // a retransmission
	}
	if !s.syn && c.known && from != c.server && (s.Packets == 0 || s.stream.acked(p.Seq)) {
		return false // it stands behind its SYN-ACK in the capture
	}
	return true
}

// ended reports whether nothing more is to come but stragglers.
func (c *conn) ended() bool {
	a, b := &c.sides[0], &c.sides[1]
	return a.RSTFrame != 0 || b.RSTFrame != 0 || a.FINFrame != 0 && b.FINFrame != 0
}

// packet takes one packet of the side from, and returns by how much the memory held has grown.
func (c *conn) packet(p *Packet, from int) int64 {
	s := &c.sides[from]
	ended := c.ended()
	if p.Time.After(c.c.End) {
		c.c.End = p.Time
	}
	s.Packets++
	s.Bytes += int64(p.IPLen)
	s.Flags |= p.Flags.FlowLog()
	if p.Fragment {
		s.Fragments++
	}
	c.handshake(p, from)
	s.closingFlags(p)
	if !ended {
		c.c.EndFrame = p.Number
		c.ending(p, from)
	}
	before := c.held()
	segments := s.Segments
	s.stream.segment(c, from, p)
	if s.Segments > segments {
		s.DataEnd = p.Time
	}
	grown := c.held() - before
	c.mem += grown
	return grown
}

// held counts the bytes held beyond the connection's own.
func (c *conn) held() (n int64) {
	for i := range c.sides {
		s := &c.sides[i]
		n += s.stream.pendingBytes + int64(len(s.tls.msg))
		if s.hello != nil {
			n += 3 * int64(len(s.hello.Raw())) // raw, message, parsed
		}
	}
	return n
}

// handshake follows TCP's.
func (c *conn) handshake(p *Packet, from int) {
	s := &c.sides[from]
	switch p.Flags & (SYN | ACK) {
	case SYN:
		s.sawSYN(p)
		if !c.known {
			c.server, c.known = 1-from, true
		}
		if from != c.server && c.c.Handshake == HandshakeUnseen {
			c.c.Handshake = HandshakeSYN
		}
	case SYN | ACK:
		s.sawSYN(p)
		if !c.known {
			c.server, c.known = from, true
		}
		if from == c.server && c.c.Handshake < HandshakeSYNACK {
			c.c.Handshake = HandshakeSYNACK
		}
	case ACK:
		if from != c.server && p.Flags&RST == 0 && c.c.Handshake == HandshakeSYNACK {
			c.c.Handshake = HandshakeComplete
		}
	}
}

func (s *side) sawSYN(p *Packet) {
	if !s.syn {
		s.syn, s.synSeq, s.MSS = true, p.Seq, p.MSS
	}
}

func (s *side) closingFlags(p *Packet) {
	if p.Flags&FIN != 0 && s.FINFrame == 0 {
		s.FINFrame = p.Number
	}
	if p.Flags&RST != 0 && s.RSTFrame == 0 {
		s.RSTFrame = p.Number
	}
}

func (c *conn) ending(p *Packet, from int) {
	if c.c.Ending != EndingOpen {
		return
	}
	switch {
	case p.Flags&RST != 0:
		c.c.Ending = EndingRST
	case p.Flags&FIN != 0:
		c.c.Ending = EndingFIN
	default:
		return
	}
	c.c.Ended = p.Time
	c.c.EndedBy = Side(from + 1) // by index; finish puts the role there
}

// finish fills in the conversation.
func (c *conn) finish() *Conversation {
	v := c.c
	client, server := &c.sides[1-c.server], &c.sides[c.server]
	v.Client, v.Server = client.addr, server.addr
	for i := range c.sides {
		if c.sides[i].stream.gap() {
			c.sides[i].Lost = true
		}
	}
	v.FromClient, v.FromServer = client.Direction, server.Direction
	if v.EndedBy != SideNone {
		if int(v.EndedBy)-1 == c.server {
			v.EndedBy = SideServer
		} else {
			v.EndedBy = SideClient
		}
	}
	v.Incomplete = client.Lost || server.Lost || v.Handshake == HandshakeUnseen
	if h := client.hello; h != nil && (h.State() == wire.HelloComplete || v.Handshake != HandshakeUnseen) {
		v.HelloBytes = h.Raw()
		switch h.State() {
		case wire.HelloComplete:
			v.Hello, v.HelloBytes = h.Hello(), v.HelloBytes[:min(h.Consumed(), len(v.HelloBytes))]
			v.HelloFrame, v.HelloSegments = client.helloF, int(client.helloN)
		case wire.HelloMalformed:
			v.HelloErr = h.Err()
		case wire.HelloNotTLS:
			v.NotTLS = v.HelloBytes[:min(len(v.HelloBytes), 64)]
			v.HelloBytes = nil
		}
		if v.Hello == nil && len(v.HelloBytes) > 0 {
			v.HelloSegments = int(client.helloN)
		}
	}
	return v
}
