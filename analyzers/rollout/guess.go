package rollout

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/wire"
)

// Guess is what real clients like this one make likely where the evidence does not tell. It is no finding.
type Guess struct {
	Effect Effect `json:"effect"` // Unknown: they disagree
	Basis  string `json:"basis"`
	Keep   int    `json:"keep"` // of Of clients of the catalogue that fit
	Of     int    `json:"of"`
}

// relative is a client of the catalogue with its hello.
type relative struct {
	*catalog.Client
	hello   *wire.ClientHello
	numbers []int // of its version
}

// relatives are the clients of the built-in catalogue. They are shared: do not change them.
var relatives = sync.OnceValue(func() (all []relative) {
	for _, c := range catalog.All() {
		b, err := c.Hello("www.example.com")
		if err != nil {
			continue // it makes no guess
		}
		if h, err := wire.ParseHello(b); err == nil {
			all = append(all, relative{c, h, versionNumbers(firstWord(c.Version))})
		}
	}
	return all
})

// guesser compares with the clients of the catalogue.
type guesser struct {
	q     *Question
	all   []relative // nil before the first guess
	keeps []bool
	memo  map[string]*Guess
}

func newGuesser(q *Question) *guesser { return &guesser{q: q, memo: map[string]*Guess{}} }

func (g *guesser) prepare() {
	if g.all != nil {
		return
	}
	g.all = relatives()
	for _, c := range g.all {
		g.keeps = append(g.keeps, Connects(g.q.To.Decide(c.hello, g.q.Certs)))
	}
}

// guess says what is likely for a client that was seen so, nil if nothing is. agents are its user agents, if they are known.
func (g *guesser) guess(s Seen, agents []string) *Guess {
	if s.Failed || s.Version == 0 {
		return nil
	}
	g.prepare()
	for _, text := range agents {
		if a, ok := parseAgent(text); ok {
			key := fmt.Sprint(s, a)
			if _, ok := g.memo[key]; !ok {
				g.memo[key] = g.byAgent(s, a)
			}
			if found := g.memo[key]; found != nil {
				return found
			}
		}
	}
	key := fmt.Sprint(s)
	if _, ok := g.memo[key]; !ok {
		g.memo[key] = g.weigh(g.like(s, nil), "clients of the catalogue that would have been served so")
	}
	return g.memo[key]
}

// like returns the clients of the catalogue that would have left the line.
func (g *guesser) like(s Seen, family []int) (list []int) {
	for i := range g.all {
		if family != nil && !slices.Contains(family, i) {
			continue
		}
		h := g.all[i].hello
		if g.q.From != nil {
			d := g.q.From.Decide(h, g.q.fromCerts())
			if Connects(d) && d.Version == s.Version && d.Suite == s.Suite && (s.Group == 0 || s.Group == d.Group) {
				list = append(list, i)
			}
			continue
		}
		if slices.Contains(h.Suites, s.Suite) && g.all[i].Min <= s.Version && s.Version <= g.all[i].Max &&
			(s.Group == 0 || slices.Contains(h.Groups, s.Group)) {
			list = append(list, i)
		}
	}
	return list
}

// byAgent looks at the clients of the same family that would have left the line, the nearest version first.
func (g *guesser) byAgent(s Seen, a agent) *Guess {
	family := []int{}
	for i, c := range g.all {
		if c.Family == a.family {
			family = append(family, i)
		}
	}
	list := g.like(s, family)
	if len(list) == 0 {
		return nil
	}
	if len(a.version) == 0 {
		return g.weigh(list, a.family+" in the catalogue")
	}
	slices.SortStableFunc(list, func(x, y int) int {
		return distance(g.all[x].numbers, a.version) - distance(g.all[y].numbers, a.version)
	})
	nearest := &g.all[list[0]]
	n := 1
	for n < len(list) && distance(g.all[list[n]].numbers, a.version) == distance(nearest.numbers, a.version) {
		n++
	}
	list = g.onPlatform(list[:n], a.platform)
	nearest = &g.all[list[0]]
	basis := "the nearest in the catalogue, " + nearest.Name
	if len(list) > 1 {
		basis = "the nearest in the catalogue, " + nearest.Name + " and others,"
	}
	out := g.weigh(list, basis)
	// What a later version can do says nothing of an earlier one, nor what an earlier one lacks of a later one.
	order := 0
	if distance(nearest.numbers, a.version) > 0 { // 11 is 11.0
		order = slices.Compare(firstTwo(nearest.numbers), firstTwo(a.version))
	}
	if out.Effect == Keeps && order > 0 || out.Effect == Breaks && order < 0 {
		out.Effect = Unknown
	}
	return out
}

// onPlatform leaves those of a platform, if there are any.
func (g *guesser) onPlatform(list []int, platform string) []int {
	var same []int
	for _, i := range list {
		if platform != "" && strings.Contains(g.all[i].Name+" ", " "+platform+" ") {
			same = append(same, i)
		}
	}
	if same == nil {
		return list
	}
	return same
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

func firstTwo(v []int) []int { return v[:min(2, len(v))] }

// distance is how far two versions are from each other: by their first numbers, then by their second ones.
func distance(a, b []int) int {
	d := 0
	for i := range 2 {
		x, y := 0, 0
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		d = d*1000 + min(max(x-y, y-x), 999)
	}
	return d
}

// weigh calls an effect likely if nine of ten agree.
func (g *guesser) weigh(list []int, basis string) *Guess {
	if len(list) == 0 {
		return nil
	}
	out := &Guess{Basis: basis, Of: len(list)}
	for _, i := range list {
		if g.keeps[i] {
			out.Keep++
		}
	}
	switch {
	case 10*out.Keep >= 9*out.Of:
		out.Effect = Keeps
	case 10*(out.Of-out.Keep) >= 9*out.Of:
		out.Effect = Breaks
	}
	return out
}
