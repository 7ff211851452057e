package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// FileName is the name of the client's file: its own in kebab-case, with ".txt".
func (c *Client) FileName() string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(c.Name) {
		if r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) || r > unicode.MaxASCII {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
	}
	name := strings.Trim(b.String(), ".-")
	if name == "" {
		name = "client"
	}
	return name[:min(len(name), 100)] + ".txt"
}

// Load reads a catalogue of one's own: every .txt file of a folder. Files that are damaged are skipped, and told in the error,
// one line each; the others are returned all the same. The error is an fs.ErrNotExist or the like where the folder cannot be
// read.
func Load(dir string) ([]*Client, error) {
	names, err := filepath.Glob(filepath.Join(globQuote(dir), "*.txt"))
	if err == nil && len(names) == 0 {
		if _, err = os.ReadDir(dir); err == nil {
			err = fmt.Errorf("no client (*.txt) in %s: %w", dir, fs.ErrNotExist)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading a catalogue: %w", err)
	}
	var all []*Client
	var errs []error
	seen := map[string]string{}
	for _, name := range names {
		c, err := loadFile(name)
		if err == nil && seen[c.Name] != "" {
			err = fmt.Errorf("%s: client %q is in %s too", name, c.Name, seen[c.Name])
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		seen[c.Name] = name
		all = append(all, c)
	}
	order(all)
	return all, errors.Join(errs...)
}

// maxFile bounds a client's file: a hello has at most 64 KiB.
const maxFile = 1 << 20

func loadFile(name string) (*Client, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: not a file of a client: %d bytes", name, info.Size())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	c, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// globQuote keeps a folder's name from being a pattern.
func globQuote(dir string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(dir)
}
