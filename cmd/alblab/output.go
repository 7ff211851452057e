package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// json prints a value, indented.
func (a *app) json(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// newTable is a plain table that fits 80 columns if its columns do.
func (a *app) newTable(header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Name = "alblab"
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	t.SetStyle(style)
	if len(header) > 0 {
		t.AppendHeader(header)
	}
	t.SuppressTrailingSpaces()
	return t
}

// paint colours a word if standard output is a terminal that wants it.
func (a *app) paint(c text.Color, s string) string {
	if !a.color {
		return s
	}
	return text.Colors{c}.EscapeSeq() + s + text.Colors{text.Reset}.EscapeSeq()
}

// checkOutDir makes the folder for results, which must be new or empty, and tries whether it can be written to, before
// any work is done.
func checkOutDir(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return hint(fmt.Errorf("making the output folder: %w", err), "choose another folder with --out")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return hint(fmt.Errorf("reading the output folder: %w", err), "choose another folder with --out")
	}
	if len(entries) > 0 {
		return hint(fmt.Errorf("the output folder %s is not empty", dir), "choose a new folder with --out, so that evidence of two runs never mixes")
	}
	probe := filepath.Join(dir, ".alblab-probe")
	if err := os.WriteFile(probe, []byte("alblab\n"), 0o600); err != nil {
		_ = os.Remove(probe)
		return hint(fmt.Errorf("writing to the output folder: %w", err), "choose another folder with --out")
	}
	return os.Remove(probe)
}

// plural is "1 suite", "2 suites".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
