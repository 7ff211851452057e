package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// DefaultMemory is how many bytes a Store without a folder keeps unless its options say otherwise.
const DefaultMemory = 256 << 20

// storeBuffer is how much of a file waits in memory for being written.
const storeBuffer = 64 << 10

// Store takes evidence as it arrives and makes a Bundle of it: files in a folder, or, without a folder, in memory.
// It is safe for concurrent use.
type Store struct {
	dir       string // "" for memory
	overwrite bool
	spill     bool
	room      atomic.Int64 // bytes that memory may still take

	mu     sync.Mutex
	files  []*Appender
	byName map[string]*Appender
	sealed bool
}

// StoreOptions for [NewStore]. Nil means the zero value.
type StoreOptions struct {
	MaxMemory int64 // without a folder, or after Spill: bytes to keep at most in memory, 0 means DefaultMemory
	Overwrite bool  // replace files that are there; otherwise one that is there is an error

	// Spill keeps in memory what the folder cannot take: a file whose disk fails goes on there, from its last whole record on.
	// The bundles of Snapshot and Seal have both parts; [Bundle.Save] writes them elsewhere. manifest.json in the folder lists
	// what the folder has, and counts the rest as lost.
	Spill bool
}

// NewStore returns a store that writes to the folder dir, which it makes if it is not there, or keeps all in memory if dir is "".
// A folder that holds a bundle already is an error unless the options allow it.
func NewStore(dir string, o *StoreOptions) (*Store, error) {
	if o == nil {
		o = &StoreOptions{}
	}
	s := &Store{dir: dir, overwrite: o.Overwrite, spill: o.Spill, byName: make(map[string]*Appender)}
	s.room.Store(o.MaxMemory)
	if o.MaxMemory == 0 {
		s.room.Store(DefaultMemory)
	}
	if dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the evidence folder: %w", err)
	}
	_, err := os.Lstat(filepath.Join(dir, ManifestName))
	switch {
	case err == nil && !o.Overwrite:
		return nil, fmt.Errorf("the folder %s holds a bundle already: %w", dir, fs.ErrExist)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("looking into the evidence folder: %w", err)
	}
	return s, nil
}

// Append makes a file of the bundle and returns what appends to it. The format is that of [File]: flow logs have one.
// Names may have slashes. A name that was given before returns the same Appender.
func (s *Store) Append(name string, k Kind, format string) (*Appender, error) {
	return s.append(name, k, format, false)
}

// append is Append. If spill is true a file that the folder cannot take is one in memory from the start.
func (s *Store) append(name string, k Kind, format string, spill bool) (*Appender, error) {
	if !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`) || name == ManifestName {
		return nil, fmt.Errorf("%q cannot be the name of an evidence file", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.byName[name]; a != nil {
		return a, nil
	}
	if s.sealed {
		return nil, fmt.Errorf("making %s: %w", name, errSealed)
	}
	a := newAppender(File{Name: name, Kind: k, Format: format})
	if s.dir == "" {
		a.sink = &memSink{room: &s.room}
	} else {
		sink, err := newFileSink(filepath.Join(s.dir, filepath.FromSlash(name)), s.overwrite)
		switch {
		case err == nil:
			a.sink = sink
		case spill && !errors.Is(err, fs.ErrExist):
			a.sink = noSink{}
			a.err = fmt.Errorf("writing %s: %w", name, err)
			a.spillTo(&s.room)
		default:
			return nil, err
		}
	}
	if s.spill {
		a.room = &s.room
	}
	s.files = append(s.files, a)
	s.byName[name] = a
	return a, nil
}

// Flush writes out what waits in buffers. The error names every file with a problem that no Flush, Snapshot or Seal has named before.
func (s *Store) Flush() error {
	var errs []error
	for _, a := range s.appenders() {
		errs = append(errs, a.Flush())
	}
	return errors.Join(errs...)
}

func (s *Store) appenders() []*Appender {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Appender(nil), s.files...)
}

// Snapshot flushes, writes manifest.json and returns the bundle as it is now. Appending may go on; what comes later is not seen
// in this bundle. m describes the run. Its Files may be nil: names, kinds, formats, records and checksums are the store's, but for
// the kind, format and number of records, kept and lost, of a file that m lists with them.
//
// The bundle is valid even if the error is not nil: the error then says what was lost.
func (s *Store) Snapshot(m Manifest) (*Bundle, error) {
	appenders := s.appenders()
	sort.SliceStable(appenders, func(i, j int) bool { return appenders[i].file.Name < appenders[j].file.Name })
	given := make(map[string]File, len(m.Files))
	for _, f := range m.Files {
		given[f.Name] = f
	}
	var errs []error
	all := newStoreFS()
	m.Schema = Schema
	m.Files = make([]File, 0, len(appenders))
	inFolder := m
	inFolder.Files = nil
	for _, a := range appenders {
		f, onDisk, content, err := a.snapshot(given[a.file.Name])
		errs = append(errs, err)
		m.Files = append(m.Files, f)
		inFolder.Files = append(inFolder.Files, onDisk)
		all.add(f.Name, content)
	}
	b, err := m.encode()
	if err != nil {
		return nil, err
	}
	all.add(ManifestName, bytesContent(b))
	if s.dir != "" {
		errs = append(errs, s.writeManifest(inFolder))
	}
	return &Bundle{FS: all, Manifest: m}, errors.Join(errs...)
}

// Seal is Snapshot and the end: nothing can be appended any more, and files are closed. The bundle can still be read.
// Sealing again gives the bundle again.
func (s *Store) Seal(m Manifest) (*Bundle, error) {
	s.mu.Lock()
	s.sealed = true
	s.mu.Unlock()
	b, err := s.Snapshot(m)
	return b, errors.Join(err, s.Close())
}

// Close closes the files without writing a manifest, for a run that is given up. It is safe to call after Seal.
func (s *Store) Close() error {
	s.mu.Lock()
	s.sealed = true
	s.mu.Unlock()
	var errs []error
	for _, a := range s.appenders() {
		errs = append(errs, a.close())
	}
	return errors.Join(errs...)
}

// writeFile writes a whole file or nothing: a temporary one that takes its name at the end.
func writeFile(name string, b []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(name), err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
			err = fmt.Errorf("writing %s: %w", filepath.Base(name), err)
		}
	}()
	if _, err = tmp.Write(b); err == nil {
		err = tmp.Chmod(0o644)
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
