package rollout

import (
	"net/netip"
	"time"
)

// Schema names the form of a report in JSON.
const Schema = "alblab.who-breaks/1"

// Report is what a change does to everyone.
type Report struct {
	Schema           string         `json:"schema"`
	To               string         `json:"to"`
	From             string         `json:"from,omitempty"`
	Certificates     string         `json:"certificates"`
	FromCertificates string         `json:"from_certificates,omitempty"`
	Assume           string         `json:"assume"`
	Stats            Stats          `json:"read"`
	Total            Count          `json:"total"`
	Keeps            Count          `json:"keeps"`
	Breaks           Count          `json:"breaks"`
	Unknown          Count          `json:"unknown"`
	LikelyKeeps      Count          `json:"unknown_likely_keeps"`  // of Unknown, by the guesses
	LikelyBreaks     Count          `json:"unknown_likely_breaks"` // of Unknown
	FailsToday       Count          `json:"fails_today"`           // no part of the three: the change does not break them
	Reasons          []ReasonCount  `json:"reasons"`
	Foreign          int64          `json:"foreign"` // connections of lines that From cannot have written
	Choices          Choices        `json:"choices"`
	Gate             *Gate          `json:"gate,omitempty"`
	Clients          []ClientReport `json:"clients"` // who breaks first
}

// Count is a number of clients and of their connections. A client counts where the worst of its connections does; connections
// count each for itself.
type Count struct {
	Clients     int64   `json:"clients"`
	Connections int64   `json:"connections"`
	Share       float64 `json:"share"` // of the connections that do not fail today, 0 to 1
}

// ReasonCount counts what clients break on, or may break on.
type ReasonCount struct {
	Effect      Effect `json:"effect"`
	Reason      Reason `json:"reason"`
	Clients     int64  `json:"clients"`
	Connections int64  `json:"connections"`
}

// ClientReport is the effect on one client.
type ClientReport struct {
	Kind        ClientKind `json:"kind"`
	Name        string     `json:"client"`
	Effect      Effect     `json:"effect"`
	Reason      Reason     `json:"reason,omitempty"`
	Why         string     `json:"why,omitempty"`
	Cure        string     `json:"cure,omitempty"`   // for breaks: what the client must become able to do
	Settle      []Evidence `json:"settle,omitempty"` // for unknown: what evidence would tell
	Guess       *Guess     `json:"guess,omitempty"`  // for unknown: what is likely. Not a finding.
	Seen        string     `json:"seen"`
	Connections int64      `json:"connections"`
	Keeping     int64      `json:"keeping"`
	Breaking    int64      `json:"breaking"`
	Unsettled   int64      `json:"unsettled"`
	Failing     int64      `json:"failing_today"`
	Share       float64    `json:"share"`
	First       *time.Time `json:"first_seen,omitempty"`
	Last        *time.Time `json:"last_seen,omitempty"`
	FailsToday  bool       `json:"fails_today,omitempty"` // all of its connections fail under the old policy
	Network     string     `json:"network,omitempty"`
	JA4         string     `json:"ja4,omitempty"`
	UserAgents  []string   `json:"user_agents,omitempty"`
	Addresses   []string   `json:"addresses,omitempty"`
	ServerNames []string   `json:"server_names,omitempty"`
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
	type key struct {
		effect Effect
		reason Reason
	}
	reasons := map[key]*ReasonCount{}
	for _, c := range t.Clients {
		for _, u := range c.Uses {
			v := &verdicts[u.Offer]
			if v.Foreign {
				r.Foreign += u.Connections
			}
			if v.Fails || v.Effect == Keeps {
				continue
			}
			k := key{v.Effect, v.Reason}
			if reasons[k] == nil {
				reasons[k] = &ReasonCount{Effect: v.Effect, Reason: v.Reason}
			}
			reasons[k].Connections += u.Connections
		}
	}
	for i := range r.Clients {
		c := &r.Clients[i]
		r.Total.Clients++
		r.Keeps.Connections += c.Keeping
		r.Breaks.Connections += c.Breaking
		r.Unknown.Connections += c.Unsettled
		r.FailsToday.Connections += c.Failing
		if c.FailsToday {
			r.FailsToday.Clients++
			continue
		}
		if rc := reasons[key{c.Effect, c.Reason}]; rc != nil {
			rc.Clients++
		}
		switch c.Effect {
		case Keeps:
			r.Keeps.Clients++
		case Breaks:
			r.Breaks.Clients++
		default:
			r.Unknown.Clients++
			r.guessed(c)
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
	for _, rc := range reasons {
		r.Reasons = append(r.Reasons, *rc)
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
		r.LikelyKeeps.Connections += c.Unsettled
	case Breaks:
		r.LikelyBreaks.Clients++
		r.LikelyBreaks.Connections += c.Unsettled
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
