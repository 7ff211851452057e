package catalog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/wire"
)

// FromTestSSL reads the client simulations of testssl.sh (etc/client-simulation.txt), a bash file of lines such as
//
//	names+=("Java 8u31")
//	handshakebytes+=("1603010...")
//	lowest_protocol+=("0x0301")
//
// where names+= begins a client. Nothing of it is executed: what is not an assignment of this form, nor a comment, is an error of
// type *evidence.ParseError, after which reading goes on. So is a client without a hello. source is where the file is from, for
// Client.Source. https://github.com/testssl/testssl.sh/tree/3.2/etc
func FromTestSSL(r io.Reader, source string, o *evidence.Options) iter.Seq2[*Client, error] {
	return func(yield func(*Client, error) bool) {
		lines := evidence.NewLines(r, o)
		t := &simulations{source: source, lines: lines}
		for {
			line, err := lines.Next()
			var damaged *evidence.ParseError
			switch {
			case errors.Is(err, io.EOF):
				if t.name != "" {
					yield(t.client())
				}
				return
			case errors.As(err, &damaged):
				if !yield(nil, err) {
					return
				}
				continue
			case err != nil:
				yield(nil, fmt.Errorf("reading client simulations: %w", err))
				return
			}
			key, value, err := t.assignment(line)
			if err == nil && key == "names" && t.name != "" {
				if !yield(t.client()) {
					return
				}
			}
			if err == nil {
				err = t.take(key, value)
			}
			if err != nil && !yield(nil, err) {
				return
			}
		}
	}
}

// simulations is a file in the course of being read: the client at hand.
type simulations struct {
	source string
	lines  *evidence.Lines
	name   string
	line   int // of its name
	hello  []byte
	lowest wire.Version
}

var assignment = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)\s*\+=\s*\(\s*(.*?)\s*\)\s*(?:#.*)?$`)

// assignment takes a line apart. An empty key means that there is nothing in it for us.
func (t *simulations) assignment(line []byte) (key, value string, err error) {
	s := strings.TrimSpace(string(line))
	if s == "" || strings.HasPrefix(s, "#") {
		return "", "", nil
	}
	m := assignment.FindStringSubmatch(s)
	if m == nil {
		return "", "", t.lines.Damaged("", fmt.Sprintf("not of the form NAME+=(VALUE): %s", evidence.Quote(line)))
	}
	value = m[2]
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		value = value[1 : n-1]
	}
	return m[1], strings.TrimSpace(value), nil
}

func (t *simulations) take(key, value string) error {
	if key == "names" {
		*t = simulations{source: t.source, lines: t.lines, name: line(value), line: t.lines.Line()}
		if t.name == "" {
			return t.lines.Damaged(key, "a client without a name")
		}
		return nil
	}
	if key != "handshakebytes" && key != "lowest_protocol" {
		return nil // the others follow from the hello
	}
	if t.name == "" {
		return t.lines.Damaged(key, "stands before the first names+=")
	}
	if key == "lowest_protocol" {
		v, err := parseVersion(value)
		if value != "" && err != nil {
			return t.lines.Damaged(key, fmt.Sprintf("%s is no version", evidence.Quote([]byte(value))))
		}
		t.lowest = v
		return nil
	}
	b, err := hex.DecodeString(value)
	if err != nil {
		return t.lines.Damaged(key, fmt.Sprintf("no hex: %v", err))
	}
	t.hello = b
	return nil
}

// client ends the client at hand. Its error names the line of its name.
func (t *simulations) client() (*Client, error) {
	damaged := func(msg string) error {
		e := t.lines.Damaged("names", fmt.Sprintf("client %q: %s", t.name, msg))
		e.Line = t.line
		return e
	}
	if len(t.hello) == 0 {
		return nil, damaged("it has no handshakebytes")
	}
	c, err := FromHello(t.name, t.hello)
	if err != nil {
		return nil, damaged(err.Error())
	}
	c.Source = t.source
	c.Family, c.Version = family(t.name)
	if t.lowest != 0 && t.lowest <= c.Max && len(c.SupportedVersions) == 0 {
		c.Min = t.lowest
	}
	return c, nil
}

// family takes the words before the first one with a digit for the family, and that for the version.
func family(name string) (family, version string) {
	words := strings.Fields(name)
	for i, w := range words {
		if i > 0 && strings.ContainsAny(w, "0123456789") {
			return strings.Join(words[:i], " "), w
		}
	}
	return name, ""
}
