package filterpattern

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Parse reads a pattern: [name, name = value && name != value, ..., name]. An error is of type *SyntaxError.
func Parse(s string) (*Pattern, error) {
	p := parser{s: s}
	pat, ok := p.pattern()
	if !ok {
		return nil, &SyntaxError{Column: utf8.RuneCountInString(s[:p.at]) + 1, Msg: p.msg}
	}
	return pat, nil
}

// parser reads by descent. After a fault, at and msg tell of it and every function returns false.
type parser struct {
	s       string
	i       int
	regexes int
	depth   int
	at      int
	msg     string
}

func (p *parser) fail(at int, format string, args ...any) bool {
	p.at, p.msg = at, fmt.Sprintf(format, args...)
	return false
}

func (p *parser) spaces() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

// peek says whether token comes next.
func (p *parser) peek(token string) bool { return strings.HasPrefix(p.s[p.i:], token) }

// take passes over token if it comes next, and over spaces behind it.
func (p *parser) take(token string) bool {
	if !p.peek(token) {
		return false
	}
	p.i += len(token)
	p.spaces()
	return true
}

// found says what comes next, for messages.
func (p *parser) found() string {
	if p.i == len(p.s) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.s[p.i:])
	return fmt.Sprintf("%q", string(r))
}

func (p *parser) pattern() (*Pattern, bool) {
	if n := utf8.RuneCountInString(p.s); n > maxLength {
		return nil, p.fail(0, "the pattern has %d characters, AWS takes %d at most", n, maxLength)
	}
	p.spaces()
	switch {
	case p.peek("{"):
		return nil, p.fail(p.i, "this is a pattern for JSON events; here, one for space-delimited events is needed: [name, ...]")
	case !p.take("["):
		return nil, p.fail(p.i, "a pattern for space-delimited events begins with [")
	case p.peek("]"):
		return nil, p.fail(p.i, "the pattern names no field")
	}
	pat := &Pattern{text: p.s}
	for {
		if !p.position(pat) {
			return nil, false
		}
		if p.take(",") {
			continue
		}
		if !p.take("]") {
			return nil, p.fail(p.i, "want a comma or ], found %s (a value with other characters goes into quotation marks)", p.found())
		}
		break
	}
	if p.i < len(p.s) {
		return nil, p.fail(p.i, "found %s behind the closing ]", p.found())
	}
	if last := len(pat.head) - 1; !pat.ellipsis && last > 0 {
		pat.rest = pat.head[last].cond == nil && isIndicator(pat.head[last].name)
	}
	return pat, true
}

// isIndicator: w1, w2 and so on.
func isIndicator(name string) bool {
	return len(name) > 1 && name[0] == 'w' && strings.Trim(name[1:], "0123456789") == ""
}

// position reads what stands between commas. Assumption: nothing at all is a token without a name.
func (p *parser) position(pat *Pattern) bool {
	start := p.i
	if p.take("...") {
		if pat.ellipsis {
			return p.fail(start, "a second ellipsis")
		}
		pat.ellipsis = true
		return true
	}
	var f position
	if !p.peek(",") && !p.peek("]") {
		p.spaces()
		cond, ok := p.or(&f.name)
		if !ok {
			return false
		}
		f.cond = cond
	}
	if pat.ellipsis {
		pat.tail = append(pat.tail, f)
	} else {
		pat.head = append(pat.head, f)
	}
	return true
}

// or reads a and b || c. The order of operations is that of JSON patterns: () before && before ||. Every condition of a position
// is on the name of that position, as in all examples of the page; *name is "" until it is known.
func (p *parser) or(name *string) (condition, bool) {
	var all either
	for {
		c, ok := p.and(name)
		if !ok {
			return nil, false
		}
		all = append(all, c)
		bar := p.i
		if !p.take("||") {
			break
		}
		if c == nil {
			return nil, p.fail(bar, "|| behind a name without a condition")
		}
	}
	if len(all) == 1 {
		return all[0], true
	}
	return all, true
}

func (p *parser) and(name *string) (condition, bool) {
	var all both
	for {
		c, ok := p.term(name)
		if !ok {
			return nil, false
		}
		all = append(all, c)
		sign := p.i
		if !p.take("&&") {
			break
		}
		if c == nil {
			return nil, p.fail(sign, "&& behind a name without a condition")
		}
	}
	if len(all) == 1 {
		return all[0], true
	}
	return all, true
}

// term reads (...), name op value, or, where it is alone, a name, which gives no condition.
func (p *parser) term(name *string) (condition, bool) {
	if p.take("(") {
		if p.depth++; p.depth > 32 {
			return nil, p.fail(p.i, "too many parentheses")
		}
		c, ok := p.or(name)
		if !ok {
			return nil, false
		}
		if c == nil {
			return nil, p.fail(p.i, "parentheses around a name without a condition")
		}
		if !p.take(")") {
			return nil, p.fail(p.i, "want ), found %s", p.found())
		}
		p.depth--
		return c, true
	}
	start := p.i
	for p.i < len(p.s) && !isSpace(p.s[p.i]) && strings.IndexByte(`,[]()=!<>&|"%*`, p.s[p.i]) < 0 {
		p.i++
	}
	n := p.s[start:p.i]
	p.spaces()
	switch {
	case n == "":
		return nil, p.fail(start, "want the name of a field, found %s", p.found())
	case *name != "" && n != *name:
		return nil, p.fail(start, "a condition on %q in the position of %q", n, *name)
	}
	again := *name != ""
	*name = n
	if p.i < len(p.s) && strings.IndexByte("=!<>", p.s[p.i]) >= 0 {
		return p.condition()
	}
	if again {
		return nil, p.fail(p.i, "want an operator, found %s", p.found())
	}
	return nil, true
}
