package evidence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// OpenPaths opens files and folders by their names on disk, all together, as [Open] opens a folder. One folder alone is a
// bundle if it holds a manifest; with other files, or in a folder below, its manifest says which listeners there are. Positions name files as they were given, so that they can be opened; their names in the bundle are the same
// without leading "/" and "../".
func OpenPaths(paths ...string) (*Bundle, error) { return OpenPathsAs(nil, paths...) }

// OpenPathsAs is OpenPaths where positions call some paths something else: names has it, by path.
func OpenPathsAs(names map[string]string, paths ...string) (*Bundle, error) {
	if len(paths) == 1 {
		info, err := os.Stat(paths[0])
		if err != nil {
			return nil, fmt.Errorf("opening evidence: %w", err)
		}
		if info.IsDir() {
			return Open(os.DirFS(paths[0]))
		}
	}
	all := newStoreFS()
	seen := make(map[string]bool) // by path on disk
	shown := make(map[string]string)
	var left []Skipped
	add := func(disk string, size int64) {
		if clean := filepath.Clean(disk); !seen[clean] {
			seen[clean] = true
			name := nameInBundle(disk, all)
			shown[name] = nameOr(names[disk], disk)
			all.add(name, content{size: size, open: func() (io.ReaderAt, io.Closer, error) {
				f, err := os.Open(disk)
				return f, f, err
			}})
		}
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case err != nil:
			return nil, fmt.Errorf("opening evidence: %w", err)
		case info.Mode().IsRegular():
			add(p, info.Size())
			continue
		case !info.IsDir():
			return nil, fmt.Errorf("opening evidence: %s is neither a file nor a folder", p)
		}
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch info, err := os.Stat(name); {
			case err != nil:
				left = append(left, Skipped{name, err.Error()})
			case info.Mode().IsRegular():
				add(name, info.Size())
			case !d.IsDir():
				left = append(left, Skipped{name, errNotRegular.Error()})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("opening evidence: %w", err)
		}
	}
	b := &Bundle{FS: all, Manifest: Manifest{Schema: Schema}, shown: shown, Skipped: left}
	return b, b.recognise(true)
}

// errNotRegular says why a file is left out.
var errNotRegular = errors.New("not a regular file")

// openRegular opens a file unless it is none: to open a named pipe waits until somebody writes to it.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	if s, ok := fsys.(fs.StatFS); ok { // those of the operating system are
		if info, err := s.Stat(name); err == nil && !info.Mode().IsRegular() {
			return nil, errNotRegular
		}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errNotRegular
	}
	return f, nil
}

// nameInBundle makes a path inside of a bundle from one on disk, one that is not there yet.
func nameInBundle(disk string, all *storeFS) string {
	name := filepath.ToSlash(filepath.Clean(disk))
	name = strings.TrimPrefix(name, filepath.ToSlash(filepath.VolumeName(disk)))
	for {
		short := strings.TrimPrefix(strings.TrimPrefix(name, "/"), "../")
		if short == name {
			break
		}
		name = short
	}
	if !fs.ValidPath(name) || name == "." { // bytes that are not UTF-8
		name = strings.ToValidUTF8(name, "_")
	}
	for unique, n := name, 2; ; n++ {
		if _, file := all.files[unique]; !file && all.dirs[unique] == nil {
			return unique
		}
		unique = fmt.Sprintf("%s~%d", name, n)
	}
}
