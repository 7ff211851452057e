package evidence

import "bytes"

// Block returns some whole lines at once, with their ends, and the number of the first of them, so that others can split and
// read them at the same time. They are appended to b, which may be used again. Empty lines are among them, and a line may
// end in CRLF. Errors are those of [Lines.Next]; call one or the other.
func (l *Lines) Block(b []byte) (block []byte, first int, err error) {
	for {
		if !l.started {
			l.started = true
			l.unwrap()
		}
		if l.export || l.max < len(l.buf) { // each line needs a look
			line, err := l.Next()
			return append(b, line...), l.line, err
		}
		if i := bytes.LastIndexByte(l.buf[l.start:l.end], '\n'); i >= 0 {
			whole := l.buf[l.start : l.start+i+1]
			first = l.line + 1
			l.line += bytes.Count(whole, []byte{'\n'})
			l.start += len(whole)
			return append(b, whole...), first, nil
		}
		line, err := l.more()
		if line != nil || err != nil {
			return append(b, line...), l.line, err
		}
	}
}
