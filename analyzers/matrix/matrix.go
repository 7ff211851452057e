// Package matrix asks every policy about every client: a heat map of who can connect to what, and how ready clients are for
// post-quantum key exchange.
//
// Start with [New], or [NewReadiness]. A [Row] is a client of a catalogue or one seen in a capture; this package does not
// know where it comes from.
package matrix

import (
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// Row is one client.
type Row struct {
	Name        string // "Chrome 133", or a JA4
	Family      string // rows of one family stand together
	Note        string // what else helps to recognise it: addresses, server names; may be empty
	Year        int    // of its release, 0 if unknown
	Connections int64  // in the capture; 0 in a catalogue
	Hello       *wire.ClientHello
	Bytes       int // of the hello's records; 0 if unknown
}

// Matrix is every policy's decision about every row.
type Matrix struct {
	Policies []*policy.Policy
	Rows     []Row
	Certs    policy.CertSet

	cells []policy.Decision // by row, then policy
}

// New decides all cells.
func New(rows []Row, policies []*policy.Policy, certs policy.CertSet) *Matrix {
	m := &Matrix{Policies: policies, Rows: rows, Certs: certs, cells: make([]policy.Decision, 0, len(rows)*len(policies))}
	for i := range rows {
		for _, p := range policies {
			m.cells = append(m.cells, p.Decide(rows[i].Hello, certs))
		}
	}
	return m
}

// At returns the decision of a policy about a row.
func (m *Matrix) At(row, policy int) policy.Decision { return m.cells[row*len(m.Policies)+policy] }

// Class sums up what a decision means, in one letter for a narrow table.
type Class byte

// The classes. The letters of refusals say what is missing.
const (
	TLS13     Class = '3'
	TLS12     Class = '2'
	TLS11     Class = '1'
	TLS10     Class = '0'
	Retry     Class = 'r' // TLS 1.3 after a HelloRetryRequest
	Unoffered Class = '!' // the server answers with a signature scheme that the client did not offer; most clients then end
	NoVersion Class = 'v'
	NoSuite   Class = 's'
	NoGroup   Class = 'g'
	NoScheme  Class = 'c' // signature scheme, or the server has no usable certificate
	Fallback  Class = 'f' // the client says that it fell back from a version that the policy has
	Malformed Class = 'm'
)

// Classes returns all classes, for a legend.
func Classes() []Class {
	return []Class{TLS13, TLS12, TLS11, TLS10, Retry, Unoffered, NoVersion, NoSuite, NoGroup, NoScheme, Fallback, Malformed}
}

// Of returns the class of a decision.
func Of(d policy.Decision) Class {
	switch {
	case d.Outcome == policy.Refused:
		switch d.Reason {
		case policy.ReasonNoCommonVersion:
			return NoVersion
		case policy.ReasonInappropriateFallback:
			return Fallback
		case policy.ReasonNoCommonSuite:
			return NoSuite
		case policy.ReasonNoCommonGroup:
			return NoGroup
		case policy.ReasonMalformed:
			return Malformed
		}
		return NoScheme
	case d.SchemeUnoffered:
		return Unoffered
	case d.Outcome == policy.HelloRetry:
		return Retry
	}
	switch d.Version.String() {
	case "TLSv1.3":
		return TLS13
	case "TLSv1.2":
		return TLS12
	case "TLSv1.1":
		return TLS11
	}
	return TLS10
}

// Connects tells whether a client of this class gets a connection.
func (c Class) Connects() bool {
	switch c {
	case TLS13, TLS12, TLS11, TLS10, Retry:
		return true
	}
	return false
}

// Words says what the class means.
func (c Class) Words() string {
	switch c {
	case TLS13:
		return "TLS 1.3"
	case TLS12:
		return "TLS 1.2"
	case TLS11:
		return "TLS 1.1"
	case TLS10:
		return "TLS 1.0"
	case Retry:
		return "TLS 1.3 after a HelloRetryRequest"
	case Unoffered:
		return "answered with a signature that the client did not offer"
	case NoVersion:
		return "refused: no common version"
	case NoSuite:
		return "refused: no common cipher suite"
	case NoGroup:
		return "refused: no common group"
	case NoScheme:
		return "refused: no common signature scheme"
	case Fallback:
		return "refused: inappropriate fallback"
	case Malformed:
		return "refused: malformed hello"
	}
	return "unknown"
}

// Sum is how many rows a policy, or how many policies a row, stands with in each class.
type Sum struct {
	Connects, Retries, Refused int
	Connections                int64 // of those refused, in a capture
}

// OfPolicy sums up a column.
func (m *Matrix) OfPolicy(p int) Sum {
	var s Sum
	for r := range m.Rows {
		s.add(Of(m.At(r, p)), m.Rows[r].Connections)
	}
	return s
}

// OfRow sums up a row.
func (m *Matrix) OfRow(r int) Sum {
	var s Sum
	for p := range m.Policies {
		s.add(Of(m.At(r, p)), 0)
	}
	return s
}

func (s *Sum) add(c Class, connections int64) {
	switch {
	case c == Retry:
		s.Retries++
		s.Connects++
	case c.Connects():
		s.Connects++
	default:
		s.Refused++
		s.Connections += connections
	}
}

// Words says in a line what a cell shows: "TLSv1.2 TLS_..., secp256r1", or why not.
func (m *Matrix) Words(r, p int) string {
	d := m.At(r, p)
	if d.Outcome == policy.Refused {
		return "refused: " + policy.Detail(m.Policies[p], m.Rows[r].Hello, m.Certs, d)
	}
	s := d.Version.String() + " " + d.Suite.String()
	if d.Group != 0 {
		s += " " + d.Group.String()
	}
	if d.Outcome == policy.HelloRetry {
		s += ", after a HelloRetryRequest"
	}
	if d.SchemeUnoffered {
		s += ", signed with " + d.Scheme.String() + ", which the client did not offer: most clients end the handshake"
	}
	return s
}
