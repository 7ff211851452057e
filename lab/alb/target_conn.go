package alb

import (
	"net"
	"sync"
	"time"
)

// targetConn is a connection to a target. It ends when nothing has been sent for the idle timeout.
type targetConn struct {
	net.Conn
	lb   *LoadBalancer
	done chan struct{} // closed by Close

	mu     sync.Mutex
	last   time.Time
	stop   func() bool
	closed bool
}

func (t *targetConn) arm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = t.lb.cfg.Clock.Now()
	t.stop = t.lb.cfg.Clock.AfterFunc(t.lb.cfg.IdleTimeout, t.check)
}

func (t *targetConn) check() {
	t.mu.Lock()
	rest := t.lb.cfg.IdleTimeout - t.lb.cfg.Clock.Now().Sub(t.last)
	if t.closed || rest > 0 {
		if !t.closed {
			t.stop = t.lb.cfg.Clock.AfterFunc(rest, t.check)
		}
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	t.Close()
}

func (t *targetConn) touch() {
	now := t.lb.cfg.Clock.Now()
	t.mu.Lock()
	t.last = now
	t.mu.Unlock()
}

func (t *targetConn) Read(b []byte) (int, error)  { n, err := t.Conn.Read(b); t.touch(); return n, err }
func (t *targetConn) Write(b []byte) (int, error) { t.touch(); return t.Conn.Write(b) }

func (t *targetConn) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		t.stop()
		close(t.done)
	}
	t.mu.Unlock()
	return t.Conn.Close()
}
