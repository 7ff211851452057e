package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Skipped is a file that [Open] left out, or a folder.
type Skipped struct {
	Name   string
	Reason string
}

// Damaged says whether the file was left out because it is empty, or packed and cut, so that nobody can say what it was.
func (s Skipped) Damaged() bool {
	return s.Reason == isEmpty || strings.HasPrefix(s.Reason, damagedGzip)
}

// NoEvents says whether the file was left out because it is CloudWatch Logs' answer that there is nothing in the log.
func (s Skipped) NoEvents() bool { return s.Reason == noEvents }

// Denied says whether the file was left out because it may not be read.
func (s Skipped) Denied() bool { return s.Reason == fs.ErrPermission.Error() }

// Bundle says whether it is a folder that was left out because it is a bundle of its own.
func (s Skipped) Bundle() bool { return s.Reason == otherBundle }

const (
	isEmpty     = "it is empty"
	noEvents    = "there are no events in it"
	ownReport   = "a report of alblab, not evidence"
	otherBundle = "it is another bundle"
	notListed   = "the bundle's manifest does not list it"
)

// reasonOf says why a file cannot be opened, without its name, which stands before the reason.
func reasonOf(err error) string {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fs.ErrPermission.Error()
	case errors.As(err, &p):
		return p.Err.Error()
	}
	return err.Error()
}

// unlisted skips what lies beside the files of a manifest. Reports that alblab writes into a bundle, and the clients'
// certificates, are no evidence and need no word.
func (b *Bundle) unlisted(listed []File) error {
	known := make(map[string]bool, len(listed)+1)
	known[ManifestName] = true
	for _, f := range listed {
		known[f.Name] = true
	}
	err := fs.WalkDir(b.FS, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if name == "." {
				return err
			}
			b.skip(name, reasonOf(err))
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case name == ".":
		case d.IsDir() && (known[name] || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir():
			if _, err := ReadManifest(mustSub(b.FS, name)); err == nil {
				b.skip(name, otherBundle)
				return fs.SkipDir
			}
		case !known[name] && !isMarker(name) && !isCertificate(name) && !b.isReport(name):
			b.skip(name, notListed)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the bundle's folder: %w", err)
	}
	return nil
}

// mustSub is fs.Sub for a name that a walk gave.
func mustSub(fsys fs.FS, name string) fs.FS {
	sub, err := fs.Sub(fsys, name)
	if err != nil {
		panic("evidence: " + err.Error())
	}
	return sub
}

// isReport says whether a file is a report that alblab wrote.
func (b *Bundle) isReport(name string) bool {
	if path.Ext(name) != ".json" {
		return false
	}
	f, err := openRegular(b.FS, name)
	if err != nil {
		return false
	}
	defer f.Close()
	head, _ := readSome(f, 4096) // the schema comes first
	return isReport(head)
}

func isReport(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 || head[0] != '{' {
		return false
	}
	head = bytes.TrimLeft(head[1:], " \t\r\n")
	rest, ok := bytes.CutPrefix(head, []byte(`"schema"`))
	rest, colon := bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte(":"))
	return ok && colon && bytes.HasPrefix(bytes.TrimLeft(rest, " "), []byte(`"alblab.`))
}

// hasNoEvents says whether a whole document of CloudWatch Logs holds no event: AWS's answer to a search that found none.
func hasNoEvents(doc []byte) bool {
	doc = doc[len(leadingBOM(doc)):]
	return isCloudWatch(doc) && json.Valid(doc) && firstMessage(doc) == nil
}
