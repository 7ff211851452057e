package evidence

import (
	"bytes"
	"io"
)

// sniffLen is how much of a file is looked at to recognise it.
const sniffLen = 64 << 10

// unwrap looks at the first bytes and takes away what lies around the lines.
func (l *Lines) unwrap() {
	given := l.r
	l.r = Decompress(l.r)
	for l.err == nil && l.end < sniffLen && !enough(l.buf[:l.end]) {
		l.fill()
	}
	l.start += len(leadingBOM(l.buf[:l.end]))
	head := l.buf[l.start:l.end]
	if isParquet(head) {
		rest := errReader{l.r, l.err}
		in := io.MultiReader(bytes.NewReader(bytes.Clone(head)), &rest)
		l.start, l.end, l.err = 0, 0, nil
		t, err := unwrapParquet(given, in)
		if err != nil {
			l.err = err
			return
		}
		l.r, l.line = t, -1 // the header row is line 0
		return
	}
	if isCloudWatch(head) {
		rest := errReader{l.r, l.err}
		in := io.MultiReader(bytes.NewReader(bytes.Clone(head)), &rest)
		l.r = newCloudWatch(in, l.max)
		l.start, l.end, l.err = 0, 0, nil
		return
	}
	l.export = exportTimeLen(head) > 0
}

// enough says whether head shows what lies around the lines. JSON may be printed over many lines, as the AWS CLI does: of
// an object the first key must be there, of a list as much as can be had.
func enough(head []byte) bool {
	head = bytes.TrimLeft(head[len(leadingBOM(head)):], " \t\r\n")
	switch {
	case isParquet(head):
		return true
	case len(head) == 0 || head[0] == '[':
		return false
	case head[0] == '{':
		head = bytes.TrimLeft(head[1:], " \t\r\n")
	}
	return bytes.IndexByte(head, '\n') >= 0
}

// errReader reads from r, or gives the error that r has given before.
type errReader struct {
	r   io.Reader
	err error
}

func (e *errReader) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	return e.r.Read(p)
}

// leadingBOM returns the byte order mark that some editors put before UTF-8 text.
func leadingBOM(b []byte) []byte {
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		return b[:3]
	}
	return nil
}

// exportTimeLen returns the length of the timestamp and space before a message in a file that CloudWatch Logs exported to
// S3, 0 if there is none. The timestamp has milliseconds; those of the load balancer's own logs have microseconds.
// Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
func exportTimeLen(b []byte) int {
	const form = "0000-00-00T00:00:00.000Z "
	if len(b) < len(form) {
		return 0
	}
	for i := range len(form) {
		if form[i] == '0' && b[i]-'0' > 9 || form[i] != '0' && b[i] != form[i] {
			return 0
		}
	}
	return len(form)
}

func trimExportTime(line []byte) []byte { return line[exportTimeLen(line):] }
