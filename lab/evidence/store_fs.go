package evidence

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"sort"
	"time"
)

// content is bytes that do not change, and how to get at them. The closer may be nil.
type content struct {
	size int64
	open func() (io.ReaderAt, io.Closer, error)
}

// storeFS is the fs.FS over a store's files at one time. Times are zero: a bundle does not know when it was written.
type storeFS struct {
	files map[string]content
	dirs  map[string][]fs.DirEntry // sorted when opened
}

func newStoreFS() *storeFS {
	return &storeFS{files: make(map[string]content), dirs: map[string][]fs.DirEntry{".": nil}}
}

// add puts a file in, with the folders that its name needs.
func (s *storeFS) add(name string, c content) {
	s.files[name] = c
	dir := path.Dir(name)
	s.addDir(dir)
	s.dirs[dir] = append(s.dirs[dir], storeInfo{name: path.Base(name), size: c.size})
}

func (s *storeFS) addDir(dir string) {
	if _, ok := s.dirs[dir]; ok {
		return
	}
	up := path.Dir(dir)
	s.addDir(up)
	s.dirs[up] = append(s.dirs[up], storeInfo{name: path.Base(dir), dir: true})
	s.dirs[dir] = nil
}

// Open is fs.FS.
func (s *storeFS) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if c, ok := s.files[name]; ok {
		at, closer, err := c.open()
		var named *fs.PathError
		if errors.As(err, &named) { // the name is said once
			err = named.Err
		}
		if err != nil {
			return fail(err)
		}
		return &storeFile{storeInfo{name: path.Base(name), size: c.size}, io.NewSectionReader(at, 0, c.size), closer}, nil
	}
	list, ok := s.dirs[name]
	if !ok {
		return fail(fs.ErrNotExist)
	}
	list = append([]fs.DirEntry(nil), list...)
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return &storeDir{storeInfo{name: path.Base(name), dir: true}, list}, nil
}

// storeFile is an open file; it can seek and read at an offset.
type storeFile struct {
	info storeInfo
	*io.SectionReader
	closer io.Closer
}

func (f *storeFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *storeFile) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// storeDir is an open folder.
type storeDir struct {
	info storeInfo
	left []fs.DirEntry
}

func (d *storeDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *storeDir) Close() error               { return nil }

func (d *storeDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: fs.ErrInvalid}
}

func (d *storeDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.left)
	} else if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	list := d.left[:n]
	d.left = d.left[n:]
	return list, nil
}

// storeInfo is fs.FileInfo and fs.DirEntry of both.
type storeInfo struct {
	name string
	size int64
	dir  bool
}

func (i storeInfo) Name() string               { return i.name }
func (i storeInfo) Size() int64                { return i.size }
func (i storeInfo) ModTime() time.Time         { return time.Time{} }
func (i storeInfo) IsDir() bool                { return i.dir }
func (i storeInfo) Sys() any                   { return nil }
func (i storeInfo) Info() (fs.FileInfo, error) { return i, nil }
func (i storeInfo) Type() fs.FileMode          { return i.Mode().Type() }

func (i storeInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
