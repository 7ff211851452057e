package rollout

import (
	"slices"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// Connects says whether a decision lets the client in. One whose signature scheme the client did not offer does not: most
// clients end the handshake there (RFC 8446, section 4.4.3; RFC 5246, section 7.4.3).
func Connects(d policy.Decision) bool {
	return d.Outcome != policy.Refused && !d.SchemeUnoffered
}

// Hello judges a client whose hello is known, which settles it. A nil hello is one that is damaged.
func (q *Question) Hello(h *wire.ClientHello) Judgement {
	d := q.To.Decide(h, q.Certs)
	fails := q.From != nil && !Connects(q.From.Decide(h, q.fromCerts()))
	if Connects(d) {
		return Judgement{Effect: Keeps, Fails: fails}
	}
	return Judgement{Effect: Breaks, Reason: q.reason(h, d), Why: policy.Detail(q.To, h, q.Certs, d), Fails: fails}
}

// reason puts a refusal into the words of this package.
func (q *Question) reason(h *wire.ClientHello, d policy.Decision) Reason {
	switch d.Reason {
	case policy.ReasonNoCommonVersion:
		return ReasonVersion
	case policy.ReasonInappropriateFallback:
		return ReasonFallback
	case policy.ReasonNoCommonGroup:
		return ReasonGroup
	case policy.ReasonMalformed:
		return ReasonHello
	case policy.ReasonUnusableCertificate:
		return ReasonCertificate
	case policy.ReasonNoCommonSuite:
		both, _ := policy.ParseCertSet("both")
		if q.To.Decide(h, append(slices.Clone(q.Certs), both...)).Outcome != policy.Refused {
			return ReasonCertificate
		}
		return ReasonSuite
	}
	return ReasonScheme
}
