package clients

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// Trace is a connection that notes what goes over it, and when: the story of a handshake as both sides' bytes tell it. Give
// it to [Do] in place of the connection.
type Trace struct {
	net.Conn
	begun time.Time

	mu       sync.Mutex
	events   []Event
	sides    [2]side
	tls13    bool // the server has chosen TLS 1.3: what follows is encrypted, whatever its records say
	finished bool
}

// Event is one flight in one direction, or the end of it.
type Event struct {
	At    time.Duration // since the trace began, of its first byte
	Until time.Duration // of its last
	Sent  bool          // by the client
	Bytes int
	What  []string // "ClientHello", "alert fatal handshake_failure", "RST", ...
}

// side is what has come of one direction's stream and is not told yet.
type side struct {
	buf       []byte // records that are not whole
	msgs      []byte // handshake messages that are not whole
	encrypted bool   // a ChangeCipherSpec was seen
	opaque    bool   // not TLS: nothing more is looked at
}

// NewTrace begins a trace. begun is when the story begins, for instance before the connection was dialed; zero: now.
func NewTrace(c net.Conn, begun time.Time) *Trace {
	if begun.IsZero() {
		begun = time.Now()
	}
	return &Trace{Conn: c, begun: begun}
}

// Events returns what happened so far, in order.
func (t *Trace) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Event(nil), t.events...)
}

// Read implements net.Conn.
func (t *Trace) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.note(false, b[:n])
	if err != nil {
		switch {
		case isReset(err):
			t.end("RST")
		case errors.Is(err, io.EOF):
			t.end("FIN")
		case timedOut(err):
			t.end("silence until the deadline")
		}
	}
	return n, err
}

// Write implements net.Conn.
func (t *Trace) Write(b []byte) (int, error) {
	t.note(true, b)
	n, err := t.Conn.Write(b)
	if isReset(err) {
		t.end("RST")
	}
	return n, err
}

// CloseWrite sends a FIN, if the connection can do so alone.
func (t *Trace) CloseWrite() error {
	c, ok := t.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	err := c.CloseWrite()
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		e := t.event(true)
		e.What = append(e.What, "FIN")
	}
	return err
}

func (t *Trace) end(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.finished {
		t.finished = true
		e := t.event(false)
		e.What = append(e.What, what)
	}
}

// event returns the event to add to: the last one if it goes in the same direction.
func (t *Trace) event(sent bool) *Event {
	now := time.Since(t.begun)
	if n := len(t.events); n == 0 || t.events[n-1].Sent != sent {
		t.events = append(t.events, Event{At: now, Sent: sent})
	}
	e := &t.events[len(t.events)-1]
	e.Until = now
	return e
}

func (t *Trace) note(sent bool, b []byte) {
	if len(b) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.event(sent)
	e.Bytes += len(b)
	s := &t.sides[0]
	if !sent {
		s = &t.sides[1]
	}
	if s.opaque {
		return
	}
	s.buf = append(s.buf, b...)
	if sent && len(t.events) == 1 && wire.IsSSLv2Hello(s.buf) {
		s.opaque, s.buf = true, nil
		e.add("ClientHello in SSLv2's framing")
		return
	}
	for !s.opaque && t.record(s, e) {
	}
	if len(s.buf)+len(s.msgs) > maxFlight {
		s.opaque, s.buf, s.msgs = true, nil, nil
	}
}

// add notes a word, with a count where it repeats.
func (e *Event) add(what string) {
	if n := len(e.What); n > 0 && strings.HasPrefix(what, "encrypted") && e.What[n-1] == what {
		return
	}
	e.What = append(e.What, what)
}

// record tells of one whole record, if there is one.
func (t *Trace) record(s *side, e *Event) bool {
	b := s.buf
	if len(b) > 0 && (b[0] < recordChangeCipherSpec || b[0] > recordData) || len(b) > 1 && b[1] != 3 {
		s.opaque, s.buf = true, nil
		line, _, _ := strings.Cut(string(b[:min(len(b), 60)]), "\r")
		e.add(fmt.Sprintf("not TLS: %q", line))
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
	s.buf = b[n:]
	switch {
	case b[0] == recordChangeCipherSpec:
		e.add("ChangeCipherSpec")
		s.encrypted = !t.tls13
	case b[0] == recordData && t.tls13:
		e.add("encrypted")
	case b[0] == recordData:
		e.add("encrypted data")
	case b[0] == recordAlert && !s.encrypted && len(body) == 2:
		e.add("alert " + wire.Alert{Level: body[0], Description: body[1]}.String())
	case b[0] == recordAlert:
		e.add("encrypted alert")
	case s.encrypted:
		e.add("encrypted handshake")
	default:
		s.msgs = append(s.msgs, body...)
		for t.message(s, e) {
		}
	}
	return true
}

// message tells of one whole handshake message, if there is one.
func (t *Trace) message(s *side, e *Event) bool {
	b := s.msgs
	if len(b) < 4 {
		return false
	}
	n := 4 + (int(b[1])<<16 | int(b[2])<<8 | int(b[3]))
	if len(b) < n {
		return false
	}
	s.msgs = b[n:]
	name, ok := messageNames[b[0]]
	if !ok {
		name = fmt.Sprintf("handshake message %d", b[0])
	}
	if b[0] == messageServerHello {
		if h, err := wire.ParseServerHello(b[:n]); err == nil {
			t.tls13 = t.tls13 || h.Version >= wire.TLS13
			if h.HelloRetry {
				name = "HelloRetryRequest"
			}
		}
	}
	e.add(name)
	return true
}

// messageNames are those of handshake messages that go in the clear: RFC 5246, section 7.4, RFC 6066, RFC 5077.
var messageNames = map[byte]string{
	0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 4: "NewSessionTicket", 11: "Certificate", 12: "ServerKeyExchange",
	13: "CertificateRequest", 14: "ServerHelloDone", 15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished",
	22: "CertificateStatus",
}
