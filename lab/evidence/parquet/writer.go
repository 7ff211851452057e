package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Type is what a column to be written holds.
type Type int

// The types.
const (
	Int32 Type = typeInt32
	Int64 Type = typeInt64
	Text  Type = typeByteArray // UTF-8
)

// ColumnSpec describes a column to be written.
type ColumnSpec struct {
	Name string
	Type Type
}

// Writer writes a file: one row group, every column optional, in one page of version 1 with plain values and gzip. It holds the
// rows in memory until Close, and is for files of some thousands.
type Writer struct {
	w    io.Writer
	cols []ColumnSpec
	defs [][]byte // by column: a byte for each row, 0 for null
	vals [][]byte
	rows int
	err  error
}

// NewWriter returns a writer of a file with the columns.
func NewWriter(w io.Writer, cols []ColumnSpec) *Writer {
	return &Writer{w: w, cols: cols, defs: make([][]byte, len(cols)), vals: make([][]byte, len(cols))}
}

// Row adds a row with a value for each column. Errors come with Close.
func (w *Writer) Row(vals ...Value) {
	if len(vals) != len(w.cols) {
		w.err = fmt.Errorf("writing Parquet: a row of %d values for %d columns", len(vals), len(w.cols))
		return
	}
	w.rows++
	for i, v := range vals {
		if v.Null {
			w.defs[i] = append(w.defs[i], 0)
			continue
		}
		w.defs[i] = append(w.defs[i], 1)
		b := w.vals[i]
		switch w.cols[i].Type {
		case Int32:
			b = binary.LittleEndian.AppendUint32(b, uint32(v.Int))
		case Int64:
			b = binary.LittleEndian.AppendUint64(b, uint64(v.Int))
		default:
			b = binary.LittleEndian.AppendUint32(b, uint32(len(v.Text)))
			b = append(b, v.Text...)
		}
		w.vals[i] = b
	}
}

// Close writes the file. It does not close the writer below.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	file := []byte(Magic)
	chunks := make([]chunk, len(w.cols))
	for i, c := range w.cols {
		at := len(file)
		var err error
		if file, err = w.page(file, i); err != nil {
			return fmt.Errorf("writing Parquet: column %s: %w", c.Name, err)
		}
		chunks[i] = chunk{typ: int(c.Type), codec: codecGzip, values: int64(w.rows), data: int64(at), size: int64(len(file) - at)}
	}
	footer := w.metadata(chunks)
	file = append(file, footer...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(footer)))
	file = append(file, Magic...)
	if _, err := w.w.Write(file); err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	return nil
}

// page appends a column's page with its header.
func (w *Writer) page(b []byte, i int) ([]byte, error) {
	levels := appendLevels(nil, w.defs[i])
	page := binary.LittleEndian.AppendUint32(nil, uint32(len(levels)))
	page = append(append(page, levels...), w.vals[i]...)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(page); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	t := &thriftWriter{b: b}
	t.number(1, pageData)
	t.number(2, int64(len(page)))
	t.number(3, int64(packed.Len()))
	t.begin(5)
	t.number(1, int64(w.rows))
	t.number(2, plain)
	t.number(3, runLength)
	t.number(4, runLength)
	t.end()
	t.stop()
	return append(t.b, packed.Bytes()...), nil
}

// appendLevels writes levels of one bit in groups of eight.
func appendLevels(b, defs []byte) []byte {
	if len(defs) == 0 {
		return b
	}
	groups := (len(defs) + 7) / 8
	b = binary.AppendUvarint(b, uint64(groups)<<1|1)
	at := len(b)
	b = append(b, make([]byte, groups)...)
	for i, d := range defs {
		b[at+i/8] |= d << (i % 8)
	}
	return b
}

// metadata is the structure FileMetaData.
func (w *Writer) metadata(chunks []chunk) []byte {
	t := new(thriftWriter)
	t.number(1, 1) // version
	t.list(2, kindStruct, len(w.cols)+1)
	t.element(func() {
		t.text(4, "flow_log")
		t.number(5, int64(len(w.cols)))
	})
	for _, c := range w.cols {
		t.element(func() {
			t.number(1, int64(c.Type))
			t.number(3, optional)
			t.text(4, c.Name)
			if c.Type == Text {
				t.number(6, convertedUTF8)
			}
		})
	}
	t.long(3, int64(w.rows))
	if w.rows == 0 {
		t.list(4, kindStruct, 0)
	} else {
		t.list(4, kindStruct, 1)
		t.element(func() { w.group(t, chunks) })
	}
	t.text(6, "alblab")
	t.stop()
	return t.b
}

func (w *Writer) group(t *thriftWriter, chunks []chunk) {
	t.list(1, kindStruct, len(chunks))
	all := int64(0)
	for i, c := range chunks {
		unpacked := int64(len(w.vals[i]) + len(appendLevels(nil, w.defs[i])) + 4)
		all += unpacked
		t.element(func() {
			t.long(2, c.data)
			t.begin(3)
			t.number(1, int64(c.typ))
			t.list(2, kindI32, 2)
			t.numbers(plain, runLength)
			t.list(3, kindBinary, 1)
			t.texts(w.cols[i].Name)
			t.number(4, int64(c.codec))
			t.long(5, c.values)
			t.long(6, unpacked)
			t.long(7, c.size)
			t.long(9, c.data)
			t.end()
		})
	}
	t.long(2, all)
	t.long(3, int64(w.rows))
}
