package configlint

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is one YAML document of a file, or the JSON of one.
type document struct {
	root *yaml.Node
	file string
	line int // lines of the file before it
}

// at is where a node stands.
func (d *document) at(n *yaml.Node) Position {
	if n == nil || n.Line == 0 {
		return Position{File: d.file, Line: d.line + 1, Column: 1}
	}
	return Position{File: d.file, Line: d.line + n.Line, Column: n.Column}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?`)

// documents parses a file. A document that is damaged is a problem; the others are returned.
func (r *Result) documents(name string, b []byte) []*document {
	if why := tooNested(b); why != "" {
		r.problem(Position{File: name}, "%s", why)
		return nil
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		b = tabsToSpaces(b)
	}
	var docs []*document
	line := 0
	for _, part := range splitDocuments(b) {
		d := &document{file: name, line: line, root: &yaml.Node{}}
		line += bytes.Count(part, []byte("\n"))
		err := yaml.NewDecoder(bytes.NewReader(part)).Decode(d.root)
		switch {
		case errors.Is(err, io.EOF):
			continue
		case err != nil:
			r.problem(d.damage(err, part))
			continue
		}
		if d.root.Kind == yaml.DocumentNode && len(d.root.Content) == 1 {
			d.root = d.root.Content[0]
		}
		docs = append(docs, d)
	}
	return docs
}

// damage turns the parser's error into a position and a sentence.
func (d *document) damage(err error, part []byte) (Position, string, string) {
	at := Position{File: d.file, Line: d.line + 1, Column: 1}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			at.Line = d.line + n
		}
		text = text[len(m[0]):]
	}
	if bytes.Contains(part, []byte("{{")) {
		text += "; it looks like a template: render it first (helm template, kustomize build)"
	}
	return at, "%s", text
}

// splitDocuments cuts at lines that begin with "---", so that a damaged document does not take the next ones with it.
func splitDocuments(b []byte) [][]byte {
	var parts [][]byte
	from := 0
	for i := 0; i < len(b); {
		end := bytes.IndexByte(b[i:], '\n')
		next := len(b)
		if end >= 0 {
			next = i + end + 1
		}
		l := b[i:next]
		if bytes.HasPrefix(l, []byte("---")) && (len(bytes.TrimRight(l[3:], "\r\n")) == 0 || l[3] == ' ' || l[3] == '\t') && i > from {
			parts = append(parts, b[from:i])
			from = i
		}
		i = next
	}
	return append(parts, b[from:])
}

// tabsToSpaces makes JSON that is indented with tabs readable for a YAML parser; positions stay as they are.
func tabsToSpaces(b []byte) []byte {
	out := bytes.Clone(b)
	quoted := false
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '\t' && !quoted:
			out[i] = ' '
		}
	}
	return out
}

// follow returns what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < 10; i++ {
		n = n.Alias
	}
	return n
}

// field returns the value under a key of a mapping, nil if there is none.
func field(n *yaml.Node, key string) *yaml.Node {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return follow(n.Content[i+1])
		}
	}
	return nil
}

// fields is field, several times.
func fields(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		n = field(n, k)
	}
	return n
}

// text returns a scalar's text, "" if it is none.
func text(n *yaml.Node) string {
	n = follow(n)
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// items returns the nodes of a sequence, or of a mapping its keys and values by turns.
func items(n *yaml.Node) []*yaml.Node {
	n = follow(n)
	if n == nil || n.Kind != yaml.SequenceNode && n.Kind != yaml.MappingNode {
		return nil
	}
	return n.Content
}

// isTrue tells whether an annotation says yes.
func isTrue(s string) bool { return strings.EqualFold(s, "true") }
