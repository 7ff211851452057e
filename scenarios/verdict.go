package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Result is the word of a verdict.
type Result string

// The results.
const (
	Pass  Result = "pass"
	Fail  Result = "fail"  // something wanted was not found, or something found was not wanted
	Skip  Result = "skip"  // the lab lacks something that the scenario needs
	Error Result = "error" // our harness broke: nothing is said about the scenario
)

// Verdict is the judgement of one scenario.
type Verdict struct {
	Name    string   `json:"name"`
	Verdict Result   `json:"verdict"`
	Doc     string   `json:"doc"`
	Reasons []Reason `json:"reasons,omitempty"` // of a fail
	Message string   `json:"message,omitempty"` // of a skip or an error
	Assumed []string `json:"assumed,omitempty"` // expectations without a source
	Learned []Reason `json:"learned,omitempty"` // where a lab in an AWS account differs from an assumption
	// Found is what the analyzers said of each connection, canary excluded.
	Found    []Found   `json:"found,omitempty"`
	Start    time.Time `json:"start,omitzero"` // its slot
	End      time.Time `json:"end,omitzero"`
	Listener []string  `json:"listeners,omitempty"` // the lab's names of its listeners
	Bundle   string    `json:"bundle,omitempty"`    // folder of the evidence, relative to the report
}

// Found is a finding of the analyzers as a verdict repeats it.
type Found struct {
	Step      string         `json:"step,omitempty"` // "" if no step explains the connection
	Client    string         `json:"client"`
	Server    string         `json:"server"`
	Signature string         `json:"signature"`
	Message   string         `json:"message"`
	Cites     []evidence.Ref `json:"cites,omitempty"`
}

// Reason is one difference between what was wanted and what was found.
type Reason struct {
	Fact     Fact           `json:"fact"`
	Step     string         `json:"step,omitempty"`
	Wanted   string         `json:"wanted"`
	Found    string         `json:"found"`
	Cites    []evidence.Ref `json:"cites,omitempty"`
	Evidence []string       `json:"evidence,omitempty"` // the cited lines themselves
}

// Report is the outcome of a run.
type Report struct {
	Schema    string    `json:"schema"`
	Lab       string    `json:"lab"`
	Seed      uint64    `json:"seed"`
	Passed    int       `json:"passed"`
	Failed    int       `json:"failed"`
	Skipped   int       `json:"skipped"`
	Errors    int       `json:"errors"`
	Scenarios []Verdict `json:"scenarios"`
	// Background is who else knocked at the run's listeners while scenarios acted: the Internet's scanners.
	Background []Background `json:"background,omitempty"`
	// Endpoint is where the run's calls went if not to AWS: what it learned is not AWS's answer then.
	Endpoint string `json:"endpoint,omitempty"`
	// Answers is what a run in an account learned.
	Answers []Answer `json:"answers,omitempty"`
	// Bundles is the evidence, one for each lab that was needed; usually one.
	Bundles []*evidence.Bundle `json:"-"`
}

// Background is what one address that is none of the run's did.
type Background struct {
	Client      string         `json:"client"`
	Connections int            `json:"connections"`
	Signatures  map[string]int `json:"signatures"` // findings by name
}

// Schema is the version of the report's JSON form.
const Schema = "alblab.run/1"

// count fills in the numbers of each result.
func (r *Report) count() {
	r.Passed, r.Failed, r.Skipped, r.Errors = 0, 0, 0, 0
	for i := range r.Scenarios {
		switch r.Scenarios[i].Verdict {
		case Pass:
			r.Passed++
		case Fail:
			r.Failed++
		case Skip:
			r.Skipped++
		case Error:
			r.Errors++
		}
	}
}

// OK reports whether nothing failed and nothing broke.
func (r *Report) OK() bool { return r.Failed == 0 && r.Errors == 0 }

// notCarriedOut is the message of a scenario that the run did not come to.
const notCarriedOut = "not carried out"

// NotCarriedOut reports whether the run ended, or was interrupted, before the scenario began.
func (v *Verdict) NotCarriedOut() bool { return v.Verdict == Error && v.Message == notCarriedOut }

// Story tells what was wanted and what was found, with the evidence quoted: several lines, "" if there is nothing to say.
func (v *Verdict) Story() string {
	var b strings.Builder
	if v.Message != "" {
		fmt.Fprintf(&b, "%s: %s: %s\n", v.Name, v.Verdict, v.Message)
	}
	if len(v.Reasons) > 0 {
		fmt.Fprintf(&b, "%s: %s\n  %s\n", v.Name, v.Verdict, v.Doc)
	}
	for _, r := range v.Reasons {
		r.tell(&b, "")
	}
	for _, r := range v.Learned {
		r.tell(&b, "learned: ")
	}
	if len(v.Reasons) > 0 {
		for _, a := range v.Assumed {
			fmt.Fprintf(&b, "  assumed: %s\n", a)
		}
	}
	return b.String()
}

func (r *Reason) tell(b *strings.Builder, prefix string) {
	where := string(r.Fact)
	if r.Step != "" {
		where = "step " + r.Step + ", " + where
	}
	fmt.Fprintf(b, "  %s%s:\n    wanted %s\n    found  %s\n", prefix, where, r.Wanted, r.Found)
	for i, line := range r.Evidence {
		if i < len(r.Cites) {
			fmt.Fprintf(b, "    %s: %s\n", r.Cites[i], line)
		}
	}
}
