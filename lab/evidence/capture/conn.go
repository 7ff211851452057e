package capture

import (
	"github.com/alblab/alblab/lab/wire"
)

// conn is a conversation in the making. sides[0] sent its first packet. Many are held at a time, so it is small: what is rare
// lies behind pointers, and messages lie as they came in buf and are parsed in the end.
type conn struct {
	key              key
	tag              uint32 // of the key, in the table
	low              bool   // sides[0] is key.low
	v6               bool
	listed           bool // in the tracker's table
	closing          bool
	evicted          bool
	known            bool // the sides' roles are certain
	server           int8 // index of the server's side
	shook            Handshake
	ending           Ending
	endedBy          int8 // index of a side
	certificate      ClientCertificate
	request          bool // CertificateRequest
	tls13            bool // the server has chosen it, or asked for another hello
	group            wire.Group
	suite            wire.Suite
	last             int64 // Unix nanoseconds of the latest packet, by the tracker's clock
	queued           int64 // when it was put into its list, or ended
	start, end       int64
	ended            int64
	firstFrame       int
	endFrame         int
	serverHelloFrame int
	prev, next       *conn // in the list of open or of closing ones
	mem              int64
	sides            [2]side
	buf              []byte // messages, one behind the other
	retry, chosen    span   // HelloRetryRequest, ServerHello
	second           span   // the hello after a retry
}

// span is a part of a conn's buf.
type span struct{ at, n uint32 }

func (s span) of(b []byte) []byte { return b[s.at : s.at+s.n : s.at+s.n] }

// keepBuf is the longest buffer that is kept for the next connection.
const keepBuf = 4 << 10

// reset makes a conn ready for another connection.
func (c *conn) reset() {
	buf := c.buf[:0]
	if cap(buf) > keepBuf {
		buf = nil
	}
	*c = conn{buf: buf}
}

// store keeps a message.
func (c *conn) store(msg []byte) span {
	s := span{uint32(len(c.buf)), uint32(len(msg))}
	c.buf = append(c.buf, msg...)
	return s
}

// side is one direction in the making.
type side struct {
	packets, bytes, data int64
	dataEnd              int64 // Unix nanoseconds
	alertFrame           int
	finFrame, rstFrame   int
	helloF               int    // frame that completed the hello, or brought its latest part
	helloN               uint32 // segments by then
	segments             uint32
	retransmitted        uint32
	fragments            uint32
	appData              uint32
	sealedAlerts         uint32
	synSeq               uint32
	mss                  uint16
	flags                TCPFlags
	syn                  bool // a SYN was seen, synSeq is its number
	lost, ccs, alerted   bool
	alert                [2]byte
	helloState           helloState
	helloLen             uint32 // bytes of the hello's one record
	hello                span   // as far as it came, in buf
	stream               stream
	tls                  tlsStream
	reader               *wire.HelloReader // for a hello that is more than one record of its own
}

// scratch is memory for one packet's work.
type scratch struct{ server wire.ServerHello }

// side tells the side that sent a packet, by whether its source is the lower end.
func (c *conn) side(low bool) int {
	if low == c.low {
		return 0
	}
	return 1
}

// roles decides by the first packet who is who.
func (c *conn) roles(p *packet) {
	c.server = 1
	switch {
	case p.flags&(SYN|ACK) == SYN:
		c.known = true
	case p.flags&(SYN|ACK) == SYN|ACK:
		c.server, c.known = 0, true
	case p.src.port < p.dst.port:
		c.server = 0
	}
}

// another reports whether a SYN on the same addresses and ports begins another connection.
func (c *conn) another(p *packet, from int) bool {
	s := &c.sides[from]
	if s.syn && s.synSeq == p.seq {
		return false // a retransmission
	}
	if !s.syn && c.known && from != int(c.server) && (s.packets == 0 || s.stream.acked(p.seq)) {
		return false // it stands behind its SYN-ACK in the capture
	}
	return true
}

// over reports whether nothing more is to come but stragglers.
func (c *conn) over() bool {
	a, b := &c.sides[0], &c.sides[1]
	return a.rstFrame != 0 || b.rstFrame != 0 || a.finFrame != 0 && b.finFrame != 0
}

// packet takes one packet of the side from, and returns by how much the memory held has grown.
func (c *conn) packet(p *packet, from int, x *scratch) int64 {
	s := &c.sides[from]
	ended := c.over()
	c.end = max(c.end, p.time)
	s.packets++
	s.bytes += int64(p.ipLen)
	s.flags |= p.flags.FlowLog()
	if p.fragment {
		s.fragments++
	}
	if c.shook != HandshakeComplete || p.flags&SYN != 0 {
		c.handshake(p, from)
	}
	if p.flags&(FIN|RST) != 0 {
		s.closingFlags(p)
	}
	if !ended {
		c.endFrame = p.number
		if p.flags&(FIN|RST) != 0 {
			c.closes(p, from)
		}
	}
	segments := s.segments
	s.stream.segment(c, from, p, x)
	if s.segments > segments {
		s.dataEnd = p.time
	}
	if p.payloadLen == 0 {
		return 0
	}
	mem := baseMem + c.held()
	grown := mem - c.mem
	c.mem = mem
	return grown
}

// held counts the bytes held beyond the connection's own.
func (c *conn) held() int64 {
	n := int64(cap(c.buf))
	for i := range c.sides {
		s := &c.sides[i]
		n += int64(s.stream.pendingBytes) + int64(cap(s.tls.msg))
		if s.reader != nil {
			n += 3 * int64(len(s.reader.Raw())) // raw, message, parsed
		}
	}
	return n
}

// handshake follows TCP's.
func (c *conn) handshake(p *packet, from int) {
	s := &c.sides[from]
	switch p.flags & (SYN | ACK) {
	case SYN:
		s.sawSYN(p)
		if !c.known {
			c.server, c.known = int8(1-from), true
		}
		if from != int(c.server) && c.shook == HandshakeUnseen {
			c.shook = HandshakeSYN
		}
	case SYN | ACK:
		s.sawSYN(p)
		if !c.known {
			c.server, c.known = int8(from), true
		}
		if from == int(c.server) && c.shook < HandshakeSYNACK {
			c.shook = HandshakeSYNACK
		}
	case ACK:
		if from != int(c.server) && p.flags&RST == 0 && c.shook == HandshakeSYNACK {
			c.shook = HandshakeComplete
		}
	}
}

func (s *side) sawSYN(p *packet) {
	if !s.syn {
		s.syn, s.synSeq, s.mss = true, p.seq, p.mss
	}
}

func (s *side) closingFlags(p *packet) {
	if p.flags&FIN != 0 && s.finFrame == 0 {
		s.finFrame = p.number
	}
	if p.flags&RST != 0 && s.rstFrame == 0 {
		s.rstFrame = p.number
	}
}

func (c *conn) closes(p *packet, from int) {
	if c.ending != EndingOpen {
		return
	}
	c.ending = EndingFIN
	if p.flags&RST != 0 {
		c.ending = EndingRST
	}
	c.ended, c.endedBy = p.time, int8(from)
}
