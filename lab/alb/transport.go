package alb

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alblab/alblab/lab/policy"
)

// transport is a client's TCP connection as a TLS engine sees it. It gives the engine the bytes that were read before,
// keeps the engine's alerts off the wire, counts, and watches the idle timeout.
//
// Reads and writes belong to one goroutine each; force and the idle timer may interrupt them. Until the handshake is over the
// idle timeout counts from the start, whatever comes: a hello sent a byte at a time does not hold a connection open.
// Assumption: AWS documents no timeout of the handshake.
type transport struct {
	net.Conn
	clock Clock
	idle  time.Duration

	replay  []byte // read before the engine was started
	in, out atomic.Int64

	alerts atomic.Bool // let alerts pass
	mute   atomic.Bool // drop whatever is written
	wrote  bool        // a record has been sent
	shaken bool        // the handshake is over: no more filtering, but of hushed
	hushed bool        // alerts stay unsaid in a session too; below TLS 1.3, where they can be told from data
	undo   func()      // restores what narrow changed
	watch  alertWatch  // of what came before the handshake was over

	mu      sync.Mutex
	last    time.Time // of the last byte in either direction
	stop    func() bool
	busy    int    // requests being answered: no idle timeout
	waiting int    // waits for the client within them: the idle timeout counts all the same
	onIdle  func() // instead of interrupting, once
	forced  bool
	stopped bool
}

func newTransport(c net.Conn, clock Clock, idle time.Duration) *transport {
	t := &transport{Conn: c, clock: clock, idle: idle, last: clock.Now()}
	t.mu.Lock()
	t.stop = clock.AfterFunc(idle, t.check)
	t.mu.Unlock()
	return t
}

// past is a deadline that is over on any clock.
var past = time.Unix(1, 0)

// check runs when the idle timeout may have come.
func (t *transport) check() {
	t.mu.Lock()
	if t.stopped || t.forced {
		t.mu.Unlock()
		return
	}
	rest := t.idle
	if t.busy == 0 || t.waiting > 0 {
		rest = t.idle - t.clock.Now().Sub(t.last)
	}
	if rest > 0 {
		t.stop = t.clock.AfterFunc(rest, t.check)
		t.mu.Unlock()
		return
	}
	f := t.onIdle
	if t.onIdle = nil; f != nil {
		t.stop = t.clock.AfterFunc(t.idle, t.check)
	}
	t.mu.Unlock()
	if f != nil {
		f()
		return
	}
	t.SetDeadline(past)
}

// work and rest bracket the time in which the load balancer, not the client, is to act.
func (t *transport) work() { t.mu.Lock(); t.busy++; t.mu.Unlock() }

func (t *transport) rest() {
	now := t.clock.Now()
	t.mu.Lock()
	t.busy--
	t.last = now
	t.mu.Unlock()
}

// await and arrived bracket the time in which the client is to act although its request is being answered: its body is
// wanted, or it does not read.
func (t *transport) await() { t.mu.Lock(); t.waiting++; t.mu.Unlock() }

func (t *transport) arrived() {
	now := t.clock.Now()
	t.mu.Lock()
	t.waiting--
	if t.shaken {
		t.last = now
	}
	t.mu.Unlock()
}

func (t *transport) touch() {
	now := t.clock.Now()
	t.mu.Lock()
	if t.shaken {
		t.last = now
	}
	t.mu.Unlock()
}

// force ends the connection from outside, as soon as what runs notices.
func (t *transport) force() {
	t.mu.Lock()
	t.forced = true
	t.mu.Unlock()
	t.SetDeadline(past)
}

func (t *transport) isForced() bool { t.mu.Lock(); defer t.mu.Unlock(); return t.forced }

func (t *transport) stopTimer() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	t.stop()
}

// setIdle says what happens at the idle timeout instead of interrupting reads and writes.
func (t *transport) setIdle(f func()) { t.mu.Lock(); t.onIdle = f; t.mu.Unlock() }

// Read implements net.Conn.
func (t *transport) Read(b []byte) (int, error) {
	t.widen()
	if len(t.replay) > 0 {
		n := copy(b, t.replay)
		t.replay = t.replay[n:]
		return n, nil
	}
	return t.read(b)
}

func (t *transport) read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		if !t.shaken {
			t.watch.feed(b[:n])
		}
		t.in.Add(int64(n))
		t.touch()
	}
	return n, err
}

// Write implements net.Conn. What is dropped counts as written.
func (t *transport) Write(b []byte) (int, error) {
	t.widen()
	if t.mute.Load() {
		return len(b), nil
	}
	if (!t.shaken || t.hushed) && !t.alerts.Load() {
		kept := withoutAlerts(b)
		if t.shaken && len(kept) < len(b) {
			t.mute.Store(true) // what followed would not fit the sequence of records
		}
		if len(kept) == 0 {
			return len(b), nil
		}
		if _, err := t.write(kept); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return t.write(b)
}

func (t *transport) write(b []byte) (int, error) {
	t.await()
	n, err := t.Conn.Write(b)
	t.arrived()
	if n > 0 {
		if !t.shaken {
			t.wrote = true
		}
		t.out.Add(int64(n))
	}
	return n, err
}

// Record types of RFC 8446, section 5.1, and the length of an encrypted TLS 1.3 record with an alert: two bytes, the
// inner type, the tag. No handshake message of a server is that short.
const (
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23
	sealedAlertLen    = 2 + 1 + 16
)

// withoutAlerts returns the records of b that are no alerts; engines write whole records.
func withoutAlerts(b []byte) []byte {
	kept := b[:0:0]
	clean := true
	for rest := b; len(rest) > 0; {
		if len(rest) < 5 {
			return append(kept, rest...)
		}
		n := int(binary.BigEndian.Uint16(rest[3:]))
		end := min(5+n, len(rest))
		if rest[0] == recordAlert || rest[0] == recordApplication && n == sealedAlertLen {
			if clean {
				kept = append(kept, b[:len(b)-len(rest)]...)
			}
			clean = false
		} else if !clean {
			kept = append(kept, rest[:end]...)
		}
		rest = rest[end:]
	}
	if clean {
		return b
	}
	return kept
}

// narrow changes what an engine sees of a hello where no configuration reaches: of the TLS 1.3 suites only the decided one,
// since engines choose among them by an order of their own; and the decided signature scheme where the client did not
// offer it (s2n-tls then falls back to SHA-1 in TLS 1.2). The lists are the engine's own copies. They are restored before
// the engine compares them with a second hello (RFC 8446, section 4.1.2), which it reads after it has written. The
// hello's bytes, which are what both sides hash, stay as they are.
func narrow[S ~uint16](t *transport, suites []uint16, schemes []S, d *policy.Decision) {
	if t.undo != nil {
		return
	}
	suite, scheme := uint16(d.Suite), S(d.Scheme)
	suitesBefore, schemesBefore := slices.Clone(suites), slices.Clone(schemes)
	if scheme != 0 && len(schemes) > 0 && !slices.Contains(schemes, scheme) {
		schemes[0] = scheme
	}
	for i, s := range suites {
		if s>>8 == 0x13 && s != suite {
			suites[i] = 0x0a0a // GREASE, RFC 8701
		}
	}
	t.undo = func() {
		copy(suites, suitesBefore)
		copy(schemes, schemesBefore)
	}
}

func (t *transport) widen() {
	if t.undo != nil {
		t.undo()
		t.undo = nil
	}
}

// remoteAddrPort returns the client's address, unmapped.
func (t *transport) remoteAddrPort() netip.AddrPort { return addrPort(t.Conn.RemoteAddr()) }

func addrPort(a net.Addr) netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// reset ends the connection with a RST.
func (t *transport) reset() {
	switch c := t.Conn.(type) {
	case interface{ Reset() error }:
		c.Reset()
	case *net.TCPConn:
		c.SetLinger(0)
		c.Close()
	default:
		c.Close()
	}
}

// closeWrite sends a FIN and reports whether the connection can be half closed.
func (t *transport) closeWrite() bool {
	c, ok := t.Conn.(interface{ CloseWrite() error })
	return ok && c.CloseWrite() == nil
}

// drainFor bounds how long and maxDrain how much a client may still send after the load balancer's FIN.
const (
	drainFor = 5 * time.Second
	maxDrain = 1 << 20
)

// closeGracefully sends a FIN, reads until the client's FIN and closes: closing earlier would answer a client's late
// bytes, its close_notify for one, with a RST.
func (t *transport) closeGracefully() {
	defer t.Conn.Close()
	t.mu.Lock()
	forced := t.forced
	t.onIdle = nil
	t.mu.Unlock()
	if forced {
		t.Conn.SetDeadline(time.Time{})
		t.closeWrite()
		return
	}
	t.SetDeadline(time.Time{})
	if !t.closeWrite() {
		return
	}
	stop := t.clock.AfterFunc(drainFor, func() { t.SetReadDeadline(past) })
	defer stop()
	if t.isForced() {
		return
	}
	buf := make([]byte, 4096)
	for n := 0; n < maxDrain; {
		k, err := t.Conn.Read(buf)
		t.in.Add(int64(k))
		if n += k; err != nil {
			return
		}
	}
}

// isTimeout tells an interrupted read from the client's end of the connection.
func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

// isClientEnd reports whether the client ended the connection or its writing half in order.
func isClientEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
