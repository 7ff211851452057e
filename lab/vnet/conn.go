package vnet

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Conn is a TCP connection in the network: a net.Conn whose errors are *net.OpError around the system's numbers
// (syscall.ECONNRESET, EPIPE, ...). All methods may be called from several goroutines.
//
// Deadlines made from time.Now are on the wall clock, as package tls and net/http set them; all others (Now of a
// [ManualClock], time.Unix) are on the network's clock.
type Conn struct {
	ep            tcpip.Endpoint
	clock         Clock
	local, remote netip.AddrPort
	readMu        sync.Mutex
	writeMu       sync.Mutex
	readable      chan struct{} // cap 1: something may have come
	writable      chan struct{} // cap 1: there may be room
	readBy        deadline
	writeBy       deadline
	closeOnce     sync.Once
	closed        chan struct{}
	entries       [2]waiter.Entry
}

func newConn(ep tcpip.Endpoint, wq *waiter.Queue, clock Clock, local, remote netip.AddrPort) *Conn {
	c := &Conn{ep: ep, clock: clock, local: local, remote: remote, closed: make(chan struct{})}
	c.entries[0], c.readable = waiter.NewChannelEntry(waiter.ReadableEvents | waiter.EventHUp | waiter.EventErr)
	c.entries[1], c.writable = waiter.NewChannelEntry(waiter.WritableEvents | waiter.EventHUp | waiter.EventErr)
	wq.EventRegister(&c.entries[0])
	wq.EventRegister(&c.entries[1])
	return c
}

// Read implements net.Conn. At the peer's FIN it returns io.EOF, at its RST syscall.ECONNRESET.
func (c *Conn) Read(b []byte) (int, error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	expired := c.readBy.done()
	for {
		if err := c.stopped(expired); err != nil {
			return 0, c.opError("read", err)
		}
		if len(b) == 0 {
			return 0, nil
		}
		w := tcpip.SliceWriter(b)
		res, err := c.ep.Read(&w, tcpip.ReadOptions{})
		switch err.(type) {
		case nil:
			c.ep.ModerateRecvBuf(res.Count)
			return res.Count, nil
		case *tcpip.ErrWouldBlock:
		case *tcpip.ErrClosedForReceive:
			// The stack tells of a RST once; a Write at the same time may have been told.
			if tcp.EndpointState(c.ep.State()) == tcp.StateError && !isClosed(c.closed) {
				return 0, c.opError("read", syscall.ECONNRESET)
			}
			return 0, io.EOF
		default:
			return 0, c.opError("read", c.cause(err))
		}
		select {
		case <-c.readable:
		case <-expired:
		case <-c.closed:
		}
	}
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	expired := c.writeBy.done()
	r := bytes.NewReader(b)
	for {
		if err := c.stopped(expired); err != nil {
			return len(b) - r.Len(), c.opError("write", err)
		}
		if r.Len() == 0 {
			return len(b), nil
		}
		_, err := c.ep.Write(r, tcpip.WriteOptions{})
		switch err.(type) {
		case nil:
			continue
		case *tcpip.ErrWouldBlock:
		default:
			return len(b) - r.Len(), c.opError("write", c.cause(err))
		}
		select {
		case <-c.writable:
		case <-expired:
		case <-c.closed:
		}
	}
}

// stopped says why an operation may not go on, if so.
func (c *Conn) stopped(expired <-chan struct{}) error {
	select {
	case <-c.closed:
		return net.ErrClosed
	case <-expired:
		return errDeadline
	default:
		return nil
	}
}

// cause is the error of an operation that failed: a Close in the meantime comes before what it did to the endpoint.
func (c *Conn) cause(err tcpip.Error) error {
	if isClosed(c.closed) {
		return net.ErrClosed
	}
	return errno(err)
}

// Close closes the connection: what was written is still sent, then FIN. If something that came was not read it resets,
// as RFC 2525, section 2.17 wants and Linux does. A second Close, or one after Reset, does nothing and returns nil.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() {
		close(c.closed)
		c.ep.Close()
	})
	return nil
}

// Reset ends the connection with a RST (SO_LINGER with a time of 0). After Close it does nothing.
func (c *Conn) Reset() error {
	c.closeOnce.Do(func() {
		c.ep.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: true})
		close(c.closed)
		c.ep.Close()
	})
	return nil
}

// CloseWrite sends FIN after what was written; reading goes on.
func (c *Conn) CloseWrite() error {
	if isClosed(c.closed) {
		return c.opError("close", net.ErrClosed)
	}
	if err := c.ep.Shutdown(tcpip.ShutdownWrite); err != nil {
		return c.opError("close", c.cause(err))
	}
	return nil
}

// LocalAddr implements net.Conn; it is a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn; it is a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline implements net.Conn; see [Conn] for the clock.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy.set(c.clock, t)
	c.writeBy.set(c.clock, t)
	return nil
}

// SetReadDeadline implements net.Conn; see [Conn] for the clock.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readBy.set(c.clock, t)
	return nil
}

// SetWriteDeadline implements net.Conn; see [Conn] for the clock.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeBy.set(c.clock, t)
	return nil
}

func (c *Conn) opError(op string, err error) error { return opError(op, c.local, c.remote, err) }
