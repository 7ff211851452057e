package filterpattern

import "strings"

// condition reads an operator and a value.
func (p *parser) condition() (condition, bool) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("=!<>", p.s[p.i]) >= 0 {
		p.i++
	}
	op := p.s[start:p.i]
	switch op {
	case "=", "!=", "<", "<=", ">", ">=":
	default:
		return nil, p.fail(start, "unknown operator %s; there are =, !=, <, <=, > and >=", op)
	}
	p.spaces()
	at := p.i
	if p.peek("%") {
		return p.regex(op)
	}
	parts, quoted, ok := p.value()
	if !ok {
		return nil, false
	}
	var num number
	var isNum bool
	if len(parts) == 1 {
		num, isNum = parseNumber(parts[0])
	}
	switch op {
	case "=", "!=":
		return &equal{not: op == "!=", parts: parts, num: num, isNum: isNum && !quoted}, true
	}
	if !isNum {
		return nil, p.fail(at, "%s compares with a number", op)
	}
	return &order{less: op[0] == '<', more: op[0] == '>', same: len(op) == 2, num: num}, true
}

// regex reads %...%.
func (p *parser) regex(op string) (condition, bool) {
	start := p.i
	if op != "=" && op != "!=" {
		return nil, p.fail(start, "%s compares with a number, not with a regular expression", op)
	}
	if p.regexes++; p.regexes > maxRegexes {
		return nil, p.fail(start, "a pattern has at most %d regular expressions", maxRegexes)
	}
	n := strings.IndexByte(p.s[start+1:], '%')
	if n < 0 {
		return nil, p.fail(start, "the regular expression has no closing %%")
	}
	re, at, fault := compileRegex(p.s[start+1 : start+1+n])
	if fault != "" {
		return nil, p.fail(start+1+at, "%s", fault)
	}
	p.i = start + n + 2
	p.spaces()
	return &match{not: op == "!=", re: re}, true
}

// value reads a value with or without quotation marks and cuts it at its wildcards. The asterisk is a wildcard in both, as in JSON
// patterns.
//
// Assumption: a backslash before an asterisk, a quotation mark or a backslash takes its meaning away.
func (p *parser) value() (parts [][]byte, quoted, ok bool) {
	start := p.i
	if quoted = p.peek(`"`); quoted {
		p.i++
	}
	part := []byte{}
	for {
		if p.i == len(p.s) {
			if quoted {
				return nil, quoted, p.fail(start, "the quotation marks are not closed")
			}
			break
		}
		c := p.s[p.i]
		if quoted && c == '"' {
			p.i++
			break
		}
		if !quoted && p.endsValue() {
			break
		}
		p.i++
		switch {
		case c == '\\' && p.i < len(p.s) && strings.IndexByte(`*"\`, p.s[p.i]) >= 0:
			part = append(part, p.s[p.i])
			p.i++
		case c == '*':
			parts = append(parts, part)
			part = []byte{}
		case c == '"':
			return nil, quoted, p.fail(p.i-1, "a quotation mark inside of a value")
		default:
			part = append(part, c)
		}
	}
	if p.i == start {
		return nil, quoted, p.fail(start, "want a value, found %s", p.found())
	}
	p.spaces()
	return append(parts, part), quoted, true
}

// endsValue: a value without quotation marks ends here.
func (p *parser) endsValue() bool {
	return isSpace(p.s[p.i]) || strings.IndexByte(",[]()=!<>", p.s[p.i]) >= 0 || p.peek("&&") || p.peek("||")
}
