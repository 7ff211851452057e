// Package rollout says what a change of security policy does to each client of a load balancer: who keeps connecting, who
// breaks, and for whom the evidence does not tell.
//
// Start with [Read], which makes [Traffic] of captures and logs, and [Judge], which makes a [Report] of it for a [Question].
// [Question.Hello] and [Question.Line] judge one hello and one line of a log.
package rollout

import (
	"github.com/alblab/alblab/lab/policy"
)

// Effect is what a policy change does to a client.
type Effect uint8

// The effects.
const (
	Unknown Effect = iota // the evidence does not tell
	Keeps                 // it connects under the new policy
	Breaks                // it cannot connect under the new policy
)

var effectNames = [...]string{Unknown: "unknown", Keeps: "keeps", Breaks: "breaks"}

// String returns "keeps", "breaks" or "unknown".
func (e Effect) String() string { return effectNames[min(e, Breaks)] }

// MarshalText writes the form of String.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Reason is what a client fails on under the new policy, or may fail on.
type Reason string

// The reasons. ReasonNone goes with Keeps.
const (
	ReasonNone        Reason = ""
	ReasonVersion     Reason = "version"
	ReasonSuite       Reason = "suite"
	ReasonGroup       Reason = "group"
	ReasonScheme      Reason = "signature scheme"
	ReasonCertificate Reason = "certificate type"
	ReasonFallback    Reason = "fallback"           // the hello says that it repeats an attempt with a lower version
	ReasonHello       Reason = "hello"              // the hello is damaged, or was not captured whole
	ReasonFails       Reason = "fails today"        // a line of an attempt that failed tells nothing of what was offered
	ReasonOther       Reason = "nothing in the log" // the line has neither version nor suite
)

// Assume says what clients are taken to obey where a log line leaves it open.
type Assume uint8

// The assumptions.
const (
	// AssumeNothing takes a client to send any hello whatever that fits its line. What is called Keeps or Breaks is then
	// proven for every one of them.
	AssumeNothing Assume = iota
	// AssumeStandard takes a client that may also offer TLS 1.3 to obey RFC 8446: supported_versions goes with TLS 1.3 and
	// legacy_version is then TLS 1.2 (section 4.1.2, 4.2.1), TLS_AES_128_GCM_SHA256, secp256r1, rsa_pss_rsae_sha256 and
	// ecdsa_secp256r1_sha256 are offered (section 9.1). One that speaks TLS 1.2 has signatures with SHA-256 (RFC 5246, whose
	// own hash it is). TLS_FALLBACK_SCSV is no client's first word (RFC 7507).
	AssumeStandard
)

// String returns "nothing" or "standard".
func (a Assume) String() string {
	if a == AssumeStandard {
		return "standard"
	}
	return "nothing"
}

// Question is a change of policy.
type Question struct {
	To        *policy.Policy
	From      *policy.Policy // the policy that wrote the logs; nil: not known
	Certs     policy.CertSet // of the load balancer under To
	FromCerts policy.CertSet // under From; nil: the same as Certs
	Assume    Assume
}

func (q *Question) fromCerts() policy.CertSet {
	if q.FromCerts == nil {
		return q.Certs
	}
	return q.FromCerts
}

// Evidence is what would settle an effect that is unknown.
type Evidence string

// The kinds of evidence that settle.
const (
	SettleCapture     Evidence = "capture"         // a capture of the client's hello
	SettleFrom        Evidence = "from"            // the name of the policy that wrote the log
	SettleKeyExchange Evidence = "tls_keyexchange" // a connection log of 2026 or later, with the group
)

// Judgement is the effect on one hello or on the client behind one line.
type Judgement struct {
	Effect Effect
	Reason Reason
	Why    string     // one clause, lower case, without a period
	Settle []Evidence // for Unknown: what would settle it, the easiest first
	Fails  bool       // it fails under the old policy already, as far as From or the log says
	// Foreign: the line cannot be From's; it was judged without it.
	Foreign bool
}
