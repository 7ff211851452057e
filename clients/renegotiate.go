package clients

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	utls "github.com/refraction-networking/utls"

	"github.com/alblab/alblab/lab/wire"
)

// Renegotiate is when and how a client asks for another handshake on a connection that has had one, which TLS had below
// version 1.3 (RFC 5246, section 7.4.1.2; RFC 5746). Afterwards the client only waits for what the peer does.
type Renegotiate string

// The ways. The first two take a session of TLS 1.2.
const (
	RenegotiateAtOnce  Renegotiate = "at-once"  // a hello under the session's keys, in place of the requests
	RenegotiateLater   Renegotiate = "later"    // the same, when the responses have come
	RenegotiateInClear Renegotiate = "in-clear" // a hello without the keys, in place of the requests: who has lost its session
)

// errNoRenegotiationInHTTP2: RFC 9113, section 9.2.1.
var errNoRenegotiationInHTTP2 = errors.New("HTTP/2 forbids another handshake: offer http/1.1 alone")

// renegotiation is what a second hello takes.
type renegotiation struct {
	how    Renegotiate
	keyLog bytes.Buffer
	// What the client has sent since its ChangeCipherSpec.
	protected bool
	records   uint64
}

// wrote counts records; the TLS libraries write whole ones.
func (r *renegotiation) wrote(b []byte) {
	for len(b) >= 5 {
		switch {
		case b[0] == recordChangeCipherSpec:
			r.protected, r.records = true, 0
		case r.protected:
			r.records++
		}
		b = b[min(len(b), 5+int(b[3])<<8+int(b[4])):]
	}
}

// renegotiates says whether the client asks for another handshake, and prepares for it.
func (s *session) renegotiates() *renegotiation {
	if m, ok := s.conn.Conn.(*mannered); ok && m.m.Renegotiate != "" && s.conn.again == nil {
		s.conn.again = &renegotiation{how: m.m.Renegotiate}
	}
	return s.conn.again
}

// renegotiate sends the second hello and waits for the peer's answer: its end of the connection, or its silence. The library
// does not know of the record that was sent beside it, so the client leaves without close_notify.
func (s *session) renegotiate(c secure) error {
	hello, err := s.nextHello(c)
	if err != nil {
		return err
	}
	record := wire.AppendRecords(nil, hello, wire.TLS12, 0)
	if r := s.conn.again; r.how != RenegotiateInClear {
		if record, err = s.protect(hello); err != nil {
			return fmt.Errorf("asking for another handshake: %w", err)
		}
	}
	s.deadlineForLeaving()
	if _, err := s.conn.Write(record); err != nil {
		s.fail(err)
		return nil
	}
	_, err = c.Read(make([]byte, 1))
	if err == nil {
		err = errors.New("the server sent data, and no answer to the hello")
	}
	s.fail(err)
	return nil
}

// nextHello is the client's hello with a new random, the first handshake's verify_data, and without the signalling suite: RFC
// 5746, section 3.5.
func (s *session) nextHello(c secure) ([]byte, error) {
	var first wire.HelloReader
	if first.Feed(s.conn.hello) != wire.HelloComplete {
		return nil, fmt.Errorf("asking for another handshake: the first hello cannot be read: %w", first.Err())
	}
	h := *first.Hello()
	h.Random = make([]byte, 32)
	_, _ = rand.Read(h.Random) // never fails: crypto/rand
	h.SessionID = nil
	h.Suites = slices.DeleteFunc(slices.Clone(h.Suites), func(s wire.Suite) bool { return s == wire.EmptyRenegotiationInfoSCSV })
	if !slices.Contains(h.Extensions, wire.ExtRenegotiationInfo) {
		h.Extensions = append(slices.Clone(h.Extensions), wire.ExtRenegotiationInfo)
	}
	var finished []byte // of the client: below TLS 1.3 tls-unique is it (RFC 5929, section 3.1)
	switch c := c.(type) {
	case *utls.UConn:
		finished = c.ConnectionState().TLSUnique
	case *tls.Conn:
		finished = c.ConnectionState().TLSUnique
	}
	info := append([]byte{byte(len(finished))}, finished...)
	return wire.AppendClientHello(nil, &h, &wire.EncodeOptions{Raw: map[uint16][]byte{wire.ExtRenegotiationInfo: info}})
}

// protect makes the session's next record out of a hello.
func (s *session) protect(hello []byte) ([]byte, error) {
	r, f := s.conn.again, &s.conn.flight
	if f.hello == nil || f.hello.Version != wire.TLS12 {
		return nil, errors.New("the session is not of TLS 1.2")
	}
	client, master, err := masterSecret(r.keyLog.Bytes())
	if err != nil {
		return nil, err
	}
	keys, err := newSealer(f.hello.Suite, master, client, f.random)
	if err != nil {
		return nil, err
	}
	return keys.seal(recordHandshake, r.records, hello)
}
