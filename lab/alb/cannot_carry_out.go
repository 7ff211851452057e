package alb

import (
	"errors"
	"fmt"
	"slices"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// ErrCannotCarryOut says that a policy accepts a hello that no TLS engine written in Go can answer. The load balancer
// resets such a connection and records no evidence: a real one would have served it. Connection.Err wraps it.
var ErrCannotCarryOut = errors.New("no engine can carry out the decision")

// Limitation is one kind of hello that this load balancer decides but cannot serve.
type Limitation struct {
	Name string
	Why  string
	Is   func(h *wire.ClientHello, d policy.Decision) bool
}

// Limitations returns every kind of accepted hello that cannot be carried out.
func Limitations() []Limitation {
	return []Limitation{
		{"sslv2-format", "engines read no hello in SSLv2 framing",
			func(h *wire.ClientHello, d policy.Decision) bool { return h.Format == wire.FormatSSLv2 }},
		{"ecdhe-without-groups", "engines need the supported_groups extension for ECDHE; s2n-tls assumes P-256 without it",
			func(h *wire.ClientHello, d policy.Decision) bool {
				return d.Version < wire.TLS13 && d.Group != 0 && !slices.Contains(h.Groups, d.Group)
			}},
		{"sha224", "engines know no signature scheme with SHA-224",
			func(h *wire.ClientHello, d policy.Decision) bool { return d.Scheme == 0x0301 || d.Scheme == 0x0303 }},
		{"early-data", "engines refuse the early_data extension; an ALB ignores it",
			func(h *wire.ClientHello, d policy.Decision) bool {
				return d.Version == wire.TLS13 && slices.Contains(h.Extensions, 42)
			}},
		{"quic-parameters", "engines refuse quic_transport_parameters over TCP (RFC 9001, section 8.2)",
			func(h *wire.ClientHello, d policy.Decision) bool {
				return d.Version == wire.TLS13 && slices.Contains(h.Extensions, 57)
			}},
		{"retry-unoffered-scheme", "engines refuse the second hello when the client offers no signature scheme of the policy's",
			func(h *wire.ClientHello, d policy.Decision) bool {
				return d.Outcome == policy.HelloRetry && d.SchemeUnoffered
			}},
		{"server-name-form", "engines refuse a server name that ends with a dot",
			func(h *wire.ClientHello, d policy.Decision) bool {
				n := len(h.ServerName)
				return n > 0 && h.ServerName[n-1] == '.'
			}},
	}
}

// cannotCarryOut returns an error that wraps ErrCannotCarryOut for a hello that no engine can answer as decided.
func cannotCarryOut(limits []Limitation, h *wire.ClientHello, d policy.Decision) error {
	for _, l := range limits {
		if l.Is(h, d) {
			return fmt.Errorf("%w: %s: %s", ErrCannotCarryOut, l.Name, l.Why)
		}
	}
	return nil
}
