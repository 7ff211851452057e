// Package redact makes evidence that can be shown to others: addresses, names, serials and identifiers are replaced
// consistently by a keyed function, and verdicts stay what they were. Files that are not known are refused, never copied.
//
// Start with [Bundle]. A [Mapper] is the keyed function; the same key gives the same replacements, so that evidence of two
// days can be compared.
package redact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
)

// Options of [Bundle].
type Options struct {
	Key        []byte // at least 16 bytes; whoever has it can tell which name became which by trying
	UserAgents bool   // replace user agents too
	LeaveOut   bool   // leave files out that are not known, in place of refusing the bundle
}

// Stats is what was done. Of bundles in folders below, names begin with the folder's.
type Stats struct {
	Files   []FileStats
	LeftOut []string // files that are not known, or made anew by other commands
}

// FileStats is what was done with one file.
type FileStats struct {
	From, To string
	Records  int64
	Damaged  int64 // lines that could not be read: their place is kept, their content is not
}

// UnknownError says which files are not known. [Bundle] returns it.
type UnknownError struct{ Names []string }

func (e *UnknownError) Error() string {
	return "not known, so not copied: " + strings.Join(e.Names, ", ")
}

// Bundle redacts a bundle into a new folder, and the bundles in folders below it into folders below that one.
func Bundle(ctx context.Context, b *evidence.Bundle, dir string, o Options) (*Stats, error) {
	m, err := NewMapper(o.Key)
	if err != nil {
		return nil, err
	}
	m.agents = o.UserAgents
	parts, err := partsOf(b)
	if err != nil {
		return nil, err
	}
	s := &Stats{}
	for _, p := range parts { // before anything is written
		unknown, err := strangers(p, parts)
		if err != nil {
			return nil, err
		}
		s.LeftOut = append(s.LeftOut, unknown...)
	}
	if len(s.LeftOut) > 0 && !o.LeaveOut {
		return nil, &UnknownError{s.LeftOut}
	}
	for _, p := range parts {
		if err := m.part(ctx, p, dir, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// part redacts one bundle into its folder.
func (m *Mapper) part(ctx context.Context, p *part, dir string, s *Stats) error {
	store, err := evidence.NewStore(filepath.Join(dir, filepath.FromSlash(p.to)), nil)
	if err != nil {
		return err
	}
	defer store.Close()
	manifest, err := m.manifest(p.bundle.Manifest)
	if err != nil {
		return err
	}
	for i, f := range p.bundle.Manifest.Files {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		name := m.fileName(f, i)
		fs := FileStats{From: path.Join(p.from, f.Name), To: path.Join(p.to, name)}
		if err := m.file(p.bundle, f, store, name, &fs); err != nil {
			return fmt.Errorf("redacting %s: %w", fs.From, err)
		}
		s.Files = append(s.Files, fs)
	}
	_, err = store.Seal(manifest)
	return err
}

// strangers lists the files of a bundle that no reader is there for. report.json holds what commands make of the evidence and
// is left to them, what lies in the folder of another part to that part.
func strangers(p *part, parts []*part) ([]string, error) {
	b := p.bundle
	known := map[string]bool{evidence.ManifestName: true, "report.json": true}
	var unknown []string
	for _, f := range b.Manifest.Files {
		known[f.Name] = true
		if readerOf(f.Kind) == nil {
			unknown = append(unknown, path.Join(p.from, f.Name))
		}
	}
	for _, sk := range b.Skipped {
		if !sk.Bundle() && !known[sk.Name] { // of a bundle below the walk names the files
			known[sk.Name] = true
			unknown = append(unknown, path.Join(p.from, sk.Name))
		}
	}
	err := fs.WalkDir(b.FS, ".", func(name string, d fs.DirEntry, err error) error {
		full := path.Join(p.from, name)
		switch {
		case err != nil:
		case d.IsDir() && name != "." && slices.ContainsFunc(parts, func(o *part) bool { return o.from == full }):
			return fs.SkipDir
		case !d.IsDir() && !known[name]:
			unknown = append(unknown, full)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		err = nil // files that were named one by one have no folder
	}
	return unknown, err
}

// reader redacts one file.
type reader func(*Mapper, *job) error

func readerOf(k evidence.Kind) reader {
	switch k {
	case evidence.KindFlow:
		return (*Mapper).flowLog
	case evidence.KindConnection:
		return (*Mapper).connectionLog
	case evidence.KindAccess:
		return (*Mapper).accessLog
	case evidence.KindWAF:
		return (*Mapper).wafLog
	case evidence.KindMetrics:
		return (*Mapper).metrics
	case evidence.KindAttempts:
		return (*Mapper).attempts
	case evidence.KindCapture, evidence.KindMirror:
		return (*Mapper).capture
	}
	return nil
}

// job is one file on its way.
type job struct {
	open    func() (io.ReadCloser, error)
	options *evidence.Options
	out     *evidence.Appender
	stats   *FileStats
	line    int // lines that were written
}

// file redacts one file of a bundle to one of that name.
func (m *Mapper) file(b *evidence.Bundle, f evidence.File, store *evidence.Store, name string, s *FileStats) error {
	read := readerOf(f.Kind)
	if read == nil {
		return nil // left out, as the options allow
	}
	out, err := store.Append(name, f.Kind, f.Format)
	if err != nil {
		return err
	}
	j := &job{
		open:    func() (io.ReadCloser, error) { return b.OpenFile(f.Name) },
		options: &evidence.Options{File: b.Shown(f.Name), Format: f.Format}, out: out, stats: s,
	}
	if err := read(m, j); err != nil {
		return err
	}
	return out.Flush()
}

// put writes the record of a line, after as many empty lines as keep its number.
func (j *job) put(line int, record []byte) error {
	if pad := line - j.line - 1; pad > 0 {
		if _, err := j.out.WriteHeader([]byte(strings.Repeat("\n", pad))); err != nil {
			return err
		}
		j.line += pad
	}
	j.line++
	j.stats.Records++
	if len(record) == 0 || record[len(record)-1] != '\n' {
		record = append(record, '\n')
	}
	_, err := j.out.Write(record)
	return err
}

// header writes a line that is no record.
func (j *job) header(line int, s string) error {
	pad := max(line-j.line-1, 0)
	j.line += pad + 1
	_, err := j.out.WriteHeader([]byte(strings.Repeat("\n", pad) + s + "\n"))
	return err
}

// damage puts something into the place of a line that could not be read, which cannot be read either.
func (j *job) damage(err error) error {
	var pe *evidence.ParseError
	if !errors.As(err, &pe) {
		return err
	}
	j.stats.Damaged++
	if pe.Line <= j.line {
		return nil // more about the same line
	}
	return j.put(pe.Line, []byte("redacted damaged line"))
}

// standardNames are the names of a bundle's files, which tell nothing.
var standardNames = []string{
	"attempts.jsonl", "flow.log", "connection.log", "access.log", "waf.log", "metrics.json", "capture.pcap", "mirror.pcapng", "capture.pcapng", "mirror.pcap",
}

// fileName replaces what a file's name tells: AWS's keys have account, load balancer and node in them.
func (m *Mapper) fileName(f evidence.File, i int) string {
	if slices.Contains(standardNames, f.Name) {
		return f.Name
	}
	if k, err := evidence.ParseKey(f.Name); err == nil {
		k.Prefix, k.Account, k.Parquet = "", m.Digits(k.Account), false // the copy is text
		k.Name, k.Random = m.tokens(k.Name, "/"), m.token(k.Random)
		if k.Node != "" {
			k.Node = m.text(k.Node)
		}
		return strings.TrimSuffix(k.String(), ".gz")
	}
	ext := path.Ext(strings.TrimSuffix(f.Name, ".gz"))
	if !slices.Contains([]string{".log", ".json", ".jsonl", ".pcap", ".pcapng", ".txt"}, ext) {
		ext = ""
	}
	return fmt.Sprintf("%s-%03d%s", f.Kind, i+1, ext)
}
