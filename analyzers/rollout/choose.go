package rollout

import (
	"cmp"
	"slices"

	"github.com/alblab/alblab/lab/policy"
)

// Choices are policies that could be chosen instead.
type Choices struct {
	// Nearest of those that keep everyone, in the order of policy.Distance from the new policy; nil if none does. A FIPS policy only
	// if there is no other, or one of the two policies asked about is one.
	Nearest *Choice `json:"nearest"`
	// Strictest of those that keep everyone: the nearest to the strictest policy that AWS has. FIPS policies only if the new one is
	// one. nil if none does.
	Strictest *Choice `json:"strictest"`
	// Fewest breaks the fewest connections, then leaves the fewest unknown, then is the nearest. It is set where no policy keeps
	// everyone.
	Fewest   *Choice  `json:"fewest,omitempty"`
	KeepsAll []string `json:"keeps_all"` // every policy that keeps everyone, the nearest first
}

// Choice is a policy that could be chosen.
type Choice struct {
	Policy  string   `json:"policy"`
	Price   []string `json:"price,omitempty"` // what is weaker than under the new policy, or goes away
	Breaks  int64    `json:"breaks"`          // connections
	Unknown int64    `json:"unknown"`         // connections

	policy    *policy.Policy
	distance  policy.Distance // from the new policy
	strictest policy.Distance // from the strictest
	lost      int             // offers that break or are unknown
}

// strictestPolicy is where strictness is measured from.
func strictestPolicy(to *policy.Policy) *policy.Policy {
	name := policy.Prefix + "TLS13-1-3-PQ-2025-09"
	if to.FIPS() {
		name = policy.Prefix + "TLS13-1-3-FIPS-PQ-2025-09"
	}
	p, err := policy.ByName(name)
	if err != nil {
		panic("rollout: " + err.Error())
	}
	return p
}

// choose tries every policy on the same evidence.
func (r *Report) choose(q *Question, t *Traffic, hopeless []bool) {
	weights, present := make([]int64, len(t.Offers)), make([]bool, len(t.Offers))
	for _, c := range t.Clients {
		if r.Catalogue != nil && c.Kind == KindCatalogue {
			continue
		}
		for _, u := range c.Uses {
			weights[u.Offer] += u.Connections
			present[u.Offer] = true
		}
	}
	top := strictestPolicy(q.To)
	var all []*Choice
	for _, p := range policy.All() {
		if p.Status != "documented" && p.Name != q.To.Name {
			continue // nobody knows whether it can be chosen
		}
		other := *q
		other.To = p
		c := &Choice{Policy: p.Name, policy: p, distance: q.To.DistanceTo(p), strictest: top.DistanceTo(p)}
		for i, v := range other.judgeOffers(t, hopeless) {
			if v.Fails || v.Effect == Keeps || !present[i] {
				continue
			}
			if v.Effect == Breaks {
				c.Breaks += weights[i]
			} else {
				c.Unknown += weights[i]
			}
			c.lost++
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b *Choice) int { return a.distance.Compare(b.distance) })
	r.Choices.KeepsAll = []string{}
	for _, c := range all {
		if c.lost > 0 {
			continue
		}
		r.Choices.KeepsAll = append(r.Choices.KeepsAll, c.Policy)
		if n := r.Choices.Nearest; n == nil || q.unasked(n.policy) && !q.unasked(c.policy) {
			r.Choices.Nearest = c
		}
		if c.policy.FIPS() && !q.To.FIPS() {
			continue // stricter in another sense: who wants FIPS says so
		}
		if s := r.Choices.Strictest; s == nil || c.strictest.Compare(s.strictest) < 0 {
			r.Choices.Strictest = c
		}
	}
	if r.Choices.Nearest == nil {
		r.Choices.Fewest = slices.MinFunc(all, func(a, b *Choice) int { // the first of equals is the nearest
			return cmp.Or(cmp.Compare(a.Breaks, b.Breaks), cmp.Compare(a.Unknown, b.Unknown), a.lost-b.lost,
				number(q.unasked(a.policy))-number(q.unasked(b.policy)))
		})
	}
	for _, c := range []*Choice{r.Choices.Nearest, r.Choices.Strictest, r.Choices.Fewest} {
		if c != nil {
			c.Price = q.To.Price(c.policy)
		}
	}
}

// unasked says whether a policy is a FIPS one, which brings duties of its own, and the question is of none.
func (q *Question) unasked(p *policy.Policy) bool {
	return p.FIPS() && !q.To.FIPS() && (q.From == nil || !q.From.FIPS())
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sortReasons(list []ReasonCount) {
	slices.SortFunc(list, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Effect, a.Effect), cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Reason, b.Reason))
	})
}
