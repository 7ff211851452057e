package scenarios

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
)

// cut is a scenario's part of a run's evidence: the connections of its slot and its listeners' ports.
type cut struct {
	scenario *Scenario
	slot     *slot
	pairs    []pair            // each attempt with its connection, in order; the canary's among them
	extra    []*correlate.Conn // connections that no attempt explains
}

// pair is an attempt and the connection that the evidence has for it, nil if none.
type pair struct {
	*attempt
	conn    *correlate.Conn
	finding *analyzers.Finding
}

// cutter holds what all cuts of a run are made from.
type cutter struct {
	carrier  *carrier
	report   *analyzers.Report
	findings map[*correlate.Conn]*analyzers.Finding
	seen     map[netip.Addr]bool // the addresses that the run's clients saw themselves
	own      map[netip.Addr]bool // those, and the ones that the evidence has for them
}

func newCutter(c *carrier, r *analyzers.Report, m *evidence.Manifest) *cutter {
	k := &cutter{carrier: c, report: r, findings: map[*correlate.Conn]*analyzers.Finding{}, seen: map[netip.Addr]bool{}, own: map[netip.Addr]bool{}}
	for _, f := range r.Findings {
		k.findings[f.Conn] = f
	}
	for _, a := range c.attempts {
		if a.local().IsValid() {
			k.seen[a.local().Addr()] = true
		}
	}
	maps.Copy(k.own, k.seen)
	for _, s := range m.Clients {
		if a, err := netip.ParseAddr(s); err == nil {
			k.own[a] = true
		}
	}
	return k
}

// mine reports whether a connection is one of the run's. In an account that the Internet can reach scanners knock too; they are
// no part of any scenario.
func (k *cutter) mine(c *correlate.Conn) bool {
	return k.carrier.endpoint.Kind == "embedded" || k.own[c.Client.Addr()]
}

// background lists who else came to the run's listeners in the slots, the busiest first.
func (k *cutter) background(carried []*slot) []Background {
	ports := map[uint16]bool{}
	for _, l := range k.carrier.plan.spec.Listeners {
		ports[l.Port] = true
	}
	by := map[string]*Background{}
	for _, c := range k.report.Result.Conns {
		inTime := slices.ContainsFunc(carried, func(sl *slot) bool { return !c.Start.Before(sl.start) && c.Start.Before(sl.end()) })
		if k.mine(c) || !inTime || !ports[c.Server.Port()] {
			continue
		}
		name := c.Client.Addr().String()
		if by[name] == nil {
			by[name] = &Background{Client: name, Signatures: map[string]int{}}
		}
		by[name].Connections++
		if f := k.findings[c]; f != nil {
			by[name].Signatures[f.Signature]++
		}
	}
	var all []Background
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[name])
	}
	slices.SortStableFunc(all, func(a, b Background) int { return b.Connections - a.Connections })
	return all
}

// cut takes the scenario's part. A connection belongs to it by its start, its listener's port and its client.
func (k *cutter) cut(s *Scenario, sl *slot) *cut {
	ct := &cut{scenario: s, slot: sl}
	ports := k.carrier.plan.ports(s)
	var conns []*correlate.Conn
	for _, c := range k.report.Result.Conns {
		inTime := !c.Start.Before(sl.start) && c.Start.Before(sl.end())
		if inTime && k.mine(c) && slices.Contains(ports, c.Server.Port()) {
			conns = append(conns, c)
		}
	}
	for _, a := range k.carrier.attempts {
		if a.scenario == s {
			ct.pairs = append(ct.pairs, pair{attempt: a})
		}
	}
	// By the client's own address first. Address translation may hide it, and a client that got no connection does not
	// know it: then by port, in order of time.
	same := func(a *attempt, c *correlate.Conn) bool { return a.local() == c.Client }
	byPort := func(a *attempt, c *correlate.Conn) bool {
		return a.port == c.Server.Port() && !(a.local().IsValid() && k.seen[c.Client.Addr()])
	}
	for _, fits := range []func(*attempt, *correlate.Conn) bool{same, byPort} {
		for i := range ct.pairs {
			p := &ct.pairs[i]
			if p.conn != nil {
				continue
			}
			n := slices.IndexFunc(conns, func(c *correlate.Conn) bool { return fits(p.attempt, c) })
			if n >= 0 {
				p.conn, p.finding = conns[n], k.findings[conns[n]]
				conns = slices.Delete(conns, n, n+1)
			}
		}
	}
	ct.extra = conns
	return ct
}
