package clients

import (
	"bytes"
	"encoding/binary"

	"github.com/alblab/alblab/lab/wire"
)

// The types of records and handshake messages that a server's first flight has: RFC 8446, sections 5.1 and 4; RFC 5246,
// section 7.4.
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordData             = 23

	messageServerHello       = 2
	messageServerKeyExchange = 12
	messageRequest           = 13
	messageHelloDone         = 14

	extEncryptThenMAC = 22
)

// maxFlight bounds what is kept of a server's first flight.
const maxFlight = 1 << 17

// flight follows what a server says in the clear: ServerHello, the group of ServerKeyExchange, CertificateRequest,
// alerts. It ends where encryption begins.
type flight struct {
	buf  []byte // records that are not whole yet
	msgs []byte // handshake messages that are not whole yet
	over bool

	first     []byte // up to 256 bytes, for answers that are not TLS
	notTLS    bool
	hello     *wire.ServerHello
	random    []byte            // of the ServerHello
	retry     *wire.ServerHello // a HelloRetryRequest
	group     wire.Group
	requested bool // CertificateRequest
	helloDone bool // ServerHelloDone: TLS 1.2 and before
	etm       bool // encrypt_then_mac was accepted
	alert     *wire.Alert

	onHello func(*wire.ServerHello) // may be nil
}

func (f *flight) feed(b []byte) {
	if room := 256 - len(f.first); room > 0 {
		f.first = append(f.first, b[:min(room, len(b))]...)
	}
	if f.over || len(b) == 0 {
		return
	}
	f.buf = append(f.buf, b...)
	for !f.over && f.record() {
	}
	if len(f.buf)+len(f.msgs) > maxFlight {
		f.over = true
	}
	if f.over {
		f.buf, f.msgs = nil, nil
	}
}

// record takes one record off the buffer and reports whether there was a whole one.
func (f *flight) record() bool {
	b := f.buf
	if len(b) > 0 && (b[0] < recordChangeCipherSpec || b[0] > recordData) || len(b) > 1 && b[1] != 3 {
		f.notTLS, f.over = f.hello == nil && f.alert == nil, true
		return false
	}
	if len(b) < 5 {
		return false
	}
	n := 5 + int(binary.BigEndian.Uint16(b[3:]))
	if len(b) < n {
		return false
	}
	body := b[5:n]
	f.buf = b[n:]
	switch b[0] {
	case recordAlert:
		if len(body) == 2 { // an encrypted one is longer
			a := wire.Alert{Level: body[0], Description: body[1]}
			if f.alert == nil || f.alert.Level != 2 {
				f.alert = &a
			}
		}
	case recordHandshake:
		f.msgs = append(f.msgs, body...)
		for !f.over && f.message() {
		}
	case recordChangeCipherSpec: // in TLS 1.3 a dummy that only follows a ServerHello or a HelloRetryRequest
		f.over = f.hello != nil && f.hello.Version < wire.TLS13
	case recordData:
		f.over = true
	}
	return true
}

// message takes one handshake message off and reports whether there was a whole one.
func (f *flight) message() bool {
	b := f.msgs
	if len(b) < 4 {
		return false
	}
	n := 4 + (int(b[1])<<16 | int(b[2])<<8 | int(b[3]))
	if len(b) < n {
		return false
	}
	msg := b[:n]
	f.msgs = b[n:]
	switch msg[0] {
	case messageServerHello:
		f.serverHello(msg)
	case messageServerKeyExchange:
		f.keyExchange(msg[4:])
	case messageRequest:
		f.requested = true
	case messageHelloDone:
		f.helloDone, f.over = true, true
	}
	return true
}

func (f *flight) serverHello(msg []byte) {
	h, err := wire.ParseServerHello(msg)
	if err != nil {
		f.over = true
		return
	}
	for _, e := range h.Extensions {
		f.etm = f.etm || e == extEncryptThenMAC
	}
	f.group = h.Group
	kept := *h // what it borrows is not needed later, but for the random
	f.random = bytes.Clone(h.Random)
	kept.Random, kept.SessionID = nil, nil
	if h.HelloRetry {
		f.retry = &kept
		return
	}
	f.hello = &kept
	if f.onHello != nil {
		f.onHello(&kept)
	}
}

// keyExchange reads the named curve of an ECDHE ServerKeyExchange: RFC 8422, section 5.4.
func (f *flight) keyExchange(body []byte) {
	if f.hello == nil || !elliptic(f.hello.Suite) {
		return
	}
	if len(body) >= 3 && body[0] == 3 {
		f.group = wire.Group(binary.BigEndian.Uint16(body[1:]))
	}
}
