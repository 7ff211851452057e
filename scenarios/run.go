package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
)

// Options say how to run. Start is required.
type Options struct {
	// Start makes a running lab that meets the Spec. Run closes it.
	Start     func(ctx context.Context, spec lab.Spec) (lab.Lab, error)
	Scenarios []*Scenario // nil: All
	Seed      uint64      // of the lab
	// Progress is called before each scenario is carried out, and with a nil scenario when evidence is collected and
	// judged. May be nil.
	Progress func(done, total int, s *Scenario)
}

// Run carries out the scenarios, collects the evidence once, and judges each. The error says that the harness broke, or
// that the context ended; the report then still holds what could be judged, and is nil only if nothing was begun.
func Run(ctx context.Context, o Options) (*Report, error) {
	list := o.Scenarios
	if list == nil {
		list = All()
	}
	plans, err := newPlans(list, o.Seed)
	if err != nil {
		return nil, err
	}
	r := &Report{Schema: Schema, Seed: o.Seed}
	verdicts := map[*Scenario]Verdict{}
	var errs []error
	done := 0
	for i, p := range plans {
		c := &carrier{plan: p, options: &o, done: &done, total: len(list)}
		if i > 0 {
			c.folder = fmt.Sprintf("lab-%d", i+1)
		}
		bundle, err := c.run(ctx, verdicts)
		if err != nil {
			errs = append(errs, err)
		}
		if bundle != nil {
			r.Bundles = append(r.Bundles, bundle)
			r.Lab = bundle.Manifest.Lab
		}
	}
	for _, s := range list {
		v, ok := verdicts[s]
		if !ok {
			v = s.verdict(Error, "not carried out")
		}
		r.Scenarios = append(r.Scenarios, v)
	}
	r.count()
	return r, errors.Join(errs...)
}

// verdict starts one.
func (s *Scenario) verdict(r Result, message string) Verdict {
	v := Verdict{Name: s.Name, Doc: s.Doc, Verdict: r, Message: message}
	for _, a := range s.Assumed {
		v.Assumed = append(v.Assumed, a.Text)
	}
	return v
}

// carrier carries out one plan.
type carrier struct {
	plan     *plan
	options  *Options
	folder   string // of this lab's bundle below the report, "" for the first
	done     *int
	total    int
	lab      lab.Lab
	timed    lab.Timed
	endpoint lab.Endpoint
	attempts []*attempt
}

// collectGrace is how long evidence may take to come after the run was interrupted.
const collectGrace = 10 * time.Second

// run starts the lab, carries out every slot, collects and judges. Verdicts are added to the map.
func (c *carrier) run(ctx context.Context, verdicts map[*Scenario]Verdict) (b *evidence.Bundle, err error) {
	c.lab, err = c.options.Start(ctx, c.plan.spec)
	if err != nil {
		return nil, fmt.Errorf("starting the lab: %w", err)
	}
	defer func() { err = errors.Join(err, c.lab.Close()) }()
	var ok bool
	if c.timed, ok = c.lab.(lab.Timed); !ok {
		return nil, errors.New("the lab has no clock (lab.Timed)")
	}
	c.endpoint = c.lab.Endpoint()
	c.plan.schedule(c.timed.Now())
	var carried []*slot
	var stopped error
	for _, sl := range c.plan.slots {
		if stopped = ctx.Err(); stopped != nil {
			break
		}
		if stopped = c.slot(ctx, sl, verdicts); stopped != nil {
			break
		}
		carried = append(carried, sl)
	}
	if c.options.Progress != nil {
		c.options.Progress(*c.done, c.total, nil)
	}
	if ctx.Err() != nil { // what was carried out is still judged
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), collectGrace)
		defer cancel()
	}
	b, err = c.collect(ctx, carried)
	if err != nil {
		return nil, errors.Join(stopped, err)
	}
	err = c.judge(ctx, b, carried, verdicts)
	return b, errors.Join(stopped, err)
}

// collect takes what came, and adds what the clients saw.
func (c *carrier) collect(ctx context.Context, carried []*slot) (*evidence.Bundle, error) {
	if len(carried) > 0 {
		if err := c.timed.WaitUntil(ctx, carried[len(carried)-1].end()); err != nil {
			return nil, fmt.Errorf("waiting for the last slot's end: %w", err)
		}
	}
	b, err := c.lab.Collect(ctx)
	if err != nil {
		return nil, fmt.Errorf("collecting evidence: %w", err)
	}
	for _, sl := range carried {
		s := evidence.Slot{Name: sl.name(), Start: sl.start, End: sl.end()}
		for _, sc := range sl.scenarios {
			s.Scenarios = append(s.Scenarios, sc.Name)
		}
		b.Manifest.Slots = append(b.Manifest.Slots, s)
	}
	return withAttempts(b, c.attempts)
}

// Times within a slot's minute. A metric's minute must hold all that a scenario does, so work begins a little after the
// minute does and ends before it.
const (
	slotLead  = 5 * time.Second
	slotTail  = 45 * time.Second
	slotPause = time.Second // between two steps, so that records can be told apart
)

// slot carries out the scenarios of one slot, then their canaries.
func (c *carrier) slot(ctx context.Context, sl *slot, verdicts map[*Scenario]Verdict) error {
	if err := c.timed.WaitUntil(ctx, sl.start.Add(slotLead)); err != nil {
		return fmt.Errorf("waiting for the slot of %s: %w", sl.name(), err)
	}
	for _, s := range sl.scenarios {
		if c.options.Progress != nil {
			c.options.Progress(*c.done, c.total, s)
		}
		*c.done++
		if lacks := c.lacks(s); lacks != "" {
			verdicts[s] = s.verdict(Skip, "the lab lacks "+lacks)
			continue
		}
		if err := c.steps(ctx, sl, s); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			verdicts[s] = s.verdict(Error, err.Error())
		}
	}
	return c.canaries(ctx, sl, verdicts)
}

// lacks names the first capability that the scenario needs and the lab does not have, or "".
func (c *carrier) lacks(s *Scenario) string {
	for _, n := range s.Needs {
		if !slices.Contains(c.endpoint.Capabilities, n) {
			return string(n)
		}
	}
	return ""
}

// steps carries out a scenario's steps at their times.
func (c *carrier) steps(ctx context.Context, sl *slot, s *Scenario) error {
	for i := range s.Steps {
		st := &s.Steps[i]
		from := sl.start.Add(time.Duration(st.Minute)*time.Minute + slotLead)
		for n := range max(1, st.Times) {
			at := c.timed.Now()
			if i > 0 || n > 0 {
				at = at.Add(slotPause)
			}
			if at.Before(from) {
				at = from
			}
			if s.alone() && at.After(from.Add(slotTail-slotLead)) {
				return fmt.Errorf("step %s begins %s after its minute's beginning: too late for its metrics", st.Name, at.Sub(from)+slotLead)
			}
			if err := c.timed.WaitUntil(ctx, at); err != nil {
				return fmt.Errorf("waiting for step %s: %w", st.Name, err)
			}
			a := &attempt{scenario: s, step: st}
			if err := c.attempt(ctx, a); err != nil {
				return fmt.Errorf("step %s: %w", st.Name, err)
			}
			c.attempts = append(c.attempts, a)
		}
	}
	return nil
}

// canaries makes one good request for each scenario of the slot, last and with a path of its own: only when its records
// have come does the absence of others mean anything.
func (c *carrier) canaries(ctx context.Context, sl *slot, verdicts map[*Scenario]Verdict) error {
	at := sl.start.Add(time.Duration(sl.minutes-1)*time.Minute + slotLead)
	if now := c.timed.Now().Add(slotPause); at.Before(now) {
		at = now
	}
	for _, s := range sl.scenarios {
		if v, ok := verdicts[s]; ok && v.Verdict != Pass {
			continue
		}
		if err := c.timed.WaitUntil(ctx, at); err != nil {
			return fmt.Errorf("waiting for the canary of %s: %w", s.Name, err)
		}
		a := &attempt{scenario: s, step: s.canary(), canary: true}
		if err := c.attempt(ctx, a); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			verdicts[s] = s.verdict(Error, "canary: "+err.Error())
			continue
		}
		c.attempts = append(c.attempts, a)
		at = c.timed.Now().Add(slotPause)
	}
	return nil
}

// captures reports whether the lab sees packets.
func (c *carrier) captures() bool { return slices.Contains(c.endpoint.Capabilities, lab.Capture) }
