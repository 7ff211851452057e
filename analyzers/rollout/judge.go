package rollout

import (
	"cmp"
	"slices"
	"strings"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// AddCatalogue adds the clients of a catalogue. They count as one connection each; beside real traffic as none: see
// [Report.Catalogue].
func (t *Traffic) AddCatalogue(list []*catalog.Client) error {
	n := int64(1)
	if t.Stats.Connections > 0 {
		n = 0
	}
	for _, c := range list {
		b, err := c.Hello("example.com")
		if err != nil {
			return err
		}
		h, err := wire.ParseHello(b)
		if err != nil {
			return err
		}
		t.Clients = append(t.Clients, &Client{Kind: KindCatalogue, Name: c.Name, Uses: []Use{{Offer: len(t.Offers), Connections: n}}})
		t.Offers = append(t.Offers, Offer{Hello: h, JA4: h.JA4(), Known: true})
	}
	t.Stats.Connections += n * int64(len(list))
	return nil
}

// judgeOffers judges each different offer. hopeless are those that fail today whatever the old policy is, see [Question.hopeless].
func (q *Question) judgeOffers(t *Traffic, hopeless []bool) []Judgement {
	lines := newLineJudge(q)
	out := make([]Judgement, len(t.Offers))
	for i, o := range t.Offers {
		if !o.Known {
			out[i] = lines.judge(o.Seen)
			continue
		}
		out[i] = q.Hello(o.Hello)
		if q.From == nil {
			out[i].Fails = o.Refused || hopeless[i]
		} else if o.Answered && out[i].Fails {
			out[i].Fails, out[i].Foreign = false, true
		}
	}
	return out
}

// hopeless says which hellos fail today although the old policy is not known: no policy that can be chosen serves them, and no
// capture shows that the server did.
func (q *Question) hopeless(t *Traffic) []bool {
	out := make([]bool, len(t.Offers))
	if q.From != nil {
		return out
	}
	for i, o := range t.Offers {
		out[i] = o.Known && !o.Answered && !Connects(q.To.Decide(o.Hello, q.Certs)) && !slices.ContainsFunc(policy.All(), func(p *policy.Policy) bool {
			return p.Status == "documented" && Connects(p.Decide(o.Hello, q.fromCerts()))
		})
	}
	return out
}

// Judge says what the change does to everyone. It ends with what else could be chosen, see [Report.Choices].
func Judge(q *Question, t *Traffic) *Report {
	r := &Report{
		Schema: Schema, To: q.To.Name, Certificates: q.Certs.String(), Assume: q.Assume.String(), Stats: t.Stats,
		Clients: make([]ClientReport, 0, len(t.Clients)),
	}
	if q.From != nil {
		r.From = q.From.Name
		r.FromCertificates = q.fromCerts().String()
	}
	if t.beside() {
		r.Catalogue = new(CatalogueCount)
	}
	hopeless := q.hopeless(t)
	verdicts := q.judgeOffers(t, hopeless)
	guesses := newGuesser(q)
	for _, c := range t.Clients {
		r.Clients = append(r.Clients, q.client(c, t, verdicts, guesses))
	}
	slices.SortFunc(r.Clients, func(a, b ClientReport) int {
		return cmp.Or(r.rank(&a)-r.rank(&b), cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	r.sum(t, verdicts)
	r.choose(q, t, hopeless)
	return r
}

// beside says whether there are clients of a catalogue beside real traffic.
func (t *Traffic) beside() bool {
	n := 0
	for _, c := range t.Clients {
		if c.Kind == KindCatalogue {
			n++
		}
	}
	return n > 0 && n < len(t.Clients)
}

// rank orders clients: who breaks, who may, who fails anyway, who keeps; last, and in the same order, a catalogue beside them.
func (r *Report) rank(c *ClientReport) int {
	if r.Beside(c) {
		return 4 + standing(c)
	}
	return standing(c)
}

func standing(c *ClientReport) int {
	switch {
	case c.Effect == Breaks && !c.FailsToday:
		return 0
	case c.Effect == Unknown && !c.FailsToday:
		return 1
	case c.FailsToday:
		return 2
	}
	return 3
}

// client reports on one client. Its effect is the worst of those on its connections.
func (q *Question) client(c *Client, t *Traffic, verdicts []Judgement, guesses *guesser) ClientReport {
	out := ClientReport{Kind: c.Kind, Name: c.Name, UserAgents: c.Agents, Addresses: c.Addresses, ServerNames: c.ServerNames, FailsToday: true}
	if !c.First.IsZero() {
		first, last := c.First, c.Last
		out.First, out.Last = &first, &last
	}
	if c.Kind == KindAddress {
		out.Network = networkOf(c.Name)
	}
	worst, shown := -1, -1
	for i, u := range c.Uses {
		v := &verdicts[u.Offer]
		out.Connections += u.Connections
		if v.Fails {
			out.Failing += u.Connections
		} else {
			out.FailsToday = false
			out.count(v.Effect, u.Connections)
			if v.Effect != Keeps {
				out.because(v, u.Connections, func() string { return q.cure(&t.Offers[u.Offer], v) })
			}
		}
		if shown < 0 || weight(v) > worst {
			worst, shown = weight(v), i
		}
	}
	slices.SortFunc(out.Reasons, func(a, b ClientReason) int {
		return cmp.Or(cmp.Compare(b.Effect, a.Effect), cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Why, b.Why))
	})
	use := c.Uses[shown]
	v, o := &verdicts[use.Offer], &t.Offers[use.Offer]
	out.Effect, out.Reason, out.Why = v.Effect, v.Reason, v.Why
	out.Seen = o.seen(q)
	if o.Known && c.Kind != KindJA4 {
		out.JA4 = o.JA4
	}
	if v.Effect == Breaks {
		out.Cure = q.cure(o, v)
	}
	switch {
	case out.Unsettled > 0:
		q.unsettled(&out, c, t, verdicts, guesses)
	case v.Effect == Unknown: // it fails today
		out.settledBy(q, v)
	}
	if len(out.Reasons) > 0 {
		first := &out.Reasons[0]
		out.Reason, out.Why, out.Cure = first.Reason, first.Why, first.Cure
		for _, u := range c.Uses { // the one that it is about
			if v := &verdicts[u.Offer]; !v.Fails && v.Effect == first.Effect && v.Reason == first.Reason && v.Why == first.Why {
				out.Seen = t.Offers[u.Offer].seen(q)
				break
			}
		}
	}
	return out
}

// unsettled says of a client that is unknown, or of whose connections some are, what would settle it, and what is likely, going by all
// of these.
func (q *Question) unsettled(out *ClientReport, c *Client, t *Traffic, verdicts []Judgement, guesses *guesser) {
	agents := c.Agents
	switch c.Kind {
	case KindUserAgent:
		agents = []string{c.Name}
	case KindNetwork:
		agents = nil // nobody knows which of its connections are whose
	}
	worst := map[Effect]int{Keeps: 1, Unknown: 2, Breaks: 3}
	for _, u := range c.Uses {
		v, o := &verdicts[u.Offer], &t.Offers[u.Offer]
		if v.Fails || v.Effect != Unknown {
			continue
		}
		out.settledBy(q, v)
		if o.Known {
			continue
		}
		g := guesses.guess(o.Seen, agents)
		if g == nil {
			continue
		}
		switch g.Effect {
		case Keeps:
			out.likelyKeeps += u.Connections
		case Breaks:
			out.likelyBreaks += u.Connections
		}
		if out.Guess == nil || worst[g.Effect] > worst[out.Guess.Effect] {
			out.Guess = g
		}
	}
	slices.SortFunc(out.Settle, func(a, b Evidence) int { return slices.Index(easiest, a) - slices.Index(easiest, b) })
}

// easiest orders evidence by what it costs to get.
var easiest = []Evidence{SettleFrom, SettleKeyExchange, SettleCapture}

// settledBy adds what would settle a judgement.
func (c *ClientReport) settledBy(q *Question, v *Judgement) {
	for _, e := range v.Settle {
		if (e != SettleFrom || q.From == nil) && !slices.Contains(c.Settle, e) { // a line that From did not write was judged without it
			c.Settle = append(c.Settle, e)
		}
	}
}

// weight orders what a client's connections show, the worst highest. An attempt that fails today says nothing of the others.
func weight(v *Judgement) int {
	if v.Fails {
		return map[Effect]int{Keeps: 0, Unknown: 1, Breaks: 1}[v.Effect]
	}
	return map[Effect]int{Keeps: 2, Unknown: 3, Breaks: 4}[v.Effect]
}

// seen says in short what a client was seen with.
func (o *Offer) seen(q *Question) string {
	s := o.Seen
	if o.Known {
		if o.Hello == nil {
			return "a damaged hello"
		}
		if q.From == nil {
			return "a hello"
		}
		d := q.From.Decide(o.Hello, q.fromCerts())
		if d.Outcome == policy.Refused {
			return "a hello"
		}
		s = Seen{Version: d.Version, Suite: d.Suite, Group: d.Group}
	}
	if s.Failed {
		return "a failed attempt"
	}
	var words []string
	if s.Version != 0 {
		words = append(words, s.Version.String())
	}
	if s.Suite != 0 {
		words = append(words, s.Suite.OpenSSL())
	}
	if s.Group != 0 {
		words = append(words, s.Group.String())
	}
	return strings.Join(words, " ")
}

// cure says what the client must become able to do.
func (q *Question) cure(o *Offer, v *Judgement) string {
	if o.Known && o.Hello != nil {
		d := q.To.Decide(o.Hello, q.Certs)
		if d.Outcome == policy.Refused {
			return policy.Explain(q.To, o.Hello, q.Certs, d).Client
		}
	}
	switch v.Reason {
	case ReasonVersion:
		return "it must offer " + joined(q.To.Versions, " or ")
	case ReasonGroup:
		return "it must offer one of the groups " + joined(q.To.Groups, ", ")
	case ReasonCertificate:
		return "nothing that the client could do: give the load balancer a certificate of the other kind too"
	case ReasonScheme:
		return "it must offer one of the signature schemes " + joined(q.To.Schemes[:min(4, len(q.To.Schemes))], ", ")
	case ReasonSuite:
		return "it must offer a cipher suite of the policy, such as " + joined(q.suitesFor(o.Seen.Version), " or ")
	}
	return ""
}

// suitesFor returns up to two suites of the new policy that fit a version, else its first.
func (q *Question) suitesFor(v wire.Version) (list []wire.Suite) {
	s := newSide(q.To, q.Certs)
	for _, x := range q.To.Suites {
		if s.has(x, v) && len(list) < 2 {
			list = append(list, x)
		}
	}
	if list == nil {
		list = q.To.Suites[:1]
	}
	return list
}

func joined[T interface{ String() string }](list []T, sep string) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.String()
	}
	return strings.Join(words, sep)
}
