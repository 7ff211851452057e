package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"path/filepath"
	"sync/atomic"
)

// onDisk is what the folder has of a file whose disk has failed. A nil one is of a file that is whole there.
type onDisk struct {
	records int64
	sha256  string
}

// spillTo lets the file go on in memory. What the disk has stays there, cut to its last whole record.
func (a *Appender) spillTo(room *atomic.Int64) {
	a.spilled = &onDisk{a.file.Records, hex.EncodeToString(a.sum.Sum(nil))}
	a.sink = &spillSink{disk: a.sink, at: a.size, mem: memSink{room: room}}
}

// part describes what the folder has of f. Of packets, which a call of Write does not count, the number is not known.
func (d *onDisk) part(f File, blocks bool) File {
	if d == nil {
		return f
	}
	f.Lost += f.Records - d.records
	f.Records, f.SHA256 = d.records, d.sha256
	if blocks {
		f.Records, f.Lost = -1, 0
	}
	return f
}

// empty says that the folder has nothing any more.
func (d *onDisk) empty() { *d = onDisk{sha256: hex.EncodeToString(sha256.New().Sum(nil))} }

// spillSink is a file that began on disk and goes on in memory.
type spillSink struct {
	disk sink
	at   int64 // where memory begins
	mem  memSink
}

func (s *spillSink) write(b []byte) (int, error) { return s.mem.write(b) }
func (s *spillSink) truncate(int64)              {} // memory takes all or nothing

func (s *spillSink) restart() error {
	s.disk.truncate(0)
	s.at = 0
	return s.mem.restart()
}

func (s *spillSink) content(size int64) content {
	disk, mem, at := s.disk.content(s.at), s.mem.content(s.mem.size), s.at
	return content{size: size, open: func() (io.ReaderAt, io.Closer, error) {
		rest, _, err := mem.open()
		if at == 0 || err != nil {
			return rest, nil, err
		}
		begin, closer, err := disk.open()
		if err != nil {
			return nil, nil, err
		}
		return &twoParts{begin, rest, at}, closer, nil
	}}
}

func (s *spillSink) close() error { return s.disk.close() }

// twoParts reads one part behind the other.
type twoParts struct {
	begin, rest io.ReaderAt
	at          int64 // where the rest begins
}

func (t *twoParts) ReadAt(p []byte, off int64) (n int, err error) {
	if off < t.at {
		first := p[:min(int64(len(p)), t.at-off)]
		if n, err = t.begin.ReadAt(first, off); n < len(first) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF // somebody else has cut the file
			}
			return n, err
		}
		if n == len(p) {
			return n, nil
		}
	}
	k, err := t.rest.ReadAt(p[n:], off+int64(n)-t.at)
	return n + k, err
}

// noSink is a file that the folder could not even begin.
type noSink struct{}

func (noSink) write([]byte) (int, error) { return 0, fs.ErrInvalid }
func (noSink) truncate(int64)            {}
func (noSink) content(int64) content     { return bytesContent(nil) }
func (noSink) restart() error            { return nil }
func (noSink) close() error              { return nil }

// Announce writes a first manifest.json that describes the run, without counts or checksums, for those who find the folder of a
// run that was killed. In memory it does nothing.
func (s *Store) Announce(m Manifest) error {
	if s.dir == "" {
		return nil
	}
	m.Schema, m.Files = Schema, nil
	for _, a := range s.appenders() {
		a.mu.Lock()
		m.Files = append(m.Files, File{Name: a.file.Name, Kind: a.file.Kind, Format: a.file.Format, Records: -1})
		a.mu.Unlock()
	}
	return s.writeManifest(m)
}

func (s *Store) writeManifest(m Manifest) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(s.dir, ManifestName), b)
}
