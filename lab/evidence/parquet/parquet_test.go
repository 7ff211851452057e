package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readAll(t testing.TB, b []byte) (cols []Column, rows []string) {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	for r := f.Rows(); ; {
		vals, err := r.Next()
		if err == io.EOF {
			return f.Columns(), rows
		}
		require.NoError(t, err)
		row := ""
		for i, v := range vals {
			switch {
			case v.Null:
				row += "null "
			case f.Columns()[i].Integer:
				row += fmt.Sprint(v.Int) + " "
			default:
				row += string(v.Text) + " "
			}
		}
		rows = append(rows, row)
	}
}

func TestWriterIsRead(t *testing.T) {
	cols, rows := readAll(t, small(t))
	require.Equal(t, []Column{{"a", true}, {"b", true}, {"c", false}}, cols)
	require.Equal(t, []string{"0 0 x0 ", "1 -1099511627776 x1 ", "2 null x2 ", "3 -3298534883328 x3 ", "4 -4398046511104 x4 "}, rows)

	var b bytes.Buffer
	w := NewWriter(&b, []ColumnSpec{{"a", Text}})
	require.NoError(t, w.Close())
	_, rows = readAll(t, b.Bytes())
	require.Empty(t, rows)

	w = NewWriter(&b, []ColumnSpec{{"a", Text}})
	w.Row()
	require.Error(t, w.Close())
}

// hostileFooter is metadata that cannot be so, and what is said of it.
type hostileFooter struct {
	name   string
	fields func(w *thriftWriter)
	want   string
}

func hostileFooters() []hostileFooter {
	schema := func(w *thriftWriter, columns int) {
		w.list(2, kindStruct, 2)
		w.element(func() { w.text(4, "s"); w.number(5, int64(columns)) })
		w.element(func() { w.number(1, typeInt32); w.number(3, required); w.text(4, "a") })
	}
	return []hostileFooter{
		{"a list of two thousand million", func(w *thriftWriter) {
			w.field(2, kindList)
			w.b = binary.AppendUvarint(append(w.b, 15<<4|byte(kindStruct)), 1<<31)
		}, "too early"},
		{"a name of a gigabyte", func(w *thriftWriter) {
			w.list(2, kindStruct, 1)
			w.field(4, kindBinary)
			w.b = binary.AppendUvarint(w.b, 1<<30)
		}, "too early"},
		{"no schema", func(w *thriftWriter) { w.number(1, 1) }, "no schema"},
		{"more children than elements", func(w *thriftWriter) { schema(w, 1<<30) }, "schema ends too early"},
		{"fewer children than elements", func(w *thriftWriter) { schema(w, 0) }, "a schema of 2 elements"},
		{"rows without bytes", func(w *thriftWriter) {
			schema(w, 1)
			w.list(4, kindStruct, 1)
			w.element(func() {
				w.list(1, kindStruct, 1)
				w.element(func() { w.begin(3); w.number(1, typeInt32); w.long(5, 1<<40); w.end() })
				w.long(3, 1<<40)
			})
		}, "more than a file of"},
		{"pages outside of the file", func(w *thriftWriter) {
			schema(w, 1)
			w.list(4, kindStruct, 1)
			w.element(func() {
				w.list(1, kindStruct, 1)
				w.element(func() {
					w.begin(3)
					w.number(1, typeInt32)
					w.long(5, 3)
					w.long(7, 1<<62)
					w.long(9, 1<<62)
					w.end()
				})
				w.long(3, 3)
			})
		}, "outside of the file"},
		{"a compression that is not read", func(w *thriftWriter) {
			schema(w, 1)
			w.list(4, kindStruct, 1)
			w.element(func() {
				w.list(1, kindStruct, 1)
				w.element(func() { w.begin(3); w.number(1, typeInt32); w.number(4, 4); w.long(5, 0); w.end() })
				w.long(3, 0)
			})
		}, "compression BROTLI is not read"},
		{"structures in structures", func(w *thriftWriter) {
			for range 100 {
				w.b = append(w.b, 1<<4|byte(kindStruct))
			}
		}, "too deep"},
		{"encrypted", func(w *thriftWriter) { w.begin(8); w.end() }, "encrypted"},
		{"a number for a list", func(w *thriftWriter) { w.number(2, 1) }, "where a list belongs"},
	}
}

// What a file says of counts and sizes is held against what is there, before memory is taken for it.
func TestHostileFiles(t *testing.T) {
	for _, tt := range hostileFooters() {
		t.Run(tt.name, func(t *testing.T) {
			w := new(thriftWriter)
			tt.fields(w)
			w.stop()
			b := append([]byte(Magic), w.b...)
			b = binary.LittleEndian.AppendUint32(b, uint32(len(w.b)))
			b = append(b, Magic...)
			_, err := Open(bytes.NewReader(b), int64(len(b)))
			require.ErrorContains(t, err, tt.want)
			checkDamage(t, err)
		})
	}
}

// A page that unpacks to more than it says is refused, however small it is.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, []ColumnSpec{{"a", Text}})
	w.Row(Value{Text: bytes.Repeat([]byte("a"), maxText)})
	require.NoError(t, w.Close())
	f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	_, err = f.Rows().Next()
	require.NoError(t, err, "as much as is allowed")

	small := bytes.Clone(b.Bytes())
	// The header begins with the fields kind and unpacked size: 15 00 15 xx xx xx.
	require.Equal(t, []byte{0x15, 0x00, 0x15}, small[4:7])
	small[7] ^= 0x02
	f, err = Open(bytes.NewReader(small), int64(len(small)))
	require.NoError(t, err)
	_, err = f.Rows().Next()
	require.ErrorContains(t, err, "bytes that its header says")

	b.Reset()
	w = NewWriter(&b, []ColumnSpec{{"a", Text}})
	w.Row(Value{Text: bytes.Repeat([]byte("a"), maxText+1)})
	require.NoError(t, w.Close())
	f, err = Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	_, err = f.Rows().Next()
	require.ErrorContains(t, err, "a text of 65537 bytes")
}

// Small files of other programs, each with its encodings, say the same.
func TestOtherWriters(t *testing.T) {
	names, err := filepath.Glob("testdata/*.parquet")
	require.NoError(t, err)
	require.Greater(t, len(names), 6)
	want := ""
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		cols, rows := readAll(t, raw)
		require.Len(t, rows, 40)
		order := []int{0, 1, 2, 3}
		if cols[0].Name == "log_status" { // parquet-go orders columns by name
			order = []int{1, 2, 3, 0}
		}
		var text strings.Builder
		for _, r := range rows {
			f := strings.Fields(r)
			for _, i := range order {
				if f[i] == "-" { // a writer that was told to write "-" for texts
					f[i] = "null"
				}
				text.WriteString(f[i] + " ")
			}
		}
		if want == "" {
			want = text.String()
		}
		require.Equal(t, want, text.String(), name)
	}
}

func BenchmarkRows(b *testing.B) {
	const rows = 20_000
	var raw bytes.Buffer
	cols := make([]ColumnSpec, 22)
	for i := range cols {
		cols[i] = ColumnSpec{fmt.Sprint("c", i), []Type{Text, Int32, Int64}[i%3]}
	}
	w := NewWriter(&raw, cols)
	vals := make([]Value, len(cols))
	for n := range int64(rows) {
		for i := range vals {
			vals[i] = Value{Int: n * int64(i) % 60_000, Text: fmt.Appendf(nil, "203.0.113.%d", n*int64(i)%250)}
		}
		w.Row(vals...)
	}
	require.NoError(b, w.Close())
	b.ReportAllocs()
	for b.Loop() {
		f, err := Open(bytes.NewReader(raw.Bytes()), int64(raw.Len()))
		require.NoError(b, err)
		for r := f.Rows(); err == nil; {
			_, err = r.Next()
		}
		require.ErrorIs(b, err, io.EOF)
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "records/s")
}
