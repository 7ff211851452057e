package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/policy"
)

func TestParseHelloLine(t *testing.T) {
	tests := []struct {
		line, name string
		data       []byte
		none       bool
		wantErr    string
	}{
		{line: "160301", data: []byte{0x16, 3, 1}},
		{line: "curl 7.88\t160301", name: "curl 7.88", data: []byte{0x16, 3, 1}},
		{line: "a\tb\t16 03 01\r", name: "a\tb", data: []byte{0x16, 3, 1}},
		{line: "16:03:FF", data: []byte{0x16, 3, 0xff}},
		{line: "0x1603", data: []byte{0x16, 3}},
		{line: "", none: true},
		{line: "  ", none: true},
		{line: "# x\t16", none: true},
		{line: "name\t", wantErr: "a name without a hello"},
		{line: "name\t16030", wantErr: "odd number of hex digits (5)"},
		{line: "name 1603", wantErr: "not hex: 'n'"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			h, err := parseHelloLine([]byte(tt.line))
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			if tt.none {
				require.Nil(t, h)
				return
			}
			require.Equal(t, tt.name, h.name)
			require.Equal(t, tt.data, h.data)
		})
	}
}

// FuzzDecide feeds decide with any line: it never panics, and each line it prints is one JSON object with all its keys.
func FuzzDecide(f *testing.F) {
	for _, s := range scriptHellos(f) {
		f.Add([]byte(s))
	}
	f.Add([]byte("name\xff\t01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out, warnings bytes.Buffer
		a := &app{out: bufio.NewWriter(&out), err: &warnings}
		d, err := newDecider(a, "TLS13-1-2-2021-06", "both")
		require.NoError(t, err)
		_, err = d.all(bytes.NewReader(in), "in")
		require.NoError(t, err)
		require.NoError(t, a.out.Flush())
		for line := range bytes.Lines(out.Bytes()) {
			var row map[string]any
			require.NoError(t, json.Unmarshal(line, &row), "%s", line)
			require.Len(t, row, 10)
		}
	})
}

// scriptHellos are the hellos of testdata/script/decide.txtar.
func scriptHellos(tb testing.TB) []string {
	tb.Helper()
	b, err := os.ReadFile("testdata/script/decide.txtar")
	require.NoError(tb, err)
	_, rest, _ := strings.Cut(string(b), "-- hellos.txt --\n")
	rest, _, ok := strings.Cut(rest, "-- ")
	require.True(tb, ok)
	lines := strings.Split(strings.TrimSpace(rest), "\n")
	require.GreaterOrEqual(tb, len(lines), 4)
	return lines
}

// BenchmarkDecide is the command's whole work on one hello and all policies, in rows a second.
func BenchmarkDecide(b *testing.B) {
	in := []byte(strings.Join(scriptHellos(b), "\n") + "\n")
	const hellos = 3
	a := &app{out: bufio.NewWriter(io.Discard), err: io.Discard}
	d, err := newDecider(a, "all", "both")
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		damaged, err := d.all(bytes.NewReader(in), "in")
		if err != nil || damaged > 0 {
			b.Fatal(damaged, err)
		}
	}
	b.ReportMetric(float64(b.N*hellos*len(policy.All()))/b.Elapsed().Seconds(), "rows/s")
}

func TestParseListener(t *testing.T) {
	port, l, err := parseListener("443=FS-1-2-Res-2020-10,mtls=verify,cert=rsa")
	require.NoError(t, err)
	require.Equal(t, uint16(443), port)
	require.Equal(t, "ELBSecurityPolicy-FS-1-2-Res-2020-10", l.Policy.Name)
	require.Equal(t, "verify", l.MTLS)
	require.Len(t, l.Certs, 1)
	_, l, err = parseListener("443=,mtls=verify")
	require.NoError(t, err)
	require.Nil(t, l.Policy)
	for in, want := range map[string]string{
		"https":                "want PORT=POLICY",
		"0=2016-08":            "want PORT=POLICY",
		"65536=2016-08":        "want PORT=POLICY",
		"443=2016-80":          "did you mean",
		"443=2016-08,mtls=on":  "mtls is off, passthrough or verify",
		"443=2016-08,x=y":      `unknown setting "x"`,
		"443=2016-08,cert=dsa": "certificate",
	} {
		_, _, err := parseListener(in)
		require.ErrorContains(t, err, want, in)
	}
}

func TestVersionSpan(t *testing.T) {
	p, err := policy.ByName("2016-08")
	require.NoError(t, err)
	require.Equal(t, "1.0 - 1.2", versionSpan(p.Versions))
	p, err = policy.ByName("FS-1-2-Res-2020-10")
	require.NoError(t, err)
	require.Equal(t, "1.2", versionSpan(p.Versions))
	require.Equal(t, "-", versionSpan(nil))
}

func TestFirstLine(t *testing.T) {
	require.EqualError(t, firstLine(fmt.Errorf("a\nb\nc")), "a (and 2 more)")
	require.EqualError(t, firstLine(fmt.Errorf("a")), "a")
}

func FuzzListener(f *testing.F) {
	for _, s := range []string{"443=2016-08", "443=,mtls=verify", "443=2016-08,cert=rsa:3072:sha384,mtls=off", "=", "443=x,y=z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if port, _, err := parseListener(s); err == nil {
			require.NotZero(t, port)
		}
	})
}
