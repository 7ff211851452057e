package parquet

import (
	"fmt"
	"io"
)

// Rows reads a file row by row. Each column has one page in memory, and its dictionary.
type Rows struct {
	f     *File
	group int   // the next
	left  int64 // rows of the group before it
	row   int64 // rows that were given
	texts int64 // bytes of the texts of those
	vals  []Value
	err   error
}

// Rows starts at the first row. One file is read by one Rows at a time.
func (f *File) Rows() *Rows { return &Rows{f: f, vals: make([]Value, len(f.columns))} }

// Next returns the values of the next row in the order of [File.Columns]. They are valid until the next call. io.EOF is the end;
// after any other error nothing more comes.
func (r *Rows) Next() ([]Value, error) {
	for r.err == nil && r.left == 0 {
		if r.group == len(r.f.groups) {
			r.err = io.EOF
			break
		}
		g := &r.f.groups[r.group]
		r.group++
		r.left = g.rows
		for i := range r.f.columns {
			c := &r.f.columns[i]
			c.begin(&g.chunks[c.leaf])
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	for i := range r.f.columns {
		c := &r.f.columns[i]
		if err := c.next(&r.vals[i]); err != nil {
			r.err = r.wrap(c, err)
			return nil, r.err
		}
		r.texts += int64(len(r.vals[i].Text))
	}
	r.left--
	if r.row++; r.texts > r.f.size*maxTexts {
		r.err = damaged("row %d: a file of %d bytes with more than %d bytes of texts", r.row, r.f.size, r.texts)
		return nil, r.err
	}
	return r.vals, nil
}

func (r *Rows) wrap(c *column, err error) error {
	if d, ok := err.(*DamageError); ok {
		return damaged("row %d, column %q: %s", r.row+1, c.name, d.Msg)
	}
	return fmt.Errorf("reading row %d: %w", r.row+1, err)
}
