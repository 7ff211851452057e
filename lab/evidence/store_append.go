package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
)

var errSealed = errors.New("the evidence is sealed")

// Appender appends records to a file of a [Store]. It is safe for concurrent use; records do not mix.
type Appender struct {
	mu       sync.Mutex
	file     File // Records and Lost are counted here
	sink     sink
	buf      []byte
	waiting  []piece // what buf holds
	sum      hash.Hash
	size     int64 // bytes that the sink has
	err      error // the first problem of the file
	full     bool  // the file takes no more
	reported bool
	room     *atomic.Int64 // what memory may still take when the disk fails; nil: such records are lost
	spilled  *onDisk       // not nil: the disk has failed
	closed   bool
}

// piece is one call of Write in the buffer: where it ends, and whether it is a record.
type piece struct {
	end     int
	records int64
}

// sink is where the bytes of a file go.
type sink interface {
	// write takes all of b or, with an error, the first n bytes.
	write(b []byte) (n int, err error)
	// truncate cuts the file after a write that failed, so that it ends in a whole record.
	truncate(size int64)
	// restart empties the file; content that was given out before may change with a file on disk.
	restart() error
	// content is what has been written so far; it does not change any more.
	content(size int64) content
	close() error
}

func newAppender(f File) *Appender { return &Appender{file: f, sum: sha256.New()} }

// Write appends one record: one call, one record, with its line end if the format has lines. It never fails because of the disk
// or of memory: such a record is kept in memory if the store was made so and has room, else counted as lost, the problem is told by Flush, Snapshot or Seal, and the run goes on.
func (a *Appender) Write(p []byte) (int, error) { return a.write(p, 1) }

// WriteHeader appends bytes that are no record: a header row, a capture's file header.
func (a *Appender) WriteHeader(p []byte) (int, error) { return a.write(p, 0) }

func (a *Appender) write(p []byte, records int64) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return 0, fmt.Errorf("appending to %s: %w", a.file.Name, errSealed)
	}
	if !a.full && len(a.buf)+len(p) > storeBuffer {
		a.flush()
	}
	if a.full {
		a.file.Lost += records
		return len(p), nil
	}
	a.buf = append(a.buf, p...)
	a.waiting = append(a.waiting, piece{len(a.buf), records})
	if len(a.buf) >= storeBuffer {
		a.flush()
	}
	return len(p), nil
}

// Flush writes out what waits. An error is told once.
func (a *Appender) Flush() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flush()
	return a.report()
}

// Err returns the problem of the file, if there is one.
func (a *Appender) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// flush is called with the lock held. After an error the file ends in a whole record.
func (a *Appender) flush() {
	if len(a.buf) == 0 || a.full {
		return
	}
	buf, waiting := a.buf, a.waiting
	a.buf, a.waiting = a.buf[:0], a.waiting[:0]
	whole, done, err := a.put(buf, waiting)
	if err == nil {
		return
	}
	if a.err == nil || a.spilled != nil { // the disk, and later perhaps memory
		a.err, a.reported = fmt.Errorf("writing %s: %w", a.file.Name, err), false
	}
	if a.room != nil && a.spilled == nil {
		a.spillTo(a.room)
		rest := make([]piece, len(waiting)-done)
		for i, p := range waiting[done:] {
			rest[i] = piece{p.end - whole, p.records}
		}
		// One problem at a time: that of the disk is told first.
		if _, done2, err := a.put(buf[whole:], rest); err != nil {
			a.err = errors.Join(a.err, fmt.Errorf("writing %s: %w", a.file.Name, err))
			waiting, done = rest, done2
		} else {
			return
		}
	}
	a.full = true
	for _, p := range waiting[done:] {
		a.file.Lost += p.records
	}
}

// put writes to the sink and counts what is whole: bytes and pieces. After an error the file is cut to that.
func (a *Appender) put(buf []byte, pieces []piece) (whole, done int, err error) {
	n, err := a.sink.write(buf)
	for _, p := range pieces {
		if p.end > n {
			break
		}
		whole = p.end
		a.file.Records += p.records
		done++
	}
	if err != nil {
		a.sink.truncate(a.size + int64(whole))
	}
	a.sum.Write(buf[:whole])
	a.size += int64(whole)
	return whole, done, err
}

// report returns the file's problem the first time.
func (a *Appender) report() error {
	if a.err == nil || a.reported {
		return nil
	}
	a.reported = true
	return a.err
}

// snapshot flushes and describes the file as it is, and the part of it that the folder has.
func (a *Appender) snapshot(given File) (whole, inFolder File, c content, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flush()
	if given.Kind != "" {
		a.file.Kind = given.Kind
	}
	if given.Format != "" {
		a.file.Format = given.Format
	}
	f := a.file
	if given.Records > 0 {
		f.Records = given.Records
	}
	f.Lost = max(f.Lost, given.Lost)
	f.SHA256 = hex.EncodeToString(a.sum.Sum(nil))
	return f, a.spilled.part(f, given.Records > 0), a.sink.content(a.size), a.report()
}

func (a *Appender) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.flush()
	a.closed = true
	if err := a.sink.close(); err != nil && a.err == nil {
		a.err = fmt.Errorf("closing %s: %w", a.file.Name, err)
	}
	a.buf, a.waiting = nil, nil
	return a.report()
}
