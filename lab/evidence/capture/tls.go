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
	off     bool // not TLS, or bytes are missing
	head    [5]byte
	headN   int
	left    int // of the record
	length  int // of the record
	enc     bool
	alert   [2]byte
	msgHead [4]byte
	msgN    int // bytes of msgHead
	msgLeft int // of the message
	want    int // how much of the message is kept
	msg     []byte
}

// deliver hands on bytes in order.
func (c *conn) deliver(from int, b []byte, frame int) {
	d := &c.sides[from]
	if c.mayBeClient(from) && c.feedHello(from, b, frame) {
		h := d.hello
		if raw := h.Raw(); len(raw) == 0 || raw[0]&0x80 == 0 {
			d.tls.feed(c, from, b, frame)
			return
		}
		if h.State() != wire.HelloComplete {
			return
		}
		b = b[len(b)-min(len(b), len(h.Raw())-h.Consumed()):] // records follow the hello in SSLv2's framing
	}
	d.tls.feed(c, from, b, frame)
}

// mayBeClient reports whether a hello may come from a side.
func (c *conn) mayBeClient(from int) bool { return !c.known || from != c.server }

// feedHello looks for the client's hello in its first bytes, and reports whether these belonged to them.
func (c *conn) feedHello(from int, b []byte, frame int) bool {
	d := &c.sides[from]
	if d.hello == nil {
		d.hello = new(wire.HelloReader)
	}
	if d.hello.State() != wire.HelloNeedMore {
		return false
	}
	state := d.hello.Feed(b)
	d.helloN, d.helloF = d.Segments, frame
	if state == wire.HelloComplete && !c.known {
		c.server, c.known = 1-from, true
	}
	return true
}

// feed follows the records.
func (t *tlsStream) feed(c *conn, from int, b []byte, frame int) {
	for len(b) > 0 && !t.off {
		if t.left == 0 {
			n := copy(t.head[t.headN:], b)
			t.headN += n
			b = b[n:]
			if t.headN < len(t.head) {
				return
			}
			t.headN = 0
			t.begin(c, from)
			continue
		}
		n := min(t.left, len(b))
		t.body(c, from, b[:n], frame)
		t.left -= n
		b = b[n:]
	}
}

// begin looks at a record's header.
func (t *tlsStream) begin(c *conn, from int) {
	d := &c.sides[from]
	t.length = int(be.Uint16(t.head[3:]))
	t.left = t.length
	const most = 1<<14 + 2048 // RFC 5246, section 6.2.3
	if t.head[0] < recordCCS || t.head[0] > recordAppData+1 || t.head[1] != 3 || t.length > most {
		t.off = true
		return
	}
	// Before TLS 1.3 all is encrypted behind a ChangeCipherSpec; in TLS 1.3 only application data is, as which the rest goes.
	t.enc = d.ChangeCipherSpec && !c.isTLS13()
	switch t.head[0] {
	case recordCCS:
		d.ChangeCipherSpec = true
	case recordAppData:
		d.AppData++
		if t.length == sealedAlert && c.isTLS13() {
			d.EncryptedAlerts++
		}
	case recordAlert:
		if t.enc || t.length != 2 {
			d.EncryptedAlerts++
		}
	}
}

func (c *conn) isTLS13() bool {
	v := c.c
	return v.ServerHello != nil && v.ServerHello.Version >= wire.TLS13 || v.HelloRetry != nil
}

// body takes a part of a record; left still counts it.
func (t *tlsStream) body(c *conn, from int, b []byte, frame int) {
	if t.enc {
		return
	}
	switch t.head[0] {
	case recordAlert:
		if t.length != len(t.alert) {
			return
		}
		copy(t.alert[t.length-t.left:], b)
		if t.left == len(b) {
			c.sides[from].sawAlert(t.alert, frame)
		}
	case recordHandshake:
		t.handshake(c, from, b, frame)
	}
}

// sawAlert keeps the first fatal alert, else the first.
func (d *side) sawAlert(a [2]byte, frame int) {
	if d.Alert != nil && (d.Alert.Level == wire.AlertFatal || a[0] != wire.AlertFatal) {
		return
	}
	d.Alert, d.AlertFrame = &wire.Alert{Level: a[0], Description: a[1]}, frame
}

// handshake follows the messages within records.
func (t *tlsStream) handshake(c *conn, from int, b []byte, frame int) {
	for len(b) > 0 && !t.off {
		if t.msgN < len(t.msgHead) {
			n := copy(t.msgHead[t.msgN:], b)
			t.msgN += n
			b = b[n:]
			if t.msgN < len(t.msgHead) {
				return
			}
			t.msgLeft = int(t.msgHead[1])<<16 | int(t.msgHead[2])<<8 | int(t.msgHead[3])
			t.want = c.wanted(from, t.msgHead[0], t.msgLeft)
			t.msg = nil
			if t.want > 0 {
				t.msg = append(make([]byte, 0, min(4+t.want, 512)), t.msgHead[:]...)
			}
		}
		n := min(t.msgLeft, len(b))
		if keep := min(n, t.want+4-len(t.msg)); t.want > 0 && keep > 0 {
			t.msg = append(t.msg, b[:keep]...)
		}
		t.msgLeft -= n
		b = b[n:]
		if t.msgLeft == 0 {
			t.msgN = 0
			c.message(from, t.msgHead[0], t.msg, frame)
			t.msg = nil
		}
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
		if c.c.HelloRetry != nil && n <= maxMessage {
			return n
		}
	case msgCertificate, msgServerKeyExchange:
		return min(n, 3)
	}
	return 0
}

// message looks at a handshake message in clear; msg is as much of it as wanted said, with its header.
func (c *conn) message(from int, typ byte, msg []byte, frame int) {
	v := c.c
	if typ == msgServerHello && !c.known {
		c.server, c.known = from, true
	}
	if from != c.server {
		switch {
		case typ == msgClientHello && len(msg) > 0 && v.SecondHello == nil:
			v.SecondHello, _ = wire.ParseClientHello(msg) // what is wrong with it, the server says
		case typ == msgCertificate && len(msg) == 7:
			v.ClientCertificate = CertificateSent
			if msg[4]|msg[5]|msg[6] == 0 {
				v.ClientCertificate = CertificateEmpty
			}
		}
		return
	}
	switch typ {
	case msgServerHello:
		h, err := wire.ParseServerHello(msg)
		switch {
		case err != nil:
		case h.HelloRetry:
			v.HelloRetry = h
		case v.ServerHello == nil:
			v.ServerHello, v.ServerHelloFrame, v.Group = h, frame, h.Group
		}
	case msgServerKeyExchange:
		if v.ServerHello == nil || len(msg) != 7 || msg[4] != 3 { // named_curve, RFC 8422, section 5.4
			return
		}
		if info, ok := v.ServerHello.Suite.Info(); ok && info.KeyExchange == wire.KeyExchangeECDHE {
			v.Group = wire.Group(be.Uint16(msg[5:]))
		}
	case msgCertificateRequest:
		v.CertificateRequest = true
	}
}
