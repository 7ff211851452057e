package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/wire"
)

// Explanation says why a policy decided as it did, and what would cure a refusal.
type Explanation struct {
	Policy      string   `json:"policy"`
	Certificate string   `json:"certificate"` // the CertSet, as ParseCertSet reads it
	Decision    Decision `json:"decision"`
	Offered     Lists    `json:"offered"` // by the client, in its order, without GREASE and signalling values
	Allowed     Lists    `json:"allowed"` // by the policy, in its order
	Common      Lists    `json:"common"`  // in the policy's order
	Why         string   `json:"why"`     // one sentence: the same as Detail
	// Cures are the policies under which this hello would be answered, the least change first (see Distance). Empty if the
	// hello is answered already, or if none does.
	Cures []Cure `json:"cures,omitempty"`
	// Certificates that would cure it under this policy, added to those that are there. Empty if none does.
	Certificates []string `json:"certificates,omitempty"`
	Client       string   `json:"client,omitempty"` // what the client must gain for this policy
}

// Lists is what one side of a negotiation can do.
type Lists struct {
	Versions  []wire.Version `json:"versions"`
	Suites    []wire.Suite   `json:"ciphers"`
	Groups    []wire.Group   `json:"groups"`
	KeyShares []wire.Group   `json:"key_shares,omitempty"` // the client only
	Schemes   []wire.Scheme  `json:"signature_algorithms"`
}

// Cure is a policy that would answer the hello.
type Cure struct {
	Policy   string   `json:"policy"`
	Decision Decision `json:"decision"`
	Distance Distance `json:"distance"`
	Price    []string `json:"price,omitempty"` // what becomes weaker or goes away, in words; empty if nothing does
}

// Explain makes the words for d, which p decided for h with c. It is slow: call it for what somebody reads.
func Explain(p *Policy, h *wire.ClientHello, c CertSet, d Decision) Explanation {
	e := Explanation{
		Policy: p.Name, Certificate: c.String(), Decision: d, Why: Detail(p, h, c, d),
		Allowed: Lists{Versions: p.Versions, Suites: p.Suites, Groups: p.Groups, Schemes: p.Schemes},
	}
	if h == nil {
		return e
	}
	e.Offered = offered(p, h)
	e.Common = Lists{
		Versions: common(p.Versions, e.Offered.Versions), Suites: common(p.Suites, e.Offered.Suites),
		Groups: common(p.Groups, e.Offered.Groups), Schemes: common(p.Schemes, e.Offered.Schemes),
	}
	if d.Outcome != Refused || d.Reason == ReasonMalformed {
		return e
	}
	e.Cures = cures(p, h, c)
	for _, extra := range []Cert{defaultECDSA, defaultRSA, {Key: ECDSA, Curve: wire.SECP384R1, Scheme: wire.ECDSAP384SHA384}} {
		if p.Decide(h, append(slices.Clone(c), extra)).Outcome != Refused {
			e.Certificates = append(e.Certificates, CertSet{extra}.String())
		}
	}
	e.Client = gain(p, h, c, d)
	return e
}

// offered lists what a client can do under p. The versions of an older hello are those up to client_version, since it cannot
// say where it begins.
func offered(p *Policy, h *wire.ClientHello) Lists {
	l := Lists{Groups: plain(h.Groups), Schemes: plain(h.Schemes)}
	for _, s := range plain(h.Suites) {
		if s != wire.EmptyRenegotiationInfoSCSV && s != wire.FallbackSCSV {
			l.Suites = append(l.Suites, s)
		}
	}
	for _, k := range h.KeyShares {
		if !wire.IsGREASE(k.Group) {
			l.KeyShares = append(l.KeyShares, k.Group)
		}
	}
	if h.HasSupportedVersions && p.Versions[len(p.Versions)-1] >= wire.TLS13 {
		l.Versions = plain(h.SupportedVersions)
		return l
	}
	for v := min(h.LegacyVersion, wire.TLS12); v >= wire.SSLv3; v-- {
		l.Versions = append(l.Versions, v)
	}
	if len(l.Versions) == 0 {
		l.Versions = []wire.Version{h.LegacyVersion}
	}
	return l
}

func plain[T ~uint16](ids []T) (out []T) {
	for _, id := range ids {
		if !wire.IsGREASE(id) {
			out = append(out, id)
		}
	}
	return out
}

func common[T comparable](mine, theirs []T) (out []T) {
	for _, v := range mine {
		if slices.Contains(theirs, v) {
			out = append(out, v)
		}
	}
	return out
}

// cures tries every other policy.
func cures(p *Policy, h *wire.ClientHello, c CertSet) []Cure {
	var all []Cure
	for _, q := range All() {
		d := q.Decide(h, c)
		if q.Name == p.Name || d.Outcome == Refused {
			continue
		}
		dist := p.DistanceTo(q)
		all = append(all, Cure{Policy: q.Name, Decision: d, Distance: dist, Price: price(p, q, dist)})
	}
	slices.SortStableFunc(all, func(a, b Cure) int { return a.Distance.Compare(b.Distance) })
	return all
}

// Price says in words what becomes weaker on the way from p to q, and what goes away that clients may rely on; it is empty if
// nothing does.
func (p *Policy) Price(q *Policy) []string { return price(p, q, p.DistanceTo(q)) }

// price says what becomes weaker on the way from p to q, and what goes away that clients may rely on.
func price(p, q *Policy, d Distance) (words []string) {
	add := func(when bool, format string, args ...any) {
		if when {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(d.Versions > 0, "allows %s (now %s at least)", q.Versions[0], p.Versions[0])
	df := Diff(p, q)
	lost := df.Versions.Removed
	add(len(lost) > 0, "no %s any more", join(lost, ", no "))
	add(d.ForwardSecrecy > 0, "suites without forward secrecy come in")
	add(d.Suites > 0, "%s of CBC mode, 3DES or RSA key transport", count(d.Suites, "more suite", "more suites"))
	add(d.Schemes > 0, "%s with SHA-1 or SHA-224", count(d.Schemes, "more signature scheme", "more signature schemes"))
	add(p.FIPS() && !q.FIPS(), "no longer a FIPS policy")
	add(p.PostQuantum() && !q.PostQuantum(), "no post-quantum groups")
	add(p.strict9151() && !q.strict9151(), "no longer strictly RFC 9151")
	gone := goneWords(q, df)
	add(gone != "", "no longer: %s", gone)
	add(d.Uncertain > 0, "not known to be on offer: %s", q.Status)
	return words
}

// goneWords says in short which groups and suites go away on the way to q, without those that post-quantum cryptography or a
// version takes with it: "secp256r1, 3 suites".
func goneWords(q *Policy, df Difference) string {
	groups := slices.DeleteFunc(slices.Clone(df.Groups.Removed), func(g wire.Group) bool { return g.PostQuantum() && !q.PostQuantum() })
	suites := slices.DeleteFunc(slices.Clone(df.Suites.Removed), func(s wire.Suite) bool {
		info, _ := s.Info()
		return !slices.ContainsFunc(q.Versions, func(v wire.Version) bool { return v >= info.Min && v <= info.Max })
	})
	var words []string
	if len(groups) > 2 {
		words = append(words, count(len(groups), "group", "groups"))
	} else if len(groups) > 0 {
		words = append(words, join(groups, ", "))
	}
	if len(suites) == 1 {
		words = append(words, suites[0].String())
	} else if len(suites) > 1 {
		words = append(words, count(len(suites), "suite", "suites"))
	}
	return strings.Join(words, ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func join[T fmt.Stringer](list []T, sep string) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.String()
	}
	return strings.Join(words, sep)
}

// Text writes the explanation for a person: why, what was offered, what is allowed, and the cure.
func (e Explanation) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", e.Why)
	if e.Decision.Reason == ReasonMalformed {
		return b.String()
	}
	if e.Decision.Outcome == Refused {
		e.compare(line)
	}
	switch {
	case e.Decision.Outcome != Refused:
	case len(e.Cures) == 0 && len(e.Certificates) == 0:
		line("cure: no security policy answers this hello; the client must change: %s", e.Client)
	default:
		for i, c := range e.Cures[:min(3, len(e.Cures))] {
			word := "cure:"
			if i > 0 {
				word = "  or:"
			}
			line("%s %s%s", word, c.Policy, bracket(c.Price))
		}
		if len(e.Cures) > 3 {
			line("      and %d more policies, each a larger change", len(e.Cures)-3)
		}
		if len(e.Certificates) > 0 {
			line("  or: keep the policy and add a certificate: %s", e.Certificates[0])
		}
		line("  or: change the client: %s", e.Client)
	}
	return b.String()
}

func bracket(price []string) string {
	if len(price) == 0 {
		return " (nothing becomes weaker)"
	}
	return " (" + strings.Join(price, "; ") + ")"
}

// compare writes the lists that the reason is about.
func (e Explanation) compare(line func(string, ...any)) {
	show := func(what, offered, allowed string) {
		line("  offered %s: %s", what, or(offered, "none"))
		line("  allowed %s: %s", what, or(allowed, "none"))
	}
	switch e.Decision.Reason {
	case ReasonNoCommonVersion, ReasonInappropriateFallback:
		show("versions", join(e.Offered.Versions, " "), join(e.Allowed.Versions, " "))
	case ReasonNoCommonSuite:
		show("ciphers", join(e.Offered.Suites, " "), join(e.Allowed.Suites, " "))
	case ReasonNoCommonGroup:
		show("groups", join(e.Offered.Groups, " "), join(e.Allowed.Groups, " "))
	case ReasonNoCommonScheme, ReasonUnusableCertificate:
		show("signature schemes", join(e.Offered.Schemes, " "), join(e.Allowed.Schemes, " "))
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
