package benchmark

import (
	"fmt"
	"math"

	"github.com/alblab/alblab/analyzers"
)

// Goal is something that the scores must reach, and what they reached.
type Goal struct {
	View, Words string // View is "" where it is about the measuring itself
	Want, Got   float64
	AtMost      bool // Want is an upper limit
}

// Measured reports whether there was anything to measure.
func (g *Goal) Measured() bool { return !math.IsNaN(g.Got) }

// Met reports whether it was reached, or there was nothing to measure.
func (g *Goal) Met() bool {
	if !g.Measured() {
		return true
	}
	if g.AtMost {
		return g.Got <= g.Want
	}
	return g.Got >= g.Want
}

// Goals returns the goals that hold for a mix. They are not set where the traffic takes evidence away, and stages after the load
// balancer's flight not for one that ends connections alike whoever is to blame.
func (m *MixResult) Goals() []Goal {
	v := map[string]*Score{}
	for _, s := range m.Views {
		v[s.View] = s
	}
	const first = analyzers.StageFirstFlight
	var goals []Goal
	add := func(view, words string, want, got float64) {
		goals = append(goals, Goal{View: view, Words: words, Want: want, Got: got})
	}
	never := func(view, words string, got int) {
		goals = append(goals, Goal{View: view, Words: words, Got: float64(got), AtMost: true})
	}
	if m.Kernel {
		never("", "calls on good paths that did not go as they were to", len(m.Odd))
	}
	add("c", "precision of first flight refused", 0.99, v["c"].Precision(first))
	if !m.Gaps {
		add("c", "recall of first flight refused", 0.98, v["c"].Recall(first))
		if !m.AlertClose {
			words := "stage"
			if n := v["d"].Tied; n > 0 {
				words = fmt.Sprintf("stage (of %d that both ends reset, %d only in a set of two stages)", n, v["d"].TiedInSet)
			}
			add("d", words, 1, v["d"].StageRightOrInSet())
		}
		add("d", "causes that have a code of their own", 1, share(v["d"].CodedExact, v["d"].Coded))
		add("e", "stage", 1, v["e"].StageRight())
		add("e", "causes visible in clear", 1, share(v["e"].ClearExact, v["e"].Clear))
	}
	for _, s := range m.Views {
		if s.Filter {
			continue
		}
		never(s.View, "sets without the truth in them", s.Wrong)
		if s.View == "b" || s.View == "c" {
			never(s.View, "causes claimed that a flow log cannot show", s.Overclaims)
		}
	}
	return goals
}

// String says "c: recall of first flight refused: 0.9989, goal 0.98: met".
func (g Goal) String() string {
	met, what := "met", g.Words
	if g.View != "" {
		what = "(" + g.View + ") " + what
	}
	if !g.Measured() {
		return what + ": nothing to measure"
	}
	if !g.Met() {
		met = "missed"
	}
	if g.AtMost {
		return fmt.Sprintf("%s: %.0f, goal %.0f: %s", what, g.Got, g.Want, met)
	}
	return fmt.Sprintf("%s: %s, goal %g: %s", what, figure(g.Got), g.Want, met)
}

// figure shows a share with four digits, and never rounds up to 1 what is less; "-" is what could not be measured.
func figure(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	if x < 1 && x > 0.9999 {
		return "0.9999"
	}
	return fmt.Sprintf("%.4f", x)
}
