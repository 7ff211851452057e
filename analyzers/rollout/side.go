package rollout

import (
	"slices"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// side is one of the two policies with its certificates.
type side struct {
	*policy.Policy
	certs      policy.CertSet
	low, high  wire.Version
	rank       map[wire.Suite]int
	rsa, ecdsa bool
	classical  []wire.Group
	fallback   wire.Group // what a server takes for a client without supported_groups: see policy.Decide
}

func newSide(p *policy.Policy, certs policy.CertSet) *side {
	s := &side{Policy: p, certs: certs, low: p.Versions[0], high: p.Versions[len(p.Versions)-1], rank: map[wire.Suite]int{}}
	for i, x := range p.Suites {
		s.rank[x] = i
	}
	for _, c := range certs {
		s.rsa = s.rsa || c.Key == policy.RSA
		s.ecdsa = s.ecdsa || c.Key == policy.ECDSA
	}
	for _, g := range p.Groups {
		if g.PostQuantum() {
			continue
		}
		s.classical = append(s.classical, g)
		if g == wire.SECP256R1 || s.fallback == 0 {
			s.fallback = g
		}
	}
	return s
}

// fits says whether a suite of the policy can be chosen in a version, as far as the version goes.
func fits(x wire.Suite, v wire.Version) bool {
	info, _ := x.Info()
	return v >= info.Min && v <= info.Max
}

// certified says whether one of the certificates serves a suite.
func (s *side) certified(x wire.Suite) bool {
	info, _ := x.Info()
	switch info.Auth {
	case wire.AuthRSA:
		return s.rsa
	case wire.AuthECDSA:
		return s.ecdsa
	}
	return info.Auth == wire.AuthAny
}

// has says whether the policy has a suite, one that can be chosen in a version with the certificates.
func (s *side) has(x wire.Suite, v wire.Version) bool {
	_, ok := s.rank[x]
	return ok && fits(x, v) && s.certified(x)
}

func transport(x wire.Suite) bool {
	info, _ := x.Info()
	return info.KeyExchange == wire.KeyExchangeRSA
}

// usable13 are the certificate-dependent schemes of TLS 1.3.
func (s *side) usable13() []wire.Scheme { return s.Signatures(s.certs, wire.TLS13, wire.AuthAny) }

func (s *side) usable12(a wire.Auth) []wire.Scheme { return s.Signatures(s.certs, wire.TLS12, a) }

func subset[T comparable](a, b []T) bool {
	for _, v := range a {
		if !slices.Contains(b, v) {
			return false
		}
	}
	return true
}
