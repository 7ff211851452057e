package gateway

import (
	"io"
	"net"
	"sync"
)

// bufferSize bounds what is held of a connection in each direction besides the two stacks' own buffers.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// relay carries one connection: peer is the kernel's, lab the one in the lab's network.
type relay struct {
	peer *net.TCPConn
	mu   sync.Mutex
	lab  net.Conn // nil until it is made
	over bool     // reset
}

// run carries bytes until both directions have ended with a FIN, or one with an error: then both sides are reset.
// A reset is the only error that a TCP peer can cause and the only one that it can be told of.
func (r *relay) run(lab net.Conn) {
	r.mu.Lock()
	r.lab = lab
	over := r.over
	r.mu.Unlock()
	if over { // closed meanwhile
		resetConn(lab)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.carry(lab, r.peer) })
	r.carry(r.peer, lab)
	wg.Wait()
	_ = r.peer.Close()
	_ = lab.Close()
}

// carry copies one direction until its end and passes the end on.
func (r *relay) carry(to, from net.Conn) {
	b := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(b)
	if err := copyAll(to, from, b[:]); err != nil {
		r.reset()
		return
	}
	w, ok := to.(interface{ CloseWrite() error })
	if !ok {
		_ = to.Close() // all that can be said to a conn that has no halves
		return
	}
	if w.CloseWrite() != nil { // it has been reset meanwhile
		r.reset()
	}
}

// copyAll copies until EOF. (io.Copy would hand kernel sockets to the kernel where it can, and hide the buffer.)
func copyAll(to io.Writer, from io.Reader, b []byte) error {
	for {
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// reset ends both sides with a RST.
func (r *relay) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	r.over = true
	_ = r.peer.SetLinger(0)
	_ = r.peer.Close()
	if r.lab != nil {
		resetConn(r.lab)
	}
}

func resetConn(c net.Conn) {
	if rc, ok := c.(interface{ Reset() error }); ok {
		_ = rc.Reset()
	}
	_ = c.Close()
}
