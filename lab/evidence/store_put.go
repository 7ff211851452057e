package evidence

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// Put makes a file of the bundle whole, or replaces the one that was put under this name before: for files that are no
// log, such as metrics.json. A bundle on disk that was taken before shows the new content, one in memory the old.
// Problems of the disk or of memory are told by Flush, Snapshot or Seal, as for appended records.
func (s *Store) Put(f File, b []byte) error {
	a, err := s.append(f.Name, f.Kind, f.Format, s.spill)
	if err != nil {
		return err
	}
	if err := a.restart(); err != nil {
		return err
	}
	if _, err := a.WriteHeader(b); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flush()
	if !a.full {
		a.file.Records = f.Records
	} else {
		a.file.Lost = f.Records
	}
	return nil
}

// restart empties the file.
func (a *Appender) restart() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("replacing %s: %w", a.file.Name, errSealed)
	}
	a.buf, a.waiting = a.buf[:0], a.waiting[:0]
	a.sum, a.size, a.full = sha256.New(), 0, false
	if a.spilled == nil { // else it stays in memory, and the problem as it was
		a.err, a.reported = nil, false
	} else {
		a.spilled.empty()
	}
	a.file.Records, a.file.Lost = 0, 0
	return a.sink.restart()
}

func (s *fileSink) restart() error {
	if err := s.f.Truncate(0); err != nil {
		return fmt.Errorf("replacing a file: %w", err)
	}
	_, err := s.f.Seek(0, io.SeekStart)
	return err
}

func (s *memSink) restart() error {
	s.room.Add(s.size)
	*s = memSink{room: s.room} // bundles that were taken keep the old pieces
	return nil
}
