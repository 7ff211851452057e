package fidelity

import (
	"context"
	"net/netip"
	"strconv"
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/metric"
)

// metrics are the sums of each metric within the slot of each scenario that has one alone in both runs: what a lab lacks is left out
// of its run, and others share its minute then. What an account counts includes strangers, so there more is as good. Bytes depend on
// names and on the sizes of certificates too, which differ by a few bytes from key to key.
func (r *reader) metrics() ([]entry, error) {
	sums := map[string]float64{}
	refs := map[string]evidence.Ref{}
	var order []string
	_, err := collect(r, evidence.KindMetrics, metric.Records, func(s *metric.Series) (entry, int, bool) {
		var dims []string
		for _, d := range s.Dimensions {
			dims = append(dims, d.Name)
		}
		name := s.Namespace + " " + s.MetricName + " by " + strings.Join(dims, ",")
		for i, at := range s.Timestamps {
			scenario, ok := r.own(netip.Addr{}, at, 0)
			if !ok || len(r.bundle.Manifest.Slots) > 0 && !r.apart[scenario] {
				continue // a slot that scenarios share: nobody's figures
			}
			k := scenario + "\x00" + name
			if _, seen := sums[k]; !seen {
				order = append(order, k)
				refs[k] = evidence.Ref{File: "metrics.json", Line: s.Line}
			}
			sums[k] += s.Values[i]
		}
		return entry{}, 0, false
	})
	reason := ""
	if r.bundle.Manifest.Lab == "aws" {
		reason = byOthers
	}
	var all []entry
	for _, k := range order {
		scenario, name, _ := strings.Cut(k, "\x00")
		e := entry{group: scenario + " " + name, ref: refs[k]}
		why := reason
		if strings.Contains(name, "ProcessedBytes") { // of heads, in which names and fresh certificates stand: as sent_bytes
			why = byName
		}
		e.put(name, strconv.FormatFloat(sums[k], 'f', -1, 64), why)
		all = append(all, e)
	}
	return all, err
}

// findings are what the analyzers say of each connection.
func findings(ctx context.Context, r *reader, as []*analyzers.Analyzer) ([]entry, error) {
	report, err := analyzers.Run(ctx, r.bundle, as, nil)
	if err != nil {
		return nil, err
	}
	var all []entry
	for _, f := range report.Findings {
		port := int(f.Conn.Server.Port())
		scenario, ok := r.own(f.Conn.Client.Addr(), f.Conn.Start, port)
		if !ok {
			continue
		}
		e := entry{group: r.group(scenario, port, "")}
		if len(f.Cites) > 0 {
			e.ref = f.Cites[0]
		}
		e.put("signature", f.Signature, "")
		e.put("stage", string(f.Stage), "")
		all = append(all, e)
	}
	return all, nil
}
