package filterpattern

import "bytes"

// tokens takes an event apart.
type tokens struct {
	b         []byte
	i         int
	noBracket bool // there is no "]" that ends a token from here on
	noQuote   bool // nor a quotation mark
}

// next returns the next token, without the brackets or quotation marks around it.
//
// Assumption: tokens are separated by any number of spaces and tabs; a bracket or mark counts only at the beginning of a token, and
// the closing one only at the end; without a closing one it is a character like others.
func (t *tokens) next() ([]byte, bool) {
	for t.i < len(t.b) && isSpace(t.b[t.i]) {
		t.i++
	}
	if t.i == len(t.b) {
		return nil, false
	}
	switch {
	case t.b[t.i] == '[' && !t.noBracket:
		if v, ok := t.enclosed(']'); ok {
			return v, true
		}
		t.noBracket = true
	case t.b[t.i] == '"' && !t.noQuote:
		if v, ok := t.enclosed('"'); ok {
			return v, true
		}
		t.noQuote = true
	}
	start := t.i
	for t.i < len(t.b) && !isSpace(t.b[t.i]) {
		t.i++
	}
	return t.b[start:t.i], true
}

// enclosed returns the token up to the closing character.
func (t *tokens) enclosed(closing byte) ([]byte, bool) {
	start := t.i + 1
	for i := start; ; i++ {
		n := bytes.IndexByte(t.b[i:], closing)
		if n < 0 {
			return nil, false
		}
		if i += n; i+1 == len(t.b) || isSpace(t.b[i+1]) {
			t.i = i + 1
			return t.b[start:i], true
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func trimSpaces(b []byte) []byte { return bytes.Trim(b, " \t\n\r") }

// Count returns the number of an event's tokens, which is the number of positions of a pattern without an ellipsis that
// can match it.
func Count(event []byte) int {
	t := tokens{b: event}
	n := 0
	for _, ok := t.next(); ok; _, ok = t.next() {
		n++
	}
	return n
}
