package matrix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// Offer says how a client offers post-quantum key exchange.
type Offer string

// The ways, the readiest first.
const (
	OfferShare   Offer = "key-share" // a group with ML-KEM that ALB policies have, its share in the first hello
	OfferList    Offer = "list-only" // in supported_groups alone: the server must ask for the share
	OfferOther   Offer = "other"     // only groups that no ALB policy has: Kyber drafts, ML-KEM alone
	OfferNone    Offer = "none"      // TLS 1.3 without
	OfferNoTLS13 Offer = "no-tls13"  // no TLS 1.3, without which there is none
)

// Words says what it means.
func (o Offer) Words() string {
	switch o {
	case OfferShare:
		return "sends an ML-KEM key share"
	case OfferList:
		return "lists ML-KEM without a key share"
	case OfferOther:
		return "offers only drafts or groups that no ALB policy has"
	case OfferNone:
		return "TLS 1.3 without ML-KEM"
	}
	return "no TLS 1.3"
}

// Offers returns all ways.
func Offers() []Offer { return []Offer{OfferShare, OfferList, OfferOther, OfferNone, OfferNoTLS13} }

// The payload that one TCP segment carries at the Internet's usual MTU of 1500: RFC 9293, section 3.7.1, less 20 bytes of IPv4
// or 40 of IPv6 and 20 of TCP, options not counted.
const (
	MSS4 = 1460
	MSS6 = 1440
)

// Ready is what one row offers, and what would become of it.
type Ready struct {
	Row
	Offer  Offer
	Groups []wire.Group // post-quantum groups in supported_groups, in the client's order
	Shares []wire.Group // those with a key share
	// Segments of TCP that the hello takes over IPv4 and IPv6: a middlebox that wants all of it in one breaks on the second.
	Segments4, Segments6 int
	Now                  policy.Decision // of the policy that is asked about
	// Preferred is the decision of the same policy if its post-quantum groups were strongly preferred: worth a
	// HelloRetryRequest even where the client sends a share of another one. No policy of AWS's is so today for ML-KEM.
	Preferred policy.Decision
}

// Retries tells whether the policy asks this client for a post-quantum share with a HelloRetryRequest: s2n-tls does where a
// client lists a hybrid group and sends no hybrid share (see policy.Decide).
func (r *Ready) Retries() bool { return retriesFor(r.Now) }

// RetriesIfPreferred is the same if the policy preferred its post-quantum groups strongly.
func (r *Ready) RetriesIfPreferred() bool { return retriesFor(r.Preferred) }

func retriesFor(d policy.Decision) bool {
	return d.Outcome == policy.HelloRetry && postQuantum(d.Group)
}

// Readiness is what all rows are ready for.
type Readiness struct {
	Policy *policy.Policy
	Certs  policy.CertSet
	Rows   []Ready
}

// NewReadiness looks at all rows under a policy that has post-quantum groups. One without is an error. The readiest rows come
// first, else they keep their order.
func NewReadiness(rows []Row, p *policy.Policy, certs policy.CertSet) (*Readiness, error) {
	if !p.PostQuantum() {
		return nil, fmt.Errorf("%s has no post-quantum group", p.Name)
	}
	strict, err := preferring(p)
	if err != nil {
		return nil, err
	}
	r := &Readiness{Policy: p, Certs: certs}
	for _, row := range rows {
		r.Rows = append(r.Rows, ready(row, p, strict, certs))
	}
	slices.SortStableFunc(r.Rows, func(a, b Ready) int {
		return slices.Index(Offers(), a.Offer) - slices.Index(Offers(), b.Offer)
	})
	return r, nil
}

// preferring is a policy with its post-quantum groups strongly preferred.
func preferring(p *policy.Policy) (*policy.Policy, error) {
	var b strings.Builder
	section(&b, "versions", p.Versions)
	section(&b, "suites", p.Suites)
	section(&b, "groups", p.Groups)
	section(&b, "schemes", p.Schemes)
	section(&b, "strongly preferred groups", slices.DeleteFunc(slices.Clone(p.Groups), func(g wire.Group) bool { return !postQuantum(g) }))
	strict, err := policy.Parse(p.Name, b.String())
	if err != nil {
		return nil, fmt.Errorf("policy %s with strong preferences: %w", p.Name, err)
	}
	return strict, nil
}

func section[T fmt.Stringer](b *strings.Builder, name string, list []T) {
	fmt.Fprintf(b, "[%s]\n", name)
	for _, v := range list {
		fmt.Fprintln(b, v)
	}
}

// postQuantum tells whether a group resists quantum computers: ML-KEM, alone or hybrid, and the drafts before it.
func postQuantum(g wire.Group) bool {
	s := g.String()
	return strings.Contains(s, "MLKEM") || strings.Contains(s, "Kyber")
}

// served tells whether a policy of AWS's has the group.
func served(g wire.Group) bool {
	return g == wire.X25519MLKEM768 || g == wire.SecP256r1MLKEM768 || g == wire.SecP384r1MLKEM1024
}

func ready(row Row, p, strict *policy.Policy, certs policy.CertSet) Ready {
	r := Ready{Row: row, Segments4: segments(row.Bytes, MSS4), Segments6: segments(row.Bytes, MSS6)}
	h := row.Hello
	for _, g := range h.Groups {
		if postQuantum(g) {
			r.Groups = append(r.Groups, g)
		}
	}
	for _, s := range h.KeyShares {
		if postQuantum(s.Group) {
			r.Shares = append(r.Shares, s.Group)
		}
	}
	switch {
	case !slices.ContainsFunc(h.SupportedVersions, func(v wire.Version) bool { return v.String() == "TLSv1.3" }):
		r.Offer = OfferNoTLS13
	case slices.ContainsFunc(r.Shares, served):
		r.Offer = OfferShare
	case slices.ContainsFunc(r.Groups, served):
		r.Offer = OfferList
	case len(r.Groups) > 0:
		r.Offer = OfferOther
	default:
		r.Offer = OfferNone
	}
	r.Now, r.Preferred = p.Decide(h, certs), strict.Decide(h, certs)
	return r
}

func segments(bytes, mss int) int { return (bytes + mss - 1) / mss }

// Count is how many rows, and connections, offer in one way.
type Count struct {
	Offer       Offer `json:"offer"`
	Clients     int   `json:"clients"`
	Connections int64 `json:"connections"`
}

// Summary counts rows by the way of their offer.
type Summary struct {
	Offers       []Count `json:"offers"`
	Agree        int     `json:"agree"`   // rows that agree on a post-quantum group under the policy
	Refused      int     `json:"refused"` // rows that the policy refuses, for their versions, suites or groups
	Retry        int     `json:"retry"`   // rows that the policy asks again, for a post-quantum share
	RetryStrict  int     `json:"retry_if_strongly_preferred"`
	TwoSegments  int     `json:"two_segments"`  // rows whose hello takes more than one segment
	LargestBytes int     `json:"largest_bytes"` // of a hello
}

// Summarize counts.
func (r *Readiness) Summarize() Summary {
	var s Summary
	for _, o := range Offers() {
		c := Count{Offer: o}
		for i := range r.Rows {
			if r.Rows[i].Offer == o {
				c.Clients++
				c.Connections += r.Rows[i].Connections
			}
		}
		s.Offers = append(s.Offers, c)
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Now.Outcome == policy.Refused {
			s.Refused++
		} else if postQuantum(row.Now.Group) {
			s.Agree++
		}
		if row.Retries() {
			s.Retry++
		}
		if row.RetriesIfPreferred() {
			s.RetryStrict++
		}
		if row.Segments6 > 1 {
			s.TwoSegments++
		}
		s.LargestBytes = max(s.LargestBytes, row.Bytes)
	}
	return s
}
