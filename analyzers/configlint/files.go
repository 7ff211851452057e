package configlint

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile is the largest file that is read, and maxFiles how many of a folder: more is no configuration.
const (
	maxFile  = 16 << 20
	maxFiles = 10000
)

// files is where configuration is read from; tests have one in memory.
type files interface {
	read(name string) ([]byte, error)
	list(dir string) ([]fs.DirEntry, error)
}

// disk reads the files of this machine.
type disk struct{}

func (disk) read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d MiB, which is no configuration", name, maxFile>>20)
	}
	return b, err
}

func (disk) list(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

// find returns a file itself, or the files below a folder whose names have one of the suffixes, in order. Folders that
// begin with a dot and node_modules are passed over.
func (disk) find(path string, suffixes ...string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name != path && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
				return fs.SkipDir
			}
		case slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(d.Name(), s) }):
			if names = append(names, name); len(names) > maxFiles {
				return fmt.Errorf("%s: more than %d files, name a folder further down", path, maxFiles)
			}
		}
		return nil
	})
	return names, err
}
