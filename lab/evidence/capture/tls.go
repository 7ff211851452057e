package capture

import (
	"github.com/alblab/alblab/lab/wire"
)

// Record and handshake message types, RFC 8446, sections 5.1 and 4.
const (
	recordCCS       = 20
	recordAlert     = 21
	recordHandshake = 22
	recordAppData   = 23

	msgClientHello        = 1
	msgServerHello        = 2
	msgCertificate        = 11
	msgServerKeyExchange  = 12
	msgCertificateRequest = 13
)

// sealedAlert is the length of an alert in TLS 1.3: two bytes, the inner content type, the AEAD's tag (RFC 8446, section 5.2).
// Padding, which nobody is known to send with alerts, would hide it. Nothing else of a handshake is that short.
const sealedAlert = 2 + 1 + 16

// maxMessage is the longest handshake message that is kept whole.
const maxMessage = 64 << 10

// tlsStream follows the records of one direction and the handshake messages in clear.
type tlsStream struct {
	left    uint16 // of the record
	length  uint16 // of the record
	off     bool   // not TLS, or bytes are missing
	enc     bool
	headN   uint8
	msgN    uint8 // bytes of msgHead
	head    [5]byte
	alert   [2]byte
	msgHead [4]byte
	msgLeft uint32 // of the message
	want    uint32 // how much of the message is kept
	msg     []byte // of a message that came in pieces
}

// feed follows the records.
func (t *tlsStream) feed(c *conn, from int, b []byte, frame int, x *scratch) {
	for len(b) > 0 && !t.off {
		if t.left == 0 {
			n := copy(t.head[t.headN:], b)
			t.headN += uint8(n)
			b = b[n:]
			if int(t.headN) < len(t.head) {
				return
			}
			t.headN = 0
			t.begin(c, from)
			continue
		}
		n := min(int(t.left), len(b))
		if !t.enc && t.head[0] != recordAppData {
			t.body(c, from, b[:n], frame, x)
		}
		t.left -= uint16(n)
		b = b[n:]
	}
}

// begin looks at a record's header.
func (t *tlsStream) begin(c *conn, from int) {
	d := &c.sides[from]
	t.length = be.Uint16(t.head[3:])
	t.left = t.length
	const most = 1<<14 + 2048 // RFC 5246, section 6.2.3
	if t.head[0] < recordCCS || t.head[0] > recordAppData+1 || t.head[1] != 3 || t.length > most {
		t.off = true
		return
	}
	// Before TLS 1.3 all is encrypted behind a ChangeCipherSpec; in TLS 1.3 only application data is, as which the rest goes.
	t.enc = d.ccs && !c.tls13
	switch t.head[0] {
	case recordCCS:
		d.ccs = true
	case recordHandshake:
		c.lateHandshake(from)
	case recordAppData:
		d.appData++
		if t.length == sealedAlert && c.tls13 {
			d.sealedAlerts++
		}
	case recordAlert:
		if t.enc || t.length != 2 {
			d.sealedAlerts++
		}
	}
}

// body takes a part of a record in clear; left still counts it.
func (t *tlsStream) body(c *conn, from int, b []byte, frame int, x *scratch) {
	switch t.head[0] {
	case recordAlert:
		if int(t.length) != len(t.alert) {
			return
		}
		copy(t.alert[t.length-t.left:], b)
		if int(t.left) == len(b) {
			c.sides[from].sawAlert(t.alert, frame)
		}
	case recordHandshake:
		t.handshake(c, from, b, frame, x)
	}
}

// sawAlert keeps the first fatal alert, else the first.
func (d *side) sawAlert(a [2]byte, frame int) {
	if d.alerted && (d.alert[0] == wire.AlertFatal || a[0] != wire.AlertFatal) {
		return
	}
	d.alerted, d.alert, d.alertFrame = true, a, frame
}

// handshake follows the messages within records.
func (t *tlsStream) handshake(c *conn, from int, b []byte, frame int, x *scratch) {
	for len(b) > 0 && !t.off {
		if int(t.msgN) < len(t.msgHead) {
			if t.msgN == 0 && len(b) >= 4 { // nearly always a message, or what is wanted of it, is there as a whole
				n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
				if want := c.wanted(from, b[0], n); 4+n <= len(b) {
					c.message(from, b[0], b[:4+want], frame, x)
					b = b[4+n:]
					continue
				}
			}
			n := copy(t.msgHead[t.msgN:], b)
			t.msgN += uint8(n)
			b = b[n:]
			if int(t.msgN) < len(t.msgHead) {
				return
			}
			t.beginMessage(c, from)
			c.grew = true
		}
		n := min(t.msgLeft, uint32(len(b)))
		if keep := min(n, t.want+4-uint32(len(t.msg))); t.want > 0 && keep > 0 {
			t.msg = append(t.msg, b[:keep]...)
			c.grew = true
		}
		t.msgLeft -= n
		b = b[n:]
		if t.msgLeft == 0 {
			t.msgN = 0
			c.message(from, t.msgHead[0], t.msg, frame, x)
			t.msg = nil
		}
	}
}

// beginMessage looks at a message's header.

// lateHandshake counts a handshake record that comes when both sides have sent their Finished, each a record behind their
// ChangeCipherSpec (RFC 5246, section 7.4.9). In TLS 1.3 handshake records look like application data, so that one which
// does not, behind such, is from a client that starts anew.
func (c *conn) lateHandshake(from int) {
	d, peer := &c.sides[from], &c.sides[1-from]
	switch {
	case c.tls13 && d.appData > 0, !c.tls13 && d.finished && peer.finished:
		d.lateHandshakes++
	case d.ccs && !c.tls13:
		d.finished = true
	}
}

func (t *tlsStream) beginMessage(c *conn, from int) {
	t.msgLeft = uint32(t.msgHead[1])<<16 | uint32(t.msgHead[2])<<8 | uint32(t.msgHead[3])
	t.want = uint32(c.wanted(from, t.msgHead[0], int(t.msgLeft)))
	t.msg = nil
	if t.want > 0 {
		t.msg = append(make([]byte, 0, min(4+t.want, 512)), t.msgHead[:]...)
	}
}

// wanted says how much of a message is looked at.
func (c *conn) wanted(from int, typ byte, n int) int {
	switch typ {
	case msgServerHello:
		if n <= maxMessage {
			return n
		}
	case msgClientHello:
		if c.retry.n > 0 && n <= maxMessage {
			return n
		}
	case msgCertificate, msgServerKeyExchange:
		return min(n, 3)
	}
	return 0
}

// message looks at a handshake message in clear; msg is as much of it as wanted said, with its header.
func (c *conn) message(from int, typ byte, msg []byte, frame int, x *scratch) {
	if typ == msgServerHello && !c.known {
		c.server, c.known = int8(from), true
	}
	if from != int(c.server) {
		switch {
		case typ == msgClientHello && len(msg) > 4 && c.retry.n > 0 && c.second.n == 0:
			c.second = c.store(msg)
		case typ == msgCertificate && len(msg) == 7:
			c.certificate = CertificateSent
			if msg[4]|msg[5]|msg[6] == 0 {
				c.certificate = CertificateEmpty
			}
		}
		return
	}
	switch typ {
	case msgServerHello:
		c.serverHello(msg, frame, &x.server)
	case msgServerKeyExchange:
		if c.chosen.n == 0 || len(msg) != 7 || msg[4] != 3 { // named_curve, RFC 8422, section 5.4
			return
		}
		if info, ok := c.suite.Info(); ok && info.KeyExchange == wire.KeyExchangeECDHE {
			c.group = wire.Group(be.Uint16(msg[5:]))
		}
	case msgCertificateRequest:
		c.request = true
	}
}

// serverHello keeps the first ServerHello and the first retry.
func (c *conn) serverHello(msg []byte, frame int, h *wire.ServerHello) {
	if len(msg) == 0 || h.Parse(msg) != nil {
		return
	}
	switch {
	case h.HelloRetry && c.retry.n == 0:
		c.retry, c.tls13 = c.store(msg), true
	case h.HelloRetry:
	case c.chosen.n == 0:
		c.chosen, c.serverHelloFrame, c.group, c.suite = c.store(msg), frame, h.Group, h.Suite
		c.tls13 = c.tls13 || h.Version >= wire.TLS13
	}
}
