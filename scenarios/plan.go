package scenarios

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab"
)

// plan is one lab and what happens on it.
type plan struct {
	spec  lab.Spec
	seed  uint64
	slots []*slot
	// listeners maps a scenario's own listener names to the lab's.
	listeners map[*Scenario]map[string]string
	wants     []request
	have      map[string]lab.Listener // listeners that other phases of the load balancer have, or that were built; see Options
	fixed     bool                    // no others can be made
}

// request is one scenario's wish for a listener.
type request struct {
	scenario *Scenario
	name     string
}

// slot is a piece of time that belongs to one or several scenarios: whole UTC minutes.
type slot struct {
	scenarios []*Scenario
	minutes   int // canaries included
	start     time.Time
}

func (s *slot) end() time.Time { return s.start.Add(time.Duration(s.minutes) * time.Minute) }

func (s *slot) name() string {
	names := make([]string, len(s.scenarios))
	for i, sc := range s.scenarios {
		names[i] = sc.Name
	}
	return strings.Join(names, "+")
}

// alone reports whether a scenario asserts metrics of the load balancer, which name no listener.
func (s *Scenario) alone() bool { return len(s.Want.Metrics) > 0 }

// minutes is how long the scenario's steps take.
func (s *Scenario) minutes() int {
	n := max(1, len(s.Want.Metrics))
	for i := range s.Steps {
		st := &s.Steps[i]
		last := st.Minute + int((st.Outlast+time.Minute-1)/time.Minute)
		n = max(n, last+1)
	}
	return n
}

// newPlans divides the scenarios among as few labs as can serve them: those whose needs conflict (the settings of a
// web ACL, the wire profile) go to different ones.
func newPlans(scenarios []*Scenario, seed uint64) ([]*plan, error) {
	return newPlansOn(scenarios, seed, false, nil)
}

// newPlansOn makes the plans phases of one load balancer if they go together, with the listeners that were built unless
// those are nil.
func newPlansOn(scenarios []*Scenario, seed uint64, together bool, built map[string]lab.Listener) ([]*plan, error) {
	var plans []*plan
next:
	for _, s := range scenarios {
		if err := s.check(); err != nil {
			return nil, err
		}
		for _, p := range plans {
			if p.add(s) {
				continue next
			}
		}
		p := &plan{seed: seed, listeners: map[*Scenario]map[string]string{}, have: built, fixed: built != nil}
		if !p.add(s) {
			return nil, fmt.Errorf("scenario %s: no lab can serve it", s.Name)
		}
		plans = append(plans, p)
	}
	have := map[string]lab.Listener{}
	for _, p := range plans {
		if together && !p.fixed {
			p.have = have
		}
		p.nameListeners()
		p.fillSlots()
		maps.Copy(have, p.spec.Listeners)
	}
	return plans, nil
}

// check reports a scenario that cannot be planned: a mistake in its text.
func (s *Scenario) check() error {
	if strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || s.Name == "" {
		return fmt.Errorf("scenario %q: the name is not in kebab-case", s.Name)
	}
	minute := 0
	for i := range s.Steps {
		st := &s.Steps[i]
		_, listed := s.Spec.Listeners[st.Listener]
		switch {
		case !listed && !strings.HasPrefix(st.Listener, ":"):
			return fmt.Errorf("scenario %s: step %s: no listener %q", s.Name, st.Name, st.Listener)
		case st.Minute < minute:
			return fmt.Errorf("scenario %s: step %s goes back in time", s.Name, st.Name)
		}
		minute = st.Minute
	}
	if len(s.Spec.Listeners) == 0 {
		return fmt.Errorf("scenario %s: no listener", s.Name)
	}
	return nil
}

// add takes a scenario into the lab's Spec, unless its needs conflict with what is there.
func (p *plan) add(s *Scenario) bool {
	waf, ok := mergeWAF(p.spec.WAF, s.Spec.WAF)
	if !ok {
		return false
	}
	emb, ok := mergeEmbedded(p.spec.Embedded, s.Spec.Embedded, p.seed)
	if !ok {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(s.Spec.Listeners)) {
		want := s.Spec.Listeners[name]
		for _, r := range p.wants {
			have := r.scenario.Spec.Listeners[r.name]
			if want.Port != 0 && want.Port == have.Port && !sameListener(want, have) {
				return false
			}
		}
	}
	if (p.verifying(s) > maxVerifyListeners || p.fixed && !p.enough(s)) && len(p.wants) > 0 {
		return false
	}
	p.spec.WAF, p.spec.Embedded = waf, emb
	for _, name := range slices.Sorted(maps.Keys(s.Spec.Listeners)) {
		p.wants = append(p.wants, request{s, name})
	}
	return true
}

// maxVerifyListeners is how many listeners of one load balancer may verify client certificates
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
const maxVerifyListeners = 2

// verifying counts the different listeners in verify mode that the plan would have with one scenario more.
func (p *plan) verifying(s *Scenario) int {
	var seen []lab.Listener
	count := func(l lab.Listener) {
		same := func(o lab.Listener) bool {
			return sameListener(o, l) && (o.Port == 0 || l.Port == 0 || o.Port == l.Port)
		}
		if l.MTLSMode == "verify" && !slices.ContainsFunc(seen, same) {
			seen = append(seen, l)
		}
	}
	for _, r := range p.wants {
		count(r.scenario.Spec.Listeners[r.name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Spec.Listeners)) {
		count(s.Spec.Listeners[name])
	}
	return len(seen)
}

func mergeWAF(a, b *lab.WAF) (*lab.WAF, bool) {
	switch {
	case b == nil:
		return a, true
	case a == nil:
		c := *b
		return &c, true
	case a.ForwardedIPHeader != b.ForwardedIPHeader || a.DefaultActionBlock != b.DefaultActionBlock:
		return nil, false
	}
	c := *a
	c.IPReputation = a.IPReputation || b.IPReputation
	c.BlockForwardedIPs = mergePrefixes(a.BlockForwardedIPs, b.BlockForwardedIPs)
	return &c, true
}

// settings are those of lab.Embedded that a whole lab has in common, the defaults filled in.
type settings struct {
	wireProfile, flowFormat, capture string
	zones, idleTimeout               int
}

func settingsOf(e *lab.Embedded) settings {
	if e == nil {
		e = &lab.Embedded{}
	}
	return settings{
		cmp.Or(e.WireProfile, "reset"), e.FlowFormat, cmp.Or(e.Capture, "full"),
		cmp.Or(e.Zones, 2), cmp.Or(e.IdleTimeout, 60),
	}
}

// mergeEmbedded joins what a lab has and what a scenario wants; a nil lab takes all.
func mergeEmbedded(have, want *lab.Embedded, seed uint64) (*lab.Embedded, bool) {
	c := &lab.Embedded{}
	switch {
	case have != nil && settingsOf(have) != settingsOf(want):
		return nil, false
	case have != nil:
		*c = *have
	case want != nil:
		*c = *want
		c.IPReputation, c.CertificateFaults = nil, nil
	}
	c.Seed = seed
	if want != nil {
		c.IPReputation = mergePrefixes(c.IPReputation, want.IPReputation)
		var ok bool
		if c.CertificateFaults, ok = mergeFaults(c.CertificateFaults, want.CertificateFaults); !ok {
			return nil, false
		}
	}
	return c, true
}

// mergeFaults joins faults of certificates, unless they differ on a name.
func mergeFaults(a, b map[string]string) (map[string]string, bool) {
	if len(b) == 0 {
		return a, true
	}
	out := map[string]string{}
	maps.Copy(out, a)
	for name, code := range b {
		if have, ok := out[name]; ok && have != code {
			return nil, false
		}
		out[name] = code
	}
	return out, true
}

func mergePrefixes(a, b []netip.Prefix) []netip.Prefix {
	out := slices.Clone(a)
	for _, p := range b {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// sameListener reports whether one listener can serve both wishes; a port of 0 is any.
func sameListener(a, b lab.Listener) bool {
	a.Port, b.Port = 0, 0
	return a == b
}

// nameListeners gives each distinct listener of the plan one name and one port: the port that a scenario asks for, else
// the next free one from 8443.
func (p *plan) nameListeners() {
	p.spec.Listeners = map[string]lab.Listener{}
	taken := p.takenPorts()
	// Listeners that ask for a port come first, so that the others can share them.
	wants := slices.Clone(p.wants)
	slices.SortStableFunc(wants, func(a, b request) int {
		return rank(a.scenario.Spec.Listeners[a.name].Port) - rank(b.scenario.Spec.Listeners[b.name].Port)
	})
	var order []string
	port := uint16(8443)
	for _, r := range wants {
		want := r.scenario.Spec.Listeners[r.name]
		name := ""
		for _, have := range order {
			if l := p.spec.Listeners[have]; sameListener(l, want) && (want.Port == 0 || want.Port == l.Port) {
				name = have
				break
			}
		}
		if name == "" {
			name = p.freeName(want)
			if h, ok := p.have[name]; ok {
				want.Port = h.Port
				taken[want.Port] = true
			}
			if want.Port == 0 {
				for taken[port] {
					port++
				}
				want.Port = port
				taken[port] = true
			}
			p.spec.Listeners[name] = want
			order = append(order, name)
		}
		if p.listeners[r.scenario] == nil {
			p.listeners[r.scenario] = map[string]string{}
		}
		p.listeners[r.scenario][r.name] = name
	}
}

func rank(port uint16) int {
	if port != 0 {
		return 0
	}
	return 1
}

// takenPorts are the ports that listeners ask for and those that steps want to find closed.
func (p *plan) takenPorts() map[uint16]bool {
	taken := map[uint16]bool{}
	for _, l := range p.have {
		taken[l.Port] = true
	}
	for _, r := range p.wants {
		taken[r.scenario.Spec.Listeners[r.name].Port] = true
		for i := range r.scenario.Steps {
			if n, ok := barePort(r.scenario.Steps[i].Listener); ok {
				taken[n] = true
			}
		}
	}
	return taken
}

// freeName makes a name for a listener that the plan does not have yet; one of another phase has it if its port is right.
func (p *plan) freeName(l lab.Listener) string {
	for n := 1; ; n++ {
		name := numbered(listenerName(l), n)
		if _, ok := p.spec.Listeners[name]; ok {
			continue
		}
		if h, ok := p.have[name]; ok && l.Port != 0 && l.Port != h.Port {
			continue
		}
		return name
	}
}

// enough reports whether the listeners that were built can serve the plan's wishes and one scenario more, each distinct wish
// with one of its own.
func (p *plan) enough(s *Scenario) bool {
	var distinct []lab.Listener
	count := map[string]int{}
	fits := func(l lab.Listener) bool {
		if slices.ContainsFunc(distinct, func(o lab.Listener) bool {
			return sameListener(o, l) && (o.Port == 0 || l.Port == 0 || o.Port == l.Port)
		}) {
			return true
		}
		distinct = append(distinct, l)
		base := listenerName(l)
		count[base]++
		return count[base] <= len(deployed(p.have, lab.Listener{SSLPolicy: l.SSLPolicy, MTLSMode: l.MTLSMode, DefaultAction: l.DefaultAction, Certificate: l.Certificate}))
	}
	for _, r := range p.wants {
		if !fits(r.scenario.Spec.Listeners[r.name]) {
			return false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Spec.Listeners)) {
		if !fits(s.Spec.Listeners[name]) {
			return false
		}
	}
	return true
}

// barePort reads ":8080".
func barePort(listener string) (uint16, bool) {
	rest, ok := strings.CutPrefix(listener, ":")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(rest, 10, 16)
	return uint16(n), err == nil
}

// fillSlots gives each scenario that asserts metrics a slot of its own; others share a slot while their listeners and
// the ports that they probe differ.
func (p *plan) fillSlots() {
	seen := map[*Scenario]bool{}
	var shared []*slot
	var order []*Scenario
	for _, r := range p.wants {
		if !seen[r.scenario] {
			seen[r.scenario] = true
			order = append(order, r.scenario)
		}
	}
	for _, s := range order {
		if s.alone() {
			p.slots = append(p.slots, &slot{scenarios: []*Scenario{s}, minutes: s.minutes() + 1})
			continue
		}
		i := slices.IndexFunc(shared, func(sl *slot) bool {
			return !slices.ContainsFunc(sl.scenarios, func(o *Scenario) bool { return p.overlap(o, s) })
		})
		if i < 0 {
			sl := &slot{}
			shared, p.slots = append(shared, sl), append(p.slots, sl)
			i = len(shared) - 1
		}
		shared[i].scenarios = append(shared[i].scenarios, s)
		shared[i].minutes = max(shared[i].minutes, s.minutes())
	}
}

// overlap reports whether two scenarios use a port in common.
func (p *plan) overlap(a, b *Scenario) bool {
	ports := p.ports(a)
	return slices.ContainsFunc(p.ports(b), func(n uint16) bool { return slices.Contains(ports, n) })
}

// ports are the load balancer's ports that a scenario touches.
func (p *plan) ports(s *Scenario) []uint16 {
	var out []uint16
	for _, name := range p.listeners[s] {
		out = append(out, p.spec.Listeners[name].Port)
	}
	for i := range s.Steps {
		if n, ok := barePort(s.Steps[i].Listener); ok {
			out = append(out, n)
		}
	}
	return out
}

// schedule sets the slots' times, from the first whole minute at or after now.
func (p *plan) schedule(now time.Time) {
	start := now.UTC().Truncate(time.Minute)
	if start.Before(now) {
		start = start.Add(time.Minute)
	}
	for _, sl := range p.slots {
		sl.start = start
		start = sl.end()
	}
}
