package parquet

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRows: whatever a file holds, there is no panic, no more memory than the limits, and an end.
func FuzzRows(f *testing.F) {
	names, err := filepath.Glob("testdata/*.parquet")
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add(small(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			checkDamage(t, err)
			return
		}
		rows := file.Rows()
		for n := int64(0); ; n++ {
			vals, err := rows.Next()
			if err == io.EOF {
				require.Equal(t, file.NumRows(), n)
				break
			}
			if err != nil {
				checkDamage(t, err)
				break
			}
			require.Len(t, vals, len(file.Columns()))
		}
		require.LessOrEqual(t, file.held, int64(maxHeld))
	})
}

func checkDamage(t *testing.T, err error) {
	t.Helper()
	var d *DamageError
	if !errors.As(err, &d) {
		t.Fatalf("error of type %T: %v", err, err)
	}
}

// small is a file of a few rows with each kind of column.
func small(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, []ColumnSpec{{Name: "a", Type: Int32}, {Name: "b", Type: Int64}, {Name: "c", Type: Text}})
	for i := range int64(5) {
		w.Row(Value{Int: i}, Value{Int: -i << 40, Null: i == 2}, Value{Text: []byte{'x', byte('0' + i)}})
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}
