package clients

import (
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/alblab/alblab/lab/wire"
)

var errTooMuch = errors.New("the peer sent more than 64 MiB")

// tap is the connection under the TLS library. It keeps what the client sent first, follows what the server says in the
// clear, and remembers how the transport ended: the libraries' own errors tell less.
type tap struct {
	net.Conn
	hello  []byte
	flight flight
	record wire.Version   // of the hello's record, where it is not the library's; 0: as it is
	again  *renegotiation // nil: the client asks for no second handshake
	read   atomic.Int64   // bytes, with what the HTTP/2 client reads in a goroutine of its own

	mu  sync.Mutex // the HTTP/2 client reads and writes in different goroutines
	err error      // the first failure of the transport, io.EOF included
}

func newTap(c net.Conn) *tap { return &tap{Conn: c} }

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if t.read.Add(int64(n)) > maxRead {
		err = errTooMuch
	}
	t.flight.feed(b[:n])
	if err != nil {
		t.fail(err)
	}
	return n, err
}

func (t *tap) Write(b []byte) (int, error) {
	if t.record != 0 && len(t.hello) == 0 && len(b) > 5 && b[0] == recordHandshake {
		b = slices.Clone(b) // the library's own
		b[1], b[2] = byte(t.record>>8), byte(t.record)
	}
	if t.read.Load() == 0 && len(t.hello) < maxHello {
		t.hello = append(t.hello, b[:min(len(b), maxHello-len(t.hello))]...)
	}
	if t.again != nil {
		t.again.wrote(b)
	}
	n, err := t.Conn.Write(b)
	if err != nil {
		t.fail(err)
	}
	return n, err
}

func (t *tap) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

// ended returns the first failure of the transport.
func (t *tap) ended() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// CloseWrite sends a FIN, if the connection can do so alone.
func (t *tap) CloseWrite() error {
	if c, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// drain reads until the peer's end, so that nothing of it meets a closed socket and is answered with a RST.
func (t *tap) drain() {
	buf := make([]byte, 4096)
	for t.ended() == nil {
		_, _ = t.Read(buf)
	}
}
