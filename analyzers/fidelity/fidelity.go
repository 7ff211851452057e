// Package fidelity compares two bundles of the same run, field by field: usually one of the embedded lab and one of an AWS
// account. What is the same proves the embedded lab right; what differs without a reason is where it is wrong, or where an
// assumption was settled.
//
// Start with [Compare]. Records are matched within their slot of the run, listener and direction, so that the bundles may
// be of any time and place; addresses, times and identifiers differ as they must and are counted apart, with the reason.
package fidelity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/evidence"
)

// Schema is the version of the report's JSON.
const Schema = "alblab.fidelity/1"

// DefaultRecords is how many records of a kind are compared unless [Options] say otherwise: a run of all scenarios has some thousand.
const DefaultRecords = 1 << 20

// fewExamples is how many differing values of a field are kept.
const fewExamples = 3

// Options of Compare.
type Options struct {
	// Analyzers judge both bundles, and their findings are compared too. None: only records are.
	Analyzers []*analyzers.Analyzer
	// Records is the most that are read of a kind and bundle; 0 means DefaultRecords.
	Records int
}

// Report is what Compare found.
type Report struct {
	Schema string `json:"schema"`
	A      Side   `json:"a"`
	B      Side   `json:"b"`
	// Scenarios is how many both bundles have and are compared; the others are left out, as what a lab lacks is skipped in a run.
	Scenarios  int      `json:"scenarios"`
	ScenariosA []string `json:"scenarios_only_a,omitempty"`
	ScenariosB []string `json:"scenarios_only_b,omitempty"`
	Kinds      []Kind   `json:"kinds"`
}

// Side is one of the bundles.
type Side struct {
	Lab          string `json:"lab"` // embedded, aws, or "" if the bundle does not say
	LoadBalancer string `json:"load_balancer,omitempty"`
	Background   int    `json:"background"` // records of others than the run's own clients, which are left out
	Damaged      int    `json:"damaged"`    // records that could not be read
}

// Kind is what the comparison says of one kind of evidence.
type Kind struct {
	Kind    string  `json:"kind"` // as evidence.Kind, or "findings"
	A       int     `json:"records_a"`
	B       int     `json:"records_b"`
	Paired  int     `json:"paired"`
	OnlyA   []Alone `json:"only_a,omitempty"` // the first of them
	OnlyB   []Alone `json:"only_b,omitempty"`
	AloneA  int     `json:"alone_a"` // all of them
	AloneB  int     `json:"alone_b"`
	Fields  []Field `json:"fields"`
	Missing string  `json:"missing,omitempty"` // the bundle, "a" or "b", that has nothing of this kind
}

// Alone is a record that the other bundle has no partner for.
type Alone struct {
	Group string       `json:"group"` // slot, listener port, direction
	Ref   evidence.Ref `json:"ref"`
	Text  string       `json:"text"`
}

// Field is one field of the records of a kind.
type Field struct {
	Name     string    `json:"name"`
	Same     int       `json:"same"`
	Differs  int       `json:"differs"`          // without a reason
	OnlyA    int       `json:"only_a"`           // has a value in A alone, without a reason
	OnlyB    int       `json:"only_b"`           // has a value in B alone, without a reason
	Expected int       `json:"expected"`         // differs, as it must
	Reason   string    `json:"reason,omitempty"` // why it must
	Examples []Example `json:"examples,omitempty"`
}

// Example is a difference without a reason.
type Example struct {
	Group string       `json:"group"`
	A     string       `json:"a"`
	B     string       `json:"b"`
	RefA  evidence.Ref `json:"ref_a"`
	RefB  evidence.Ref `json:"ref_b"`
}

// Unexplained is the number of fields and of records that differ without a reason. A kind of evidence that one bundle lacks
// counts as one, and so does each damaged record: what it says is not compared.
func (r *Report) Unexplained() (fields, records int) {
	records = r.A.Damaged + r.B.Damaged
	for _, k := range r.Kinds {
		if k.Missing != "" {
			records++
			continue
		}
		records += k.AloneA + k.AloneB
		for _, f := range k.Fields {
			if f.Differs+f.OnlyA+f.OnlyB > 0 {
				fields++
			}
		}
	}
	return fields, records
}

// Compare compares the bundles. Damaged records are counted; an error means that a bundle could not be read, or that the two
// are not of one run: they have no slot in common.
func Compare(ctx context.Context, a, b *evidence.Bundle, o *Options) (*Report, error) {
	if o == nil {
		o = &Options{}
	}
	most := o.Records
	if most == 0 {
		most = DefaultRecords
	}
	both, onlyA, onlyB, err := scenariosInBoth(a, b)
	if err != nil {
		return nil, err
	}
	ra, err := newReader(a, most, both)
	if err != nil {
		return nil, err
	}
	rb, err := newReader(b, most, both)
	if err != nil {
		return nil, err
	}
	rb.like(ra)
	ra.apart = inBoth(apart(a), apart(b))
	rb.apart = ra.apart
	report := &Report{Schema: Schema, Scenarios: len(both), ScenariosA: onlyA, ScenariosB: onlyB}
	for _, k := range kinds() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !a.Has(k.kind) && !b.Has(k.kind) {
			continue
		}
		ea, err := k.read(ra)
		if err != nil {
			return nil, err
		}
		eb, err := k.read(rb)
		if err != nil {
			return nil, err
		}
		out := pair(string(k.kind), ea, eb)
		switch {
		case !a.Has(k.kind):
			out.Missing = "a"
		case !b.Has(k.kind):
			out.Missing = "b"
		}
		report.Kinds = append(report.Kinds, out)
	}
	if len(o.Analyzers) > 0 {
		fa, err := findings(ctx, ra, o.Analyzers)
		if err != nil {
			return nil, err
		}
		fb, err := findings(ctx, rb, o.Analyzers)
		if err != nil {
			return nil, err
		}
		report.Kinds = append(report.Kinds, pair("findings", fa, fb))
	}
	report.A, report.B = ra.side(), rb.side()
	return report, nil
}

// scenariosInBoth refuses bundles that cannot be of one run. Bundles without slots are compared whole: all are nil.
func scenariosInBoth(a, b *evidence.Bundle) (both map[string]bool, onlyA, onlyB []string, err error) {
	ofA, ofB := scenariosOf(a), scenariosOf(b)
	if len(ofA) == 0 && len(ofB) == 0 {
		return nil, nil, nil, nil
	}
	both = map[string]bool{}
	for _, n := range ofA {
		if slices.Contains(ofB, n) {
			both[n] = true
		} else {
			onlyA = append(onlyA, n)
		}
	}
	for _, n := range ofB {
		if !both[n] {
			onlyB = append(onlyB, n)
		}
	}
	if len(both) == 0 {
		return nil, nil, nil, fmt.Errorf("the bundles are not of one run: no scenario is in both (%s; %s)", few(ofA), few(ofB))
	}
	return both, onlyA, onlyB, nil
}

func scenariosOf(b *evidence.Bundle) []string {
	var all []string
	for _, s := range b.Manifest.Slots {
		all = append(all, s.Scenarios...)
	}
	return all
}

// apart are the scenarios that have a slot alone.
func apart(b *evidence.Bundle) map[string]bool {
	all := map[string]bool{}
	for _, s := range b.Manifest.Slots {
		if len(s.Scenarios) == 1 {
			all[s.Scenarios[0]] = true
		}
	}
	return all
}

func inBoth(a, b map[string]bool) map[string]bool {
	both := map[string]bool{}
	for n := range a {
		if b[n] {
			both[n] = true
		}
	}
	return both
}

func few(names []string) string {
	const most = 3
	switch {
	case len(names) == 0:
		return "none named"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
