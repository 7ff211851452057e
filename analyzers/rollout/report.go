package rollout

import (
	"net/netip"
	"time"
)

// Schema names the form of a report in JSON.
const Schema = "alblab.who-breaks/1"

// Report is what a change does to everyone.
type Report struct {
	Schema           string        `json:"schema"`
	To               string        `json:"to"`
	From             string        `json:"from,omitempty"`
	Certificates     string        `json:"certificates"`
	FromCertificates string        `json:"from_certificates,omitempty"`
	Assume           string        `json:"assume"`
	Stats            Stats         `json:"read"`
	Total            Count         `json:"total"`
	Keeps            Count         `json:"keeps"`
	Breaks           Count         `json:"breaks"`
	Unknown          Count         `json:"unknown"`
	LikelyKeeps      Count         `json:"unknown_likely_keeps"`  // of Unknown, by the guesses
	LikelyBreaks     Count         `json:"unknown_likely_breaks"` // of Unknown
	FailsToday       Count         `json:"fails_today"`           // no part of the three: the change does not break them
	Reasons          []ReasonCount `json:"reasons"`
	Foreign          int64         `json:"foreign"` // connections of lines that From cannot have written
	Choices          Choices       `json:"choices"`
	Gate             *Gate         `json:"gate,omitempty"`
	// Catalogue is set where clients of a catalogue stand beside real traffic. They are then no part of the counts, shares,
	// reasons, choices and the gate.
	Catalogue *CatalogueCount `json:"catalogue,omitempty"`
	Clients   []ClientReport  `json:"clients"` // who breaks first; those of a catalogue beside traffic last
}

// CatalogueCount counts the clients of a catalogue beside real traffic.
type CatalogueCount struct {
	Clients    int64 `json:"clients"`
	Keeps      int64 `json:"keeps"`
	Breaks     int64 `json:"breaks"`
	FailsToday int64 `json:"fails_today"`
}

// Beside says whether a client is one of a catalogue beside real traffic, which counts for nothing.
func (r *Report) Beside(c *ClientReport) bool { return r.Catalogue != nil && c.Kind == KindCatalogue }

// Count is a number of clients and of their connections. A client counts where the worst of its connections does; connections
// count each for itself.
type Count struct {
	Clients     int64   `json:"clients"`
	Connections int64   `json:"connections"`
	Share       float64 `json:"share"` // of the connections that do not fail today, 0 to 1
}

// ReasonCount counts what connections break on, or may break on, and the clients that have such: a client may be among those of
// several.
type ReasonCount struct {
	Effect      Effect `json:"effect"`
	Reason      Reason `json:"reason"`
	Clients     int64  `json:"clients"`
	Connections int64  `json:"connections"`
}

// ClientReport is the effect on one client.
type ClientReport struct {
	Kind   ClientKind `json:"kind"`
	Name   string     `json:"client"`
	Effect Effect     `json:"effect"`
	Reason Reason     `json:"reason,omitempty"`
	Why    string     `json:"why,omitempty"`
	Cure   string     `json:"cure,omitempty"`   // for breaks: what the client must become able to do
	Settle []Evidence `json:"settle,omitempty"` // for connections that are unknown: what evidence would tell
	Guess  *Guess     `json:"guess,omitempty"`  // for connections that are unknown: what is likely, of all of them the worst. Not a finding.
	// Reasons are all that its connections break on, or may break on, the worst first. Reason, Why and Cure are those of the first.
	Reasons     []ClientReason `json:"reasons,omitempty"`
	Seen        string         `json:"seen"`
	Connections int64          `json:"connections"`
	Keeping     int64          `json:"keeping"`
	Breaking    int64          `json:"breaking"`
	Unsettled   int64          `json:"unsettled"`
	Failing     int64          `json:"failing_today"`
	Share       float64        `json:"share"`
	First       *time.Time     `json:"first_seen,omitempty"`
	Last        *time.Time     `json:"last_seen,omitempty"`
	FailsToday  bool           `json:"fails_today,omitempty"` // all of its connections fail under the old policy
	Network     string         `json:"network,omitempty"`
	JA4         string         `json:"ja4,omitempty"`
	UserAgents  []string       `json:"user_agents,omitempty"`
	Addresses   []string       `json:"addresses,omitempty"`
	ServerNames []string       `json:"server_names,omitempty"`

	likelyKeeps, likelyBreaks int64 // connections, by the guesses
}

// Part says how many of a client's connections are of its effect, where others are not: of a network or an address, perhaps
// another client's.
func (c *ClientReport) Part() (n int64, ok bool) {
	switch {
	case c.FailsToday || c.Effect == Keeps:
		return 0, false
	case c.Effect == Breaks:
		n = c.Breaking
	default:
		n = c.Unsettled
	}
	return n, n > 0 && n < c.Connections
}

// ClientReason is one of the things that a client's connections break on, or may break on.
type ClientReason struct {
	Effect      Effect `json:"effect"`
	Reason      Reason `json:"reason"`
	Why         string `json:"why"`
	Cure        string `json:"cure,omitempty"` // for breaks
	Connections int64  `json:"connections"`
}

// maxReasons bounds how many reasons of one client stand for themselves; further ones are counted with those of the same kind.
const maxReasons = 50

// because counts connections by why they break or may break. cure is asked of a reason that is new.
func (c *ClientReport) because(v *Judgement, n int64, cure func() string) {
	for i := range c.Reasons {
		x := &c.Reasons[i]
		if x.Effect == v.Effect && x.Reason == v.Reason && (x.Why == v.Why || len(c.Reasons) >= maxReasons) {
			x.Connections += n
			return
		}
	}
	x := ClientReason{Effect: v.Effect, Reason: v.Reason, Why: v.Why, Connections: n}
	if v.Effect == Breaks {
		x.Cure = cure()
	}
	c.Reasons = append(c.Reasons, x)
}

func (c *ClientReport) count(e Effect, n int64) {
	switch e {
	case Keeps:
		c.Keeping += n
	case Breaks:
		c.Breaking += n
	default:
		c.Unsettled += n
	}
}

func networkOf(addr string) string {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return ""
	}
	return network(a).String()
}

// sum fills what is counted.
func (r *Report) sum(t *Traffic, verdicts []Judgement) {
	for _, c := range t.Clients {
		for _, u := range c.Uses {
			if verdicts[u.Offer].Foreign {
				r.Foreign += u.Connections
			}
		}
	}
	for i := range r.Clients {
		if c := &r.Clients[i]; r.Beside(c) {
			r.Catalogue.add(c)
		} else {
			r.add(c)
		}
	}
	r.Total.Connections = r.Keeps.Connections + r.Breaks.Connections + r.Unknown.Connections
	for _, c := range []*Count{&r.Keeps, &r.Breaks, &r.Unknown, &r.LikelyKeeps, &r.LikelyBreaks, &r.Total} {
		c.Share = share(c.Connections, r.Total.Connections)
	}
	for i := range r.Clients {
		c := &r.Clients[i]
		c.Share = share(c.Connections-c.Failing, r.Total.Connections)
	}
	r.countReasons()
}

func (n *CatalogueCount) add(c *ClientReport) {
	n.Clients++
	switch {
	case c.FailsToday:
		n.FailsToday++
	case c.Effect == Keeps:
		n.Keeps++
	default:
		n.Breaks++ // a hello settles it
	}
}

// add counts a client and its connections.
func (r *Report) add(c *ClientReport) {
	r.Total.Clients++
	r.Keeps.Connections += c.Keeping
	r.Breaks.Connections += c.Breaking
	r.Unknown.Connections += c.Unsettled
	r.FailsToday.Connections += c.Failing
	r.LikelyKeeps.Connections += c.likelyKeeps
	r.LikelyBreaks.Connections += c.likelyBreaks
	switch {
	case c.FailsToday:
		r.FailsToday.Clients++
	case c.Effect == Keeps:
		r.Keeps.Clients++
	case c.Effect == Breaks:
		r.Breaks.Clients++
	default:
		r.Unknown.Clients++
		r.guessed(c)
	}
}

// countReasons sums up the clients' reasons. Where there are none, the list is empty and not nil, for JSON.
func (r *Report) countReasons() {
	r.Reasons = []ReasonCount{}
	type key struct {
		effect Effect
		reason Reason
	}
	at := map[key]int{}
	last := map[key]int{} // the client that was counted last
	for i := range r.Clients {
		c := &r.Clients[i]
		if r.Beside(c) {
			continue
		}
		for _, x := range c.Reasons {
			k := key{x.Effect, x.Reason}
			n, ok := at[k]
			if !ok {
				n = len(r.Reasons)
				at[k] = n
				r.Reasons = append(r.Reasons, ReasonCount{Effect: x.Effect, Reason: x.Reason})
			}
			r.Reasons[n].Connections += x.Connections
			if last[k] != i+1 {
				last[k] = i + 1
				r.Reasons[n].Clients++
			}
		}
	}
	sortReasons(r.Reasons)
}

func (r *Report) guessed(c *ClientReport) {
	if c.Guess == nil {
		return
	}
	switch c.Guess.Effect {
	case Keeps:
		r.LikelyKeeps.Clients++
	case Breaks:
		r.LikelyBreaks.Clients++
	}
}

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// Period is when the first and the last connection were seen, zero if nothing says so.
func (r *Report) Period() (first, last time.Time) {
	for i := range r.Clients {
		c := &r.Clients[i]
		if c.First == nil {
			continue
		}
		if first.IsZero() || c.First.Before(first) {
			first = *c.First
		}
		if c.Last.After(last) {
			last = *c.Last
		}
	}
	return first, last
}
