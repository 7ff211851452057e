package awsapi

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// parseTerms reads a filter pattern of terms: all of them must be in the event; ?term means that one of those is enough, -term that it
// must not be there; quotes hold what is not a word together; %regex% is a regular expression
// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html, "Using filter patterns to match terms in unstructured
// log events"). A pattern of optional and other terms together ignores the optional ones, as that page says. Patterns for JSON
// events, { $.action = "BLOCK" }, are not understood.
func parseTerms(text string) (func([]byte) bool, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, fmt.Errorf("patterns for JSON events are not understood by the embedded lab; use terms, like BLOCK")
	}
	var all, any, none []term
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		list := &all
		switch rest[0] {
		case '?':
			list, rest = &any, rest[1:]
		case '-':
			list, rest = &none, rest[1:]
		}
		t, left, err := cutTerm(rest)
		if err != nil {
			return nil, err
		}
		*list, rest = append(*list, t), left
	}
	return func(event []byte) bool {
		for _, t := range none {
			if t.in(event) {
				return false
			}
		}
		for _, t := range all {
			if !t.in(event) {
				return false
			}
		}
		if len(any) == 0 || len(all) > 0 {
			return true
		}
		for _, t := range any {
			if t.in(event) {
				return true
			}
		}
		return false
	}, nil
}

// term is a text or an expression to look for.
type term struct {
	text []byte
	expr *regexp.Regexp
}

func (t term) in(event []byte) bool {
	if t.expr != nil {
		return t.expr.Match(event)
	}
	return bytes.Contains(event, t.text)
}

func cutTerm(s string) (t term, rest string, err error) {
	if s == "" {
		return t, "", fmt.Errorf("a term is missing")
	}
	switch s[0] {
	case '"':
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == '"':
				return term{text: []byte(b.String())}, s[i+1:], nil
			default:
				b.WriteByte(s[i])
			}
		}
		return t, "", fmt.Errorf("a quoted term does not end")
	case '%':
		end := strings.IndexByte(s[1:], '%')
		if end < 0 {
			return t, "", fmt.Errorf("a regular expression does not end")
		}
		expr, err := regexp.Compile(s[1 : 1+end])
		if err != nil {
			return t, "", err
		}
		return term{expr: expr}, s[end+2:], nil
	}
	word, rest, _ := strings.Cut(s, " ")
	if i := strings.IndexAny(word, "\"[]{}()"); i >= 0 {
		return t, "", fmt.Errorf("term %q needs quotes", word)
	}
	return term{text: []byte(word)}, rest, nil
}
