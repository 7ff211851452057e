package clients

import (
	"io"
	"net"
	"sync"

	"golang.org/x/net/http2"
)

// http2 sends the requests one after the other, each on a stream of its own, and ends with GOAWAY.
func (s *session) http2(c secure) error {
	hc := &h2conn{secure: c, tap: s.conn, over: make(chan struct{})}
	cc, err := newH2ClientConn(hc)
	if err != nil {
		// The preface could not be written. The reading side knows why.
		if _, rerr := c.Read(make([]byte, 1)); rerr != nil && remoteAlert(rerr) != nil {
			err = rerr
		}
		s.fail(err)
		return nil
	}
	for _, want := range s.call.Requests {
		req, err := s.request(want)
		if err != nil {
			_ = cc.Close()
			_ = s.conn.Close()
			<-hc.over
			return err
		}
		req.Header.Del("Connection")
		resp, err := cc.RoundTrip(req)
		if err == nil {
			err = s.record(resp)
		}
		if err != nil {
			s.fail(hc.better(err))
			break
		}
	}
	s.deadlineForLeaving()
	if s.err == nil {
		_ = cc.Shutdown(s.ctx)
	} else {
		_ = cc.Close()
	}
	_ = hc.Close()
	<-hc.over // the transport reads until the peer's end
	if err := hc.cause(); err != nil && s.err == nil {
		s.left(err)
	}
	return nil
}

// newH2ClientConn speaks HTTP/2 on a connection of any TLS library. What the linter would rather have, http.Transport,
// speaks it only on a *tls.Conn of crypto/tls.
//
//lint:ignore SA1019 see above
func newH2ClientConn(c net.Conn) (*http2.ClientConn, error) {
	//lint:ignore SA1019 see above
	t := &http2.Transport{DisableCompression: true}
	//lint:ignore SA1019 see above
	return t.NewClientConn(c)
}

// h2conn lets the transport's Close end only the sending side, and tells when the transport has read the last byte and
// what ended it.
type h2conn struct {
	secure
	tap  *tap
	once sync.Once
	over chan struct{}

	mu  sync.Mutex
	err error
}

func (c *h2conn) Read(b []byte) (int, error) {
	n, err := c.secure.Read(b)
	if err != nil {
		c.mu.Lock()
		first := c.err == nil
		if first {
			c.err = err
		}
		c.mu.Unlock()
		if first {
			close(c.over)
		}
	}
	return n, err
}

func (c *h2conn) Close() error {
	c.once.Do(func() {
		_ = c.secure.CloseWrite()
		_ = c.tap.CloseWrite()
	})
	return nil
}

func (c *h2conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// better prefers the connection's own error to the transport's rewording of it.
func (c *h2conn) better(err error) error {
	if cause := c.cause(); cause != nil && cause != io.EOF {
		return cause
	}
	return err
}
