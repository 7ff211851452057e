package capture

import (
	"bytes"

	"github.com/alblab/alblab/lab/wire"
)

// helloState says how a side's hello comes. Nearly all are one message in one record, which is told by its first nine bytes: they
// are only collected, and parsed when the conversation is given out. For any other there is a reader.
type helloState uint8

const (
	helloNone    helloState = iota // no byte came
	helloCollect                   // one record, a part of which has come
	helloWhole                     // one record, complete
	helloReader                    // see reader
)

// firstBytes is what tells a hello in a record of its own: the headers of the record and of the message.
const firstBytes = 5 + 4

// alone returns the length of a hello that is one message in one record, 0 if b begins otherwise.
func alone(b []byte) int {
	if len(b) < firstBytes || b[0] != recordHandshake || b[1] != 3 || b[5] != msgClientHello {
		return 0
	}
	n := int(be.Uint16(b[3:]))
	if n > 1<<14 || int(b[6])<<16|int(be.Uint16(b[7:])) != n-4 {
		return 0
	}
	return 5 + n
}

// mayBeClient reports whether a hello may come from a side.
func (c *conn) mayBeClient(from int) bool { return !c.known || from != int(c.server) }

// deliver hands on bytes in order.
func (c *conn) deliver(from int, b []byte, frame int, x *scratch) {
	d := &c.sides[from]
	if c.mayBeClient(from) && d.helloState != helloWhole {
		if b = c.skipPreface(d, b); len(b) == 0 {
			return
		}
		c.afterPreface(from, b)
		var done bool
		if b, done = c.feedHello(from, b, frame); done {
			return
		}
	}
	d.tls.feed(c, from, b, frame, x)
}

// feedHello looks for the client's hello in its first bytes. It returns what of them the records are to be followed in, or that
// there is nothing to follow.
func (c *conn) feedHello(from int, b []byte, frame int) (rest []byte, done bool) {
	d := &c.sides[from]
	if d.helloState == helloNone {
		if n := alone(b); n > 0 && c.known && len(b) <= n {
			d.helloState, d.helloLen = helloCollect, uint32(n)
			d.hello.at = uint32(len(c.buf))
		} else {
			d.helloState, d.reader = helloReader, new(wire.HelloReader)
		}
	}
	if d.helloState == helloCollect {
		if int(d.hello.n)+len(b) <= int(d.helloLen) {
			return c.collect(d, b, frame), false
		}
		d.helloState, d.reader = helloReader, new(wire.HelloReader)
		d.reader.Feed(d.hello.of(c.buf))
	}
	return c.feedReader(from, b, frame)
}

// collect takes a part of a hello.
func (c *conn) collect(d *side, b []byte, frame int) []byte {
	if int(d.hello.at+d.hello.n) != len(c.buf) { // something was stored in between
		d.hello = c.store(d.hello.of(c.buf))
	}
	c.buf = append(c.buf, b...)
	c.grew = true
	d.hello.n += uint32(len(b))
	d.helloN, d.helloF = d.segments, frame
	if d.hello.n == d.helloLen {
		d.helloState = helloWhole
	}
	return b
}

// skipPreface takes the header of the PROXY protocol off the begin of a stream, if it is there as a whole.
func (c *conn) skipPreface(d *side, b []byte) []byte {
	if d.helloState != helloNone || c.preface.n > 0 {
		return b
	}
	if n := proxyHeader(b); n > 0 {
		c.preface = c.store(b[:min(n, maxPreface)])
		return b[n:]
	}
	return b
}

// maxPreface is how much is kept of what comes before a hello.
const maxPreface = 64

// afterPreface looks for a hello behind what is not TLS: a proxy's handshake (SOCKS, CONNECT), or words that lead to STARTTLS. It
// begins with a segment, and the records of both sides are followed from there on.
func (c *conn) afterPreface(from int, b []byte) {
	d := &c.sides[from]
	if d.helloState != helloReader || d.reader.State() != wire.HelloNotTLS || alone(b) == 0 || len(b) > alone(b) {
		return
	}
	raw := d.reader.Raw()
	c.preface = c.store(raw[:min(len(raw), maxPreface)])
	d.helloState, d.reader, d.tls = helloNone, nil, tlsStream{}
	c.sides[1-from].tls = tlsStream{}
	c.known, c.server = true, int8(1-from)
}

// proxyHeader returns the length of a header of the PROXY protocol, version 1 or 2, 0 if there is none
// (www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2).
func proxyHeader(b []byte) int {
	const most = 107
	if bytes.HasPrefix(b, []byte("PROXY ")) {
		if i := bytes.Index(b[:min(len(b), most)], []byte("\r\n")); i > 0 {
			return i + 2
		}
	}
	if bytes.HasPrefix(b, []byte("\r\n\r\n\x00\r\nQUIT\n")) && len(b) >= 16 {
		if n := 16 + int(be.Uint16(b[14:])); n <= len(b) {
			return n
		}
	}
	return 0
}

// feedReader gives bytes to the reader.
func (c *conn) feedReader(from int, b []byte, frame int) (rest []byte, done bool) {
	d := &c.sides[from]
	h := d.reader
	if h.State() != wire.HelloNeedMore {
		return b, false
	}
	state := h.Feed(b)
	c.grew = true
	d.helloN, d.helloF = d.segments, frame
	if state == wire.HelloComplete && !c.known {
		c.server, c.known = int8(1-from), true
	}
	if raw := h.Raw(); len(raw) == 0 || raw[0]&0x80 == 0 {
		return b, false
	}
	if state != wire.HelloComplete {
		return nil, true
	}
	return b[len(b)-min(len(b), len(h.Raw())-h.Consumed()):], false // records follow the hello in SSLv2's framing
}
