package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// ManifestError says that a folder's manifest cannot be read. [Open] returns it; the files beside it may be whole.
type ManifestError struct{ err error }

func (e *ManifestError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *ManifestError) Unwrap() error { return e.err }

// adopted is a bundle among the files and folders that were given.
type adopted struct {
	name string // of the manifest
	m    Manifest
}

// adopt takes up a manifest that lies among other evidence, and says whether the file is one.
func (b *Bundle) adopt(name string) bool {
	if path.Base(name) != ManifestName {
		return false
	}
	m, err := ReadManifest(mustSub(b.FS, path.Dir(name)))
	switch {
	case errors.Is(err, errNotManifest), errors.Is(err, fs.ErrPermission):
		return false // what it is, or is not, is said as of any file
	case err != nil:
		b.skip(name, "a manifest that cannot be read: "+err.Error())
		return true
	}
	b.bundles = append(b.bundles, adopted{name, m})
	return true
}

// agree takes what the manifests say of the listeners. Files are recognised by content, and their addresses learned, as without
// a manifest: there may be evidence of others with them. Of several bundles with other listeners none is right for all.
func (b *Bundle) agree() {
	for i, a := range b.bundles {
		if missing := a.missing(b.FS); missing > 0 {
			b.skip(a.name, fmt.Sprintf("of the %d files that it lists %d are not here", len(a.m.Files), missing))
		}
		if i > 0 && !sameJSON(a.m.Spec, b.bundles[0].m.Spec) {
			for _, a := range b.bundles {
				b.skip(a.name, "there are several bundles and their listeners differ: name each bundle alone")
			}
			return
		}
	}
	if len(b.bundles) > 0 {
		b.Manifest.Spec = b.bundles[0].m.Spec
	}
}

// missing counts the files of the manifest that are not there.
func (a *adopted) missing(fsys fs.FS) (n int) {
	for _, f := range a.m.Files {
		if _, err := fs.Stat(fsys, path.Join(path.Dir(a.name), f.Name)); err != nil {
			n++
		}
	}
	return n
}

func sameJSON(x, y json.RawMessage) bool {
	var a, b bytes.Buffer
	if len(x) == 0 || len(y) == 0 {
		return len(x) == len(y)
	}
	return json.Compact(&a, x) == nil && json.Compact(&b, y) == nil && bytes.Equal(a.Bytes(), b.Bytes())
}
