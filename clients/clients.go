// Package clients holds the clients that knock on a load balancer: exact TLS hellos, from today's curl to what nobody
// sends any more, and what each of them sees.
//
// Start with [Curl] or [Builtin] for a [Profile], and [Do] to carry out a [Call] on a connection. A refused handshake is
// not an error: it is in the [Attempt], in curl's words too. TLS is uTLS, and crypto/tls for the hybrid groups that uTLS
// lacks. The package dials nothing.
package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// graceful is how long a client that is done waits for the peer's end of the connection, in wall time.
const graceful = 5 * time.Second

// Do carries out a call on a connection, which it closes. What the peer does, also that it refuses or stays silent until
// the context's deadline, is a result. An error means that the call itself could not be carried out: a profile that
// is wrong, a context that was cancelled, a server that chose something this client offered but cannot do; the Attempt
// then holds what was seen so far. Deadlines are in wall time.
func Do(ctx context.Context, conn net.Conn, c Call) (Attempt, error) {
	s := newSession(ctx, conn, c)
	defer s.conn.Close()
	if c.Profile == nil {
		return s.attempt, errors.New("call without a profile")
	}
	if err := c.Profile.Validate(); err != nil {
		return s.attempt, err
	}
	stop := s.watch(ctx, c)
	defer stop()
	var err error
	switch c.Profile.Kind {
	case KindRaw:
		s.raw(c.Profile.Raw)
	case KindSilent:
		s.silent()
	default:
		err = s.tls()
	}
	s.depart()
	s.finish()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return s.attempt, cause
	}
	if err != nil {
		return s.attempt, fmt.Errorf("profile %s: %w", c.Profile.Name, err)
	}
	return s.attempt, nil
}

// watch makes the context's end the connection's deadline.
func (s *session) watch(ctx context.Context, c Call) (stop func()) {
	until, ok := ctx.Deadline()
	if c.Wait > 0 && c.Profile.Kind != KindTLS {
		if w := s.start.Add(c.Wait); !ok || w.Before(until) {
			until, ok = w, true
		}
	}
	if ok {
		_ = s.conn.SetDeadline(until)
	}
	s.until = until
	cancelled := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) }) // long past
	return func() { cancelled() }
}

// session is a call in progress.
type session struct {
	call    Call
	conn    *tap
	ctx     context.Context
	start   time.Time // wall time
	until   time.Time // wall time; zero: no deadline
	attempt Attempt
	err     error // what ended the attempt, from the TLS library, the HTTP client or the connection
	cause   error // how the transport stood then
	done    bool  // the handshake is complete
	h2      bool  // HTTP/2 is spoken
}

func newSession(ctx context.Context, conn net.Conn, c Call) *session {
	s := &session{call: c, conn: newTap(conn), ctx: ctx, start: time.Now()}
	s.attempt = Attempt{Time: c.Time, Listener: c.Listener, Local: addrPort(conn.LocalAddr()), Remote: addrPort(conn.RemoteAddr())}
	if c.Profile != nil {
		s.attempt.Profile = c.Profile.Name
	}
	return s
}

// fail keeps the first thing that ended the attempt.
func (s *session) fail(err error) {
	if s.err == nil {
		s.err, s.cause = err, s.conn.ended()
	}
}

// depart ends a connection that no TLS library has left in good order: FIN, then reading until the peer's.
func (s *session) depart() {
	if s.conn.ended() != nil || s.conn.CloseWrite() != nil {
		return
	}
	s.deadlineForLeaving()
	s.conn.drain()
}

// addrPort reads an address that may be of any network; what has no IP address and port is the zero value.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return ap
}

// host is what curl calls the server.
func (s *session) host() string {
	if s.call.ServerName != "" {
		return s.call.ServerName
	}
	if a := s.attempt.Remote.Addr(); a.Is6() {
		return "[" + a.String() + "]"
	}
	return s.attempt.Remote.Addr().String()
}
