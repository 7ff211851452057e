package evidence

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
)

// TestBlock: blocks hold the lines that Next gives one by one, under the same numbers.
func TestBlock(t *testing.T) {
	var many strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&many, "line %d with some text in it, so that it takes several buffers\n", i)
		if i%7 == 0 {
			many.WriteString("\r\n")
		}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := io.WriteString(z, many.String())
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for name, in := range map[string]string{
		"empty": "", "one": "a", "one line": "a\n", "crlf": "a\r\n\r\nb", "many": many.String(), "gzip": zipped.String(), "cut gzip": zipped.String()[:5000],
		"cloudwatch": `{"events":[{"message":"a b"},{"message":"c"}]}`,
		"export":     "2026-01-02T15:04:05.000Z a b\n2026-01-02T15:04:05.000Z c\n",
		"long":       strings.Repeat("x", 3*lineBuffer) + "\nshort\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range []*Options{nil, {MaxLine: 70}} {
				require.Equal(t, byLine(t, in, o), byBlock(t, in, o))
			}
		})
	}
}

func byLine(t *testing.T, in string, o *Options) (out []string) {
	l := NewLines(strings.NewReader(in), o)
	for {
		line, err := l.Next()
		switch {
		case err == io.EOF:
			return out
		case err != nil:
			require.True(t, IsDamage(err))
			out = append(out, err.Error())
		default:
			out = append(out, fmt.Sprintf("%d %s", l.Line(), line))
		}
	}
}

func byBlock(t *testing.T, in string, o *Options) (out []string) {
	l := NewLines(strings.NewReader(in), o)
	var b []byte
	for {
		block, first, err := l.Block(b[:0])
		switch {
		case err == io.EOF:
			return out
		case err != nil:
			require.True(t, IsDamage(err))
			out = append(out, err.Error())
			continue
		}
		for i, line := range strings.Split(strings.TrimSuffix(string(block), "\n"), "\n") {
			if line = strings.TrimSuffix(line, "\r"); line != "" {
				out = append(out, fmt.Sprintf("%d %s", first+i, line))
			}
		}
		b = block
	}
}
