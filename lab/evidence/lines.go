package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// MaxLine is the longest line that readers take unless [Options] say otherwise.
const MaxLine = 16 << 20

// lineBuffer is the size that a reader's buffer starts with; it grows only for lines that are longer.
const lineBuffer = 128 << 10

// Lines reads a text log line by line. It undoes what lies around the lines, recognised by content:
//
//   - gzip, also several members in a row;
//   - the JSON that aws logs filter-log-events and get-log-events print: each event's message is a line, and its number
//     the event's number;
//   - the timestamp that an export of a log group to S3 puts before each message;
//   - a flow log in Parquet: each record is a line of the same log in text form, and its number the record's. The header row is
//     line 0. An input that is an io.ReaderAt and io.Seeker is read in place, any other is held in memory.
//
// Lines may end in LF or CRLF, the last one in neither. Empty lines are counted and passed over. Nothing is allocated per line.
type Lines struct {
	r          io.Reader
	buf        []byte
	start, end int // the unread part of buf
	line       int
	max        int
	file       string
	started    bool
	cut        bool  // the line given last has no end
	export     bool  // lines begin with the timestamp of an export
	err        error // what ended the input, io.EOF or a failure; the unread part is still to be given
}

// NewLines returns a reader of the lines of r. Options.Format is not looked at.
func NewLines(r io.Reader, o *Options) *Lines {
	l := &Lines{r: r, max: MaxLine}
	if o != nil {
		l.file = o.File
		if o.MaxLine > 0 {
			l.max = o.MaxLine
		}
	}
	return l
}

// Next returns the next line without its end. The bytes are the reader's own and valid until the next call.
//
// An error of type *ParseError tells of a place that cannot be read (a line that is too long, damaged gzip): call Next again
// to go on. io.EOF is the end. Any other error is r's own, and final.
func (l *Lines) Next() ([]byte, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.start:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : l.start+i]
			l.start += i + 1
			l.line++
			if i > 0 && line[i-1] == '\r' {
				line = line[:i-1]
			}
			if len(line) > l.max {
				return nil, l.tooLong()
			}
			if l.export {
				line = trimExportTime(line)
			}
			if len(line) > 0 {
				return line, nil
			}
			continue
		}
		line, err := l.more()
		if line != nil || err != nil {
			return line, err
		}
	}
}

// Ahead returns what has been read and not given yet, for a caller that knows a line by its shape and need not look for its
// end: [Lines.Take] takes it. It is empty where lines need to be cut out of what lies around them. The bytes are valid until
// the next call of Next.
func (l *Lines) Ahead() []byte {
	if l.export || l.max < lineBuffer {
		return nil
	}
	return l.buf[l.start:l.end]
}

// Take takes the first n bytes of [Lines.Ahead], and the LF behind them, as the next line, and returns its number.
func (l *Lines) Take(n int) int {
	l.start += n + 1
	l.line++
	return l.line
}

// Line returns the number of the line that Next returned last, from 1.
func (l *Lines) Line() int { return l.line }

// Cut says that the line that Next returned last has no line end: the input ended in it, and perhaps a part of it is missing.
func (l *Lines) Cut() bool { return l.cut }

// Damaged returns a ParseError at the line that Next returned last. Field may be empty.
func (l *Lines) Damaged(field, msg string) *ParseError {
	return &ParseError{File: l.file, Line: l.line, Field: field, Msg: msg}
}

// more is called when the buffer holds no whole line. It reads on, or ends the input. Neither line nor error: look again.
func (l *Lines) more() ([]byte, error) {
	if !l.started {
		l.started = true
		l.unwrap()
		return nil, nil
	}
	if l.err != nil {
		return l.finish()
	}
	if l.end-l.start > l.max+1 { // +1: the line may end in CR
		l.line++
		err := l.tooLong()
		l.skipLine()
		return nil, err
	}
	l.fill()
	return nil, nil
}

// fill reads once into the buffer, making room first.
func (l *Lines) fill() {
	switch {
	case l.start == l.end:
		l.start, l.end = 0, 0
	case l.end == len(l.buf) && l.start > 0:
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		b := make([]byte, max(lineBuffer, 2*len(l.buf)))
		copy(b, l.buf[:l.end])
		l.buf = b
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	l.err = err
}

// skipLine drops input up to the next line end, with the buffer as it is.
func (l *Lines) skipLine() {
	for l.err == nil {
		l.start, l.end = 0, 0
		l.fill()
		if i := bytes.IndexByte(l.buf[:l.end], '\n'); i >= 0 {
			l.start = i + 1
			return
		}
	}
	l.start, l.end = 0, 0
}

// finish gives what is left when the input has ended.
func (l *Lines) finish() ([]byte, error) {
	rest := l.buf[l.start:l.end]
	l.start = l.end
	if l.err == io.EOF {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		l.line++
		if rest = bytes.TrimSuffix(rest, []byte{'\r'}); len(rest) > l.max {
			return nil, l.tooLong()
		}
		if l.export {
			rest = trimExportTime(rest)
		}
		if len(rest) == 0 {
			return nil, io.EOF
		}
		l.cut = true
		return rest, nil
	}
	err := l.err
	var d *damageError
	if !errors.As(err, &d) {
		return nil, fmt.Errorf("reading %s: %w", nameOr(l.file, "the input"), err)
	}
	if l.err = io.EOF; d.goOn {
		l.err = nil
	}
	l.line++
	msg := d.Error()
	if len(rest) > 0 {
		msg += fmt.Sprintf("; the %d bytes that were read of the line are left out", len(rest))
	}
	pe := l.Damaged("", msg)
	pe.Container = !d.goOn
	return nil, pe
}

func (l *Lines) tooLong() *ParseError {
	return l.Damaged("", fmt.Sprintf("line is longer than %d bytes", l.max))
}

// Quote returns what a ParseError says of a value: quoted, control characters escaped, cut after 64 bytes.
func Quote(b []byte) string {
	const most = 64
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + fmt.Sprintf("... (%d bytes)", len(b))
	}
	return strconv.Quote(string(b))
}

func nameOr(name, other string) string {
	if name == "" {
		return other
	}
	return name
}
