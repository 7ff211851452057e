package flowlog

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func FuzzRecords(f *testing.F) {
	for _, name := range samples(f) {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b, "")
	}
	f.Add([]byte("eni-1 10.0.0.1 ::1 2"), "${interface-id} ${srcaddr} ${dstaddr} ${version}")
	f.Add(bytes.ReplaceAll([]byte(good), []byte(" "), []byte("\t ")), "")
	f.Add([]byte(strings.Repeat("- ", 40)), "${resource-id} ${region}")
	f.Fuzz(func(t *testing.T, log []byte, format string) {
		for r, err := range Records(bytes.NewReader(log), &evidence.Options{Format: format, MaxLine: 1 << 12}) {
			var pe *evidence.ParseError
			if err != nil {
				if _, bad := ParseFormat(format); !errors.As(err, &pe) && bad == nil {
					t.Fatalf("error type %T: %v", err, err)
				}
				continue
			}
			checkRoundTrip(t, r, DefaultFormat())
			checkRoundTrip(t, r, LabFormat())
		}
	})
}

// checkRoundTrip writes the record and reads it again. Values that the format has no field for are lost, so the second writing is
// compared with the first. A record that another format has made may lack what the status demands.
func checkRoundTrip(t *testing.T, r *Record, f *Format) {
	if r.Version < 2 || r.LogStatus != 0 && f.shape(r.presentDefault(), r) != "" {
		return
	}
	line := f.Append(nil, r)
	n := 0
	for back, err := range Records(bytes.NewReader(line), &evidence.Options{Format: f.String()}) {
		require.NoError(t, err, "%q", line)
		require.Equal(t, string(line), string(f.Append(nil, back)))
		n++
	}
	require.Equal(t, 1, n, "%q", line)
}

// Addresses are compared with net/netip, numbers with strconv.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "255.255.255.255", "0.0.0.0", "01.2.3.4", "1.2.3", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
		"::2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "12345::", ":1", "1:", "1::2::3", "fe80::1%en0", "2001:DB8::F",
		"-", "0", "00", "65535", "12345678", "123456789", "1234567890123456", "12345678901234567", "9223372036854775807", "9223372036854775808",
		"99999999999999999999", "12a45678", "1234567:", "/", "\xb0\xb1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' }) {
			return
		}
		for _, behind := range []string{strings.Repeat("\x00", pad), strings.Repeat("7", pad), strings.Repeat(" 1.2.3.4", pad), strings.Repeat(":", pad)} {
			b := []byte("x " + s + behind)
			got, ok := address(b, 2, 2+len(s))
			want, err := netip.ParseAddr(s)
			wantOK := err == nil && want.Zone() == "" || s == "-"
			if ok != wantOK || ok && got != want {
				t.Fatalf("%q: %v %v, want %v %v", s, got, ok, want, err)
			}
			n := number(b, 2, 2+len(s), maxCount)
			wantN, err := strconv.ParseInt(s, 10, 64)
			switch {
			case s == "-":
				wantN = -1
			case err != nil || strconv.FormatInt(wantN, 10) != s || wantN < 0:
				wantN = -2
			}
			if n != wantN {
				t.Fatalf("%q: %d, want %d", s, n, wantN)
			}
		}
	})
}
