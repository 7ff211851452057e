package alb

import (
	"io"
	"sync"
)

// requestBody is a request's body on its way to a target, or to nobody.
type requestBody struct {
	body   io.ReadCloser
	t      *transport
	length int64        // -1: unknown
	begin  func() error // before the first byte is waited for; may be nil

	mu   sync.Mutex
	n    int64 // read so far
	data int   // reads that gave something
	eof  bool
	err  error         // of the last read, but for its end
	loan chan struct{} // closed when net/http, which reads for a target, does so no more; nil: not lent
}

func (b *requestBody) Read(p []byte) (int, error) {
	if f := b.begin; f != nil {
		b.begin = nil
		if err := f(); err != nil {
			return 0, err
		}
	}
	b.t.await()
	n, err := b.body.Read(p)
	b.t.arrived()
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 {
		b.n += int64(n)
		b.data++
	}
	if err == io.EOF {
		b.eof = true
	} else if err != nil {
		b.err = err
	}
	return n, err
}

// Close implements io.Closer. The body ends with its connection or stream.
func (b *requestBody) Close() error { return nil }

// lend returns the body as a request to a target has it. Closing that ends the loan.
func (b *requestBody) lend() io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loan = make(chan struct{})
	return &lentBody{b, sync.OnceFunc(func() { close(b.loan) })}
}

type lentBody struct {
	*requestBody
	back func()
}

func (l *lentBody) Close() error { l.back(); return nil }

// returned reports whether nobody else reads the body. Once all of it has been read it waits for that, which is then a matter
// of moments; where a target answers before it has the whole body, reading goes on and it returns false.
func (b *requestBody) returned() bool {
	b.mu.Lock()
	loan, whole := b.loan, b.eof || b.n == b.length
	b.mu.Unlock()
	if loan == nil {
		return true
	}
	if whole {
		<-loan
		return true
	}
	select {
	case <-loan:
		return true
	default:
		return false
	}
}

// discard reads what is left, up to most bytes, so that the next request can be found. It returns false where that is too much, or cannot be
// done: somebody else still reads, or the client waits for a 100 Continue that it never got.
func (b *requestBody) discard(most int64) bool {
	if !b.returned() || b.begin != nil {
		return false
	}
	n, err := io.CopyN(io.Discard, b, most)
	return err == io.EOF && n < most
}

func (b *requestBody) timedOut() bool { b.mu.Lock(); defer b.mu.Unlock(); return isTimeout(b.err) }

// frames is the size of what has been read as h2's DATA frames.
func (b *requestBody) frames() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n + int64(b.data)*frameHeader
}
