package filterpattern

import (
	"bytes"
	"regexp"
	"strconv"
)

// condition is what a position demands of its token.
type condition interface{ holds(v []byte) bool }

// either is ||, both is &&.
type (
	either []condition
	both   []condition
)

func (e either) holds(v []byte) bool {
	for _, c := range e {
		if c.holds(v) {
			return true
		}
	}
	return false
}

func (b both) holds(v []byte) bool {
	for _, c := range b {
		if !c.holds(v) {
			return false
		}
	}
	return true
}

// equal compares with a text that may have wildcards, or with a number.
//
// Assumption: a value without quotation marks that is a number equals any way to write that number (443 and 443.0, but not
// with leading text); a value in quotation marks equals the same text. For != it is the opposite, so that "-" is not 443.
type equal struct {
	not   bool
	parts [][]byte // the text, cut at the wildcards
	num   number
	isNum bool
}

func (e *equal) holds(v []byte) bool { return e.matches(v) != e.not }

func (e *equal) matches(v []byte) bool {
	if len(e.parts) == 1 {
		if bytes.Equal(v, e.parts[0]) {
			return true
		}
		if !e.isNum {
			return false
		}
		n, ok := parseNumber(v)
		return ok && n.compare(e.num) == 0
	}
	first, last := e.parts[0], e.parts[len(e.parts)-1]
	if !bytes.HasPrefix(v, first) {
		return false
	}
	v = v[len(first):]
	for _, part := range e.parts[1 : len(e.parts)-1] {
		i := bytes.Index(v, part)
		if i < 0 {
			return false
		}
		v = v[i+len(part):]
	}
	return bytes.HasSuffix(v, last)
}

// match is a regular expression, which matches anywhere in the value.
type match struct {
	not bool
	re  *regexp.Regexp
}

func (m *match) holds(v []byte) bool { return m.re.Match(v) != m.not }

// order is <, <=, > or >=.
//
// Assumption: a token that is no number ("-") does not match.
type order struct {
	less, same, more bool // the outcomes of the comparison that hold
	num              number
}

func (o *order) holds(v []byte) bool {
	n, ok := parseNumber(v)
	if !ok {
		return false
	}
	switch c := n.compare(o.num); {
	case c < 0:
		return o.less
	case c > 0:
		return o.more
	}
	return o.same
}

// number is an integer, exact as far as int64 goes, or a decimal fraction, which may have an exponent.
type number struct {
	i     int64
	f     float64
	exact bool // i holds
}

func (n number) compare(m number) int {
	switch {
	case n.exact && m.exact && n.i < m.i, !(n.exact && m.exact) && n.f < m.f:
		return -1
	case n.exact && m.exact && n.i > m.i, !(n.exact && m.exact) && n.f > m.f:
		return 1
	}
	return 0
}

// parseNumber reads 5, -5, +5, 5.25 and 1e+3.
func parseNumber(b []byte) (number, bool) {
	if len(b) == 0 || len(b) > 32 { // no longer, so that the text stays on the stack
		return number{}, false
	}
	for _, c := range b {
		if (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			return number{}, false
		}
	}
	if i, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return number{i, float64(i), true}, true
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return number{f: f}, err == nil
}
