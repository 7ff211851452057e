package configlint

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/lab/policy"
)

// judge finds what is to be said of one listener.
func (r *Result) judge(l *Listener) {
	r.judgeMutual(l)
	name := strings.TrimPrefix(l.Policy.Text, policy.Prefix)
	switch l.Policy.Origin {
	case OriginUnknown:
		r.find(RuleUnresolved, l.Policy.At, l.Address, "the policy is not known: "+l.Policy.Why)
		return
	case OriginDefault:
		r.find(RuleDefault, l.At, l.Address, fmt.Sprintf("no policy is named; in effect is %s, %s", l.Policy.Text, l.Policy.Why))
	}
	p := l.EffectivePolicy()
	if p == nil {
		r.find(RuleUnknownName, l.Policy.At, l.Address, unknownName(l.Policy.Text))
		return
	}
	if old := oldVersions(p); old != "" {
		r.find(RuleOldVersion, l.Policy.At, l.Address, name+" allows "+old)
	}
	transport, cbc := 0, 0
	for _, s := range p.Suites {
		if strings.HasPrefix(s.String(), "TLS_RSA_") {
			transport++
		}
		if strings.Contains(s.String(), "_CBC_") {
			cbc++
		}
	}
	if transport > 0 {
		r.find(RuleNoSecrecy, l.Policy.At, l.Address, fmt.Sprintf("%s has %s with RSA key transport", name, suites(transport)))
	}
	if cbc > 0 {
		r.find(RuleCBC, l.Policy.At, l.Address, fmt.Sprintf("%s has %s of CBC mode", name, suites(cbc)))
	}
	if !p.PostQuantum() {
		r.find(RuleNoPostQuantum, l.Policy.At, l.Address, name+" has no group with ML-KEM")
	}
}

// judgeMutual says where mutual authentication may be on though the file has none of it. Network Load Balancers have it too, in
// verify mode: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/mutual-authentication.html
func (r *Result) judgeMutual(l *Listener) {
	if l.MTLS.Origin == OriginDefault && l.MutualLeftOut != "" {
		r.find(RuleMutualLeftOut, l.MTLS.At, l.Address, l.MutualLeftOut)
	}
}

func suites(n int) string {
	if n == 1 {
		return "1 suite"
	}
	return fmt.Sprintf("%d suites", n)
}

// oldVersions lists the versions before TLS 1.2 that a policy allows.
func oldVersions(p *policy.Policy) string {
	var old []string
	for _, v := range p.Versions {
		if s := v.String(); s == "TLSv1" || s == "TLSv1.1" || s == "SSLv3" {
			old = append(old, s)
		}
	}
	return strings.Join(old, " and ")
}

// unknownName says that there is no such policy, and which are near.
func unknownName(name string) string {
	p, err := policy.ByName(name)
	if err == nil { // another case, or without its prefix
		return fmt.Sprintf("there is no policy %q; its name is %s", name, p.Name)
	}
	return err.Error()
}
