package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/alblab/alblab/analyzers/configlint"
)

// lintReport is what a run of lint has to say.
type lintReport struct {
	kind, path string
	result     *configlint.Result
	refused    map[string][]refusedClient // by policy
	flags      *lintFlags
}

// printLint prints the report. The judgement is negative if there is something that fails.
func (a *app) printLint(r *lintReport) error {
	for i, p := range r.result.Problems {
		if i == fewWarnings {
			a.warn("and %d more", len(r.result.Problems)-fewWarnings)
			break
		}
		a.warn("%v", p)
	}
	var err error
	switch r.flags.format.value {
	case "json":
		err = a.json(r.json())
	case "sarif":
		err = a.json(r.sarif())
	default:
		a.lintText(r)
	}
	for _, f := range r.result.Findings {
		a.negate = a.negate || r.flags.fails(f.Level)
	}
	return err
}

// lintText prints the listeners, each with its findings.
func (a *app) lintText(r *lintReport) {
	by := map[string][]configlint.Finding{}
	var others []configlint.Finding
	listed := map[string]bool{}
	for _, l := range r.result.Listeners {
		listed[l.Address] = true
	}
	counts := map[configlint.Level]int{}
	for _, f := range r.result.Findings {
		counts[f.Level]++
		if listed[f.Listener] {
			by[f.Listener] = append(by[f.Listener], f)
		} else {
			others = append(others, f)
		}
	}
	for i := range r.result.Listeners {
		a.lintListener(&r.result.Listeners[i])
		list := by[r.result.Listeners[i].Address]
		slices.SortStableFunc(list, func(x, y configlint.Finding) int { return rank(x.Level) - rank(y.Level) })
		for _, f := range list {
			a.lintFinding(f)
		}
		fmt.Fprintln(a.out)
	}
	for _, f := range others {
		a.lintFinding(f)
	}
	if len(others) > 0 {
		fmt.Fprintln(a.out)
	}
	if len(r.result.Listeners) == 0 {
		fmt.Fprintln(a.out, "no listener that speaks TLS")
	}
	fmt.Fprintf(a.out, "%s in %s: %s, %s, %s\n", plural(len(r.result.Listeners), "listener"), plural(r.result.Files, "file"),
		plural(counts[configlint.LevelError], "error"), plural(counts[configlint.LevelWarning], "warning"), plural(counts[configlint.LevelNote], "note"))
}

// rank puts what matters most first.
func rank(l configlint.Level) int {
	return slices.Index([]configlint.Level{configlint.LevelError, configlint.LevelWarning, configlint.LevelNote}, l)
}

// lintListener prints a listener's place, its policy and its mutual TLS.
func (a *app) lintListener(l *configlint.Listener) {
	what := l.Protocol
	if l.Port != "" {
		what += " " + l.Port
	}
	if l.Kind == configlint.KindNetwork {
		what += ", Network Load Balancer"
	}
	a.wrap("", l.Address+"  "+what)
	a.wrap("  ", l.At.String())
	switch l.Policy.Origin {
	case configlint.OriginUnknown:
		a.wrap("  ", "policy: unknown: "+l.Policy.Why)
	case configlint.OriginDefault:
		a.wrap("  ", "policy: "+l.Policy.Text+", by default: "+l.Policy.Why)
	default:
		a.wrap("  ", "policy: "+l.Policy.Text)
	}
	switch {
	case l.MTLS.Origin == configlint.OriginUnknown:
		a.wrap("  ", "mutual TLS: unknown: "+l.MTLS.Why)
	case l.MTLS.Origin == configlint.OriginSet:
		a.wrap("  ", "mutual TLS: "+l.MTLS.Text)
	}
}

func (a *app) lintFinding(f configlint.Finding) {
	word := string(f.Level)
	switch f.Level {
	case configlint.LevelError:
		word = a.paint(text.FgRed, word)
	case configlint.LevelWarning:
		word = a.paint(text.FgYellow, word)
	}
	lines := strings.Split(text.WrapSoft(string(f.Level)+" "+string(f.Rule)+": "+f.Message, columns-6), "\n")
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if i == 0 {
			fmt.Fprintf(a.out, "  %s%s\n", word, strings.TrimPrefix(line, string(f.Level)))
		} else {
			fmt.Fprintf(a.out, "    %s\n", line)
		}
	}
}

// wrap prints words, set in, in lines of at most 80 columns where the words allow it.
func (a *app) wrap(indent, s string) {
	for i, line := range strings.Split(text.WrapSoft(s, columns-len(indent)-2), "\n") {
		if i > 0 {
			fmt.Fprint(a.out, "  ")
		}
		fmt.Fprintf(a.out, "%s%s\n", indent, strings.TrimSpace(line))
	}
}

// lintJSON is the JSON form.
type lintJSON struct {
	Schema    string               `json:"schema"`
	Kind      string               `json:"kind"`
	Path      string               `json:"path"`
	Files     int                  `json:"files"`
	Listeners []lintListenerJSON   `json:"listeners"`
	Findings  []configlint.Finding `json:"findings"`
	Problems  []lintProblemJSON    `json:"problems"`
	Failed    bool                 `json:"failed"`
}

type lintListenerJSON struct {
	configlint.Listener
	Refused []lintRefusedJSON `json:"clients_refused"` // null where the policy is not known
}

type lintRefusedJSON struct {
	Client string `json:"client"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

type lintProblemJSON struct {
	At      configlint.Position `json:"at"`
	Message string              `json:"message"`
}

func (r *lintReport) json() lintJSON {
	j := lintJSON{
		Schema: "alblab.lint/1", Kind: r.kind, Path: r.path, Files: r.result.Files, Listeners: []lintListenerJSON{},
		Findings: r.result.Findings, Problems: []lintProblemJSON{},
	}
	if j.Findings == nil {
		j.Findings = []configlint.Finding{}
	}
	for _, l := range r.result.Listeners {
		out := lintListenerJSON{Listener: l}
		if p := l.EffectivePolicy(); p != nil {
			out.Refused = []lintRefusedJSON{}
			for _, c := range r.refused[p.Name] {
				out.Refused = append(out.Refused, lintRefusedJSON{c.client.Name, c.reason.String(), c.detail})
			}
		}
		j.Listeners = append(j.Listeners, out)
	}
	for _, p := range r.result.Problems {
		j.Problems = append(j.Problems, lintProblemJSON{p.At, p.Msg})
	}
	for _, f := range j.Findings {
		j.Failed = j.Failed || r.flags.fails(f.Level)
	}
	return j
}

// sarif makes the form that code review reads. Paths are as they were given, with slashes: run it where the repository is.
func (r *lintReport) sarif() sarifLog {
	var rules []sarifRule
	index := map[configlint.RuleID]int{}
	for i, rule := range configlint.Rules() {
		index[rule.ID] = i
		rules = append(rules, sarifRule{
			ID: string(rule.ID), ShortDescription: sarifText{rule.Short}, Help: sarifText{rule.Help}, HelpURI: rule.URI,
			Configuration: sarifDefault{string(rule.Level)},
		})
	}
	var results []sarifResult
	for _, f := range r.result.Findings {
		location := sarifPlace(f.At)
		if f.Listener != "" {
			location.Logical = []sarifLogical{{f.Listener}}
		}
		message := f.Message
		if f.Listener != "" {
			message = f.Listener + ": " + message
		}
		results = append(results, sarifResult{
			RuleID: string(f.Rule), RuleIndex: index[f.Rule], Level: string(f.Level), Message: sarifText{message},
			Locations: []sarifLocation{location}, Fingerprints: map[string]string{"alblab/1": string(f.Rule) + ":" + f.Listener},
		})
	}
	var problems []sarifNotification
	for _, p := range r.result.Problems {
		problems = append(problems, sarifNotification{Level: "warning", Message: sarifText{p.Msg}, Locations: []sarifLocation{sarifPlace(p.At)}})
	}
	return newSARIF(rules, results, problems)
}

func sarifPlace(at configlint.Position) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{filepath.ToSlash(at.File)}}}
	if at.Line > 0 {
		l.Physical.Region = &sarifRegion{StartLine: at.Line, StartColumn: at.Column}
	}
	return l
}
