package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/alblab/alblab/lab/evidence/parquet"
)

// maxParquet bounds a Parquet file that cannot be read at an offset and has to be held in memory: one that is packed, or comes
// from a pipe. AWS closes files at 75 MB (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html).
const maxParquet = 256 << 20

// isParquet knows the first bytes of a Parquet file. Of the logs that are read here, flow logs alone are delivered as such
// (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html).
func isParquet(first []byte) bool { return bytes.HasPrefix(first, []byte(parquet.Magic)) }

// unwrapParquet makes lines of a Parquet file: those of the same flow log in text form. The header row is line 0, so that a
// line's number is the record's. src is the input as it was given, rest what is left of it.
func unwrapParquet(src io.Reader, rest io.Reader) (*parquetText, error) {
	at, size, ok := sized(src)
	if !ok {
		b, err := readAtMost(rest, maxParquet)
		if err != nil {
			return nil, err
		}
		at, size = bytes.NewReader(b), int64(len(b))
	}
	f, err := parquet.Open(at, size)
	if err != nil {
		return nil, blameParquet(err)
	}
	t := &parquetText{cols: f.Columns(), rows: f.Rows(), status: -1}
	for i, c := range t.cols {
		name := strings.ReplaceAll(c.Name, "_", "-")
		if t.cols[i].Name = name; name == "log-status" {
			t.status = i
		}
	}
	if names := t.names(); !isFlowHeader(names) {
		return nil, &damageError{msg: fmt.Sprintf("a Parquet file that is no flow log: its columns are %s", Quote([]byte(strings.Join(names, " "))))}
	}
	t.buf = append(append(t.buf, strings.Join(t.names(), " ")...), '\n')
	return t, nil
}

// sized returns a reader at any offset of what src reads, if it is one and stands at a Parquet file.
func sized(src io.Reader) (io.ReaderAt, int64, bool) {
	at, ok := src.(io.ReaderAt)
	s, seeks := src.(io.Seeker)
	if !ok || !seeks {
		return nil, 0, false
	}
	size, err := s.Seek(0, io.SeekEnd)
	var first [len(parquet.Magic)]byte
	if err != nil || size < int64(len(first)) {
		return nil, 0, false // a pipe
	}
	if _, err := at.ReadAt(first[:], 0); err != nil || !isParquet(first[:]) {
		return nil, 0, false // packed
	}
	return at, size, true
}

// blameParquet tells damage from the input's own failure.
func blameParquet(err error) error {
	var d *parquet.DamageError
	if errors.As(err, &d) {
		return &damageError{msg: "damaged Parquet: " + d.Msg}
	}
	return err
}

// parquetText is a flow log in Parquet as the text that AWS delivers otherwise: a header row, with hyphens for the underscores of
// column names, and a line for each record
// (docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs-parquet.html for the names; the types stand in
// docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
type parquetText struct {
	cols   []parquet.Column
	rows   *parquet.Rows
	status int // the column log-status, -1: there is none
	buf    []byte
	err    error
}

func (t *parquetText) names() []string {
	names := make([]string, len(t.cols))
	for i, c := range t.cols {
		names[i] = c.Name
	}
	return names
}

// Read is io.Reader.
func (t *parquetText) Read(p []byte) (int, error) {
	for len(t.buf) < len(p) && t.err == nil {
		row, err := t.rows.Next()
		if err != nil {
			t.err = err
			if err != io.EOF {
				t.err = blameParquet(err)
			}
			break
		}
		t.line(row)
	}
	if len(t.buf) == 0 && t.err != nil {
		return 0, t.err
	}
	n := copy(p, t.buf)
	t.buf = slices.Delete(t.buf, 0, n)
	return n, nil
}

// line appends one record.
//
// Assumption: AWS documents the columns' types and not how they say that there is no value, for which text has "-". It is taken to be
// null, "-", -1 and, in a record without traffic and for the traffic path, which begins with 1, also 0.
func (t *parquetText) line(row []parquet.Value) {
	none := t.status >= 0 && (string(row[t.status].Text) == "NODATA" || string(row[t.status].Text) == "SKIPDATA")
	for i, v := range row {
		if i > 0 {
			t.buf = append(t.buf, ' ')
		}
		name := t.cols[i].Name
		switch {
		case v.Null:
			t.buf = append(t.buf, '-')
		case !t.cols[i].Integer:
			t.buf = appendWord(t.buf, v.Text)
		case v.Int == -1, v.Int == 0 && (name == "traffic-path" || none && name != "tcp-flags"):
			t.buf = append(t.buf, '-')
		default:
			t.buf = strconv.AppendInt(t.buf, v.Int, 10)
		}
	}
	t.buf = append(t.buf, '\n')
}

// appendWord appends a text as one word: what would begin another field or line is escaped.
func appendWord(b, text []byte) []byte {
	if len(text) == 0 {
		return append(b, '-')
	}
	for _, c := range text {
		if c <= ' ' || c == 0x7f {
			b = append(b, '\\', 'x', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
			continue
		}
		b = append(b, c)
	}
	return b
}
