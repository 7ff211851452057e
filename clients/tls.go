package clients

import (
	"crypto/tls"
	"fmt"
	"net"

	utls "github.com/refraction-networking/utls"

	"github.com/alblab/alblab/lab/wire"
)

// secure is what the two TLS libraries have in common.
type secure interface {
	net.Conn
	Handshake() error
	CloseWrite() error
}

// tls makes the handshake and the requests. Errors are those of the client, not of the peer.
func (s *session) tls() error {
	p := s.call.Profile
	if p.standard() {
		c := s.standardClient(p)
		err := s.handshake(c)
		s.note(c.ConnectionState().NegotiatedProtocol, uint16(c.ConnectionState().CurveID))
		return s.talk(c, err)
	}
	c, err := s.utlsClient(p)
	if err != nil {
		return err
	}
	err = s.handshake(c)
	s.note(c.ConnectionState().NegotiatedProtocol, 0)
	return s.talk(c, err)
}

// handshake does not use HandshakeContext, which would cost a goroutine: the context's end is the connection's deadline.
func (s *session) handshake(c secure) (err error) {
	defer func() {
		if r := recover(); r != nil {
			// The library's own fault must not end a run.
			err = fmt.Errorf("TLS library: %v", r)
		}
	}()
	return c.Handshake()
}

// note takes what only the library knows when the handshake is done.
func (s *session) note(alpn string, group uint16) {
	if alpn != "" {
		s.attempt.Outcome.ALPN = alpn
	}
	if group != 0 {
		s.attempt.Outcome.Group = wire.Group(group)
	}
}

// talk goes on after the handshake.
func (s *session) talk(c secure, err error) error {
	if err != nil {
		s.fail(err)
		return s.incapable(err)
	}
	s.done = true
	if r := s.renegotiates(); r != nil && r.how != RenegotiateLater {
		return s.renegotiate(c)
	} else if r != nil && s.attempt.Outcome.ALPN == "h2" {
		return errNoRenegotiationInHTTP2
	}
	if s.call.Profile.Hello != nil && len(s.call.Requests) == 0 {
		s.leave(c) // what it would speak then is not recorded
		return nil
	}
	if s.attempt.Outcome.ALPN == "h2" {
		s.h2 = true
		return s.http2(c)
	}
	return s.http1(c)
}

// IncapableError says that the server chose something that this client offers but cannot do: the server would have served the
// client that it looks like. [Do] returns it, wrapped; what the server chose is in the Attempt.
type IncapableError struct {
	Why   string
	Group wire.Group // what cannot be done is this group, 0 if something else
	Err   error      // the library's
}

func (e *IncapableError) Error() string { return e.Why + ": " + e.Err.Error() }
func (e *IncapableError) Unwrap() error { return e.Err }

// incapable tells the client's own shortcomings from what the peer did.
func (s *session) incapable(err error) error {
	f := &s.conn.flight
	cannot := func(g wire.Group, format string, args ...any) error {
		return &IncapableError{fmt.Sprintf(format, args...), g, err}
	}
	const offers = ", which this client offers but cannot do; use kind raw"
	switch {
	case len(s.conn.hello) == 0 && s.conn.ended() == nil:
		return err // no hello could be made
	case f.hello != nil && f.etm && !aead(f.hello.Suite):
		return cannot(0, "the server chose encrypt-then-MAC, which uTLS lacks; leave extension %d out (Omit)", extEncryptThenMAC)
	case f.hello == nil && f.retry == nil || s.conn.ended() != nil || remoteAlert(err) != nil || f.alert != nil:
		return nil
	case f.hello == nil: // the first answer was a HelloRetryRequest
		if curves[f.group] == nil {
			return cannot(f.group, "the server asks for a key share of %s, which uTLS cannot send late", f.group)
		}
	case !supported(f.hello.Suite):
		return cannot(0, "the server chose %s"+offers, f.hello.Suite)
	case f.hello.Version == wire.TLS13 && curves[f.hello.Group] == nil && f.hello.Group != wire.X25519MLKEM768 && !s.call.Profile.standard():
		return cannot(f.hello.Group, "the server chose the group %s"+offers, f.hello.Group)
	case f.hello.Version < wire.TLS13 && elliptic(f.hello.Suite) && f.group != 0 && curves[f.group] == nil:
		return cannot(f.group, "the server chose the group %s"+offers, f.group)
	}
	return nil
}

// supported reports whether a library here can carry a suite out.
func supported(id wire.Suite) bool {
	switch id {
	case 0xC028, 0xC024, 0x003D: // see weakSuites
		return true
	}
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, c := range list {
			if c.ID == uint16(id) {
				return true
			}
		}
	}
	for _, c := range utls.CipherSuites() {
		if c.ID == uint16(id) {
			return true
		}
	}
	return false
}

// aead reports whether a suite that a library here can carry out encrypts and authenticates in one: those do not know
// encrypt-then-MAC (RFC 7366, section 3).
func aead(id wire.Suite) bool {
	switch id {
	case 0x009C, 0x009D, 0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9:
		return true
	}
	return id>>8 == 0x13
}

// leave ends a connection in good order: close_notify, FIN, then reading until the peer's FIN. A socket that is closed
// with the peer's last record still to come would answer it with a RST.
func (s *session) leave(c secure) {
	s.deadlineForLeaving()
	_ = c.CloseWrite()
	_ = s.conn.CloseWrite()
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			s.left(err)
			break
		}
	}
}
