package clients

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// Manner is how a client behaves on its connection, whatever it offers: how it sends its hello, when it pauses, and where it
// gives up. The zero value sends everything at once and stays to the end. See [Manner.Conn].
type Manner struct {
	Record  int           // the hello goes out in TLS records of at most so many bytes of payload; 0: as it comes
	Segment int           // the hello goes out in pieces of at most so many bytes; 0: at once
	Pause   time.Duration // between the pieces
	Waits   []Wait        // before certain writes
	Damage  int           // the last byte of this write, counted as Waits are, is changed; 0: of none
	Quit    Quit          // where the client gives up; "": nowhere
	Cut     int           // with QuitHello: so many bytes of the hello are sent; 0: all
	// By is how a client leaves that gives up: EndingReset, EndingFIN (also ""), or EndingTimeout, when it stays silent until
	// the peer ends the connection.
	By wire.Ending
	// Renegotiate is how the client asks for another handshake when it has one; "": it does not.
	Renegotiate Renegotiate
}

// Wait is a pause before a client's n-th write, counted from 1, the hello. Writes are those of the TLS library: below TLS 1.3
// and without HelloRetryRequest the second is the key exchange, the third the first request.
type Wait struct {
	Before int
	For    time.Duration
}

// Quit is the moment at which a client gives up.
type Quit string

// The moments.
const (
	QuitConnect Quit = "connect" // connected, nothing sent
	QuitHello   Quit = "hello"   // the hello, or the beginning of it, is sent
	QuitFlight  Quit = "flight"  // the first bytes of the peer have come
)

// errGaveUp is what the client's own TLS library is told when its manner is to leave.
var errGaveUp = errors.New("the client gave up")

// Conn returns the connection as a client with this manner uses it, for [Do]. sleep waits on the lab's clock; it is not called
// for a manner without pauses and may be nil then.
func (m *Manner) Conn(c net.Conn, sleep func(time.Duration) error) net.Conn {
	if m == nil {
		return c
	}
	return &mannered{Conn: c, m: *m, sleep: sleep}
}

// Pauses reports whether the client waits for time to pass, or for the peer to lose patience.
func (m *Manner) Pauses() bool {
	return m != nil && (m.Segment > 0 && m.Pause > 0 || len(m.Waits) > 0 || m.Quit != "" && m.By == wire.EndingTimeout)
}

// mannered is a connection with manners. One goroutine reads and one writes; they meet only in what net.Conn allows.
type mannered struct {
	net.Conn
	m      Manner
	sleep  func(time.Duration) error
	writes int
}

// CloseWrite sends a FIN, if the connection can do so alone.
func (c *mannered) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Read implements net.Conn.
func (c *mannered) Read(b []byte) (int, error) {
	if c.m.Quit == QuitConnect {
		return 0, c.leave()
	}
	n, err := c.Conn.Read(b)
	if n > 0 && c.m.Quit == QuitFlight {
		return 0, c.leave()
	}
	return n, err
}

// Write implements net.Conn.
func (c *mannered) Write(b []byte) (int, error) {
	c.writes++
	for _, w := range c.m.Waits {
		if w.Before == c.writes {
			if err := c.sleep(w.For); err != nil {
				return 0, err
			}
		}
	}
	if c.writes == c.m.Damage && len(b) > 0 {
		b = append([]byte(nil), b...)
		b[len(b)-1] ^= 0xff
	}
	if c.writes > 1 {
		return c.Conn.Write(b)
	}
	if c.m.Quit == QuitConnect {
		return 0, c.leave()
	}
	if err := c.hello(b); err != nil {
		return 0, err
	}
	if c.m.Quit == QuitHello {
		return 0, c.leave()
	}
	return len(b), nil
}

// hello sends the first bytes.
func (c *mannered) hello(b []byte) error {
	if c.m.Record > 0 {
		b = reframe(b, c.m.Record)
	}
	if c.m.Quit == QuitHello && c.m.Cut > 0 {
		b = b[:min(c.m.Cut, len(b))]
	}
	size := len(b)
	if c.m.Segment > 0 {
		size = c.m.Segment
	}
	for first := true; len(b) > 0; first = false {
		if !first && c.m.Pause > 0 {
			if err := c.sleep(c.m.Pause); err != nil {
				return err
			}
		}
		n := min(size, len(b))
		if _, err := c.Conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// leave ends the connection in the client's manner.
func (c *mannered) leave() error {
	switch c.m.By {
	case wire.EndingReset:
		if r, ok := c.Conn.(interface{ Reset() error }); ok {
			_ = r.Reset()
		} else if t, ok := c.Conn.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
			_ = t.Close()
		}
	case wire.EndingTimeout:
		_, _ = io.Copy(io.Discard, c.Conn)
	default:
		if c.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, c.Conn)
		}
	}
	return errGaveUp
}

// reframe puts the payload of TLS records into records of at most size bytes. What is no whole record stays as it is.
func reframe(b []byte, size int) []byte {
	var out, msg []byte
	rest := b
	for len(rest) >= 5 && rest[0] == recordHandshake {
		n := 5 + int(binary.BigEndian.Uint16(rest[3:]))
		if len(rest) < n {
			break
		}
		msg = append(msg, rest[5:n]...)
		rest = rest[n:]
	}
	if len(msg) == 0 {
		return b
	}
	out = wire.AppendRecords(out, msg, wire.Version(binary.BigEndian.Uint16(b[1:])), size)
	return append(out, rest...)
}
