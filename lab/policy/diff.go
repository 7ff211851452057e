package policy

import (
	"slices"

	"github.com/alblab/alblab/lab/wire"
)

// Distance is how far a policy is from another, in the order in which it matters when one replaces the other to let a client in:
// what is weakened first, then what other clients may notice. The first field that differs decides.
type Distance struct {
	Versions       int `json:"versions"`        // steps by which the lowest version sinks
	Lost           int `json:"lost"`            // versions that go away: clients that speak nothing else break, the others are held back
	ForwardSecrecy int `json:"forward_secrecy"` // 1: suites without forward secrecy come in where there were none
	Suites         int `json:"suites"`          // weak suites that come in: RSA key transport, CBC, 3DES
	Schemes        int `json:"schemes"`         // signature schemes with SHA-1 or SHA-224 that come in
	Properties     int `json:"properties"`      // what the policy promised and the other does not: FIPS, post-quantum groups, RFC 9151
	Regime         int `json:"regime"`          // 1: of a FIPS or RFC 9151 family where there was none: meant for others, and narrower
	Family         int `json:"family"`          // 1: of another family
	Uncertain      int `json:"uncertain"`       // 1: it is not known whether the other can be chosen
	Changes        int `json:"changes"`         // entries that differ, of all lists
}

// DistanceTo measures the way from p to q.
func (p *Policy) DistanceTo(q *Policy) Distance {
	df := Diff(p, q)
	d := Distance{
		Versions: max(0, int(p.Versions[0])-int(q.Versions[0])),
		Lost:     len(df.Versions.Removed),
		Changes:  df.changes(),
	}
	if p.ForwardSecret && !q.ForwardSecret {
		d.ForwardSecrecy = 1
	}
	for _, s := range df.Suites.Added {
		if weakSuite(s) {
			d.Suites++
		}
	}
	for _, s := range df.Schemes.Added {
		if h := hashBits(s); h < 256 {
			d.Schemes++
		}
	}
	for _, has := range []func(*Policy) bool{(*Policy).FIPS, (*Policy).PostQuantum, (*Policy).strict9151} {
		if has(p) && !has(q) {
			d.Properties++
		}
	}
	if q.FIPS() && !p.FIPS() {
		d.Regime = 1
	}
	if p.Family != q.Family {
		d.Family = 1
	}
	if q.Status != "documented" {
		d.Uncertain = 1
	}
	return d
}

// Compare orders distances, the smaller first.
func (d Distance) Compare(e Distance) int {
	return slices.Compare(d.list(), e.list())
}

func (d Distance) list() []int {
	return []int{d.Versions, d.Lost, d.ForwardSecrecy, d.Suites, d.Schemes, d.Properties, d.Regime, d.Family, d.Uncertain, d.Changes}
}

// FIPS tells whether the policy is one of the families that use FIPS-validated cryptography.
func (p *Policy) FIPS() bool {
	return slices.Contains([]string{"fips", "fips-pq", "rfc9151", "rfc9151-interop"}, p.Family)
}

// PostQuantum tells whether the policy has groups that resist quantum computers.
func (p *Policy) PostQuantum() bool { return slices.ContainsFunc(p.Groups, wire.Group.PostQuantum) }

func (p *Policy) strict9151() bool { return p.Family == "rfc9151" }

// weakSuite: without forward secrecy or without authenticated encryption.
func weakSuite(s wire.Suite) bool {
	switch s {
	case 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9:
		return false
	}
	return true
}

// Change is what differs between two lists.
type Change[T any] struct {
	Added     []T  `json:"added,omitempty"`
	Removed   []T  `json:"removed,omitempty"`
	Reordered bool `json:"reordered,omitempty"` // what both have stands in another order
}

// Difference is what differs between two policies.
type Difference struct {
	From              string               `json:"from"`
	To                string               `json:"to"`
	Versions          Change[wire.Version] `json:"versions"`
	Suites            Change[wire.Suite]   `json:"ciphers"`
	Groups            Change[wire.Group]   `json:"groups"`
	StronglyPreferred Change[wire.Group]   `json:"strongly_preferred_groups"`
	Schemes           Change[wire.Scheme]  `json:"signature_algorithms"`
	CertSchemes       Change[wire.Scheme]  `json:"certificate_signature_algorithms"`
	ForwardSecret     [2]bool              `json:"forward_secret"` // from, to
}

// Diff tells what changes when b replaces a.
func Diff(a, b *Policy) Difference {
	return Difference{
		From: a.Name, To: b.Name,
		Versions: diff(a.Versions, b.Versions), Suites: diff(a.Suites, b.Suites), Groups: diff(a.Groups, b.Groups),
		StronglyPreferred: diff(a.StronglyPreferred, b.StronglyPreferred), Schemes: diff(a.Schemes, b.Schemes),
		CertSchemes: diff(a.CertSchemes, b.CertSchemes), ForwardSecret: [2]bool{a.ForwardSecret, b.ForwardSecret},
	}
}

// Equal tells whether the two policies decide alike: nothing but their names differs.
func (d Difference) Equal() bool {
	return d.changes() == 0 && !d.Versions.Reordered && !d.Suites.Reordered && !d.Groups.Reordered &&
		!d.StronglyPreferred.Reordered && !d.Schemes.Reordered && !d.CertSchemes.Reordered
}

func (d Difference) changes() int {
	return d.Versions.count() + d.Suites.count() + d.Groups.count() + d.StronglyPreferred.count() + d.Schemes.count() +
		d.CertSchemes.count()
}

func (c Change[T]) count() int { return len(c.Added) + len(c.Removed) }

func diff[T comparable](a, b []T) (c Change[T]) {
	var keptA, keptB []T
	for _, v := range b {
		if slices.Contains(a, v) {
			keptB = append(keptB, v)
		} else {
			c.Added = append(c.Added, v)
		}
	}
	for _, v := range a {
		if slices.Contains(b, v) {
			keptA = append(keptA, v)
		} else {
			c.Removed = append(c.Removed, v)
		}
	}
	c.Reordered = !slices.Equal(keptA, keptB)
	return c
}
