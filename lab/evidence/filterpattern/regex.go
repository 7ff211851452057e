package filterpattern

import (
	"regexp"
	"strconv"
	"strings"
)

// What may stand in a regular expression besides letters and digits. The space is in an example of the page, not in its list.
const (
	regexSymbols   = ":_#=@/;,- "
	regexOperators = `^$?[]{}|\*+.`
)

// compileRegex checks that AWS's restricted syntax is kept and compiles the rest. at is where in s a fault lies.
// Source: FilterAndPatternSyntax.html, "Supported regular expressions (regex) syntax".
func compileRegex(s string) (re *regexp.Regexp, at int, fault string) {
	if s == "" {
		return nil, 0, "the regular expression is empty"
	}
	var out strings.Builder
	class := false // inside [...]
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 0x80:
			return nil, i, "multi-byte characters are not supported in a regular expression"
		case c == '(' || c == ')':
			return nil, i, "parentheses are not supported in a regular expression; " + `\x28 and \x29 match them`
		case c == '\\':
			n, fault := escapeLen(s[i:])
			if fault != "" {
				return nil, i, fault
			}
			out.WriteString(s[i : i+n])
			i += n - 1
			continue
		case !isAlnum(c) && !strings.ContainsRune(regexSymbols+regexOperators, rune(c)):
			return nil, i, strconv.QuoteRune(rune(c)) + " is not supported in a regular expression; " +
				`\x` + strconv.FormatUint(uint64(c)|0x100, 16)[1:] + " matches it"
		case c == '[' && !class:
			class = true
		case c == ']':
			class = false
		case c == '{' && !class && strings.HasPrefix(s[i:], "{,"):
			out.WriteString("{0") // "Either m or n can be omitted"
			continue
		}
		out.WriteByte(c)
	}
	re, err := regexp.Compile(out.String())
	if err != nil {
		msg := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		return nil, 0, "bad regular expression: " + msg
	}
	return re, 0, ""
}

// escapeLen returns the length of the escape that s begins with.
func escapeLen(s string) (n int, fault string) {
	if len(s) < 2 {
		return 0, `the regular expression ends in \`
	}
	switch c := s[1]; {
	case c == 'x':
		if len(s) < 4 {
			return 0, `\x needs two hexadecimal digits`
		}
		v, err := strconv.ParseUint(s[2:4], 16, 8)
		if err != nil {
			return 0, `\x needs two hexadecimal digits`
		}
		if v > 0x7f {
			return 0, `\x` + s[2:4] + " is not an ASCII character"
		}
		return 4, ""
	case strings.IndexByte("dDsSwW", c) >= 0, !isAlnum(c) && strings.IndexByte(regexSymbols+regexOperators, c) >= 0:
		return 2, ""
	case c < 0x80:
		return 0, `\` + string(rune(c)) + " is not supported in a regular expression"
	}
	return 0, "multi-byte characters are not supported in a regular expression"
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
