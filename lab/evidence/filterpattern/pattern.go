// Package filterpattern matches log events with CloudWatch Logs filter patterns for space-delimited events, so that a pattern can
// be tried on a file before it is pasted into AWS.
//
// Start with [Parse]. Patterns of the other two sorts, terms and JSON, are not understood.
//
// Source of the syntax: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html, "Using filter patterns to
// match terms in space-delimited log events" and "Supported regular expressions (regex) syntax". Where these pages say
// nothing, the code says "Assumption".
package filterpattern

import "fmt"

// Limits of AWS.
const (
	maxLength  = 1024 // docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
	maxRegexes = 2    // FilterAndPatternSyntax.html, "Quotas"
)

// Pattern is a parsed filter pattern. It does not change and may be used by several goroutines at once.
type Pattern struct {
	text     string
	head     []position // up to the ellipsis, or all
	ellipsis bool
	tail     []position // behind the ellipsis
	rest     bool       // the last position takes all tokens that are left
}

// position is one place in the pattern, which stands for one token.
type position struct {
	name string
	cond condition // nil: any value
}

// Field is a value that a pattern extracts from an event.
type Field struct {
	Name  string
	Value []byte // a part of the event, without the brackets or quotes around it
}

// SyntaxError is what [Parse] returns.
type SyntaxError struct {
	Column int // in characters, from 1
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("filter pattern, column %d: %s", e.Column, e.Msg)
}

// String returns the pattern as it was given.
func (p *Pattern) String() string { return p.text }

// Names returns the names of the positions in order, "..." for the ellipsis and "" for a position without a name.
func (p *Pattern) Names() []string {
	var names []string
	for _, f := range p.head {
		names = append(names, f.name)
	}
	if p.ellipsis {
		names = append(names, "...")
	}
	for _, f := range p.tail {
		names = append(names, f.name)
	}
	return names
}

// Match says whether the pattern matches the event. It allocates nothing.
//
// Tokens are separated by spaces; text in [...] or "..." is one token. A pattern has a position for each token, or an
// ellipsis that stands for as many as needed, none too.
//
// In the patterns of the documentation that name words in order (w1, w2, ...), the last indicator stands for all words that are
// left: [w1=ERROR, w2] matches "ERROR 09/25/2014 12:00:02 Failed to process request".
// Assumption: a last position with another name, or with a condition, stands for one token, so that a pattern with fewer positions than
// the event has tokens does not match without an ellipsis.
func (p *Pattern) Match(event []byte) bool {
	t := tokens{b: event}
	for i, f := range p.head {
		v, ok := t.next()
		if !ok {
			return false
		}
		if p.rest && i == len(p.head)-1 {
			return true
		}
		if f.cond != nil && !f.cond.holds(v) {
			return false
		}
	}
	if !p.ellipsis {
		_, more := t.next()
		return !more
	}
	if len(p.tail) == 0 {
		return true
	}
	n := Count(t.b[t.i:])
	if n < len(p.tail) {
		return false
	}
	for range n - len(p.tail) {
		t.next()
	}
	for _, f := range p.tail {
		if v, _ := t.next(); f.cond != nil && !f.cond.holds(v) {
			return false
		}
	}
	return true
}

// Fields returns what the pattern extracts from an event, as aws logs test-metric-filter shows it, and whether it matches. Positions
// without a name give nothing.
func (p *Pattern) Fields(event []byte) ([]Field, bool) {
	if !p.Match(event) {
		return nil, false
	}
	var values [][]byte
	t := tokens{b: event}
	for {
		begin := t.i
		v, ok := t.next()
		if !ok {
			break
		}
		if p.rest && len(values) == len(p.head)-1 {
			v = trimSpaces(event[begin:])
			values = append(values, v)
			break
		}
		values = append(values, v)
	}
	var out []Field
	add := func(fs []position, vs [][]byte) {
		for i, f := range fs {
			if f.name != "" {
				out = append(out, Field{f.name, vs[i]})
			}
		}
	}
	add(p.head, values)
	add(p.tail, values[len(values)-len(p.tail):])
	return out, true
}
