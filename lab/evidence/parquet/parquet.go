// Package parquet reads and writes flat Apache Parquet files of numbers and texts, the form in which VPC flow logs may be
// delivered to S3. Start with [Open] or [NewWriter].
//
// It is our own because files come from outside: every count and size in a file is held against the bytes that are there before
// memory is taken for it, and a row costs what its page costs, which a general library's interface does not promise. It reads what
// writers of such files use: the types INT32, INT64 and BYTE_ARRAY, required or optional; pages of version 1 and 2; plain, dictionary
// and delta encodings; gzip, Snappy, Zstandard or no compression. Nested columns and other types are left out.
//
// Source of the format: parquet.apache.org/docs/file-format and its pages "Encodings", "Data Pages", "Compression", "Metadata".
package parquet

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Magic begins and ends a file.
const Magic = "PAR1"

// Limits. AWS closes a file of a flow log at 75 MB (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html).
const (
	maxFooter  = 4 << 20   // bytes of metadata
	maxColumns = 1000      // leaves of the schema
	maxGroups  = 1<<15 - 1 // row groups
	maxPage    = 64 << 20  // bytes of a page, packed and unpacked
	maxHeld    = 256 << 20 // bytes of all columns' pages and dictionaries together
	maxText    = 64 << 10  // bytes of one value
	maxRows    = 16        // for each byte of the file: a flow log's take some bytes each
	maxTexts   = 1000      // bytes of texts for each byte of the file: what gzip makes of a text log at best
)

// DamageError says that a file is not sound, or holds what this package does not read.
type DamageError struct{ Msg string }

func (e *DamageError) Error() string { return e.Msg }

func damaged(format string, args ...any) error { return &DamageError{fmt.Sprintf(format, args...)} }

// Column is a column of a file.
type Column struct {
	Name    string
	Integer bool // values are Value.Int; else Value.Text
}

// Value is one field of a row.
type Value struct {
	Null bool
	Int  int64
	Text []byte
}

// File is an open file. It is read by one goroutine at a time.
type File struct {
	r       io.ReaderAt
	size    int64
	rows    int64
	groups  []group
	columns []column
	names   []Column
	held    int64
}

// Open reads a file's metadata from its end. An error of type *DamageError tells of the file, any other is r's.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size}
	const least = 2*len(Magic) + 4
	if size < int64(least) {
		return nil, damaged("%d bytes are no file", size)
	}
	var end [8]byte
	if err := f.readAt(end[:], size-8); err != nil {
		return nil, err
	}
	if string(end[4:]) != Magic {
		return nil, damaged("it does not end in %s: a part of it is missing", Magic)
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > size-int64(least) || n > maxFooter {
		return nil, damaged("metadata of %d bytes in a file of %d", n, size)
	}
	footer := make([]byte, n)
	if err := f.readAt(footer, size-8-n); err != nil {
		return nil, err
	}
	m, err := readMetadata(footer)
	if err != nil {
		return nil, err
	}
	if err := f.use(m, size-8-n); err != nil {
		return nil, err
	}
	return f, nil
}

// Columns are the columns that rows have, in the file's order.
func (f *File) Columns() []Column { return f.names }

// NumRows is how many rows the file says it has.
func (f *File) NumRows() int64 { return f.rows }

// readAt reads exactly b.
func (f *File) readAt(b []byte, at int64) error {
	n, err := f.r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || err == io.EOF || err == io.ErrUnexpectedEOF:
		return damaged("it ends at byte %d", at+int64(n))
	}
	return err
}

// use takes what the metadata says, after looking whether it can be so. Pages lie before the byte end.
func (f *File) use(m *metadata, end int64) error {
	leaves, err := f.flat(m.schema)
	if err != nil {
		return err
	}
	for i, g := range m.groups {
		if len(g.chunks) != leaves {
			return damaged("row group %d has %d columns, the schema %d", i+1, len(g.chunks), leaves)
		}
		if f.rows += g.rows; g.rows < 0 || f.rows < 0 || f.rows > f.size*maxRows {
			return damaged("row group %d has %d rows, more than a file of %d bytes holds", i+1, g.rows, f.size)
		}
		for _, c := range f.columns {
			if err := g.chunks[c.leaf].check(&c, g.rows, end); err != nil {
				return damaged("row group %d, column %q: %v", i+1, c.name, err)
			}
		}
	}
	f.groups = m.groups
	return nil
}

// flat lists the columns that can be read and counts the leaves of the schema.
func (f *File) flat(schema []element) (leaves int, err error) {
	if len(schema) == 0 || schema[0].children < 0 {
		return 0, damaged("it has no schema")
	}
	at := 1
	for range schema[0].children {
		if at >= len(schema) {
			return 0, damaged("the schema ends too early")
		}
		e := &schema[at]
		at++
		if e.children <= 0 {
			if e.readable() {
				f.columns = append(f.columns, column{f: f, name: e.name, leaf: leaves, typ: e.typ, optional: e.repetition == optional, unsigned: e.unsigned})
				f.names = append(f.names, Column{e.name, e.typ != typeByteArray})
			}
			leaves++
			continue
		}
		for below := e.children; below > 0; at++ { // a nested column: only counted
			if at >= len(schema) {
				return 0, damaged("the schema ends too early")
			}
			if below--; schema[at].children > 0 {
				below += schema[at].children
			} else {
				leaves++
			}
		}
	}
	if at != len(schema) || leaves > maxColumns {
		return 0, damaged("a schema of %d elements with %d columns", len(schema), leaves)
	}
	if len(f.columns) == 0 {
		return 0, damaged("no column of it is a number or a text")
	}
	return leaves, nil
}
