package awsapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/metric"
)

// shelf is the evidence as AWS would hold it: events in log groups, objects in buckets, metrics. It reads what the lab has left
// behind since it last looked, and keeps places of records, not their texts, so that its memory is a small share of the evidence.
type shelf struct {
	s *Server

	mu      sync.Mutex
	bundle  *evidence.Bundle
	read    map[string]int64 // how much of each file has been taken
	flow    events
	waf     events
	streams map[string]string // names of flow log streams, by interface
	pending map[slot][]place  // lines of load balancers' files that are not full
	files   map[slot]int      // files that a slot has already
	objects map[string]*object
	keys    []string // of objects, sorted
	frames  frames
	metrics []metric.Series
}

// place is where a record stands in its file.
type place struct {
	at  int64
	len int32
}

func newShelf(s *Server) *shelf {
	h := &shelf{s: s, read: map[string]int64{}, streams: map[string]string{}, pending: map[slot][]place{}, files: map[slot]int{}, objects: map[string]*object{}}
	h.putFixed()
	return h
}

// look takes in what has happened since it was last called. With open true, flow log windows that still run are closed first, if
// the delivery is at once.
func (h *shelf) look(ctx context.Context, open bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, err := h.s.account.Evidence(ctx, open && h.s.delivery.AtOnce)
	if b == nil {
		return fmt.Errorf("reading the lab's evidence: %w", err)
	}
	if err != nil {
		h.s.logger.Error("reading the lab's evidence", "error", err)
	}
	h.bundle = b
	now := h.s.account.Now()
	for _, f := range b.Manifest.Files {
		var take func(chunk []byte, base int64, now time.Time) error
		switch f.Kind {
		case evidence.KindFlow:
			take = func(c []byte, base int64, now time.Time) error { return h.takeFlow(c, base, f.Format, now) }
		case evidence.KindWAF:
			take = h.takeWAF
		case evidence.KindAccess:
			take = h.takeAccess
		case evidence.KindConnection:
			take = h.takeConnection
		case evidence.KindMirror:
			take = h.frames.take
		case evidence.KindMetrics:
			if err := h.takeMetrics(f.Name); err != nil {
				return err
			}
			continue
		default:
			continue
		}
		if err := h.takeNew(f.Name, f.Kind != evidence.KindMirror, now, take); err != nil {
			return fmt.Errorf("reading %s: %w", f.Name, err)
		}
	}
	h.publish(now)
	return nil
}

// chunk is how much of a file is read at a time.
const chunk = 1 << 20

// takeNew gives take what has been added to a file, in pieces of whole lines, or as it comes. take may leave the end of a piece
// that is not whole: it sees it again with more behind it.
func (h *shelf) takeNew(name string, lines bool, now time.Time, take func([]byte, int64, time.Time) error) error {
	f, err := h.bundle.FS.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	at, ok := f.(io.ReaderAt)
	if !ok {
		return errors.New("the lab's evidence cannot be read at an offset")
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, 0, min(int64(chunk), max(info.Size()-h.read[name], 0)))
	for {
		from := h.read[name]
		n := min(int64(cap(buf)), info.Size()-from)
		if n <= 0 {
			return nil
		}
		buf = buf[:n]
		if _, err := at.ReadAt(buf, from); err != nil && err != io.EOF {
			return err
		}
		whole := bytes.LastIndexByte(buf, '\n') + 1
		if !lines {
			whole = wholeBlocks(buf)
		}
		if whole == 0 {
			if from+n >= info.Size() {
				return nil // the rest has not been written yet
			}
			buf = make([]byte, 0, 2*cap(buf)) // a record longer than a piece
			continue
		}
		if err := take(buf[:whole], from, now); err != nil {
			return err
		}
		h.read[name] = from + int64(whole)
	}
}

// eachLine calls f with each line and its place.
func eachLine(b []byte, base int64, f func(line []byte, p place)) {
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			return
		}
		if n > 0 {
			f(b[:n], place{base, int32(n)})
		}
		b, base = b[n+1:], base+int64(n)+1
	}
}

// takeMetrics reads the metrics anew: they are sums that grow.
func (h *shelf) takeMetrics(name string) error {
	r, err := h.bundle.OpenFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	h.metrics = h.metrics[:0:0]
	for series, err := range metric.Records(r, nil) {
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		h.metrics = append(h.metrics, *series)
	}
	return nil
}

// reader opens a file of the evidence for reading records by their places.
func (h *shelf) reader(k evidence.Kind) (io.ReaderAt, io.Closer, error) {
	for _, f := range h.bundle.Manifest.Files {
		if f.Kind != k {
			continue
		}
		file, err := h.bundle.FS.Open(f.Name)
		if err != nil {
			return nil, nil, err
		}
		if at, ok := file.(io.ReaderAt); ok {
			return at, file, nil
		}
		file.Close()
	}
	return nil, nil, fs.ErrNotExist
}

// readPlace reads one record, into buf if it fits.
func readPlace(r io.ReaderAt, p place, buf []byte) ([]byte, error) {
	if cap(buf) < int(p.len) {
		buf = make([]byte, p.len)
	}
	b := buf[:p.len]
	_, err := r.ReadAt(b, p.at)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// events are the events of a log group, in the order of their timestamps and then of their arrival.
type events struct {
	all  []event
	next int64
}

// event is one log event. Its text is in the evidence, but for those that AWS writes by itself.
type event struct {
	at      int64 // timestamp, ms
	seq     int64
	arrives int64 // ms
	stream  string
	place   place
	text    string
}

func (e *events) add(x event) {
	x.seq = e.next
	e.next++
	e.all = append(e.all, x)
}

// sort puts the events that were added into their places.
func (e *events) sort() {
	slices.SortFunc(e.all, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) })
}
