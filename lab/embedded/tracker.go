package embedded

import (
	"context"
	"net"
	"sync"
	"time"
)

// tracker counts the connections that clients have made and that the load balancer has not yet ended and written up, so
// that Collect can wait for the last line of evidence.
type tracker struct {
	mu      sync.Mutex
	open    int
	changed chan struct{} // closed and replaced at each change
}

func newTracker() *tracker { return &tracker{changed: make(chan struct{})} }

func (t *tracker) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open += n
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tracker) state() (open int, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open, t.changed
}

// tracked counts the connections that come by an attached network.
type tracked struct {
	net.Listener
	conns *tracker
}

// Accept implements net.Listener.
func (t tracked) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err == nil {
		t.conns.add(1)
	}
	return c, err
}

// settle returns when no connection is open, or none has ended for the given time: those that are left are idle.
func (t *tracker) settle(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		open, changed := t.state()
		if open <= 0 {
			return nil
		}
		select {
		case <-changed:
			timer.Reset(patience)
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
