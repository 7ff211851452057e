package analyzers

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// width is the number of columns of the text.
const width = 80

// textExamples is the number of findings shown for each client and signature, textClients that of clients. Counts are of all.
const (
	textExamples = 3
	textClients  = 20
)

// WriteText writes the report for people, 80 columns wide: each failing client with its findings and what they rest on, then
// the TLS versions and suites in use, the metrics, and what was missing. Of damaged records it has the number; Problems says where.
func (r *Report) WriteText(w io.Writer) error {
	t := &text{w: bufio.NewWriter(w)}
	t.line("", "%s, %s", count(r.Connections, "connection"), count(r.Failures, "failure"))
	for _, s := range r.Signatures {
		t.line("  ", "%7d  %s", s.Connections, s.Signature)
	}
	t.clients(r)
	t.usage(r)
	for _, m := range r.Metrics {
		t.line("", "")
		t.wrap("", "  ", m.Metric+": "+m.Words)
	}
	t.rest(r)
	return t.w.Flush()
}

type text struct{ w *bufio.Writer }

func (t *text) line(indent, format string, args ...any) {
	s := strings.TrimRight(indent+fmt.Sprintf(format, args...), " ")
	t.w.WriteString(s + "\n") // a failed write shows at Flush
}

// wrap breaks words at the width. A word that is longer stands alone.
func (t *text) wrap(first, rest, s string) {
	col, indent := len(first), first
	t.w.WriteString(first)
	start := true
	for _, word := range strings.Fields(printable(s)) {
		n := len([]rune(word))
		if !start && col+1+n > width {
			indent = rest
			t.w.WriteString("\n" + indent)
			col, start = len(indent), true
		}
		if !start {
			t.w.WriteByte(' ')
			col++
		}
		t.w.WriteString(word)
		col, start = col+n, false
	}
	t.w.WriteByte('\n')
}

// printable replaces what a terminal might obey: logs hold what strangers sent.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func (t *text) clients(r *Report) {
	by := map[string][]*Finding{}
	for _, f := range r.Findings {
		if f.Stage != StageCompleted || f.Signature == wafBlocked || len(f.Notes) > 0 {
			a := addrText(f.Conn.Client.Addr())
			by[a] = append(by[a], f)
		}
	}
	shown := 0
	for _, c := range r.Clients {
		if len(by[c.Address]) == 0 {
			continue
		}
		if shown++; shown > textClients {
			continue
		}
		t.line("", "")
		t.line("", "%s: %s, %s", c.Address, count(c.Connections, "connection"), count(c.Failures, "failure"))
		for _, s := range c.Signatures {
			t.findings(s, by[c.Address])
		}
	}
	if shown > textClients {
		t.line("", "")
		t.line("", "%s not shown; --format json has them all", count(shown-textClients, "further client"))
	}
}

// findings shows the examples of one signature. Findings of the same words are told once.
func (t *text) findings(s Tally, all []*Finding) {
	type told struct {
		f    *Finding
		n    int
		refs []string
	}
	var order []*told
	seen := map[string]*told{}
	for _, f := range all {
		if f.Signature != s.Signature {
			continue
		}
		k := f.Message + "\x00" + f.Cure() + "\x00" + strings.Join(f.Causes, ",") + "\x00" + string(f.Certainty) + "\x00" + strings.Join(f.Notes, "\x00")
		if seen[k] == nil {
			seen[k] = &told{f: f}
			order = append(order, seen[k])
		}
		e := seen[k]
		if e.n++; e.n <= textExamples {
			for _, ref := range f.Cites {
				if s := ref.String(); !slices.Contains(e.refs, s) {
					e.refs = append(e.refs, s)
				}
			}
		}
	}
	for i, e := range order {
		if i == textExamples {
			t.line("  ", "... and %s of %s in other words", count(len(order)-i, "finding"), s.Signature)
			break
		}
		f := e.f
		head := f.Signature
		if e.n > 1 {
			head += fmt.Sprintf(" (%d times)", e.n)
		}
		if f.Certainty != Certain {
			head += ", " + string(f.Certainty)
		}
		t.wrap("  ", "    ", head+": "+f.Message)
		if f.Basis != "" {
			t.wrap("    ", "      ", "because "+f.Basis)
		}
		if others := without(f.Causes, f.Signature); len(others) > 0 {
			t.wrap("    ", "      ", "may be: "+strings.Join(others, ", "))
		}
		for _, n := range f.Notes {
			t.wrap("    ", "      ", "note: "+n)
		}
		if cure := f.Cure(); cure != "" {
			t.wrap("    ", "      ", "cure: "+cure)
		}
		see := "see " + strings.Join(e.refs, ", ")
		if e.n > textExamples {
			see += fmt.Sprintf(" (of %d of these %d connections)", textExamples, e.n)
		}
		t.wrap("    ", "      ", see)
	}
}

func (t *text) usage(r *Report) {
	if len(r.TLS) == 0 {
		return
	}
	t.line("", "")
	users := oldestFirst(r.Clients)
	if len(users) == 1 {
		t.usageList(users[0].Address, r.TLS, 20)
		return
	}
	t.usageList("all clients", r.TLS, 20)
	for _, c := range users[:min(len(users), textClients)] {
		t.usageList(c.Address, c.TLS, 5)
	}
	if more := len(users) - textClients; more > 0 {
		t.wrap("", "  ", count(more, "further client")+" not shown: those with the oldest versions come first, then those "+
			"without forward secrecy; --format json has them all")
	}
}

// usageList shows shares of requests, or of connections where there are no requests with TLS. What was only connected to has
// no share of requests, and what is without TLS no share of it.
func (t *text) usageList(who string, l []Usage, most int) {
	unit := ": none"
	for _, u := range l {
		if !u.plain() && u.Requests > 0 {
			unit = ", shares of requests:"
			break
		} else if !u.plain() {
			unit = ", shares of connections:"
		}
	}
	t.line("", "TLS in use by %s%s", who, unit)
	for i, u := range l {
		if u.plain() { // the last one
			t.line("  ", "      -  no TLS   %-36s %s", "-", count(int(u.Requests), "request"))
			return
		}
		if i > most {
			continue
		} else if i == most {
			rest := slices.DeleteFunc(slices.Clone(l[most:]), func(u Usage) bool { return u.plain() })
			t.line("  ", "... and %s, the oldest %s", count(len(rest), "more kind"), dash(ageOf(rest).lowest))
			continue
		}
		share, n, what := fmt.Sprintf("%5.1f %%", 100*u.Share), u.Requests, "request"
		if n == 0 {
			n, what = u.Connections, "connection"
			if unit == ", shares of requests:" {
				share = "      -"
			}
		}
		t.line("  ", "%s  %-8s %-36.36s %s", share, dash(u.Version), dash(u.Cipher), count(int(n), what))
	}
}

func (t *text) rest(r *Report) {
	if len(r.Skipped)+len(r.Missing)+len(r.Notes)+r.Damaged > 0 {
		t.line("", "")
	}
	for _, m := range r.Missing {
		t.wrap("missing: ", "  ", m.Adds)
	}
	for i, s := range r.Skipped { // those of one reason together
		if slices.ContainsFunc(r.Skipped[:i], func(x Skipped) bool { return x.Reason == s.Reason }) {
			continue
		}
		names := []string{s.Analyzer}
		for _, x := range r.Skipped[i+1:] {
			if x.Reason == s.Reason {
				names = append(names, x.Analyzer)
			}
		}
		verb := s.Reason
		if len(names) > 1 {
			verb = strings.Replace(verb, "needs", "need", 1)
		}
		t.wrap("skipped: ", "  ", strings.Join(names, ", ")+" "+verb)
	}
	for _, n := range r.Notes {
		t.wrap("note: ", "  ", n)
	}
	if r.Damaged > 0 {
		t.line("", "%s could not be read", count(r.Damaged, "record"))
	}
}

// wafBlocked is shown with the failures: the handshake was good, and yet the client got no answer of the application's.
const wafBlocked = "waf-blocked"

func without(l []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(l), func(x string) bool { return x == s })
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// count says a number of things: "1 failure", "2 failures", "0 failures".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
