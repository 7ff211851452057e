package scenarios

import (
	"net/netip"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
)

func TestAllAreWellFormed(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, s := range slices.Concat(All(), Long()) {
		require.Regexp(t, kebab, s.Name)
		require.False(t, seen[s.Name], "%s is there twice", s.Name)
		seen[s.Name] = true
		require.NotEmpty(t, s.Doc)
		require.NotEmpty(t, s.Steps, s.Name)
		require.NoError(t, s.check())
		steps := map[string]bool{}
		for _, st := range s.Steps {
			require.NotEmpty(t, st.Name, s.Name)
			require.False(t, steps[st.Name], "%s: step %s is there twice", s.Name, st.Name)
			steps[st.Name] = true
			require.NotEmpty(t, st.Want.Signature, "%s: step %s wants no finding", s.Name, st.Name)
		}
		for _, a := range s.Assumed {
			require.NotEmpty(t, a.Text, s.Name)
		}
	}
}

// TestPlansOfAll: all scenarios fit on two labs, each within AWS's limits, experiment 1 on the first one's port 443, and no
// slot asks for the impossible.
func TestPlansOfAll(t *testing.T) {
	plans, err := newPlans(All(), 7)
	require.NoError(t, err)
	require.Len(t, plans, 2, "the third listener in verify mode needs a load balancer of its own")
	require.Equal(t, 0, slices.IndexFunc(All(), func(s *Scenario) bool { return s.Name == "experiment-1" }))
	require.Contains(t, plans[0].ports(plans[0].slots[0].scenarios[0]), uint16(443))
	placed := map[string]int{}
	for _, p := range plans {
		checkPlan(t, p)
		checkSlots(t, p, placed)
	}
	require.Len(t, placed, len(All()))
	for name, n := range placed {
		require.Equal(t, 1, n, name)
	}
}

func checkPlan(t *testing.T, p *plan) {
	require.Equal(t, uint64(7), p.spec.Embedded.Seed)
	verify, ports := 0, map[uint16]bool{}
	for name, l := range p.spec.Listeners {
		require.NotZero(t, l.Port, name)
		require.False(t, ports[l.Port], "port %d twice", l.Port)
		ports[l.Port] = true
		if l.MTLSMode == "verify" {
			verify++
		}
	}
	// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
	require.LessOrEqual(t, verify, 2, "an ALB has at most 2 listeners in verify mode")
	require.LessOrEqual(t, len(p.spec.Listeners), 50)
	require.False(t, ports[8080], "closed-port's port must stay closed")
}

func checkSlots(t *testing.T, p *plan, placed map[string]int) {
	p.schedule(time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC))
	var end time.Time
	for _, sl := range p.slots {
		require.Zero(t, sl.start.Second())
		require.False(t, sl.start.Before(end), "slots overlap")
		end = sl.end()
		used := map[uint16]string{}
		for _, s := range sl.scenarios {
			placed[s.Name]++
			if s.alone() {
				require.Len(t, sl.scenarios, 1, "%s asserts metrics and is not alone", s.Name)
				require.Equal(t, s.minutes()+1, sl.minutes, "the canary needs a minute of its own")
			}
			for _, n := range p.ports(s) {
				require.Empty(t, used[n], "port %d is used by two scenarios of one slot", n)
			}
			for _, n := range p.ports(s) {
				used[n] = s.Name
			}
		}
	}
}

func TestPlanSharesListeners(t *testing.T) {
	a := &Scenario{Name: "a", Spec: listen(policyTLS13)}
	b := &Scenario{Name: "b", Spec: listen(policyTLS13)}
	c := &Scenario{Name: "c", Spec: lab.Spec{Listeners: map[string]lab.Listener{"x": {Port: 443, SSLPolicy: policyTLS13, Certificate: "rsa"}}}}
	d := &Scenario{Name: "d", Spec: listen(policy2016)}
	plans, err := newPlans([]*Scenario{a, b, c, d}, 0)
	require.NoError(t, err)
	require.Len(t, plans, 1)
	p := plans[0]
	require.Len(t, p.spec.Listeners, 2)
	require.Equal(t, p.listeners[a][https], p.listeners[b][https])
	require.Equal(t, []uint16{443}, p.ports(a), "the listener that asks for a port is shared")
	require.NotEqual(t, p.ports(a), p.ports(d))
	// a, b and c use one port: three slots; d goes with the first.
	require.Len(t, p.slots, 3)
	require.Equal(t, "a+d", p.slots[0].name())
}

func TestPlanConflicts(t *testing.T) {
	with := func(name string, change func(*lab.Spec)) *Scenario {
		s := &Scenario{Name: name, Spec: listen(policyTLS13)}
		change(&s.Spec)
		return s
	}
	prefix := netip.MustParsePrefix("192.0.2.0/24")
	tests := []struct {
		name string
		a, b func(*lab.Spec)
		labs int
	}{
		{"no web ACL and one", func(*lab.Spec) {}, func(s *lab.Spec) { s.WAF = web() }, 1},
		{"web ACLs add up", func(s *lab.Spec) { s.WAF = &lab.WAF{BlockForwardedIPs: []netip.Prefix{prefix}} }, func(s *lab.Spec) { s.WAF = web() }, 1},
		{"default actions differ", func(s *lab.Spec) { s.WAF = &lab.WAF{DefaultActionBlock: true} }, func(s *lab.Spec) { s.WAF = web() }, 2},
		{"wire profiles differ", func(s *lab.Spec) { s.Embedded = &lab.Embedded{WireProfile: "reset"} }, func(s *lab.Spec) { s.Embedded = &lab.Embedded{WireProfile: "alert-close"} }, 2},
		{"one names a wire profile", func(*lab.Spec) {}, func(s *lab.Spec) { s.Embedded = &lab.Embedded{WireProfile: "alert-close"} }, 2},
		{"faults add up", func(s *lab.Spec) { s.Embedded = &lab.Embedded{CertificateFaults: map[string]string{"x": "1"}} }, func(s *lab.Spec) { s.Embedded = &lab.Embedded{CertificateFaults: map[string]string{"y": "2"}} }, 1},
		{"faults differ", func(s *lab.Spec) { s.Embedded = &lab.Embedded{CertificateFaults: map[string]string{"x": "1"}} }, func(s *lab.Spec) { s.Embedded = &lab.Embedded{CertificateFaults: map[string]string{"x": "2"}} }, 2},
		{"one names the default", func(*lab.Spec) {}, func(s *lab.Spec) { s.Embedded = &lab.Embedded{WireProfile: "reset"} }, 1},
		{"two in verify mode", func(s *lab.Spec) { *s = verifySpec(policyTLS13) }, func(s *lab.Spec) { *s = verifySpec(policy2016) }, 1},
		{"three in verify mode", func(s *lab.Spec) {
			*s = verifySpec(policyTLS13)
			s.Listeners["b"] = verifySpec(policy2016).Listeners[https]
		}, func(s *lab.Spec) { *s = strictSpec() }, 2},
		{"one port, two listeners", func(s *lab.Spec) { s.Listeners = map[string]lab.Listener{https: {Port: 443, SSLPolicy: policy2016}} },
			func(s *lab.Spec) { s.Listeners = map[string]lab.Listener{https: {Port: 443, SSLPolicy: policyPQ}} }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plans, err := newPlans([]*Scenario{with("a", tt.a), with("b", tt.b)}, 0)
			require.NoError(t, err)
			require.Len(t, plans, tt.labs)
		})
	}
}

func TestBadScenarios(t *testing.T) {
	tests := []struct {
		name string
		s    *Scenario
		want string
	}{
		{"unknown listener", &Scenario{Name: "x", Spec: listen(policyTLS13), Steps: []Step{{Name: "s", Listener: "http"}}}, `no listener "http"`},
		{"name", &Scenario{Name: "A b"}, "kebab-case"},
		{"no listener", &Scenario{Name: "x"}, "no listener"},
		{"back in time", &Scenario{Name: "x", Spec: listen(policyTLS13), Steps: []Step{{Name: "s", Listener: https, Minute: 1}, {Name: "t", Listener: https}}}, "goes back in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newPlans([]*Scenario{tt.s}, 0)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestRefusedFlight compares with experiment 1: 216 bytes of hello segment give 3 packets and 328 bytes, and 3 and 164.
func TestRefusedFlight(t *testing.T) {
	in, out := refusedFlight(164)
	require.Equal(t, FlowWant{Exactly(3), Exactly(328), []int{2}}, *in)
	require.Equal(t, FlowWant{Exactly(3), Exactly(164), []int{22}}, *out)
	in, out = refusedFlight(1507) // two segments
	require.Equal(t, FlowWant{Exactly(4), Exactly(1723), []int{2}}, *in)
	require.Equal(t, FlowWant{Between(3, 4), Between(164, 216), []int{22}}, *out)
}

func TestRange(t *testing.T) {
	require.Equal(t, "3", Exactly(3).String())
	require.Equal(t, "3-5", Between(3, 5).String())
	require.Equal(t, "3 or more", AtLeast(3).String())
	require.True(t, Between(3, 5).Has(5))
	require.False(t, Between(3, 5).Has(6))
	require.True(t, Range{}.Has(0))
	require.False(t, Range{}.Has(1))
}
