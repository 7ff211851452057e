package accesslog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func FuzzRecords(f *testing.F) {
	names, err := filepath.Glob("testdata/alb-*")
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		for line := range bytes.Lines(b) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for r, err := range Records(bytes.NewReader(in), &evidence.Options{MaxLine: 8000}) {
			var pe *evidence.ParseError
			if err != nil {
				if !errors.As(err, &pe) {
					t.Fatalf("error type %T: %v", err, err)
				}
				continue
			}
			checkRoundTrip(t, r)
		}
	})
}

// checkRoundTrip compares after cutting what the written form has no digits for.
func checkRoundTrip(t *testing.T, r *Record) {
	text, err := r.AppendText(nil)
	if err != nil {
		t.Fatalf("a record that was read cannot be written: %v", err)
	}
	want := *r
	want.Line = 1
	want.Time = want.Time.Truncate(time.Microsecond)
	want.RequestCreationTime = want.RequestCreationTime.Truncate(time.Microsecond)
	for _, d := range []*time.Duration{&want.RequestProcessingTime, &want.TargetProcessingTime, &want.ResponseProcessingTime} {
		if *d > 0 {
			*d = d.Truncate(time.Millisecond)
		}
	}
	n := 0
	for again, err := range Records(bytes.NewReader(text), nil) {
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		require.Equal(t, want, *again)
		n++
	}
	if n != 1 {
		t.Fatalf("%q: %d records", text, n)
	}
}

func BenchmarkRecords(b *testing.B) {
	one := strings.Split(sample(b, "alb-access-2026.log"), "\n")[0] + "\n"
	lines := strings.Repeat(one, 5000)
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	count := 0
	for b.Loop() {
		for _, err := range Records(strings.NewReader(lines), nil) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
	}
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkAppendText(b *testing.B) {
	recs, _ := readAll(b, sample(b, "alb-access-2026.log"))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf, _ = recs[0].AppendText(buf[:0])
	}
}
