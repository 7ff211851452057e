package evidence

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readLines writes each line and each error as "number:text".
func readLines(tb testing.TB, r io.Reader, o *Options) []string {
	tb.Helper()
	l := NewLines(r, o)
	var out []string
	for {
		line, err := l.Next()
		var pe *ParseError
		switch {
		case err == io.EOF:
			_, err = l.Next()
			require.Equal(tb, io.EOF, err)
			return out
		case errors.As(err, &pe):
			require.Equal(tb, l.Line(), pe.Line)
			out = append(out, fmt.Sprintf("%d!%s", pe.Line, pe.Msg))
		case err != nil:
			return append(out, "fatal: "+err.Error())
		default:
			out = append(out, fmt.Sprintf("%d:%s", l.Line(), line))
		}
		require.Less(tb, len(out), 1<<20)
	}
}

func zipped(tb testing.TB, parts ...string) string {
	tb.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, p)
		require.NoError(tb, err)
		require.NoError(tb, w.Close())
	}
	return b.String()
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 11)
	tooLong := "!line is longer than 10 bytes"
	tests := []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"one", "a\n", []string{"1:a"}},
		{"no end", "a\nb", []string{"1:a", "2:b"}},
		{"CRLF", "a\r\nb\r\n\r\nc\r", []string{"1:a", "2:b", "4:c"}},
		{"empty lines count", "\n\na\n\nb\n\n", []string{"3:a", "5:b"}},
		{"NUL", "a\x00b\n\x00\n", []string{"1:a\x00b", "2:\x00"}},
		{"CR inside", "a\rb\n", []string{"1:a\rb"}},
		{"longest", long[1:] + "\r\n" + long[1:], []string{"1:" + long[1:], "2:" + long[1:]}},
		{"too long", "a\n" + long + "\nb\n", []string{"1:a", "2" + tooLong, "3:b"}},
		{"too long at the end", "a\n" + long, []string{"1:a", "2" + tooLong}},
		{"much too long", strings.Repeat("x", 1<<20) + "\nb", []string{"1" + tooLong, "2:b"}},
		{"much too long at the end", "a\n" + strings.Repeat("x", 1<<20), []string{"1:a", "2" + tooLong}},
		{"byte order mark", "\xef\xbb\xbfa\nb\n", []string{"1:a", "2:b"}},
		{"export", "2023-05-11T10:00:00.000Z a b\n2023-05-11T10:00:00.001Z \n at x\n2023-05-11T10:00:00.002Z c",
			[]string{"1:a b", "3: at x", "4:c"}},
		{"no export, microseconds", "2023-10-04T17:05:15.514108Z\n", []string{"1!line is longer than 10 bytes"}},
		{"gzip", zipped(t, "a\nb"), []string{"1:a", "2:b"}},
		{"gzip members", zipped(t, "a\nb", "c\nd\n", "", "e"), []string{"1:a", "2:bc", "3:d", "4:e"}},
		{"gzip of nothing", zipped(t, ""), nil},
		{"gzip cut in the header", zipped(t, "a\n")[:5], []string{"1!damaged gzip: it ends too early"}},
		{"gzip cut in the checksum", zipped(t, "a\nb\n")[:len(zipped(t, "a\nb\n"))-3], []string{"1:a", "2:b", "3!damaged gzip: it ends too early"}},
		{"garbage behind gzip", zipped(t, "a\nb\n") + "garbage, long enough", []string{"1:a", "2:b", "3!damaged gzip: invalid header; what was unpacked before may be wrong too"}},
		{"half a line before the damage", zipped(t, "a\nb") + "garbage, long enough",
			[]string{"1:a", "2!damaged gzip: invalid header; what was unpacked before may be wrong too; the 1 bytes that were read of the line are left out"}},
		{"export in gzip", zipped(t, "2023-05-11T10:00:00.000Z a\n"), []string{"1:a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &Options{MaxLine: 10}
			if strings.Contains(tt.name, "export") && !strings.HasPrefix(tt.name, "no") {
				o.MaxLine = 40
			}
			assert.Equal(t, tt.want, readLines(t, strings.NewReader(tt.in), o))
			assert.Equal(t, tt.want, readLines(t, iotest.DataErrReader(strings.NewReader(tt.in)), o))
			if len(tt.in) < 1000 {
				assert.Equal(t, tt.want, readLines(t, iotest.OneByteReader(strings.NewReader(tt.in)), o))
			}
		})
	}
}

func TestCloudWatchJSON(t *testing.T) {
	doc := `{"events": [
		{"logStreamName": "eni-1-all", "timestamp": 1, "message": "2 a \"quoted\" \u00e9", "ingestionTime": 2, "eventId": "3"},
		{"message": "b\n", "extra": {"events": [{"message": "not this"}]}},
		{"message": "line\nend inside"},
		{"message": 5},
		{"timestamp": 7},
		{"message": ""},
		{"message": "c"}
	], "searchedLogStreams": [{"events": []}], "nextToken": "t"}`
	want := []string{`1:2 a "quoted" é`, "2:b", "3:line end inside", "4!an event of CloudWatch Logs JSON without a message",
		"5!an event of CloudWatch Logs JSON without a message", "7:c"}
	assert.Equal(t, want, readLines(t, strings.NewReader(doc), nil))
	assert.Equal(t, want, readLines(t, iotest.OneByteReader(strings.NewReader(doc)), nil))
	assert.Equal(t, want, readLines(t, strings.NewReader(zipped(t, doc)), nil))
	assert.Equal(t, append(want, `8:2 a "quoted" é`), readLines(t, strings.NewReader(doc+"\n"+doc), nil)[:len(want)+1]) // pages

	list := `[{"logStreamName": "s", "message": "a"}, {"message": "b"}]`
	assert.Equal(t, []string{"1:a", "2:b"}, readLines(t, strings.NewReader(list), nil))
	token := `{"nextForwardToken": "f/1", "events": [{"message": "a"}]}`
	assert.Equal(t, []string{"1:a"}, readLines(t, strings.NewReader(token), nil))
	assert.Empty(t, readLines(t, strings.NewReader(`{"events": []}`), nil))

	for _, cut := range []int{20, 60, 300, len(doc) - 1} {
		got := readLines(t, strings.NewReader(doc[:cut]), nil)
		require.NotEmpty(t, got)
		assert.Contains(t, got[len(got)-1], "!damaged CloudWatch Logs JSON at byte ", cut)
		assert.Contains(t, got[len(got)-1], "unexpected EOF", cut)
	}
	got := readLines(t, strings.NewReader(`{"events": [{"message": "a"}, {"message": oops}]}`), nil)
	require.Len(t, got, 2)
	assert.Contains(t, got[1], "2!damaged CloudWatch Logs JSON at byte")

	// A WAF record is JSON too, and stays as it is.
	assert.Len(t, readLines(t, strings.NewReader(`{"timestamp":1,"action":"ALLOW"}`+"\n"), nil), 1)
}

// The AWS CLI prints JSON over many lines, indented by four blanks; jq and others by two.
// Form: docs.aws.amazon.com/cli/latest/reference/logs/filter-log-events.html and get-log-events.html, section Examples.
func TestCloudWatchJSONIndented(t *testing.T) {
	type event struct {
		LogStreamName string `json:"logStreamName,omitempty"`
		Timestamp     int64  `json:"timestamp"`
		Message       string `json:"message"`
		IngestionTime int64  `json:"ingestionTime"`
		EventID       string `json:"eventId,omitempty"`
	}
	const flow = "2 123456789012 eni-1 203.0.113.10 10.0.1.10 40000 443 6 5 400 1700000000 1700000010 ACCEPT OK"
	filtered := []event{{"eni-1-all", 1, flow, 2, "3"}, {"eni-1-all", 1, flow + "\n", 2, "4"}}
	got := []event{{Timestamp: 1, Message: flow, IngestionTime: 2}, {Timestamp: 1, Message: flow, IngestionTime: 2}}
	docs := map[string]any{
		"filter-log-events": map[string]any{"events": filtered, "searchedLogStreams": []string{}},
		"get-log-events": struct {
			Events   []event `json:"events"`
			Forward  string  `json:"nextForwardToken"`
			Backward string  `json:"nextBackwardToken"`
		}{got, "f/1", "b/1"},
		"tokens first": struct {
			Searched []map[string]any `json:"searchedLogStreams"`
			Token    string           `json:"nextToken"`
			Events   []event          `json:"events"`
		}{[]map[string]any{{"logStreamName": "eni-1-all", "searchedCompletely": true}}, "t", filtered},
		"events alone":                   filtered,
		"events of get-log-events alone": got,
	}
	for name, doc := range docs {
		for _, indent := range []string{"", "  ", "    ", "\t"} {
			text, err := json.MarshalIndent(doc, "", indent)
			require.NoError(t, err)
			for _, s := range []string{string(text), "\xef\xbb\xbf\r\n" + strings.ReplaceAll(string(text), "\n", "\r\n") + "\r\n"} {
				want := []string{"1:" + flow, "2:" + flow}
				assert.Equal(t, want, readLines(t, strings.NewReader(s), nil), "%s, %q", name, indent)
				assert.Equal(t, want, readLines(t, iotest.OneByteReader(strings.NewReader(s)), nil), "%s, %q", name, indent)
				assert.Equal(t, want, readLines(t, strings.NewReader(zipped(t, s)), nil), "%s, %q", name, indent)
				kind, _ := Detect([]byte(s), "out.json")
				assert.Equal(t, KindFlow, kind, "%s, %q", name, indent)
			}
		}
	}
}

func TestCloudWatchBoundsMemory(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"events": [{"message": "`), io.LimitReader(repeat('x'), 1<<30), strings.NewReader(`"}]}`))
	got := readLines(t, endless, &Options{MaxLine: 1 << 10})
	require.Len(t, got, 1)
	assert.Contains(t, got[0], "one event is longer than")

	got = readLines(t, strings.NewReader(`{"events": [{"message": "`+strings.Repeat("x", 2000)+`"}, {"message": "b"}]}`), &Options{MaxLine: 1 << 10})
	assert.Equal(t, []string{"1!line is longer than 1024 bytes", "2:b"}, got)
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestLinesReaderFails(t *testing.T) {
	boom := errors.New("boom")
	bad := func(s string) io.Reader { return io.MultiReader(strings.NewReader(s), iotest.ErrReader(boom)) }
	for _, in := range []string{"a\n", zipped(t, "a\n"), `{"events": [{"message": "a"}, `} {
		l := NewLines(bad(in), &Options{File: "x.log"})
		line, err := l.Next()
		if err == nil {
			assert.Equal(t, "a", string(line))
			_, err = l.Next()
		}
		require.ErrorIs(t, err, boom, "%.20q", in)
		require.ErrorContains(t, err, "reading x.log")
		_, err = l.Next()
		require.ErrorIs(t, err, boom)
	}
	_, err := NewLines(iotest.ErrReader(boom), nil).Next()
	require.ErrorIs(t, err, boom)
	_, err = NewLines(stuck{}, nil).Next()
	require.ErrorIs(t, err, io.ErrNoProgress)
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestDecompress(t *testing.T) {
	for _, in := range []string{"", "\x1f", "plain", "\x00\x01binary"} {
		b, err := io.ReadAll(Decompress(strings.NewReader(in)))
		require.NoError(t, err)
		assert.Equal(t, in, string(b))
	}
	b, err := io.ReadAll(Decompress(strings.NewReader(zipped(t, "a", "b"))))
	require.NoError(t, err)
	assert.Equal(t, "ab", string(b))
	b, err = io.ReadAll(Decompress(strings.NewReader(zipped(t, "a") + "tail that is no gzip")))
	require.ErrorContains(t, err, "damaged gzip")
	assert.Equal(t, "a", string(b))
}

func TestQuote(t *testing.T) {
	assert.Equal(t, `"a\x00b"`, Quote([]byte("a\x00b")))
	assert.Equal(t, `"`+strings.Repeat("x", 64)+`"... (100 bytes)`, Quote([]byte(strings.Repeat("x", 100))))
}

// Lines allocate the buffer, and nothing per line.
func TestLinesAllocateNothing(t *testing.T) {
	cost := func(n int) float64 {
		in := strings.Repeat("2 123456789010 eni-1235b8ca123456789 some line of a log\r\n", n)
		return testing.AllocsPerRun(5, func() {
			l := NewLines(strings.NewReader(in), nil)
			for {
				if _, err := l.Next(); err != nil {
					break
				}
			}
		})
	}
	assert.Equal(t, cost(10), cost(100_000))
}

func BenchmarkLines(b *testing.B) {
	in := bytes.Repeat([]byte("2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n"), 100_000)
	for name, in := range map[string][]byte{"plain": in, "gzip": []byte(zipped(b, string(in)))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(100_000 * 115))
			for b.Loop() {
				l := NewLines(bytes.NewReader(in), nil)
				for {
					if _, err := l.Next(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\n\nb"), 10)
	f.Add([]byte(zipped(f, "a\nb", "c")), 100)
	f.Add([]byte(zipped(f, "a\nb")[:20]), 100)
	f.Add([]byte("2023-05-11T10:00:00.000Z a b\nc"), 40)
	f.Add([]byte(`{"events": [{"message": "a\n"}, {"message": 5}, {}], "nextToken": null} {"events":[]}`), 100)
	f.Add([]byte(`[{"logStreamName": "", "message": "a"}]`), 1)
	f.Fuzz(func(t *testing.T, in []byte, maxLine int) {
		if maxLine > 1<<16 {
			return
		}
		l := NewLines(bytes.NewReader(in), &Options{MaxLine: maxLine})
		last := 0
		for n := 0; ; n++ {
			line, err := l.Next()
			var pe *ParseError
			switch {
			case err == io.EOF:
				return
			case err != nil && !errors.As(err, &pe):
				t.Fatalf("error type %T: %v", err, err)
			case err == nil && (len(line) == 0 || maxLine > 0 && len(line) > maxLine || bytes.IndexByte(line, '\n') >= 0):
				t.Fatalf("line %d: %q", l.Line(), line)
			case l.Line() <= last:
				t.Fatalf("line %d behind %d", l.Line(), last)
			}
			last = l.Line()
		}
	})
}
