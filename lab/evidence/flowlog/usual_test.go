package flowlog

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

// behind fills the window behind a line with what would be read wrongly if it were looked at.
func behind(line []byte, fill string) []byte {
	return append(append(bytes.Clone(line), '\n'), strings.Repeat(fill, usualWindow)...)
}

// The lines that the short way is there for do take it, or it would be as slow as the long one without a word.
func TestParseUsualTakes(t *testing.T) {
	for _, tail := range []string{"1566848875 1566848933 ACCEPT OK", "1566848875 1566848875 REJECT OK"} {
		for _, traffic := range []string{
			"203.0.113.10 10.0.1.10 49152 443 6 3 164", "1.1.1.1 0.0.0.0 0 0 0 0 0", "255.255.255.255 255.255.255.255 65535 65535 255 99999999 99999999",
			"2001:db8::10 2001:db8:1::10 49152 443 58 3 224", "2001:db8:1234:a100:8d6e:1111:df66:2222 ::ffff:255.255.255.255 1 2 6 3 4",
		} {
			line := "2 123456789012 eni-1235b8ca123456789 " + traffic + " " + tail
			r := Blank()
			n := parseUsual(behind([]byte(line), "7"), &r)
			require.Equal(t, len(line), n, line)
			require.Equal(t, line, string(DefaultFormat().Append(nil, &r)))
		}
	}
}

// One byte of a sound line becomes another: parseUsual may give the line up, but what it takes, parse takes too, and reads as it.
func TestParseUsualAgrees(t *testing.T) {
	taken := 0
	for i := range 15 {
		rec := exampleRecord(i * 7)
		line := DefaultFormat().Append(nil, &rec)
		for at := range line {
			for _, c := range []byte("\x00\t\n\r -./09:;@AZafgz\x7f\x80\xff") {
				changed := bytes.Clone(line)
				changed[at] = c
				taken += agree(t, changed)
			}
		}
	}
	require.Greater(t, taken, 5_000)
}

// What is read ahead and what comes byte by byte, where nothing can be, gives the same records, positions and complaints.
func TestUsualAmongOthers(t *testing.T) {
	log := bytes.Split(bytes.TrimSpace(manyRecords(DefaultFormat(), 300)), []byte("\n"))
	for i := range log {
		switch i % 11 {
		case 3:
			log[i] = append(log[i], '\r')
		case 5:
			log[i] = log[i][:len(log[i])-i%20]
		case 7:
			log[i] = append(log[i], "\n\r\n"...)
		case 9:
			log[i] = append(log[i], " more"...)
		}
	}
	read := func(r io.Reader) (all []string) {
		for rec, err := range Records(r, &evidence.Options{File: "f"}) {
			if err != nil {
				all = append(all, err.Error())
				continue
			}
			all = append(all, strconv.Itoa(rec.Line)+" "+string(DefaultFormat().Append(nil, rec)))
		}
		return all
	}
	b := bytes.Join(log, []byte("\n"))
	want := read(iotest.OneByteReader(bytes.NewReader(b)))
	require.Len(t, want, 300)
	require.Equal(t, want, read(bytes.NewReader(b)))
}

func FuzzUsual(f *testing.F) {
	for i := range 8 {
		rec := exampleRecord(i)
		f.Add(DefaultFormat().Append(nil, &rec))
	}
	f.Add([]byte("2 123456789012 eni-1235b8ca123456789 1.1.1.1 1.1.1.1 1 1 6 1 " + strings.Repeat("1", 99) + " 1566848875 1566848933 ACCEPT OK"))
	f.Add([]byte("2 123456789012 eni-1235b8ca123456789 - - - - - - - 1566848875 1566848933 - NODATA"))
	f.Fuzz(func(t *testing.T, line []byte) { agree(t, line) })
}

// agree returns 1 if parseUsual takes the line.
func agree(t *testing.T, line []byte) int {
	f := DefaultFormat()
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	want := Blank()
	sound := f.parse(padded(bytes.Clone(line), new([]byte)), len(line), make([]int32, len(f.plan)), &want)
	taken := 0
	for _, fill := range []string{"7", " 1.2.3.4", " 1566848875 1566848933 ACCEPT OK\n", "\x00"} {
		got := Blank()
		n := parseUsual(behind(line, fill), &got)
		if n == 0 {
			continue
		}
		taken = 1
		require.True(t, sound, "%q", line)
		require.Equal(t, len(line), n, "%q", line)
		require.Equal(t, want, got, "%q", line)
	}
	return taken
}
