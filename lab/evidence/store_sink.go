package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
)

// fileSink is a file in a folder.
type fileSink struct {
	name string
	f    *os.File
}

func newFileSink(name string, overwrite bool) (*fileSink, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("making the evidence folder: %w", err)
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if overwrite {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, mode, 0o644)
	if err != nil {
		return nil, fmt.Errorf("making an evidence file: %w", err)
	}
	return &fileSink{name: name, f: f}, nil
}

func (s *fileSink) write(b []byte) (int, error) { return s.f.Write(b) }

func (s *fileSink) truncate(size int64) {
	// What cannot be cut off stays: readers report a last line that is half.
	if s.f.Truncate(size) == nil {
		s.f.Seek(size, io.SeekStart)
	}
}

func (s *fileSink) content(size int64) content {
	return content{size: size, open: func() (io.ReaderAt, io.Closer, error) {
		f, err := os.Open(s.name)
		return f, f, err
	}}
}

func (s *fileSink) close() error { return s.f.Close() }

// memChunk is the size of the pieces that memory is taken in; small files take less.
const memChunk = 1 << 20

// memSink keeps a file in memory, in pieces that are never moved, so that what was written can be read while more is appended.
type memSink struct {
	room   *atomic.Int64 // shared by all files of a store
	chunks [][]byte      // all of memChunk bytes, but the last and those that were small
	starts []int64
	size   int64
}

func (s *memSink) write(b []byte) (int, error) {
	if s.room.Add(-int64(len(b))) < 0 {
		s.room.Add(int64(len(b)))
		return 0, ErrNoRoom
	}
	n := len(b)
	for len(b) > 0 {
		last := len(s.chunks) - 1
		if last < 0 || len(s.chunks[last]) == cap(s.chunks[last]) {
			// As much as there is already, so that small files stay small.
			c := min(max(int(min(s.size, memChunk)), len(b), 4<<10), memChunk)
			s.chunks = append(s.chunks, make([]byte, 0, c))
			s.starts = append(s.starts, s.size)
			last++
		}
		c := s.chunks[last]
		k := copy(c[len(c):cap(c)], b)
		s.chunks[last] = c[:len(c)+k]
		s.size += int64(k)
		b = b[k:]
	}
	return n, nil
}

func (s *memSink) truncate(int64) {} // write takes all or nothing

func (s *memSink) content(size int64) content {
	c := memContent{chunks: append([][]byte(nil), s.chunks...), starts: append([]int64(nil), s.starts...)}
	return content{size: size, open: func() (io.ReaderAt, io.Closer, error) { return c, nil, nil }}
}

func (s *memSink) close() error { return nil }

// ErrNoRoom is told with the file's name by Flush, Snapshot and Seal: memory is full, and records are lost from here on.
var ErrNoRoom = errors.New("no room in memory for more evidence; a folder would take it")

// memContent is the content of a memSink at one time.
type memContent struct {
	chunks [][]byte
	starts []int64
}

func (c memContent) ReadAt(p []byte, off int64) (int, error) {
	// The last chunk that starts at or before off.
	i, j := 0, len(c.starts)
	for i < j {
		if m := (i + j) / 2; c.starts[m] <= off {
			i = m + 1
		} else {
			j = m
		}
	}
	n := 0
	for i--; i >= 0 && i < len(c.chunks) && n < len(p); i++ {
		at := off + int64(n) - c.starts[i]
		if at >= int64(len(c.chunks[i])) {
			break
		}
		n += copy(p[n:], c.chunks[i][at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// bytesContent is a content that is at hand.
func bytesContent(b []byte) content {
	return content{size: int64(len(b)), open: func() (io.ReaderAt, io.Closer, error) { return bytes.NewReader(b), nil, nil }}
}
