package main

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/analyzers/rollout/page"
)

// csv writes every client, one a row.
func (p *whoBreaksPage) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"effect", "kind", "client", "reason", "why", "connections", "share", "keeping", "breaking", "unsettled", "failing_today",
		"first_seen", "last_seen", "seen", "cure", "settle", "guess", "network", "ja4", "user_agents", "addresses", "server_names", "reasons"}) // Flush tells
	for i := range p.Clients {
		r := &p.Clients[i]
		guess, settle := "", make([]string, len(r.Settle))
		if r.Guess != nil {
			guess = guessWords(r.Guess)
		}
		for k, e := range r.Settle {
			settle[k] = string(e)
		}
		n := func(v int64) string { return strconv.FormatInt(v, 10) }
		_ = c.Write([]string{
			r.Effect.String(), string(r.Kind), cell(r.Name), string(r.Reason), r.Why, n(r.Connections), strconv.FormatFloat(r.Share, 'f', 9, 64),
			n(r.Keeping), n(r.Breaking), n(r.Unsettled), n(r.Failing), stamp(r.First), stamp(r.Last), r.Seen, r.Cure,
			strings.Join(settle, " "), guess, r.Network, r.JA4, cell(strings.Join(r.UserAgents, " | ")), strings.Join(r.Addresses, " "),
			cell(strings.Join(r.ServerNames, " ")), strings.Join(allReasons(r), " | "),
		})
	}
	c.Flush()
	return c.Error()
}

// allReasons are the reasons of a client with their effects and connections.
func allReasons(c *rollout.ClientReport) []string {
	list := make([]string, len(c.Reasons))
	for i, x := range c.Reasons {
		list[i] = fmt.Sprintf("%s %d %s: %s", x.Effect, x.Connections, x.Reason, x.Why)
	}
	return list
}

// cell keeps a spreadsheet from taking what a client sent for a formula.
// https://owasp.org/www-community/attacks/CSV_Injection
func cell(s string) string {
	if s = visible(s); s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

// markdown writes for a pull request or a ticket.
func (p *whoBreaksPage) markdown(w io.Writer) error {
	var b strings.Builder
	a := p.Answer()
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("## %s\n\nChange %s.\n\n%s\n", md(a.Headline), md(p.question()), md(a.Lead))
	say("| effect | %ss | connections | share | |\n|---|---:|---:|---:|---|", p.Noun())
	row := func(name string, c rollout.Count, note string) {
		say("| %s | %s | %s | %s | %s |", name, page.Number(c.Clients), page.Number(c.Connections), page.Percent(c.Share), md(note))
	}
	row("**breaks**", p.Breaks, reasonNote(p.Reasons, rollout.Breaks))
	row("unknown", p.Unknown, guessNote(p.Report))
	row("keeps", p.Keeps, "")
	if p.FailsToday.Connections > 0 {
		say("| fails today | %s | %s | | does not count |", page.Number(p.FailsToday.Clients), page.Number(p.FailsToday.Connections))
	}
	if s := p.BesideWords(); s != "" {
		say("\n%s", md(s))
	}
	say("\n### What to do next\n")
	for i, s := range a.Next {
		say("%d. %s", i+1, md(s.Text))
		if s.Command != "" {
			say("\n   ```\n   %s\n   ```", s.Command)
		}
	}
	if list := p.Caveats(); len(list) > 0 {
		say("\n### Mind\n")
		for _, s := range list {
			say("- %s", md(s))
		}
	}
	list, more := p.listed()
	if len(list) > 0 {
		say("\n### %ss\n\n| effect | %s | connections | share | reason | cure, or what settles it |\n|---|---|---:|---:|---|---|", title(p.Noun()), p.Noun())
	}
	for i := range list {
		c := &list[i]
		say("| %s | %s | %s | %s | %s | %s |", effectWord(c), md(clientWords(c)), page.Number(c.Connections), page.Percent(c.Share),
			md(labelledBy(partWords(c), "; ")+whyWords(c)), md(todoWords(c)))
	}
	if more > 0 {
		say("\nAnd %s.", plural(more, "more "+p.Noun()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// labelledBy is a text and what parts it from the next, "" if there is none.
func labelledBy(s, sep string) string {
	if s == "" {
		return ""
	}
	return s + sep
}

// title begins a heading.
func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// reasonsList are the reasons of a client; where there is one, without its kind, which stands elsewhere.
func reasonsList(c *rollout.ClientReport) []string {
	if len(c.Reasons) > 1 {
		return reasonsWords(c)
	}
	return []string{c.Why}
}

// whyWords is reasonsList in a line.
func whyWords(c *rollout.ClientReport) string { return strings.Join(reasonsList(c), "; ") }

// md escapes what is special in a table of Markdown.
func md(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "<", "&lt;", ">", "&gt;").Replace(visible(s))
}

// clientWords names a client with what else tells who it is.
func clientWords(c *rollout.ClientReport) string {
	s := c.Name
	if len(c.UserAgents) > 0 {
		s += " (" + strings.Join(c.UserAgents, "; ") + ")"
	}
	if len(c.Addresses) > 0 {
		s += " from " + strings.Join(c.Addresses, ", ")
	}
	return s
}

// todoWords is what to do about a client.
func todoWords(c *rollout.ClientReport) string {
	words := curesWords(c)
	switch {
	case len(words) == 0:
		words = append(words, settleWords(c.Settle))
	case len(c.Settle) > 0:
		words = append(words, "to settle "+restOf(c)+": "+settleWords(c.Settle))
	}
	if c.Guess != nil {
		words = append(words, guessLabel(c)+guessWords(c.Guess))
	}
	return strings.Join(words, "; ")
}

// junit writes a test for each client, and first one for the gate, whose failure is the exit code's. A client that the gate lets
// pass is skipped, with the reason: a failure in the file always means that the change must not go on.
func (p *whoBreaksPage) junit(w io.Writer) error {
	s := junitSuite{Name: "who-breaks " + p.question(), Time: "0"}
	gate := junitCase{Class: "who-breaks", Name: "change to " + rollout.Short(p.To)}
	a := p.Answer()
	if !p.Gate.Passed {
		gate.Failure = &junitText{a.Headline, a.Lead + "\n" + nextWords(a)}
	}
	s.Cases = append(s.Cases, gate)
	for i := range p.Clients {
		c := &p.Clients[i]
		one := junitCase{Class: "who-breaks." + string(c.Kind), Name: visible(c.Name)}
		if c.Effect != rollout.Keeps {
			m := &junitText{effectWord(c) + ": " + string(c.Reason),
				strings.Join(slices.DeleteFunc([]string{whyWords(c), p.seenWords(c), labelled("seen with ", seenWith(c)), todoWords(c)}, blank), "\n")}
			if !p.Gate.Passed && p.against(c) {
				one.Failure = m
			} else {
				one.Skipped = m
			}
		}
		s.Cases = append(s.Cases, one)
	}
	for _, c := range s.Cases {
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Skipped != nil {
			s.Skipped++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func blank(s string) bool { return s == "" }

// against says whether a client counts against the change at the gate.
func (p *whoBreaksPage) against(c *rollout.ClientReport) bool {
	switch {
	case c.FailsToday || p.Beside(c) || p.Gate.FailOn == rollout.FailOnNever:
		return false
	case c.Effect == rollout.Unknown:
		return p.Gate.FailOn == rollout.FailOnUnknown
	}
	return c.Effect == rollout.Breaks
}

func nextWords(a rollout.Answer) string {
	var b strings.Builder
	for i, s := range a.Next {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s.Text)
	}
	return b.String()
}

// sarif makes a result of each client that breaks or may break.
func (p *whoBreaksPage) sarif() sarifLog {
	rules := []sarifRule{
		{ID: "client-breaks", ShortDescription: sarifText{"A client breaks under the new security policy"},
			Help: sarifText{"The client cannot connect under the policy. Choose a policy that keeps it, or cure the client."}, Configuration: sarifDefault{"error"}},
		{ID: "client-unknown", ShortDescription: sarifText{"The evidence does not tell whether a client breaks"},
			Help: sarifText{"Add the evidence that the message names, and ask again."}, Configuration: sarifDefault{"warning"}},
	}
	where := "."
	if len(p.inputs) > 0 {
		where = filepath.ToSlash(p.inputs[0])
	}
	var results []sarifResult
	for i := range p.Clients {
		c := &p.Clients[i]
		if c.Effect == rollout.Keeps || c.FailsToday {
			continue
		}
		rule, level := 0, "error"
		if c.Effect == rollout.Unknown {
			rule, level = 1, "warning"
		}
		if !p.against(c) || p.Gate.Passed {
			level = "note"
		}
		results = append(results, sarifResult{
			RuleID: rules[rule].ID, RuleIndex: rule, Level: level,
			Message: sarifText{fmt.Sprintf("%s %s under %s (%s): %s. %s", visible(clientWords(c)), effectVerb(c), rollout.Short(p.To), p.seenWords(c), whyWords(c), todoWords(c))},
			Locations: []sarifLocation{{
				Physical: sarifPhysical{Artifact: sarifArtifact{where}, Region: &sarifRegion{StartLine: 1}},
				Logical:  []sarifLogical{{FullyQualifiedName: string(c.Kind) + ":" + visible(c.Name)}},
			}},
			Fingerprints: map[string]string{"client/v1": p.To + " " + string(c.Kind) + " " + c.Name},
		})
	}
	return newSARIF(rules, results, nil)
}

func effectVerb(c *rollout.ClientReport) string {
	if c.Effect == rollout.Unknown {
		return "may break"
	}
	return "breaks"
}

// seenWords says how often a client was seen, or that it was not.
func (p *whoBreaksPage) seenWords(c *rollout.ClientReport) string {
	switch s := connectionsWords(c); {
	case p.Beside(c):
		return "in the catalogue, which does not count beside traffic"
	case s != "":
		return s + labelled(", ", partWords(c))
	}
	return "in the catalogue"
}
