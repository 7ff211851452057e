package matrix

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/policy"
)

// consolePolicy is what the console preselects for an HTTPS listener.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
const consolePolicy = policy.Prefix + "TLS13-1-2-Res-PQ-2025-09"

// strictestPolicy is where strictness is measured from.
const strictestPolicy = policy.Prefix + "TLS13-1-3-PQ-2025-09"

// nextStep is something to do. The command may be empty.
type nextStep struct{ Text, Command string }

// next says what to do with the map.
func (m *Matrix) next() (steps []nextStep) {
	if len(m.Rows) == 0 || len(m.Policies) == 0 {
		return nil
	}
	to := m.lenient()
	name := short(m.Policies[to])
	if n := m.OfPolicy(to).Refused; n == 0 {
		steps = append(steps, nextStep{Text: fmt.Sprintf("If all of these clients must connect, take %s: it is the strictest policy that refuses none of them.", name)})
	} else {
		steps = append(steps, nextStep{Text: fmt.Sprintf("No policy here lets all of these clients in. %s refuses the fewest: %s.", name, m.refusedWords(to))})
	}
	at := slices.IndexFunc(m.Policies, func(p *policy.Policy) bool { return p.Name == consolePolicy })
	if at >= 0 && at != to {
		if n := m.OfPolicy(at).Refused; n > 0 {
			steps = append(steps, nextStep{Text: fmt.Sprintf("%s, which the AWS console preselects, refuses %s. If you can do without those, take it.", short(m.Policies[at]), m.refusedWords(at))})
			to = at
		}
	}
	text := "Clients that did not connect while this was captured are not in it. Add logs of a longer time, and ask who breaks under a policy before you change to it:"
	if !m.weighted() {
		text = "These are clients of a catalogue, not yours. Ask your own captures and logs who breaks under a policy before you change to it:"
	}
	return append(steps, nextStep{text, "alblab who-breaks --from POLICY-OF-TODAY --to " + short(m.Policies[to]) + " ./my-logs capture.pcap"})
}

// lenient is the strictest of the policies that refuse the fewest clients: no FIPS one, and none of which nobody knows that it can be
// chosen, where there are others.
func (m *Matrix) lenient() (at int) {
	top, err := policy.ByName(strictestPolicy)
	if err != nil {
		panic("matrix: " + err.Error())
	}
	unasked := func(p *policy.Policy) int {
		if p.FIPS() || p.Status != "documented" {
			return 1
		}
		return 0
	}
	order := make([]int, len(m.Policies))
	distances := make([]policy.Distance, len(m.Policies))
	for i, p := range m.Policies {
		order[i], distances[i] = i, top.DistanceTo(p)
	}
	return slices.MinFunc(order, func(a, b int) int {
		return cmp.Or(unasked(m.Policies[a])-unasked(m.Policies[b]), m.OfPolicy(a).Refused-m.OfPolicy(b).Refused, distances[a].Compare(distances[b]))
	})
}

// refusedWords says how many clients a policy refuses, and names a few.
func (m *Matrix) refusedWords(p int) string {
	const few = 4
	var names []string
	more := 0
	for r := range m.Rows {
		switch {
		case Of(m.At(r, p)).Connects():
		case len(names) < few:
			names = append(names, m.Rows[r].Name)
		default:
			more++
		}
	}
	s := fmt.Sprintf("%d (%s", len(names)+more, strings.Join(names, ", "))
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s + ")"
}

// clientDetail is every policy's answer to a client, those with the same answer together.
type clientDetail struct {
	Name, Note string
	Connects   int
	Answers    []answer
}

type answer struct {
	Symbol   template.HTML // the picture of its class
	Words    string
	Policies string
}

// familyDetail are the clients of a family.
type familyDetail struct {
	Name    string // "" where rows have no family
	Clients []clientDetail
}

// details says the same as the map, in words: for who cannot point at a cell.
func (m *Matrix) details() (list []familyDetail) {
	for r := range m.Rows {
		row := &m.Rows[r]
		if len(list) == 0 || list[len(list)-1].Name != row.Family {
			list = append(list, familyDetail{Name: row.Family})
		}
		f := &list[len(list)-1]
		f.Clients = append(f.Clients, m.detail(r))
	}
	return list
}

func (m *Matrix) detail(r int) clientDetail {
	d := clientDetail{Name: m.Rows[r].Name, Note: m.Rows[r].Note, Connects: m.OfRow(r).Connects}
	at := map[string]int{}
	names := [][]string{}
	for p := range m.Policies {
		c, words := Of(m.At(r, p)), m.answerWords(r, p)
		i, ok := at[words]
		if !ok {
			i = len(d.Answers)
			at[words] = i
			d.Answers = append(d.Answers, answer{Symbol: symbol(c), Words: words})
			names = append(names, nil)
		}
		names[i] = append(names[i], short(m.Policies[p]))
	}
	for i := range d.Answers {
		d.Answers[i].Policies = strings.Join(names[i], ", ")
	}
	return d
}

// answerWords is what Words says, but for refusals only what is missing: what each policy wants instead is in its own table.
func (m *Matrix) answerWords(r, p int) string {
	if d := m.At(r, p); d.Outcome == policy.Refused {
		return Of(d).Words()
	}
	return m.Words(r, p)
}
