package flowlog

import (
	"bytes"
	"fmt"
	"testing"
)

// manyRecords returns a flow log of n records in the format, all different and none of one length.
func manyRecords(f *Format, n int) []byte {
	b := append([]byte(f.Header()), '\n')
	rec := Blank()
	for i := range n {
		rec = exampleRecord(i)
		b = append(f.Append(b, &rec), '\n')
	}
	return b
}

func benchmarkRecords(b *testing.B, f *Format) {
	const n = 100_000
	log := manyRecords(f, n)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	b.ResetTimer()
	read := 0
	for b.Loop() {
		for _, err := range Records(bytes.NewReader(log), nil) {
			if err != nil {
				b.Fatal(err)
			}
			read++
		}
	}
	if read != b.N*n {
		b.Fatalf("read %d records, want %d", read, b.N*n)
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkRecordsDefault(b *testing.B) { benchmarkRecords(b, DefaultFormat()) }
func BenchmarkRecordsLab(b *testing.B)     { benchmarkRecords(b, LabFormat()) }

// The vendor's custom format with 21 fields and the TCP flags.
func BenchmarkRecords21(b *testing.B) {
	f, err := ParseFormat(fmt.Sprintf("%s %s", "version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport",
		"pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkRecords(b, f)
}

func BenchmarkAppend(b *testing.B) {
	f := LabFormat()
	rec := exampleRecord(7)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0], &rec)
	}
	b.SetBytes(int64(len(buf)))
}
