package scenarios

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"github.com/alblab/alblab/lab/evidence"
)

// quoter quotes lines of a bundle's files.
type quoter struct {
	bundle *evidence.Bundle
	lines  map[string][]string
}

func newQuoter(b *evidence.Bundle) *quoter { return &quoter{bundle: b, lines: map[string][]string{}} }

// quoteLimit is the length at which a quoted line is cut.
const quoteLimit = 400

// line returns the text of a record, or words for one that is no text.
func (q *quoter) line(r evidence.Ref) string {
	i := slices.IndexFunc(q.bundle.Manifest.Files, func(f evidence.File) bool { return f.Name == r.File })
	if i < 0 {
		return "(not in the bundle)"
	}
	switch q.bundle.Manifest.Files[i].Kind {
	case evidence.KindCapture, evidence.KindMirror:
		return fmt.Sprintf("(packet %d)", r.Line)
	case evidence.KindMetrics:
		return fmt.Sprintf("(series %d)", r.Line)
	}
	lines, ok := q.lines[r.File]
	if !ok {
		lines = q.read(r.File)
		q.lines[r.File] = lines
	}
	if r.Line < 1 || r.Line > len(lines) {
		return "(no such line)"
	}
	if s := lines[r.Line-1]; len(s) <= quoteLimit {
		return s
	}
	return lines[r.Line-1][:quoteLimit] + "..."
}

func (q *quoter) read(name string) []string {
	f, err := q.bundle.OpenFile(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []string
	br := bufio.NewReader(evidence.Decompress(f))
	for {
		s, err := br.ReadString('\n')
		if s != "" {
			out = append(out, trimEnd(s))
		}
		if err == io.EOF {
			return out
		}
		if err != nil {
			return out
		}
	}
}

func trimEnd(s string) string {
	for len(s) > 0 && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}
