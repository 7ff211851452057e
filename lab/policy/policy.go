// Package policy holds the security policies of an AWS Application Load Balancer as data, and the pure function that
// decides what such a load balancer answers to a ClientHello. No sockets.
//
// Start with [ByName] and [Policy.Decide].
package policy

import "github.com/alblab/alblab/lab/wire"

// Policy is one security policy: a table. Lists stand in the server's order of preference.
type Policy struct {
	Name     string         // as in the API, "ELBSecurityPolicy-..."
	Family   string         // tls13, pq, tls, fips, fips-pq, rfc9151, rfc9151-interop, fs
	Status   string         // how sure it is that the policy can be chosen: "documented", or what is known
	Versions []wire.Version // ascending
	Suites   []wire.Suite
	Groups   []wire.Group
	// StronglyPreferred groups are worth a HelloRetryRequest when the client supports them and sent no share.
	StronglyPreferred []wire.Group
	Schemes           []wire.Scheme // signature schemes for the handshake
	CertSchemes       []wire.Scheme // schemes allowed in a client's certificate chain; empty: no restriction known
	ForwardSecret     bool          // no suite with RSA key transport
	Notes             string
	Sources           []string // title and address of each source

	compiled *table
}

// Result says what a policy answers.
type Result uint8

// The three answers.
const (
	Refused Result = iota
	Negotiated
	HelloRetry
)

// Reason says why a hello is refused.
type Reason uint8

// The reasons. ReasonNone goes with Negotiated and HelloRetry.
const (
	ReasonNone Reason = iota
	ReasonMalformed
	ReasonNoCommonVersion
	ReasonInappropriateFallback
	ReasonNoCommonSuite
	ReasonNoCommonGroup
	ReasonNoCommonScheme
	ReasonUnusableCertificate // the policy allows no signature that the server's keys can make: no client can connect
)

// Decision is what a policy answers to a hello: a small flat value. All fields but Outcome and Reason are empty if it is
// refused.
type Decision struct {
	Outcome Result       `json:"outcome"`
	Reason  Reason       `json:"reason"`
	Version wire.Version `json:"version"`          // 0 if none was agreed
	Suite   wire.Suite   `json:"cipher"`           // 0 if none
	Group   wire.Group   `json:"group"`            // 0 if none, or RSA key transport
	Scheme  wire.Scheme  `json:"signature_scheme"` // 0 if none, below TLS 1.2, or RSA key transport
	Cert    int8         `json:"certificate"`      // index into the CertSet, -1 if none
	// SchemeUnoffered: the client did not offer Scheme; the server has nothing better and goes on, as s2n-tls does. Most
	// clients then end the handshake.
	SchemeUnoffered bool `json:"signature_scheme_unoffered,omitempty"`
}

// KeyType is the public key algorithm of a certificate.
type KeyType uint8

// The key types that an ALB's server certificate can have.
const (
	RSA KeyType = iota + 1
	ECDSA
)

// Cert describes one server certificate as far as it matters to a decision.
type Cert struct {
	Key    KeyType
	Bits   int         // RSA: modulus size in bits
	Curve  wire.Group  // ECDSA: the curve
	Scheme wire.Scheme // the algorithm of the signature in the certificate
}

// CertSet is the server's certificates, the default one first.
type CertSet []Cert
