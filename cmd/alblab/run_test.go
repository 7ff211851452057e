package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/scenarios"
)

// reportOf has one verdict of each sort.
func reportOf() *scenarios.Report {
	return &scenarios.Report{
		Schema: scenarios.Schema, Lab: "embedded", Seed: 3, Passed: 1, Failed: 1, Skipped: 1, Errors: 1,
		Scenarios: []scenarios.Verdict{
			{Name: "good", Verdict: scenarios.Pass, Found: []scenarios.Found{{Signature: "completed"}, {Signature: "completed"}}},
			{Name: "bad", Verdict: scenarios.Fail, Doc: "A sentence.", Assumed: []string{"a guess"}, Reasons: []scenarios.Reason{{
				Fact: scenarios.FactFlow, Step: "curl", Wanted: "3 packets", Found: "4 packets",
				Cites: []evidence.Ref{{File: "flow.log", Line: 2}}, Evidence: []string{"2 111122223333 <eni>"},
			}}},
			{Name: "lacking", Verdict: scenarios.Skip, Message: "the lab lacks rawpackets"},
			{Name: "broken", Verdict: scenarios.Error, Message: "step curl: connection refused"},
		},
	}
}

// render prints a report without colour.
func render(t *testing.T, format string) string {
	t.Helper()
	var out bytes.Buffer
	a := testApp(&out)
	require.NoError(t, a.printRun(reportOf(), format, 1500*time.Millisecond))
	require.NoError(t, a.out.Flush())
	return out.String()
}

func TestRunText(t *testing.T) {
	require.Equal(t, `SCENARIO  VERDICT  FOUND
good      pass     completed x2
bad       fail
lacking   skip     the lab lacks rawpackets
broken    error    step curl: connection refused

bad: fail
  A sentence.
  step curl, flow:
    wanted 3 packets
    found  4 packets
    flow.log:2: 2 111122223333 <eni>
  assumed: a guess

lacking: skip: the lab lacks rawpackets

broken: error: step curl: connection refused

1 passed, 1 failed, 1 skipped, 1 not run, seed 3, 1.5 s
`, render(t, "text"))
}

func TestRunJSON(t *testing.T) {
	var r struct {
		Schema    string
		Scenarios []struct{ Name, Verdict string }
	}
	require.NoError(t, json.Unmarshal([]byte(render(t, "json")), &r))
	require.Equal(t, "alblab.run/1", r.Schema)
	var words []string
	for _, s := range r.Scenarios {
		words = append(words, s.Name+" "+s.Verdict)
	}
	require.Equal(t, []string{"good pass", "bad fail", "lacking skip", "broken error"}, words)
}

func TestRunJUnit(t *testing.T) {
	text := render(t, "junit")
	require.True(t, strings.HasPrefix(text, xml.Header))
	var s junitSuite
	require.NoError(t, xml.Unmarshal([]byte(text), &s))
	require.Equal(t, [4]int{4, 1, 1, 1}, [4]int{s.Tests, s.Failures, s.Errors, s.Skipped})
	require.Nil(t, s.Cases[0].Failure)
	require.Contains(t, s.Cases[1].Failure.Text, "flow.log:2: 2 111122223333 <eni>")
	require.Equal(t, "the lab lacks rawpackets", s.Cases[2].Skipped.Message)
	require.NotNil(t, s.Cases[3].Error)
}

func TestColours(t *testing.T) {
	var out bytes.Buffer
	a := testApp(&out)
	require.Equal(t, "pass", a.verdict(scenarios.Pass))
	a.color = true
	require.Equal(t, "\x1b[32mpass\x1b[0m", a.verdict(scenarios.Pass))
}

// TestFullDisk: evidence that the folder cannot take is kept elsewhere, and the error says where.
func TestFullDisk(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := saveReport(reportOf(), filepath.Join(file, "below"))
	var p *problem
	require.ErrorAs(t, err, &p)
	require.NotContains(t, err.Error(), "\n")
	_, spare, ok := strings.Cut(p.hint, "kept in ")
	require.True(t, ok, p.hint)
	require.FileExists(t, filepath.Join(strings.TrimSuffix(spare, " instead"), "report.json"))
}

func TestInterruptedRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitError, run(ctx, []string{"run"}, nil, &stdout, &stderr))
	require.Equal(t, "alblab: error: interrupted\n", stderr.String())
}

// TestInterruptedRunText: what nobody came to is one line, not one each.
func TestInterruptedRunText(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := scenarios.All()[:3]
	r, err := scenarios.Run(ctx, scenarios.Options{
		Start:     func(ctx context.Context, spec lab.Spec) (lab.Lab, error) { return embedded.Start(ctx, spec, nil) },
		Scenarios: begun,
		Progress: func(done, _ int, _ *scenarios.Scenario) {
			if done == 1 {
				cancel()
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	var out bytes.Buffer
	a := testApp(&out)
	a.ended = true
	require.NoError(t, a.printRun(r, "text", time.Second))
	require.NoError(t, a.out.Flush())
	require.Contains(t, out.String(), "\n2 scenarios were not carried out (interrupted)\n")
	require.Equal(t, 1, strings.Count(out.String(), "not carried out"))
	require.Contains(t, out.String(), begun[0].Name)
	require.NotContains(t, out.String(), begun[1].Name)
}

// TestProgress: no line unless the work takes longer than a second, none that stays.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	a := testApp(&bytes.Buffer{})
	a.err = &out
	p := a.newProgress()
	p.set("working") // not a terminal: nothing, and no panic
	p.stop()
	a.live = true
	p = a.newProgress()
	p.set("1/2 %s", "working")
	p.stop()
	require.Empty(t, out.String(), "short work draws nothing")
}

func TestProblems(t *testing.T) {
	var out bytes.Buffer
	printProblem(&out, hint(errors.Join(errors.New("one"), errors.New("two")), "do %s", "that"))
	require.Equal(t, "alblab: error: one\nalblab: error: two\nalblab: hint: do that\n", out.String())
	require.NoError(t, hint(nil, "nothing"))
}

// TestLearnedOfAnotherEndpoint: what an emulator answers is not taken for AWS's answer.
func TestLearnedOfAnotherEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                      "\nlearned: whether: yes\n  the embedded lab: no\n",
		"http://127.0.0.1:4566": "\nlearned of http://127.0.0.1:4566, not of AWS: whether: yes\n  the embedded lab: no\n",
	} {
		var out bytes.Buffer
		a := &app{out: bufio.NewWriter(&out)}
		a.printAnswers(&scenarios.Report{Endpoint: endpoint, Answers: []scenarios.Answer{{Question: "whether", Answer: "yes", Embedded: "no"}}})
		require.NoError(t, a.out.Flush())
		require.Equal(t, want, out.String())
	}
}
