package scenarios

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
)

// judge analyses the bundle once and compares each carried-out scenario's part with what it wants.
func (c *carrier) judge(ctx context.Context, b *evidence.Bundle, carried []*slot, verdicts map[*Scenario]Verdict) error {
	report, err := analyzers.Run(ctx, b, signatures.All(), &analyzers.Options{Examples: -1})
	if err != nil {
		return fmt.Errorf("analysing the evidence: %w", err)
	}
	if report.Damaged > 0 {
		return fmt.Errorf("the lab's own evidence is damaged: %w", errors.Join(report.Problems...))
	}
	metrics, err := readMetrics(b, c.endpoint.LoadBalancer)
	if err != nil {
		return err
	}
	k := newCutter(c, report, &b.Manifest)
	c.background = k.background(carried)
	q := newQuoter(b)
	for _, sl := range carried {
		for _, s := range sl.scenarios {
			if _, decided := verdicts[s]; decided {
				continue
			}
			j := &judgement{cut: k.cut(s, sl), carrier: c, bundle: b, metrics: metrics, quote: q}
			verdicts[s] = j.verdict()
			c.answers = append(c.answers, j.answers()...)
		}
	}
	return nil
}

// judgement compares one scenario's part with what it wants.
type judgement struct {
	*cut
	carrier *carrier
	bundle  *evidence.Bundle
	metrics metricTable
	quote   *quoter
	step    string // of the connection at hand
	cites   []evidence.Ref
	reasons []Reason
}

func (j *judgement) verdict() Verdict {
	s := j.scenario
	for i := range j.pairs {
		j.pair(&j.pairs[i])
	}
	j.step, j.cites = "", nil
	for _, c := range j.extra {
		j.unwanted(c)
	}
	j.waf()
	j.judgeMetrics()
	j.filter()

	v := s.verdict(Pass, "")
	v.Start, v.End, v.Bundle = j.slot.start, j.slot.end(), j.carrier.folder
	v.Listener = slices.Sorted(maps.Values(j.carrier.plan.listeners[s]))
	v.Found = j.found()
	return j.sort(v)
}

// sort puts the reasons into the verdict. In an account, what differs from an assumption alone has taught us something.
func (j *judgement) sort(v Verdict) Verdict {
	for _, r := range j.reasons {
		if j.assumed(r.Fact) && j.carrier.endpoint.Kind != "embedded" {
			v.Learned = append(v.Learned, r)
			continue
		}
		v.Reasons = append(v.Reasons, r)
		v.Verdict = Fail
	}
	return v
}

// assumed reports whether a fact rests on an assumption. What a client did and what the analyzers call it follow from it.
func (j *judgement) assumed(f Fact) bool {
	return slices.ContainsFunc(j.scenario.Assumed, func(a Assumption) bool { return slices.Contains(a.Facts, f) })
}

// found lists what the analyzers said.
func (j *judgement) found() []Found {
	var out []Found
	add := func(step string, f *analyzers.Finding) {
		if f == nil {
			return
		}
		out = append(out, Found{
			Step: step, Client: f.Conn.Client.String(), Server: f.Conn.Server.String(),
			Signature: f.Signature, Message: f.Message, Cites: f.Cites,
		})
	}
	for i := range j.pairs {
		if !j.pairs[i].canary {
			add(j.pairs[i].step.Name, j.pairs[i].finding)
		}
	}
	return out
}

// differ notes a difference, with the evidence of the connection at hand.
func (j *judgement) differ(f Fact, wanted, found string, cites ...evidence.Ref) {
	if len(cites) == 0 {
		cites = j.cites
	}
	r := Reason{Fact: f, Step: j.step, Wanted: wanted, Found: found, Cites: cites}
	for _, c := range cites {
		r.Evidence = append(r.Evidence, j.quote.line(c))
	}
	j.reasons = append(j.reasons, r)
}

// pair judges one attempt and its connection.
func (j *judgement) pair(p *pair) {
	j.step, j.cites = p.step.Name, nil
	if p.canary {
		j.canary(p)
		return
	}
	w := &p.step.Want
	if p.conn != nil {
		j.cites = p.conn.Refs()
	}
	if p.step.Action == Call {
		j.client(p.attempt, &w.Client)
	}
	if p.conn == nil {
		j.differ(FactFlow, "records of the connection", "none in flow log, connection log, access log or capture")
		return
	}
	switch {
	case p.finding == nil:
		j.differ(FactFinding, w.Signature, "no finding")
	case !j.carrier.captures() && p.finding.Signature == "refused-first-flight" && onlyCaptureTells(w.Signature):
	case p.finding.Signature != w.Signature:
		j.differ(FactFinding, w.Signature, p.finding.Signature+": "+p.finding.Message, p.finding.Cites...)
	}
	j.flows(p, w)
	j.line(p.conn, w.Line)
	j.access(p, w)
	j.capture(p, w.Capture)
	j.header(p.attempt, w.Header)
}

// onlyCaptureTells reports whether a refusal's cause is in the packets alone: without captures the analyzers say, rightly, that
// they cannot know.
func onlyCaptureTells(signature string) bool {
	switch signature {
	case "no-common-version", "no-common-suite", "no-common-group", "no-common-signature-scheme", "inappropriate-fallback", "malformed-hello",
		"not-tls", "hello-too-large":
		return true
	}
	return false
}

// unwanted notes a connection that no step explains.
func (j *judgement) unwanted(c *correlate.Conn) {
	found := fmt.Sprintf("%s to %s", c.Client, c.Server)
	j.differ(FactFinding, "no other connection", found, c.Refs()...)
}

// canary checks that the request that proves absence has come through in every log.
func (j *judgement) canary(p *pair) {
	path := p.step.Path
	fail := func(what string) {
		j.differ(FactCanary, what+" of the canary "+path+", so that the absence of others means something", "none")
	}
	if len(p.Attempt.Responses) == 0 {
		j.differ(FactCanary, "a response to the canary "+path, p.Attempt.Words)
		return
	}
	c := p.conn
	if c == nil {
		fail("a connection")
		return
	}
	j.cites = c.Refs()
	if !c.HasFlow() {
		fail("a flow record")
	}
	if c.ConnLog == nil || c.ConnLog.VerifyStatus != "Success" {
		fail("a connection-log line")
	}
	if c.Requests != 1 || !strings.Contains(c.Access[0].Request, path+" ") {
		fail("an access-log line")
	}
	if j.scenario.Spec.WAF != nil && (c.WAFCount != 1 || c.WAF[0].HTTPRequest.URI != path) {
		fail("a WAF record")
	}
	if p.finding == nil || p.finding.Signature != "completed" {
		found := "none"
		if p.finding != nil {
			found = p.finding.Signature + ": " + p.finding.Message
		}
		j.differ(FactCanary, "the finding completed", found)
	}
}

// waf counts the web ACL's records of the scenario's connections.
func (j *judgement) waf() {
	if j.scenario.Spec.WAF == nil {
		return
	}
	got := map[string]int{}
	var cites []evidence.Ref
	count := func(c *correlate.Conn) {
		if c == nil {
			return
		}
		for _, r := range c.WAF {
			got[r.Action]++
		}
		cites = append(cites, c.WAFRefs...)
	}
	for i := range j.pairs {
		if !j.pairs[i].canary {
			count(j.pairs[i].conn)
		}
	}
	for _, c := range j.extra {
		count(c)
	}
	want := j.scenario.Want.WAF
	if !maps.Equal(got, want) && len(got)+len(want) > 0 {
		j.differ(FactWAF, countWords(want), countWords(got), cites...)
	}
}

// countWords says "3 ALLOW, 1 BLOCK".
func countWords(m map[string]int) string {
	if len(m) == 0 {
		return "no records"
	}
	var ws []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		ws = append(ws, fmt.Sprintf("%d %s", m[k], k))
	}
	return strings.Join(ws, ", ")
}

// judgeMetrics compares the load balancer's metrics minute by minute: those wanted, and no others.
func (j *judgement) judgeMetrics() {
	for n, want := range j.scenario.Want.Metrics {
		if want == nil {
			continue
		}
		got := j.metrics.minute(j.slot.start, n)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			r := want[name]
			v, ok := got[name]
			switch {
			case !ok && r.Has(0):
			case !ok:
				j.differ(FactMetrics, fmt.Sprintf("%s %s in minute %d", name, r, n+1), "no data")
			case !r.Has(int64(v.sum)):
				j.differ(FactMetrics, fmt.Sprintf("%s %s in minute %d", name, r, n+1), fmt.Sprint(v.sum), v.ref)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[name]; !ok {
				j.differ(FactMetrics, fmt.Sprintf("no %s in minute %d", name, n+1), fmt.Sprint(got[name].sum), got[name].ref)
			}
		}
	}
}
