package evidence_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// parquetFiles are the same flow log, written by three programs that know nothing of ours; see testdata/README.md.
func parquetFiles(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/parquet/*.parquet")
	require.NoError(t, err)
	require.Greater(t, len(names), 6)
	return names
}

// texts renders the records of a flow log in the lab's format.
func texts(t testing.TB, r io.Reader) []string {
	t.Helper()
	var all []string
	for rec, err := range flowlog.Records(r, &evidence.Options{File: "f"}) {
		require.NoError(t, err)
		all = append(all, string(flowlog.LabFormat().Append(nil, rec)))
		require.Equal(t, len(all), rec.Line-lineOf(r), "the line is the record's number")
	}
	return all
}

// lineOf is how many lines stand before the records: the header row of a text.
func lineOf(r io.Reader) int {
	if _, ok := r.(*strings.Reader); ok {
		return 1
	}
	return 0
}

func TestParquetIsTheTextForm(t *testing.T) {
	text, err := os.ReadFile("testdata/parquet/flow.txt")
	require.NoError(t, err)
	want := texts(t, strings.NewReader(string(text)))
	require.Len(t, want, 300)
	for _, name := range parquetFiles(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := os.Open(name)
			require.NoError(t, err)
			defer f.Close()
			require.Equal(t, want, texts(t, f), "read in place")
			b, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, want, texts(t, iotest.OneByteReader(bytes.NewReader(b))), "from a pipe")
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			_, err = z.Write(b)
			require.NoError(t, err)
			require.NoError(t, z.Close())
			require.Equal(t, want, texts(t, bytes.NewReader(packed.Bytes())), "gzip around the file")

			k, format := evidence.Detect(b, "any")
			require.Equal(t, evidence.KindFlow, k)
			require.Empty(t, format)
		})
	}
}

func TestParquetInABundle(t *testing.T) {
	b, err := os.ReadFile("testdata/parquet/parquet-go-gzip.parquet")
	require.NoError(t, err)
	bundle, err := evidence.Open(fstest.MapFS{"logs/a.parquet": {Data: b}})
	require.NoError(t, err)
	require.Empty(t, bundle.Skipped)
	n := 0
	require.NoError(t, bundle.Each(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
		for _, err := range flowlog.Records(r, o) {
			require.NoError(t, err)
			n++
		}
		return nil
	}))
	require.Equal(t, 300, n)
}

// A damaged file gives what can be read, then one error with a position.
func TestDamagedParquet(t *testing.T) {
	good, err := os.ReadFile("testdata/parquet/parquet-go-gzip.parquet")
	require.NoError(t, err)
	other, err := os.ReadFile("testdata/parquet-other/people.parquet")
	require.NoError(t, err)
	flipped := bytes.Clone(good)
	flipped[len(good)/3] ^= 0xff
	huge := bytes.Clone(good)
	copy(huge[len(huge)-8:], "\xff\xff\xff\x7f")
	tests := []struct {
		name string
		b    []byte
		want string
	}{
		{"cut", good[:len(good)-100], "f:1: damaged Parquet: it does not end in PAR1: a part of it is missing"},
		{"only the magic", []byte("PAR1"), "f:1: damaged Parquet: 4 bytes are no file"},
		{"metadata larger than the file", huge, "damaged Parquet: metadata of 2147483647 bytes"},
		{"a flipped byte", flipped, "damaged Parquet: row "},
		{"no flow log", other, `f:1: a Parquet file that is no flow log: its columns are "name age"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var errs []error
			for _, err := range flowlog.Records(bytes.NewReader(tt.b), &evidence.Options{File: "f"}) {
				if err != nil {
					errs = append(errs, err)
				}
			}
			require.Len(t, errs, 1)
			require.ErrorContains(t, errs[0], tt.want)
			var pe *evidence.ParseError
			require.ErrorAs(t, errs[0], &pe)
		})
	}
}

// A failure of the input is no damage of the file.
func TestParquetReaderFails(t *testing.T) {
	broken := errors.New("disk on fire")
	r := io.MultiReader(strings.NewReader("PAR1"), iotest.ErrReader(broken))
	for _, err := range flowlog.Records(r, nil) {
		require.ErrorIs(t, err, broken)
		return
	}
	t.Fatal("no error")
}
