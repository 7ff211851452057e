package capture

import (
	"io"
	"sync"
)

const (
	firstLen = 64 << 10
	chunkLen = 128 << 10
	chunks   = 4 // being filled, waiting and being looked at
)

// window shows a stream piece by piece. A goroutine reads ahead once the stream turns out to be long, so that reading, or unpacking,
// costs the one who looks no time.
// What Peek returns lies in the chunk that was read, or is put together where it crosses a border; it is valid until the next call.
type window struct {
	idle   func() // called before waiting for the stream; may be nil
	r      io.Reader
	cur    []byte // of the latest chunk, not taken yet
	chunk  []byte // the latest chunk, whole
	join   []byte // bytes before cur
	at     int    // where in join the first not taken byte is
	filled chan filling
	empty  chan []byte
	stop   chan struct{}
	once   sync.Once
	done   sync.WaitGroup
	short  int // bytes read without the goroutine
	err    error
}

type filling struct {
	b   []byte
	err error
}

func newWindow(r io.Reader) *window { return &window{r: r} }

// fill reads the stream into chunks until it ends.
func (w *window) fill() {
	defer w.done.Done()
	for {
		var b []byte
		select {
		case b = <-w.empty:
		case <-w.stop:
			return
		}
		n, err := readChunk(w.r, b)
		select {
		case w.filled <- filling{b[:n], err}:
		case <-w.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// readChunk reads what is there, at least a byte: who captures live is not to wait for a whole chunk.
func readChunk(r io.Reader, b []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// close ends the reading ahead. It waits for a read that is going on.
func (w *window) close() {
	if w.stop == nil {
		return
	}
	w.once.Do(func() { close(w.stop) })
	w.done.Wait()
}

// fetch goes to the next chunk; cur is used up.
func (w *window) fetch() error {
	if w.err != nil {
		return w.err
	}
	if w.short < firstLen {
		return w.fetchFirst()
	}
	if w.stop == nil {
		w.stop, w.filled, w.empty = make(chan struct{}), make(chan filling, chunks), make(chan []byte, chunks)
		for range chunks {
			w.empty <- make([]byte, chunkLen)
		}
		w.done.Add(1)
		go w.fill()
	}
	if cap(w.chunk) == chunkLen {
		w.empty <- w.chunk[:chunkLen]
	}
	w.chunk = nil
	var f filling
	select {
	case f = <-w.filled:
	default:
		if w.idle != nil {
			w.idle()
		}
		f = <-w.filled
	}
	w.chunk, w.cur, w.err = f.b, f.b, f.err
	if len(f.b) == 0 {
		return w.err
	}
	return nil
}

// fetchFirst reads the begin of the stream. Most captures of a test, or of one refused connection, are not longer.
func (w *window) fetchFirst() error {
	if w.chunk == nil {
		w.chunk = make([]byte, firstLen)
	}
	if w.idle != nil {
		w.idle()
	}
	n, err := readChunk(w.r, w.chunk)
	w.cur, w.short, w.err = w.chunk[:n], w.short+n, err
	if n == 0 {
		return err
	}
	return nil
}

// Peek returns the next n bytes without taking them, fewer with the error that ended the stream.
func (w *window) Peek(n int) ([]byte, error) {
	if w.at == len(w.join) {
		if len(w.cur) >= n {
			return w.cur[:n], nil
		}
	} else if len(w.join)-w.at >= n {
		return w.join[w.at : w.at+n], nil
	}
	return w.gather(n)
}

// Buffered returns what lies in one piece, without taking it: nothing where bytes had to be put together.
func (w *window) Buffered() []byte {
	if w.at < len(w.join) {
		return nil
	}
	return w.cur
}

// gather puts n bytes together that lie in several chunks.
func (w *window) gather(n int) ([]byte, error) {
	if left := len(w.join) - w.at; w.at+n > cap(w.join) { // twice what is asked for, so that moving it is rare
		next := w.join[:0]
		if 2*n > cap(next) {
			next = make([]byte, 0, max(2*n, 4096))
		}
		w.join, w.at = append(next, w.join[w.at:w.at+left]...), 0
	}
	for len(w.join)-w.at < n {
		if len(w.cur) == 0 {
			if err := w.fetch(); err != nil {
				return w.join[w.at:], err
			}
		}
		k := min(n-(len(w.join)-w.at), len(w.cur))
		w.join, w.cur = append(w.join, w.cur[:k]...), w.cur[k:]
	}
	return w.join[w.at : w.at+n], nil
}

// Discard takes n bytes and returns how many there were.
func (w *window) Discard(n int) (int, error) {
	if w.at == len(w.join) && n <= len(w.cur) {
		w.cur = w.cur[n:]
		return n, nil
	}
	k := min(n, len(w.join)-w.at)
	if w.at += k; w.at == len(w.join) {
		w.join, w.at = w.join[:0], 0
	}
	for k < n {
		if len(w.cur) == 0 {
			if err := w.fetch(); err != nil {
				return k, err
			}
		}
		m := min(n-k, len(w.cur))
		w.cur = w.cur[m:]
		k += m
	}
	return k, nil
}
