// Package benchmark measures how sure findings are: it lets a lab carry out many connections whose course is known, and
// holds what the analyzers say of them against that, with little evidence and with all of it.
//
// Start with [Run]. Truth is known by construction: a connection is labelled with what its client was made to do, and the label
// is checked by what the client saw. Nothing of the lab's own decisions but the security policies, which package policy holds
// against other implementations, goes into it.
package benchmark

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
)

// DefaultConnections is the size of the published table.
const DefaultConnections = 100_000

// perLab is the number of connections of one lab: evidence is judged lab by lab, so that memory is bounded.
const perLab = 2500

// Options for Run. Start is required.
type Options struct {
	// Start makes a running lab that meets the Spec and keeps its evidence in dir. Run closes it. The lab must be
	// Timed, a Scanner and Faulty.
	Start       func(ctx context.Context, spec lab.Spec, dir string) (lab.Lab, error)
	Connections int    // 0: DefaultConnections
	Seed        uint64 // of the traffic and the labs
	// Progress is called now and then. May be nil.
	Progress func(done, total int)
}

// Result is what came out.
type Result struct {
	Connections int
	Seed        uint64
	Mixes       []*MixResult
	Kernel      []*MixResult // of programs that nobody here wrote; see KernelTraffic
	KernelWords string       // when and where Kernel was measured
	// KernelKept is the page's part of an earlier run, which stands where Kernel is empty.
	KernelKept string
}

// Goals returns all goals.
func (r *Result) Goals() []Goal {
	var all []Goal
	for _, m := range append(slices.Clone(r.Mixes), r.Kernel...) {
		all = append(all, m.Goals()...)
	}
	return all
}

// MixResult is the scores of one mix of traffic.
type MixResult struct {
	Name, Doc   string
	Unseen      bool // no signature was written against it
	Gaps        bool // flow-log records were skipped
	AlertClose  bool // the load balancer refuses with an alert and a FIN
	Connections int  // labelled ones
	Dropped     int  // carried out, and not judged: the client did not do what it was to do, as on a path that loses packets
	Views       []*Score

	Kernel            bool     // the clients were programs that we did not write, on the kernel's TCP
	Programs, Missing []string // those that were there, and those that were not
	Odd               []string // what did not go as it was to on a good path: the harness is wrong
}

// Run carries out the mixes and judges them.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Connections <= 0 {
		o.Connections = DefaultConnections
	}
	res := &Result{Connections: o.Connections, Seed: o.Seed}
	done := 0
	for i, m := range mixes() {
		mr := &MixResult{Name: m.name, Doc: m.doc, Unseen: m.unseen, Gaps: m.gaps, AlertClose: m.wireProfile == "alert-close", Views: newScores()}
		res.Mixes = append(res.Mixes, mr)
		left := max(o.Connections*m.share/100, 1)
		for part := 0; left > 0; part++ {
			n := min(left, perLab)
			seed := o.Seed<<16 | uint64(i)<<12 | uint64(part)
			if err := oneLab(ctx, &o, m, mr, n, seed); err != nil {
				return nil, fmt.Errorf("mix %s, part %d: %w", m.name, part+1, err)
			}
			left -= n
			done += n
			if o.Progress != nil {
				o.Progress(done, o.Connections)
			}
		}
	}
	return res, nil
}

// oneLab carries out n connections on a lab of their own and judges them.
func oneLab(ctx context.Context, o *Options, m *mix, mr *MixResult, n int, seed uint64) (err error) {
	dir, err := os.MkdirTemp("", "alblab-benchmark-")
	if err != nil {
		return fmt.Errorf("making a folder for evidence: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	truths, b, err := carryOut(ctx, o, m, n, seed, filepath.Join(dir, "lab"))
	if err != nil {
		return err
	}
	v := &viewer{mix: m, bundle: b, dir: dir, seed: seed, ports: slices.Collect(maps.Values(ports()))}
	return v.all(ctx, truths, mr)
}

// carryOut runs the traffic on a fresh lab and returns what is true of it, and the evidence.
func carryOut(ctx context.Context, o *Options, m *mix, n int, seed uint64, dir string) (truths []*truth, b *evidence.Bundle, err error) {
	l, err := o.Start(ctx, m.spec(seed), dir)
	if err != nil {
		return nil, nil, fmt.Errorf("starting the lab: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	t, err := newTraffic(l, m, seed)
	if err != nil {
		return nil, nil, err
	}
	if truths, err = t.run(ctx, n); err != nil {
		return nil, nil, err
	}
	if b, err = l.Collect(ctx); err != nil {
		return nil, nil, fmt.Errorf("collecting evidence: %w", err)
	}
	return truths, b, nil
}
