package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/filterpattern"
)

// defaultFields is the number of fields of the default flow-log format, which published patterns are written for. Our
// lines begin with them.
const defaultFields = 14

// filter judges what the scenario's filter pattern finds in the flow log of its slot: exactly the connections of the
// steps that it must find.
func (j *judgement) filter() {
	w := j.scenario.Want.Filter
	if w == nil {
		return
	}
	pattern, err := filterpattern.Parse(w.Pattern)
	if err != nil {
		j.differ(FactFilter, "a pattern that can be read", err.Error())
		return
	}
	want := map[string]string{} // client's address and port -> step
	for i := range j.pairs {
		p := &j.pairs[i]
		if p.conn != nil && slices.Contains(w.Steps, p.step.Name) && !p.canary {
			want[p.conn.Client.String()] = p.step.Name
		}
	}
	err = j.eachFlow(func(ref evidence.Ref, client string, event []byte) {
		if !pattern.Match(event) {
			return
		}
		if _, ok := want[client]; !ok {
			j.differ(FactFilter, "only "+strings.Join(w.Steps, ", "), "also "+client, ref)
			return
		}
		delete(want, client)
	})
	if err != nil {
		j.differ(FactFilter, "a flow log", err.Error())
	}
	for client, step := range want {
		j.differ(FactFilter, "the pattern finds step "+step, "it does not find "+client)
	}
}

// eachFlow calls f with each flow record of the scenario's connections, as an event in the default format.
func (j *judgement) eachFlow(f func(ref evidence.Ref, client string, event []byte)) error {
	lines := map[evidence.Ref]string{}
	for i := range j.pairs {
		if c := j.pairs[i].conn; c != nil {
			for _, r := range c.FlowRefs {
				lines[r] = c.Client.String()
			}
		}
	}
	return j.bundle.Each(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
		l := evidence.NewLines(r, o)
		for {
			line, err := l.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading the flow log: %w", err)
			}
			ref := evidence.Ref{File: o.File, Line: l.Line()}
			if client, ok := lines[ref]; ok {
				fields := bytes.Fields(line)
				f(ref, client, bytes.Join(fields[:min(len(fields), defaultFields)], []byte(" ")))
			}
		}
	})
}
