package accesslog

import (
	"fmt"
	"strings"
)

// fields cuts a line into its fields.
type fields struct {
	rest string
	n    int    // fields cut so far
	bad  string // what is wrong with a field, "" if nothing is
	open bool   // a quoted field does not end
}

// next returns the next field without its quotes, "" where the log has "-" or the line is at its end.
func (f *fields) next() string {
	s := f.rest
	if s == "" {
		return ""
	}
	if s[0] == '"' {
		s = f.quoted()
		if !plain(s) {
			f.damage("holds a blank, a quote or a control character")
		}
		return s
	}
	f.n++
	i := 0
	for i < len(s) && s[i] > ' ' && s[i] != 0x7f {
		i++
	}
	f.rest = ""
	if i == 0 {
		f.damage("is empty")
	}
	if i < len(s) {
		if s[i] != ' ' {
			f.damage("holds a control character")
		}
		f.rest = s[i+1:]
	}
	return undash(s[:i])
}

// text returns the next field, which is quoted unless it is "-" or a line of another writer's.
func (f *fields) text() string {
	if f.rest != "" && f.rest[0] == '"' {
		return f.quoted()
	}
	return f.next()
}

// quoted returns the next field, which begins with a quote.
func (f *fields) quoted() string {
	f.n++
	s := f.rest
	escapes := false
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			escapes = true
			i++
		case '"':
			f.rest = s[i+1:]
			if f.rest != "" && f.rest[0] != ' ' {
				f.damage("goes on after its quotes")
			}
			f.rest = strings.TrimPrefix(f.rest, " ")
			s = s[1:i]
			if escapes {
				s = unescape(s)
			}
			return undash(s)
		}
	}
	f.damage("does not end: no closing quote")
	f.open, f.rest = true, ""
	return ""
}

func (f *fields) damage(what string) {
	if f.bad == "" {
		f.bad = fmt.Sprintf("field %d %s", f.n, what)
	}
}

func undash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// unescape undoes the escapes of quoted fields. Application Load Balancers write a quote as \x22 (seen in
// github.com/DataBiosphere/azul/pull/4920), Classic Load Balancers as \" (github.com/awslabs/athena-glue-service-logs/pull/3);
// what is no escape stays as it is.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		switch c := s[i+1]; {
		case c == '"' || c == '\\':
			b = append(b, c)
			i++
		case c == 'x' && i+3 < len(s) && unhex(s[i+2]) < 16 && unhex(s[i+3]) < 16:
			b = append(b, unhex(s[i+2])<<4|unhex(s[i+3]))
			i += 3
		default:
			b = append(b, '\\')
		}
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// appendEscaped appends s as it stands between quotes: a quote, a backslash and what is not printable ASCII become \x and
// two hex digits. Assumption: only \x22 has been seen in public; the rest is what nginx, whose form this is, does.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// plain reports whether s can stand without quotes.
func plain(s string) bool {
	if strings.HasPrefix(s, `"`) {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
