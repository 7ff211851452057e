package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
)

// Plan is what a run will do, before anything is started: what each lab must have, in which minutes which scenarios act, and
// which are skipped.
type Plan struct {
	// Spec is one load balancer that serves all phases: listeners that verify only in a later phase have mutual TLS off. It is
	// what is built for Options.Together.
	Spec    lab.Spec    `json:"spec"`
	Phases  []PlanPhase `json:"phases"`
	Skipped []Verdict   `json:"skipped,omitempty"`
	Minutes int         `json:"minutes"` // of all phases' slots
}

// PlanPhase is one lab of a run, or one state of its listeners.
type PlanPhase struct {
	Spec    lab.Spec   `json:"spec"`
	Minutes int        `json:"minutes"`
	Slots   []PlanSlot `json:"slots"`
}

// PlanSlot is a piece of time of whole minutes.
type PlanSlot struct {
	Minutes   int      `json:"minutes"`
	Scenarios []string `json:"scenarios"`
}

// NewPlan says what [Run] would do with these options, Start not called.
func NewPlan(o Options) (*Plan, error) {
	o.Scenarios = o.list() // made once: verdicts go by pointers
	plans, skipped, err := o.plans()
	if err != nil {
		return nil, err
	}
	p := &Plan{Spec: lab.Spec{Listeners: map[string]lab.Listener{}}}
	for _, s := range o.list() {
		if v, ok := skipped[s]; ok {
			p.Skipped = append(p.Skipped, v)
		}
	}
	for i, x := range plans {
		ph := PlanPhase{Spec: x.spec}
		for _, sl := range x.slots {
			ps := PlanSlot{Minutes: sl.minutes}
			for _, s := range sl.scenarios {
				ps.Scenarios = append(ps.Scenarios, s.Name)
			}
			ph.Minutes += sl.minutes
			ph.Slots = append(ph.Slots, ps)
		}
		p.Minutes += ph.Minutes
		p.Phases = append(p.Phases, ph)
		p.Spec.WAF, _ = mergeWAF(p.Spec.WAF, x.spec.WAF)
		for _, name := range slices.Sorted(maps.Keys(x.spec.Listeners)) {
			l := x.spec.Listeners[name]
			if _, ok := p.Spec.Listeners[name]; ok {
				continue
			}
			if i > 0 && l.MTLSMode == "verify" {
				l.MTLSMode, l.IgnoreClientCertificateExpiry, l.AdvertiseCANames = "off", false, false
			}
			p.Spec.Listeners[name] = l
		}
	}
	return p, nil
}

func (o *Options) list() []*Scenario {
	if o.Scenarios == nil {
		return All()
	}
	return o.Scenarios
}

// plans divides the scenarios among labs, those left out that the lab is known not to be able to run.
func (o *Options) plans() ([]*plan, map[*Scenario]Verdict, error) {
	skipped := map[*Scenario]Verdict{}
	var list []*Scenario
	for _, s := range o.list() {
		if why := o.cannot(s); why != "" {
			skipped[s] = s.verdict(Skip, why)
			continue
		}
		list = append(list, s)
	}
	plans, err := newPlansOn(list, o.Seed, o.Together, o.Listeners)
	if err != nil || !o.Together {
		return plans, skipped, err
	}
	// One load balancer has one web ACL.
	var kept []*plan
	var waf *lab.WAF
	for _, p := range plans {
		merged, ok := mergeWAF(waf, p.spec.WAF)
		if ok {
			waf, kept = merged, append(kept, p)
			continue
		}
		for _, sl := range p.slots {
			for _, s := range sl.scenarios {
				skipped[s] = s.verdict(Skip, "it needs a web ACL with other settings: run it alone")
			}
		}
	}
	return kept, skipped, nil
}

// cannot says why the lab cannot run a scenario, "" if it can, as far as the options know the lab.
func (o *Options) cannot(s *Scenario) string {
	if o.Capabilities != nil {
		for _, n := range s.needs() {
			if !slices.Contains(o.Capabilities, n) {
				return "the lab lacks " + string(n)
			}
		}
	}
	if o.Listeners != nil {
		for _, name := range slices.Sorted(maps.Keys(s.Spec.Listeners)) {
			if want := s.Spec.Listeners[name]; len(deployed(o.Listeners, want)) == 0 {
				port := ""
				if want.Port != 0 {
					port = fmt.Sprintf(" on port %d", want.Port)
				}
				return fmt.Sprintf("the lab has no listener %s%s", listenerName(want), port)
			}
		}
	}
	return ""
}

// needs is what the scenario says that it needs, and what follows from its steps.
func (s *Scenario) needs() []lab.Capability {
	all := slices.Clone(s.Needs)
	add := func(c lab.Capability) {
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	for i := range s.Steps {
		if _, bare := barePort(s.Steps[i].Listener); bare {
			add(lab.AnyPort)
		}
		if s.Steps[i].Cert != pki.KindNone {
			add(lab.ClientCertificates)
		}
	}
	if s.canary().Cert != pki.KindNone {
		add(lab.ClientCertificates)
	}
	return all
}

// listenerName tells what the listener is: "tls13-1-2-2021-06-verify-rsa". Listeners whose mutual TLS differs in no more than
// what a phase can change have one name.
func listenerName(l lab.Listener) string {
	parts := []string{strings.ToLower(strings.TrimPrefix(l.SSLPolicy, "ELBSecurityPolicy-"))}
	if l.SSLPolicy == "" {
		parts[0] = "default"
	}
	if l.MTLSMode != "" && l.MTLSMode != "off" {
		parts = append(parts, l.MTLSMode)
	}
	if l.DefaultAction.Type == "forward" {
		parts = append(parts, "forward")
	}
	if l.Certificate != "" {
		parts = append(parts, strings.ReplaceAll(l.Certificate, ":", "-"))
	}
	return strings.Join(parts, "-")
}

// numbered is the n-th listener of a name, from 1.
func numbered(base string, n int) string {
	if n == 1 {
		return base
	}
	return fmt.Sprintf("%s-%d", base, n)
}

// deployed are the names of the listeners that can serve a wish, by what their names tell.
func deployed(have map[string]lab.Listener, want lab.Listener) []string {
	var names []string
	base := listenerName(want)
	for n := 1; ; n++ {
		name := numbered(base, n)
		l, ok := have[name]
		if !ok {
			return names
		}
		if want.Port == 0 || want.Port == l.Port {
			names = append(names, name)
		}
	}
}
