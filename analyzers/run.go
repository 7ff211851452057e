package analyzers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
)

// run is the state of one Run.
type run struct {
	as        []*Analyzer
	has       map[evidence.Kind]bool
	listeners map[uint16]Listener
	examples  int
	concluded []bool
	raised    int // findings that should have raised the metric
	report    *Report
	order     map[string]int
	all       tallies
	clients   map[netip.Addr]*clientSum
	explained map[string]*policy.Explanation
	words     *interner
}

type clientSum struct {
	connections, failures int
	tallies               tallies
}

// Run reads the bundle, joins its records and lets the analyzers judge the connections, in the order of the list: the first
// that reports a connection concludes it. Nil options mean the zero value. An error means that evidence could not be read at
// all or that an analyzer broke; damaged records are counted in the report.
func Run(ctx context.Context, b *evidence.Bundle, as []*Analyzer, o *Options) (*Report, error) {
	if o == nil {
		o = &Options{}
	}
	listeners, notes := o.Listeners, []string(nil)
	if !o.IgnoreSpec {
		listeners, notes = withSpec(b.Manifest.Spec, o.Listeners)
	}
	co := correlate.Options{}
	if o.Correlate != nil {
		co = *o.Correlate
	}
	fromManifest(&co, b, listeners)
	res, err := correlate.Read(ctx, b, &co)
	if err != nil {
		return nil, err
	}
	has := map[evidence.Kind]bool{}
	for _, k := range kinds {
		has[k] = b.Has(k)
	}
	has[evidence.KindCapture] = has[evidence.KindCapture] || has[evidence.KindMirror]
	rep, err := Judge(ctx, res, has, as, listeners, o.Examples)
	if err != nil {
		return nil, err
	}
	rep.Notes = append(notes, rep.Notes...)
	for _, s := range b.Skipped {
		rep.Notes = append(rep.Notes, fmt.Sprintf("%s was not read: %s", s.Name, s.Reason))
	}
	return rep, nil
}

// Judge lets the analyzers judge connections that are joined already. has says which kinds of evidence were there; examples
// is that of Options.
func Judge(ctx context.Context, res *correlate.Result, has map[evidence.Kind]bool, as []*Analyzer, listeners map[uint16]Listener, examples int) (*Report, error) {
	if examples == 0 {
		examples = 1000
	}
	r := &run{
		as: as, has: has, listeners: listeners, examples: examples,
		concluded: make([]bool, len(res.Conns)), order: map[string]int{},
		clients: map[netip.Addr]*clientSum{}, explained: map[string]*policy.Explanation{}, words: newInterner(),
		report: &Report{Schema: Schema, Connections: len(res.Conns), Targets: len(res.Targets), Result: res},
	}
	for i, a := range as {
		r.order[a.Name] = i
	}
	for _, a := range as {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if missing := lacking(a.Needs, has); len(missing) > 0 {
			r.report.Skipped = append(r.report.Skipped, Skipped{a.Name, missing, "needs " + anyOf(missing)})
			continue
		}
		if err := a.Run(&Pass{Analyzer: a, Result: res, run: r}); err != nil {
			return nil, fmt.Errorf("analyzer %s: %w", a.Name, err)
		}
	}
	r.finish()
	return r.report, nil
}

// lacking returns the needs if none of them is there.
func lacking(needs []evidence.Kind, has map[evidence.Kind]bool) []evidence.Kind {
	for _, k := range needs {
		if has[k] {
			return nil
		}
	}
	return needs
}

// anyOf says the kinds as words: "a flow log, a connection log or a packet capture".
func anyOf(ks []evidence.Kind) string {
	words := make([]string, len(ks))
	for i, k := range ks {
		words[i] = kindWords(k)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func (r *run) add(f *Finding) {
	r.all.add(f)
	addr := f.Conn.Client.Addr()
	c := r.clients[addr]
	if c == nil {
		c = &clientSum{}
		r.clients[addr] = c
	}
	c.connections++
	n := c.tallies.add(f)
	if f.Failed() {
		c.failures++
		r.report.Failures++
	}
	if raises(f) {
		r.raised++
	}
	if r.examples > 0 && n > r.examples {
		r.report.Omitted++
		return
	}
	if f.Offer == nil && f.Stage != StageCompleted {
		f.Offer = OfferOf(f.Conn)
	}
	r.report.Findings = append(r.report.Findings, f)
}

// finish fills in what follows from the findings.
func (r *run) finish() {
	rep, res := r.report, r.report.Result
	slices.SortFunc(rep.Findings, func(x, y *Finding) int { return x.Conn.Index - y.Conn.Index })
	rep.Signatures = r.all.list(r.order)
	for _, done := range r.concluded {
		if !done {
			rep.Undecided++
		}
	}
	usage := usageByClient(res)
	for addr, c := range r.clients {
		rep.Clients = append(rep.Clients, Client{
			Address: addrText(addr), Connections: c.connections, Failures: c.failures, Signatures: c.tallies.list(r.order), TLS: usage[addr],
		})
		delete(usage, addr)
	}
	for addr, u := range usage { // clients known from the access log alone
		rep.Clients = append(rep.Clients, Client{Address: addrText(addr), TLS: u})
	}
	slices.SortFunc(rep.Clients, func(x, y Client) int {
		if x.Failures != y.Failures {
			return y.Failures - x.Failures
		}
		return compareAddr(x.Address, y.Address)
	})
	rep.TLS = usageTotal(res)
	rep.Metrics = r.metricFacts()
	rep.Files, rep.Problems, rep.Damaged = res.Loads, res.Problems, res.ProblemCount
	for _, k := range kinds {
		if !r.has[k] && adds[k] != "" {
			rep.Missing = append(rep.Missing, Missing{k, adds[k]})
		} else if k == evidence.KindMetrics && r.has[k] && len(rep.Metrics) == 0 {
			rep.Missing = append(rep.Missing, Missing{k, adds[k] + "; the metrics that are there have no sum of it"})
		}
	}
	rep.Notes = append(rep.Notes, r.notes()...)
}

// defaultFields is the number of fields in the default format of flow logs.
const defaultFields = 14

// notes says what limits the findings.
func (r *run) notes() []string {
	var out []string
	res := r.report.Result
	say := func(n int, one, many string) {
		if n == 1 {
			out = append(out, one)
		} else if n > 1 {
			out = append(out, fmt.Sprintf(many, n))
		}
	}
	fields := 0
	for _, l := range res.Loads {
		fields = max(fields, l.Headerless)
	}
	if fields > defaultFields {
		out = append(out, fmt.Sprintf("the flow log was read in the default format, of %d fields, but its lines have %d fields and no header row: say its format with --flow-format '${version} ...'",
			defaultFields, fields))
	} else if res.NoFlags {
		out = append(out, "the flow log has no tcp-flags field, which the default format lacks: a refusal cannot be told from a connection that is still open; choose a custom format with ${tcp-flags}")
	}
	plain := r.plain()
	if plain > 0 {
		out = append(out, fmt.Sprintf("nothing was concluded of %s to port %s, taken for plain HTTP: if it speaks TLS, name it as a listener",
			count(plain, "connection"), strings.Trim(strings.Join(strings.Fields(fmt.Sprint(res.PlainPorts)), ", "), "[]")))
	}
	say(res.SkipData, "the flow log skipped records in 1 window (SKIPDATA): a missing flow proves nothing there",
		"the flow log skipped records in %d windows (SKIPDATA): a missing flow proves nothing there")
	say(res.Overflow, "1 record was not joined, as there are more connections than are held at once: analyze a shorter time",
		"%d records were not joined, as there are more connections than are held at once: analyze a shorter time")
	const lost = " neither client, ports nor trace id, so nothing can be joined to %s, and who the client was is not known: analyze the log itself"
	say(res.PartialLines, "1 line of the connection log is partial: it has"+fmt.Sprintf(lost, "it"), "%d lines of the connection log are partial: they have"+fmt.Sprintf(lost, "them"))
	say(res.Duplicates, "1 record was there twice and counts once", "%d records were there twice and count once")
	say(res.OtherFlows, "1 flow record is of other traffic and was not looked at"+otherPorts(res),
		"%d flow records are of other traffic and were not looked at"+otherPorts(res))
	say(r.report.Omitted, "1 further finding of the same kind is counted, not listed", "%d further findings of the same kinds are counted, not listed")
	say(r.report.Undecided-plain, "1 connection has no finding: what there is of it does not show how it ended",
		"%d connections have no finding: what there is of them does not show how they ended")
	return out
}

// otherPorts names the ports that were not looked at.
func otherPorts(res *correlate.Result) string {
	var ports []string
	for _, p := range res.OtherPorts {
		ports = append(ports, fmt.Sprintf("%d (%s)", p.Port, count(p.Records, "record")))
	}
	if len(ports) == 0 {
		return ""
	}
	words := ", most of port " + strings.Join(ports, ", ")
	if len(res.Conns) == 0 {
		words += fmt.Sprintf(": if the load balancer speaks TLS there, name it with --listener %d", res.OtherPorts[0].Port)
	}
	return words
}

// plain counts the connections of plain HTTP that have no finding.
func (r *run) plain() (n int) {
	for i, c := range r.report.Result.Conns {
		if c.Plain && !r.concluded[i] {
			n++
		}
	}
	return n
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

func compareAddr(x, y string) int {
	a, errA := netip.ParseAddr(x)
	b, errB := netip.ParseAddr(y)
	if errA != nil || errB != nil {
		return strings.Compare(x, y)
	}
	return a.Compare(b)
}
