package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/analyzers/rollout/page"
)

// whoBreaksPage is a report and how to show it.
type whoBreaksPage struct {
	*rollout.Report
	inputs []string
	limit  int // clients that are listed; 0: all
}

// printWhoBreaks prints the report in a format.
func (a *app) printWhoBreaks(p *whoBreaksPage, format string) error {
	switch format {
	case "json":
		return a.json(p.Report)
	case "csv":
		return p.csv(a.out)
	case "markdown":
		return p.markdown(a.out)
	case "junit":
		return p.junit(a.out)
	case "sarif":
		return a.json(p.sarif())
	case "html":
		return p.html(a.out)
	}
	return a.whoBreaksText(p)
}

// listed are the clients that are shown one by one: those that keep, and those of a catalogue beside traffic, come last, and only
// if all are wanted.
func (p *whoBreaksPage) listed() (list []rollout.ClientReport, more int) {
	n := 0
	for i := range p.Clients {
		if c := &p.Clients[i]; c.Effect != rollout.Keeps && !p.Beside(c) {
			n++
		}
	}
	if p.limit == 0 {
		return p.Clients, 0
	}
	shown := min(n, p.limit)
	return p.Clients[:shown], n - shown
}

// question is what was asked, in a line.
func (p *whoBreaksPage) question() string {
	s := "from any policy"
	if p.From != "" {
		s = "from " + rollout.Short(p.From)
	}
	s += " to " + rollout.Short(p.To) + ", " + certNote(p.Certificates)
	if p.FromCertificates != "" && p.FromCertificates != p.Certificates {
		s += " (before: " + certNote(p.FromCertificates) + ")"
	}
	return s
}

// whoBreaksText prints for a terminal of 80 columns.
func (a *app) whoBreaksText(p *whoBreaksPage) error {
	answer := p.Answer()
	say := func(first, other, s string) {
		for i, line := range strings.Split(text.WrapSoft(s, columns-len(other)), "\n") {
			prefix := other
			if i == 0 {
				prefix = first
			}
			fmt.Fprintln(a.out, prefix+strings.TrimRight(line, " "))
		}
	}
	say("", "", p.question())
	fmt.Fprintln(a.out)
	for _, line := range strings.Split(text.WrapSoft(answer.Headline+".", columns), "\n") {
		fmt.Fprintln(a.out, a.paint(effectColor(answer.Effect), strings.TrimRight(line, " ")))
	}
	say("", "", answer.Lead)
	fmt.Fprintln(a.out)
	a.whoBreaksCounts(p)
	if s := p.BesideWords(); s != "" {
		say("", "", s)
	}
	fmt.Fprintln(a.out, "\nWhat to do next:")
	for i, s := range answer.Next {
		say(fmt.Sprintf("%2d. ", i+1), "    ", s.Text)
		if s.Command != "" {
			fmt.Fprintln(a.out, "    $ "+s.Command)
		}
	}
	if list := p.Caveats(); len(list) > 0 {
		fmt.Fprintln(a.out, "\nMind:")
		for _, s := range list {
			say("  - ", "    ", s)
		}
	}
	list, more := p.listed()
	for i := range list {
		fmt.Fprintln(a.out)
		a.whoBreaksClient(&list[i], say)
	}
	if more > 0 {
		fmt.Fprintf(a.out, "\nand %s that break, may break or fail today: --limit 0 lists all\n", plural(more, "more "+p.Noun()))
	}
	return nil
}

func effectColor(e rollout.Effect) text.Color {
	switch e {
	case rollout.Keeps:
		return text.FgGreen
	case rollout.Breaks:
		return text.FgRed
	}
	return text.FgYellow
}

// whoBreaksCounts prints the table of the three effects.
func (a *app) whoBreaksCounts(p *whoBreaksPage) {
	t := a.newTable("effect", p.Noun()+"s", "connections", "share", "")
	row := func(name string, c rollout.Count, note string) {
		t.AppendRow([]any{name, page.Number(c.Clients), page.Number(c.Connections), page.Percent(c.Share), note})
	}
	row("breaks", p.Breaks, reasonNote(p.Reasons, rollout.Breaks))
	row("unknown", p.Unknown, guessNote(p.Report))
	row("keeps", p.Keeps, "")
	if p.FailsToday.Clients+p.FailsToday.Connections > 0 {
		t.AppendRow([]any{"fails today", page.Number(p.FailsToday.Clients), page.Number(p.FailsToday.Connections), "", "does not count"})
	}
	fmt.Fprintln(a.out, t.Render())
}

// reasonNote lists what clients break on.
func reasonNote(list []rollout.ReasonCount, e rollout.Effect) string {
	var words []string
	for _, r := range list {
		if r.Effect == e {
			words = append(words, string(r.Reason))
		}
	}
	return strings.Join(words, ", ")
}

func guessNote(r *rollout.Report) string {
	var words []string
	if n := r.LikelyKeeps.Clients; n > 0 {
		words = append(words, page.Number(n)+" likely keep")
	}
	if n := r.LikelyBreaks.Clients; n > 0 {
		words = append(words, page.Number(n)+" likely break")
	}
	if len(words) == 0 {
		return ""
	}
	return "guess: " + strings.Join(words, ", ")
}

// whoBreaksClient prints one client.
func (a *app) whoBreaksClient(c *rollout.ClientReport, say func(first, other, s string)) {
	word := effectWord(c)
	say(a.paint(effectColor(c.Effect), word)+"  ", strings.Repeat(" ", len(word)+2), visible(c.Name))
	const indent = "    "
	detail := func(s string) {
		if s != "" {
			say(indent, indent+"  ", s)
		}
	}
	detail(connectionsWords(c))
	detail(partWords(c))
	for _, s := range reasonsWords(c) {
		detail(s)
	}
	detail(labelled("seen with ", seenWith(c)))
	detail(labelled("user agent: ", visible(strings.Join(c.UserAgents, " | "))))
	detail(labelled("from ", strings.Join(c.Addresses, ", ")))
	detail(labelled("asked for ", visible(strings.Join(c.ServerNames, ", "))))
	for _, s := range curesWords(c) {
		detail("cure: " + s)
	}
	if len(c.Settle) > 0 {
		detail("to settle " + restOf(c) + ": " + settleWords(c.Settle))
	}
	if c.Guess != nil {
		detail(guessLabel(c) + guessWords(c.Guess))
	}
}

func labelled(label, s string) string {
	if s == "" {
		return ""
	}
	return label + s
}

// visible keeps what evidence holds from being a terminal's command.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
}

// effectWord is the effect, and that a client fails today.
func effectWord(c *rollout.ClientReport) string {
	if c.FailsToday {
		return "fails today"
	}
	return c.Effect.String()
}

// connectionsWords says how often a client was seen, and when.
func connectionsWords(c *rollout.ClientReport) string {
	if c.Kind == rollout.KindCatalogue {
		return ""
	}
	s := page.Number(c.Connections) + " connections"
	if c.Connections == 1 {
		s = "1 connection"
	}
	if !c.FailsToday {
		s += ", " + page.Percent(c.Share) + " of all"
	}
	if c.First != nil {
		s += ", " + periodWords(c)
	}
	return s
}

// seenWith is what a client was seen with; of the catalogue's that is no news.
func seenWith(c *rollout.ClientReport) string {
	if c.Kind == rollout.KindCatalogue && c.Seen == "a hello" {
		return ""
	}
	return c.Seen
}

// partWords says that only some of a client's connections are of its effect; "" if all are.
func partWords(c *rollout.ClientReport) string {
	n, ok := c.Part()
	if !ok {
		return ""
	}
	s := fmt.Sprintf("in part: %s of %s ", page.Number(n), plural(int(c.Connections), "connection"))
	if c.Effect == rollout.Unknown {
		return s + "may break"
	}
	if s += "break"; n == 1 {
		s += "s"
	}
	if c.Unsettled > 0 {
		s += ", " + page.Number(c.Unsettled) + " may"
	}
	return s
}

// fewReasons is how many reasons of one client are shown where people read; JSON and CSV have all.
const fewReasons = 8

// reasonsWords says what a client's connections break on, or may break on: each reason in a line.
func reasonsWords(c *rollout.ClientReport) (list []string) {
	if len(c.Reasons) < 2 {
		if c.Reason == "" || string(c.Reason) == c.Why {
			return nil
		}
		return []string{string(c.Reason) + ": " + c.Why}
	}
	for _, x := range c.Reasons[:min(len(c.Reasons), fewReasons)] {
		list = append(list, reasonWords(c, &x))
	}
	if more := len(c.Reasons) - fewReasons; more > 0 {
		list = append(list, "and "+plural(more, "more reason")+" (--format json has all)")
	}
	return list
}

// reasonWords is one of several reasons.
func reasonWords(c *rollout.ClientReport, x *rollout.ClientReason) string {
	s := string(x.Reason) + ": " + x.Why
	if x.Effect != c.Effect {
		s = x.Effect.String() + ", " + s
	}
	if c.Kind == rollout.KindCatalogue {
		return s
	}
	return s + " (" + plural(int(x.Connections), "connection") + ")"
}

// curesWords are the different cures of a client.
func curesWords(c *rollout.ClientReport) (list []string) {
	for _, x := range c.Reasons {
		if x.Cure != "" && !slices.Contains(list, x.Cure) && len(list) < fewReasons {
			list = append(list, x.Cure)
		}
	}
	if list == nil && c.Cure != "" {
		return []string{c.Cure}
	}
	return list
}

// periodWords says when a client was seen.
func periodWords(c *rollout.ClientReport) string {
	first, last := c.First.Format("2006-01-02 15:04:05"), c.Last.Format("2006-01-02 15:04:05")
	if first == last {
		return first + " UTC"
	}
	return first + " to " + last + " UTC"
}

// restOf is what of a client evidence is wanted of: of one that breaks in part, what is unknown.
func restOf(c *rollout.ClientReport) string {
	if c.Effect == rollout.Breaks && c.Unsettled > 0 {
		return "the rest"
	}
	return "it"
}

// guessLabel says what a guess is of.
func guessLabel(c *rollout.ClientReport) string {
	if restOf(c) != "it" {
		return "guess of the rest: "
	}
	return "guess: "
}

// settleWords names evidence.
func settleWords(list []rollout.Evidence) string {
	words := make([]string, len(list))
	for i, e := range list {
		switch e {
		case rollout.SettleFrom:
			words[i] = "--from with the policy of today"
		case rollout.SettleKeyExchange:
			words[i] = "a connection log with tls_keyexchange"
		default:
			words[i] = "a capture of its hello"
		}
	}
	return strings.Join(words, ", or ")
}

// guessWords marks a guess as one.
func guessWords(g *rollout.Guess) string {
	word := "undecided"
	switch g.Effect {
	case rollout.Keeps:
		word = "likely keeps"
	case rollout.Breaks:
		word = "likely breaks"
	}
	if g.Of == 1 && word == "undecided" {
		return fmt.Sprintf("undecided (%s, is too far off)", g.Basis)
	}
	if g.Of == 1 {
		return fmt.Sprintf("%s (%s)", word, g.Basis)
	}
	return fmt.Sprintf("%s (%d of %d %s keep)", word, g.Keep, g.Of, g.Basis)
}
