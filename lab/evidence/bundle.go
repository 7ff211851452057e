package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
)

// Bundle is the evidence of a run: a manifest and the files it lists, in a folder on disk or in memory. Where there is no
// manifest.json, [Open] makes the manifest from what it finds.
type Bundle struct {
	FS       fs.FS
	Manifest Manifest
	Skipped  []Skipped // what was left out, with the reason: files that are not evidence, or that the manifest does not list

	bundles []adopted         // those that lie in the folder, where it is none itself
	shown   map[string]string // by name: how to call a file in positions, where that is not its name
}

// Open reads the bundle in fsys: its manifest.json if there is one, and what it does not list is Skipped; else it recognises each file
// by its content, and takes what a manifest in a folder below says of the listeners. It takes S3
// layouts with gzip parts under AWS's own key names, aws logs filter-log-events JSON, exports of log groups to S3, plain
// logs and captures, all mixed. Markers that AWS writes to try its permission are passed over.
func Open(fsys fs.FS) (*Bundle, error) {
	m, err := ReadManifest(fsys)
	switch {
	case err == nil:
		b := &Bundle{FS: fsys, Manifest: m}
		if err := b.expand(); err != nil {
			return b, err
		}
		return b, b.unlisted(m.Files)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotManifest):
		b := &Bundle{FS: fsys, Manifest: Manifest{Schema: Schema}}
		return b, b.recognise(false)
	}
	return nil, &ManifestError{err}
}

// expand replaces each folder in the manifest by the parts in it.
func (b *Bundle) expand() error {
	var files []File
	for _, f := range b.Manifest.Files {
		info, err := fs.Stat(b.FS, f.Name)
		if err != nil || !info.IsDir() { // a file that is missing is reported when it is opened
			files = append(files, f)
			continue
		}
		err = fs.WalkDir(b.FS, f.Name, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Type().IsRegular() && !isMarker(name) {
				files = append(files, File{Name: name, Kind: f.Kind, Format: f.Format, Records: -1})
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("reading the bundle's folder %s: %w", f.Name, err)
		}
	}
	b.Manifest.Files = files
	return nil
}

// recognise fills the manifest from what lies in the folder, in hidden folders only if told.
func (b *Bundle) recognise(hidden bool) error {
	err := fs.WalkDir(b.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if d == nil || !d.IsDir() || name == "." {
				return err
			}
			b.skip(name, reasonOf(err))
			return fs.SkipDir
		}
		if d.IsDir() {
			if !hidden && name != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		b.add(name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the folder: %w", err)
	}
	b.agree()
	if len(b.Manifest.Files) > 0 { // beside evidence they need no word
		b.Skipped = slices.DeleteFunc(b.Skipped, func(s Skipped) bool { return s.Reason == ownReport })
	}
	return nil
}

// add lists one file by what it is, or says why not.
func (b *Bundle) add(name string) {
	if isMarker(name) {
		b.skip(name, "a marker that AWS writes to try its permission")
		return
	}
	if isCertificate(name) || b.adopt(name) {
		return
	}
	f, err := openRegular(b.FS, name)
	if err != nil {
		b.skip(name, reasonOf(err))
		return
	}
	defer f.Close()
	first, err := readSome(Decompress(f), sniffLen)
	var damaged *damageError
	if err != nil && !errors.As(err, &damaged) {
		b.skip(name, reasonOf(err))
		return
	}
	k, format := Detect(first, name)
	if k == "" {
		reason := "not recognised as evidence"
		switch {
		case damaged != nil:
			reason = damaged.Error()
		case len(first) == 0:
			reason = isEmpty
		case hasNoEvents(first):
			reason = noEvents
		case isReport(first):
			reason = ownReport
		}
		b.skip(name, reason)
		return
	}
	if damaged != nil && bytes.IndexByte(first, '\n') < 0 { // a header row that was cut: the reader says so
		format = ""
	}
	b.Manifest.Files = append(b.Manifest.Files, File{Name: name, Kind: k, Format: format, Records: -1})
}

// isCertificate says whether a file is one of the certificates and keys that a lab writes for its clients beside the evidence.
func isCertificate(name string) bool {
	return path.Base(path.Dir(name)) == "pki" && path.Ext(name) == ".pem"
}

func (b *Bundle) skip(name, reason string) {
	b.Skipped = append(b.Skipped, Skipped{b.show(name), reason})
}

// show returns what positions call a file: its name, or as [OpenPaths] was given it.
func (b *Bundle) show(name string) string { return nameOr(b.shown[name], name) }

// Shown returns what positions in errors call a file of the bundle: its name, or what [OpenPaths] was given.
func (b *Bundle) Shown(name string) string { return b.show(name) }

// Files returns the files of a kind in the order of their names, which for AWS's keys is the order of time.
func (b *Bundle) Files(k Kind) []File {
	var out []File
	for _, f := range b.Manifest.Files {
		if f.Kind == k {
			out = append(out, f)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Has says whether there is a file of the kind. It may be empty: the log was on and nothing was logged.
func (b *Bundle) Has(k Kind) bool {
	for _, f := range b.Manifest.Files {
		if f.Kind == k {
			return true
		}
	}
	return false
}

// OpenFile opens a file of the bundle, as it is stored. Readers of the format packages undo gzip and CloudWatch's wrapping.
func (b *Bundle) OpenFile(name string) (io.ReadCloser, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("opening %q: not a path inside of the bundle", name)
	}
	f, err := openRegular(b.FS, name)
	switch {
	case errors.Is(err, errNotRegular):
		return nil, fmt.Errorf("opening evidence: %s: %w", b.show(name), err)
	case err != nil:
		return nil, fmt.Errorf("opening evidence: %w", err)
	}
	return f, nil
}

// Each opens the files of a kind one after the other, in the order of [Bundle.Files], and calls read with each and with
// options that name the file, as positions do, and its format. It stops at the first error.
//
//	err := b.Each(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
//		for rec, err := range flowlog.Records(r, o) { ... }
//		return nil
//	})
func (b *Bundle) Each(k Kind, read func(r io.Reader, o *Options) error) error {
	for _, f := range b.Files(k) {
		if err := b.each(f, read); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bundle) each(f File, read func(r io.Reader, o *Options) error) error {
	r, err := b.OpenFile(f.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	return read(r, &Options{File: b.show(f.Name), Format: f.Format})
}

// Verify compares the files with the checksums of the manifest and names the first that differs. Files without one pass.
func (b *Bundle) Verify() error {
	for _, f := range b.Manifest.Files {
		if f.SHA256 == "" {
			continue
		}
		r, err := b.OpenFile(f.Name)
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, r)
		r.Close()
		if err != nil {
			return fmt.Errorf("reading %s: %w", f.Name, err)
		}
		if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, f.SHA256) {
			return fmt.Errorf("%s is not what the manifest says: sha256 %s, want %s", f.Name, got, f.SHA256)
		}
	}
	return nil
}

// readSome reads until there are n bytes, or the end. What was read counts also if there is an error.
func readSome(r io.Reader, n int) ([]byte, error) {
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, int64(n))
	if err == io.EOF {
		err = nil
	}
	return b.Bytes(), err
}

// readAtMost reads all, and refuses more than n bytes.
func readAtMost(r io.Reader, n int) ([]byte, error) {
	b, err := readSome(r, n+1)
	if err == nil && len(b) > n {
		err = fmt.Errorf("larger than %d bytes", n)
	}
	return b, err
}
