package scenarios

import (
	"cmp"
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
	// What is known of the lab before it is started: scenarios that need more are left out of the plan, and skipped. A nil
	// Capabilities is asked of the running lab, nil Listeners can be any. Listeners are those that were built, by the names
	// that a plan with Together gave them.
	Capabilities []lab.Capability
	Listeners    map[string]lab.Listener
	// Together: what one lab cannot have at a time becomes phases of one load balancer. Start is called for each in turn, and
	// evidence is collected when all have been carried out.
	Together bool
	Grace    time.Duration // how long evidence may take to come after the run was interrupted; 0: 10 s
	// Progress is called before each scenario is carried out, and with a nil scenario when evidence is collected and
	// judged. May be nil.
	Progress func(done, total int, s *Scenario)
}

// Run carries out the scenarios, collects the evidence once, and judges each. The error says that the harness broke, or
// that the context ended; the report then still holds what could be judged, and is nil only if nothing was begun.
func Run(ctx context.Context, o Options) (*Report, error) {
	list := o.list()
	o.Scenarios = list
	plans, verdicts, err := o.plans()
	if err != nil {
		return nil, err
	}
	r := &Report{Schema: Schema, Seed: o.Seed}
	var errs []error
	done := 0
	var begun []*carrier
	for i, p := range plans {
		c := &carrier{plan: p, options: &o, done: &done, total: len(list) - len(verdicts), folder: Folder(i)}
		if err := c.carry(ctx, verdicts); err != nil {
			errs = append(errs, err)
		}
		begun = append(begun, c)
		if o.Together && ctx.Err() == nil {
			continue // the next phase first
		}
		errs = append(errs, r.finish(ctx, begun, verdicts))
		begun = nil
		if o.Together {
			break
		}
	}
	errs = append(errs, r.finish(ctx, begun, verdicts))
	for _, s := range list {
		v, ok := verdicts[s]
		if !ok {
			v = s.verdict(Error, notCarriedOut)
		}
		r.Scenarios = append(r.Scenarios, v)
	}
	r.count()
	return r, errors.Join(errs...)
}

// finish collects and judges what was carried out.
func (r *Report) finish(ctx context.Context, begun []*carrier, verdicts map[*Scenario]Verdict) error {
	var errs []error
	for _, c := range begun {
		if c.lab == nil {
			continue
		}
		bundle, err := c.finish(ctx, verdicts)
		if err != nil && !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }) {
			errs = append(errs, err)
		}
		if bundle != nil {
			r.Bundles = append(r.Bundles, bundle)
			r.Lab = bundle.Manifest.Lab
			r.Background = append(r.Background, c.background...)
			if c.endpoint.Kind != "embedded" { // there the answers are the assumptions
				r.Answers = append(r.Answers, c.answers...)
			}
		}
	}
	return errors.Join(errs...)
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
	plan       *plan
	options    *Options
	folder     string // of this lab's bundle below the report, "" for the first
	done       *int
	total      int
	lab        lab.Lab
	timed      lab.Timed
	endpoint   lab.Endpoint
	attempts   []*attempt
	carried    []*slot
	background []Background
	answers    []Answer
}

// collectGrace is how long evidence may take to come after the run was interrupted.
const collectGrace = 10 * time.Second

// carry starts the lab and carries out every slot.
func (c *carrier) carry(ctx context.Context, verdicts map[*Scenario]Verdict) error {
	l, err := c.options.Start(ctx, c.plan.spec)
	if err != nil {
		return fmt.Errorf("starting the lab: %w", err)
	}
	timed, ok := l.(lab.Timed)
	if !ok {
		return errors.Join(errors.New("the lab has no clock (lab.Timed)"), l.Close())
	}
	c.lab, c.timed, c.endpoint = l, timed, l.Endpoint()
	c.plan.schedule(c.timed.Now())
	for _, sl := range c.plan.slots {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.slot(ctx, sl, verdicts); err != nil {
			return err
		}
		c.carried = append(c.carried, sl)
	}
	if n := len(c.carried); c.options.Together && n > 0 { // what the next phase changes must not meet this one's minutes
		return c.timed.WaitUntil(ctx, c.carried[n-1].end())
	}
	return nil
}

// finish collects the evidence of the slots that were carried out, and judges it. Verdicts are added to the map. The lab is
// closed. Where some evidence did not come, there is a bundle and an error.
func (c *carrier) finish(ctx context.Context, verdicts map[*Scenario]Verdict) (b *evidence.Bundle, err error) {
	defer func() { err = errors.Join(err, c.lab.Close()) }()
	if c.options.Progress != nil {
		c.options.Progress(*c.done, c.total, nil)
	}
	ctx, cancel := c.enough(ctx)
	defer cancel()
	b, err = c.collect(ctx, c.carried)
	if b == nil {
		return nil, err
	}
	ctx, cancel = c.enough(ctx)
	defer cancel()
	return b, errors.Join(err, c.judge(ctx, b, c.carried, verdicts))
}

// enough gives time to collect and judge what was carried out, also when the run was interrupted.
func (c *carrier) enough(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(c.options.Grace, collectGrace))
}

// collect takes what came, and adds what the clients saw.
func (c *carrier) collect(ctx context.Context, carried []*slot) (*evidence.Bundle, error) {
	if len(carried) > 0 {
		if err := c.timed.WaitUntil(ctx, carried[len(carried)-1].end()); err != nil {
			return nil, fmt.Errorf("waiting for the last slot's end: %w", err)
		}
	}
	b, failed := c.lab.Collect(ctx)
	if failed != nil {
		failed = fmt.Errorf("collecting evidence: %w", failed)
	}
	if b == nil {
		return nil, failed
	}
	for _, sl := range carried {
		s := evidence.Slot{Name: sl.name(), Start: sl.start, End: sl.end()}
		for _, sc := range sl.scenarios {
			s.Scenarios = append(s.Scenarios, sc.Name)
		}
		b.Manifest.Slots = append(b.Manifest.Slots, s)
	}
	b, err := withAttempts(b, c.attempts)
	return b, errors.Join(failed, err)
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
	for _, n := range s.needs() {
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
