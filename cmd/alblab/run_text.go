package main

import (
	"encoding/xml"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/alblab/alblab/scenarios"
)

// printRun prints the report.
func (a *app) printRun(r *scenarios.Report, format string, took time.Duration) error {
	switch format {
	case "json":
		b, err := r.JSON()
		if err == nil {
			_, err = a.out.Write(b)
		}
		return err
	case "junit":
		return a.printJUnit(r, took)
	}
	return a.printTable(r, took)
}

// words of the verdicts in colour.
func (a *app) verdict(v scenarios.Result) string {
	c := map[scenarios.Result]text.Color{
		scenarios.Pass: text.FgGreen, scenarios.Fail: text.FgRed, scenarios.Error: text.FgRed, scenarios.Skip: text.FgYellow,
	}
	return a.paint(c[v], string(v))
}

// printTable prints a line for each scenario, then the stories of those that did not pass.
func (a *app) printTable(r *scenarios.Report, took time.Duration) error {
	t := a.newTable("scenario", "verdict", "found")
	assumed := false
	left := 0 // scenarios that nobody began
	for i := range r.Scenarios {
		v := &r.Scenarios[i]
		if v.NotCarriedOut() {
			left++
			continue
		}
		verdict := a.verdict(v.Verdict)
		if v.Verdict == scenarios.Pass && len(v.Assumed) > 0 {
			verdict += "*"
			assumed = true
		}
		t.AppendRow([]any{v.Name, verdict, foundWords(v)})
	}
	if left < len(r.Scenarios) {
		fmt.Fprintln(a.out, t.Render())
	}
	if assumed {
		fmt.Fprint(a.out, "* rests on an assumption: docs/fidelity.md\n")
	}
	for i := range r.Scenarios {
		v := &r.Scenarios[i]
		if !v.NotCarriedOut() && (v.Verdict != scenarios.Pass || len(v.Learned) > 0) {
			fmt.Fprintf(a.out, "\n%s", v.Story())
		}
	}
	a.printLeft(left)
	a.printAnswers(r)
	summary := fmt.Sprintf("%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
	if r.Errors > 0 {
		summary += fmt.Sprintf(", %d not run", r.Errors)
	}
	_, err := fmt.Fprintf(a.out, "\n%s, seed %d, %.1f s\n", summary, r.Seed, took.Seconds())
	return err
}

// printLeft says how many scenarios nobody came to.
func (a *app) printLeft(n int) {
	if n == 0 {
		return
	}
	were, why := "scenario was", ""
	if n > 1 {
		were = "scenarios were"
	}
	if a.ended {
		why = " (interrupted)"
	}
	fmt.Fprintf(a.out, "\n%d %s not carried out%s\n", n, were, why)
}

// printAnswers prints what a run in an account learned, and who else was there. What another than AWS answered is not to be taken for
// AWS's answer.
func (a *app) printAnswers(r *scenarios.Report) {
	for i, x := range r.Answers {
		if i == 0 {
			fmt.Fprintln(a.out)
		}
		from := ""
		if r.Endpoint != "" {
			from = " of " + r.Endpoint + ", not of AWS"
		}
		fmt.Fprintf(a.out, "learned%s: %s: %s\n", from, x.Question, x.Answer)
		if x.Embedded != "" && x.Embedded != x.Answer {
			fmt.Fprintf(a.out, "  the embedded lab: %s\n", x.Embedded)
		}
	}
	if len(r.Background) == 0 {
		return
	}
	fmt.Fprintln(a.out, "\nnot of this run, and not judged:")
	for i, b := range r.Background {
		if i == fewWarnings {
			fmt.Fprintf(a.out, "  and %s more\n", plural(len(r.Background)-i, "address"))
			return
		}
		var words []string
		for _, s := range slices.Sorted(maps.Keys(b.Signatures)) {
			words = append(words, fmt.Sprintf("%s x%d", s, b.Signatures[s]))
		}
		fmt.Fprintf(a.out, "  %s: %s: %s\n", b.Client, plural(b.Connections, "connection"), strings.Join(words, ", "))
	}
}

// printEvidence says where the evidence of each lab is.
func (a *app) printEvidence(r *scenarios.Report, dir string) {
	in := make([]int, len(r.Bundles))
	folders := make([]string, len(r.Bundles))
	for i := range folders {
		folders[i] = scenarios.Folder(i)
	}
	for i := range r.Scenarios {
		v := &r.Scenarios[i]
		if at := slices.Index(folders, v.Bundle); at >= 0 && !v.NotCarriedOut() && v.Verdict != scenarios.Skip {
			in[at]++
		}
	}
	for i, folder := range folders {
		fmt.Fprintf(a.out, "evidence of %s: alblab analyze %s\n", plural(in[i], "scenario"), filepath.Join(dir, folder))
	}
}

// foundWords says what the analyzers found, in a line for as much as fits.
func foundWords(v *scenarios.Verdict) string {
	if v.Verdict == scenarios.Skip || v.Verdict == scenarios.Error {
		return text.WrapSoft(v.Message, foundWidth)
	}
	var order []string
	count := map[string]int{}
	for _, f := range v.Found {
		if count[f.Signature] == 0 {
			order = append(order, f.Signature)
		}
		count[f.Signature]++
	}
	for i, s := range order {
		if count[s] > 1 {
			order[i] = fmt.Sprintf("%s x%d", s, count[s])
		}
	}
	return text.WrapSoft(strings.Join(order, ", "), foundWidth)
}

// foundWidth leaves room for the longest scenario's name in 80 columns.
const foundWidth = 34

// JUnit's XML, as continuous integration reads it.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string     `xml:"name,attr"`
		Class   string     `xml:"classname,attr"`
		Failure *junitText `xml:"failure"`
		Error   *junitText `xml:"error"`
		Skipped *junitText `xml:"skipped"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func (a *app) printJUnit(r *scenarios.Report, took time.Duration) error {
	s := junitSuite{
		Name: "alblab", Tests: len(r.Scenarios), Failures: r.Failed, Errors: r.Errors, Skipped: r.Skipped,
		Time: fmt.Sprintf("%.3f", took.Seconds()),
	}
	for i := range r.Scenarios {
		v := &r.Scenarios[i]
		c := junitCase{Name: v.Name, Class: "alblab.scenarios"}
		switch v.Verdict {
		case scenarios.Fail:
			c.Failure = &junitText{plural(len(v.Reasons), "difference"), v.Story()}
		case scenarios.Error:
			c.Error = &junitText{v.Message, v.Story()}
		case scenarios.Skip:
			c.Skipped = &junitText{Message: v.Message}
		}
		s.Cases = append(s.Cases, c)
	}
	fmt.Fprint(a.out, xml.Header)
	e := xml.NewEncoder(a.out)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out)
	return err
}
