package capture

import (
	"github.com/alblab/alblab/lab/wire"
)

// conn is a conversation in the making. sides[0] sent its first packet. Many are held at a time, so it is small: what is rare
// lies behind pointers, and messages lie as they came in buf and are parsed in the end. What each packet touches stands together.
type conn struct {
	key              key
	tag              uint32 // of the key, in the table
	low              bool   // sides[0] is key.low
	v6               bool
	listed           bool // in the tracker's table
	closing          bool
	evicted          bool
	known            bool // the sides' roles are certain
	over             bool // nothing more is to come but stragglers
	grew             bool // more may be held than mem says
	tls13            bool // the server has chosen it, or asked for another hello
	server           int8 // index of the server's side
	shook            Handshake
	ending           Ending
	endedBy          int8 // index of a side
	certificate      ClientCertificate
	request          bool  // CertificateRequest
	last             int64 // Unix nanoseconds of the latest packet, by the tracker's clock
	end              int64
	endFrame         int
	sides            [2]side
	queued           int64 // when it was put into its list, or ended
	start, ended     int64
	firstFrame       int
	serverHelloFrame int
	prev, next       *conn // in the list of open or of closing ones
	mem              int64
	buf              []byte // messages, one behind the other
	retry, chosen    span   // HelloRetryRequest, ServerHello
	second           span   // the hello after a retry
	preface          span   // what came before the hello
	group            wire.Group
	suite            wire.Suite
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

// touch reads a word of each line of the cache that a connection takes. They lie in the cache of another core, or of none: what is
// asked for at once comes at once, while who goes through it asks for one after the other. The sum is of no meaning.
func (c *conn) touch() (sum uint64) {
	const line = 64
	for i := 0; i < len(c.buf); i += line {
		sum += uint64(c.buf[i])
	}
	a, b := &c.sides[0], &c.sides[1]
	return sum + c.key.low.lo + uint64(c.last) + uint64(a.packets) + uint64(a.tls.msgLeft) + uint64(a.stream.next) + uint64(a.helloF) + uint64(a.retransmitted) +
		uint64(b.packets) + uint64(b.tls.msgLeft) + uint64(b.stream.next) + uint64(b.helloF) + uint64(b.retransmitted) + uint64(c.queued) + uint64(c.mem) + uint64(c.group)
}

// store keeps a message.
func (c *conn) store(msg []byte) span {
	s := span{uint32(len(c.buf)), uint32(len(msg))}
	c.buf = append(c.buf, msg...)
	c.grew = true
	return s
}

// side is one direction in the making.
type side struct {
	packets, bytes, data int64
	dataEnd              int64 // Unix nanoseconds
	segments             uint32
	appData              uint32
	flags                TCPFlags
	syn                  bool // a SYN was seen, synSeq is its number
	lost, ccs, alerted   bool
	finished             bool // a record came behind the ChangeCipherSpec that is the Finished, below TLS 1.3
	helloState           helloState
	tls                  tlsStream
	stream               stream
	helloF               int    // frame that completed the hello, or brought its latest part
	helloN               uint32 // segments by then
	helloLen             uint32 // bytes of the hello's one record
	hello                span   // as far as it came, in buf
	alertFrame           int
	finFrame, rstFrame   int
	retransmitted        uint32
	fragments            uint32
	sealedAlerts         uint32
	lateHandshakes       uint32
	synSeq               uint32
	mss                  uint16
	alert                [2]byte
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

// packet takes one packet of the side from, and returns by how much the memory held has grown.
func (c *conn) packet(p *packet, from int, x *scratch) int64 {
	s := &c.sides[from]
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
	if !c.over {
		c.endFrame = p.number
	}
	if p.flags&(FIN|RST) != 0 {
		c.closes(p, from)
	}
	segments := s.segments
	s.stream.segment(c, from, p, x)
	if s.segments > segments {
		s.dataEnd = p.time
	}
	if !c.grew {
		return 0
	}
	c.grew = false
	mem := baseMem + c.held()
	grown := mem - c.mem
	c.mem = mem
	return grown
}

// pieceMem is what a held piece takes beside its bytes.
const pieceMem = 64

// held counts the bytes held beyond the connection's own.
func (c *conn) held() int64 {
	n := int64(cap(c.buf))
	for i := range c.sides {
		s := &c.sides[i]
		n += int64(s.stream.pendingBytes) + int64(len(s.stream.pending))*pieceMem + int64(cap(s.tls.msg))
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

// closes takes note of a FIN or RST.
func (c *conn) closes(p *packet, from int) {
	s := &c.sides[from]
	if p.flags&FIN != 0 && s.finFrame == 0 {
		s.finFrame = p.number
	}
	if p.flags&RST != 0 && s.rstFrame == 0 {
		s.rstFrame = p.number
	}
	if c.ending == EndingOpen {
		c.ending = EndingFIN
		if p.flags&RST != 0 {
			c.ending = EndingRST
		}
		c.ended, c.endedBy = p.time, int8(from)
	}
	a, b := &c.sides[0], &c.sides[1]
	c.over = a.rstFrame != 0 || b.rstFrame != 0 || a.finFrame != 0 && b.finFrame != 0
}
