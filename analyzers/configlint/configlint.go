// Package configlint reads the configuration of load balancers (Terraform, CloudFormation, Kubernetes) and says which
// security policy is in effect at each listener, also where nobody named one and the tool's default holds, what is weak
// about it, and where mutual TLS is left out of a file but not switched off.
//
// Call [Terraform], [CloudFormation] or [Ingress]; the [Result] has the listeners, the findings and what could not be read.
// A value that the files do not tell is unknown and said to be so, with the reason: nothing is guessed. Which clients a
// policy refuses is not known here; who has a catalogue of clients adds findings of the rule [RuleClients].
package configlint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/alblab/alblab/lab/policy"
)

// Position is a place in a file, as a person counts, from 1. Line 0: the file as a whole.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String returns "main.tf:12:3".
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Origin says where a value comes from.
type Origin string

// The origins.
const (
	OriginSet     Origin = "set"     // the configuration says it
	OriginDefault Origin = "default" // the configuration leaves it out: the tool's or AWS's default
	OriginUnknown Origin = "unknown" // it says it with something that the files do not tell
)

// Value is what a listener has for one thing.
type Value struct {
	Origin Origin   `json:"origin"`
	Text   string   `json:"value,omitempty"` // "" where it is unknown or there is none
	Why    string   `json:"why,omitempty"`   // of an unknown: what is not known; of a default: whose default
	At     Position `json:"at"`              // where it stands; of a default the listener's own place
}

// Kind is the kind of load balancer that a listener belongs to.
type Kind string

// The kinds.
const (
	KindApplication Kind = "application"
	// KindNetwork is a TLS listener of a Network Load Balancer: the same names of policies with the same content and defaults.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html
	KindNetwork Kind = "network"
)

// Listener is one listener that speaks TLS.
type Listener struct {
	Address  string   `json:"address"` // as the tool names it: aws_lb_listener.https, a logical id, namespace/ingress:443
	Kind     Kind     `json:"kind"`
	Protocol string   `json:"protocol"`
	Port     string   `json:"port,omitempty"` // "" where it is not known
	At       Position `json:"at"`
	Policy   Value    `json:"policy"`
	MTLS     Value    `json:"mutual_authentication"` // off, passthrough, verify; [OriginDefault] where it is left out

	// MutualLeftOut says why it matters that mutual authentication is left out of this listener; "" where it does not.
	MutualLeftOut string `json:"-"`
}

// Result is what was found.
type Result struct {
	Listeners []Listener
	Findings  []Finding
	Problems  []Problem // what could not be read; the rest was
	Files     int       // that were read

	damaged map[string]bool // files in which something is lost: what is left out may be among it
}

// Problem is a place that could not be read.
type Problem struct {
	At  Position
	Msg string
}

// Error returns position and message.
func (p Problem) Error() string { return p.At.String() + ": " + p.Msg }

func (r *Result) problem(at Position, format string, args ...any) {
	const most = 1000 // of a hostile file nobody reads more
	if len(r.Problems) < most {
		r.Problems = append(r.Problems, Problem{at, fmt.Sprintf(format, args...)})
	}
}

// EffectivePolicy returns the policy at a listener, nil where it is unknown or no policy of that name is known.
func (l *Listener) EffectivePolicy() *policy.Policy {
	if l.Policy.Text == "" {
		return nil
	}
	p, err := policy.ByName(l.Policy.Text)
	if err != nil || p.Name != l.Policy.Text { // names are case-sensitive in AWS's API, and whole
		return nil
	}
	return p
}

// finish judges the listeners and puts all into the order of the files.
func (r *Result) finish() *Result {
	for i := range r.Listeners {
		r.judge(&r.Listeners[i])
	}
	slices.SortStableFunc(r.Listeners, func(a, b Listener) int {
		return cmp.Or(compare(a.At, b.At), cmp.Compare(a.Address, b.Address))
	})
	SortFindings(r.Findings)
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return compare(a.At, b.At) })
	r.Problems = slices.Compact(r.Problems)
	return r
}

// SortFindings puts findings into the order of the files.
func SortFindings(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(compare(a.At, b.At), cmp.Compare(a.Listener, b.Listener), cmp.Compare(a.Rule, b.Rule))
	})
}

func compare(a, b Position) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
