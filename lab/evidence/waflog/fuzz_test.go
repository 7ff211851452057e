package waflog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func FuzzRecords(f *testing.F) {
	names, err := filepath.Glob("testdata/waf-*.json")
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte("[{\"action\":\"A\",\"x\":null},\n{\"a\n{\"action\":\"B\",\"labels\":[{\"name\":\"l\"}]}]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for r, err := range Records(bytes.NewReader(in), &evidence.Options{MaxLine: 4096}) {
			var pe *evidence.ParseError
			if err != nil {
				if !errors.As(err, &pe) {
					t.Fatalf("error type %T: %v", err, err)
				}
				continue
			}
			text, err := r.AppendText(nil)
			if err != nil {
				t.Fatalf("a record that was read cannot be written: %v", err)
			}
			n := 0
			for again, err := range Records(bytes.NewReader(text), nil) {
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				twice, err := again.AppendText(nil)
				if err != nil || !bytes.Equal(text, twice) {
					t.Fatalf("%q became %q (%v)", text, twice, err)
				}
				n++
			}
			if n != 1 {
				t.Fatalf("%q: %d records", text, n)
			}
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	in := strings.Repeat(compact(b, sample(b, "waf-allow.json"))+"\n", 500)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, err := range Records(strings.NewReader(in), nil) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
