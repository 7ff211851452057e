package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/wire"
)

// Detail says in one clause, lower case and without a period, why p decided d for h with c. For a plain success it is empty.
func Detail(p *Policy, h *wire.ClientHello, c CertSet, d Decision) string {
	switch {
	case d.Outcome == HelloRetry:
		return "the client supports " + d.Group.String() + ", which the policy prefers, and sent no share of it: it is asked for one"
	case d.Outcome == Negotiated && d.SchemeUnoffered:
		return "the client offers no signature scheme that the server can use; the server goes on with " + d.Scheme.String() +
			", which most clients refuse"
	case d.Outcome == Negotiated:
		return ""
	case h == nil:
		return "the hello is damaged"
	case d.Reason == ReasonMalformed:
		return "the hello lacks cipher suites or the null compression method"
	}
	l := offered(p, h)
	switch d.Reason {
	case ReasonNoCommonVersion:
		return noVersion(p, l)
	case ReasonInappropriateFallback:
		return fmt.Sprintf("the client repeats an attempt with a lower version (TLS_FALLBACK_SCSV, %s at most), and the policy has %s",
			highest(l.Versions), p.Versions[len(p.Versions)-1])
	case ReasonNoCommonSuite:
		return noSuite(p, h, l, c) + newerOnly(p, h)
	case ReasonNoCommonGroup:
		if h.HasPointFormats && !slices.Contains(h.PointFormats, 0) {
			return "the client does not take uncompressed points, and every cipher suite that is left needs them"
		}
		return fmt.Sprintf("the client offers no group of the policy's: %s against %s", few(l.Groups), few(p.Groups))
	case ReasonNoCommonScheme:
		return fmt.Sprintf("the policy has no signature scheme for TLSv1.3 that the server's keys (%s) can make", c)
	case ReasonUnusableCertificate:
		if len(c) == 0 {
			return "the server has no certificate"
		}
		return fmt.Sprintf("the policy has no signature scheme that the server's keys (%s) can make: no client can connect", c)
	}
	return d.Reason.String()
}

func highest(versions []wire.Version) wire.Version {
	top := wire.Version(0)
	for _, v := range versions {
		if v <= wire.TLS13 { // drafts of TLS 1.3 have large numbers
			top = max(top, v)
		}
	}
	return top
}

func noVersion(p *Policy, l Lists) string {
	top := highest(l.Versions)
	lowest := p.Versions[0]
	switch {
	case top == 0:
		return fmt.Sprintf("the client offers no known version of TLS, the policy needs %s or later", lowest)
	case top < lowest && lowest == wire.TLS13:
		return fmt.Sprintf("the client offers %s at most, the policy needs %s", top, lowest)
	case top < lowest:
		return fmt.Sprintf("the client offers %s at most, the policy needs %s or later", top, lowest)
	}
	return fmt.Sprintf("the client offers %s, the policy has %s", join(l.Versions, " "), join(p.Versions, " "))
}

// noSuite looks for what kept the suites that both have from being used.
func noSuite(p *Policy, h *wire.ClientHello, l Lists, c CertSet) string {
	version, _ := p.version(h)
	both := common(p.Suites, l.Suites)
	var fit []wire.Suite
	for _, s := range both {
		if info, _ := s.Info(); version >= info.Min && version <= info.Max {
			fit = append(fit, s)
		}
	}
	switch {
	case len(l.Suites) == 1 && len(both) == 0:
		return "the one cipher suite that the client offers is not in the policy"
	case len(both) == 0:
		return fmt.Sprintf("none of the %s that the client offers is in the policy", count(len(l.Suites), "cipher suite", "cipher suites"))
	case len(fit) == 0:
		return fmt.Sprintf("the cipher suites that client and policy share are not for %s: %s", version, few(both))
	case h.Format == wire.FormatSSLv2:
		return "a hello in the SSLv2 format cannot use ECDHE, and shares no other cipher suite with the policy"
	}
	return fmt.Sprintf("the cipher suites that client and policy share need another certificate than %s: %s", c, few(fit))
}

// newerOnly tells of a client that offers later versions only than a policy without TLS 1.3 has. Its hello looks like one of
// TLS 1.2, as such a policy does not read supported_versions; so it fails at the cipher suites.
func newerOnly(p *Policy, h *wire.ClientHello) string {
	top := p.Versions[len(p.Versions)-1]
	versions := plain(h.SupportedVersions)
	if !h.HasSupportedVersions || top >= wire.TLS13 || len(versions) == 0 || slices.Min(versions) <= top {
		return ""
	}
	return fmt.Sprintf("; the client offers %s only, the policy ends at %s", join(versions, " "), top)
}

func (p *Policy) version(h *wire.ClientHello) (version, highest wire.Version) {
	t := p.compiled
	if t == nil {
		t = compile(p)
	}
	return t.version(h)
}

// few lists up to four values.
func few[T fmt.Stringer](list []T) string {
	if len(list) == 0 {
		return "none"
	}
	s := join(list[:min(4, len(list))], ", ")
	if len(list) > 4 {
		s += fmt.Sprintf(" and %d more", len(list)-4)
	}
	return s
}

// gain says what the client must be able to do so that p answers it.
func gain(p *Policy, h *wire.ClientHello, c CertSet, d Decision) string {
	version, _ := p.version(h)
	switch d.Reason {
	case ReasonNoCommonVersion:
		return "it must offer " + join(p.Versions, " or ")
	case ReasonInappropriateFallback:
		return "it must not fall back: find out why its first attempt, with the higher version, failed"
	case ReasonNoCommonSuite:
		var fit []wire.Suite
		for _, s := range p.Suites {
			info, _ := s.Info()
			if version >= info.Min && version <= info.Max && serves(c, info.Auth) &&
				(h.Format != wire.FormatSSLv2 || info.KeyExchange == wire.KeyExchangeRSA) {
				fit = append(fit, s)
			}
		}
		if len(fit) == 0 {
			return "it must offer " + join(p.Versions[len(p.Versions)-1:], "") + " and its cipher suites"
		}
		return "it must offer one of " + few(fit)
	case ReasonNoCommonGroup:
		groups := p.Groups
		if version < wire.TLS13 {
			groups = slices.DeleteFunc(slices.Clone(groups), wire.Group.PostQuantum)
		}
		return "it must offer one of the groups " + join(groups, ", ")
	case ReasonNoCommonScheme, ReasonUnusableCertificate:
		return "nothing that the client could do: the server needs another certificate or policy"
	}
	return ""
}

func serves(c CertSet, a wire.Auth) bool {
	for _, cert := range c {
		if a == wire.AuthAny || a == wire.AuthRSA && cert.Key == RSA || a == wire.AuthECDSA && cert.Key == ECDSA {
			return true
		}
	}
	return false
}

// String lists the fields that are set, for logs and tests: "negotiated TLSv1.2 TLS_... secp256r1 rsa_pkcs1_sha256 cert 0".
func (d Decision) String() string {
	words := []string{d.Outcome.String()}
	if d.Reason != ReasonNone {
		words = append(words, d.Reason.String())
	}
	if d.Outcome == Refused {
		return strings.Join(words, " ")
	}
	words = append(words, d.Version.String(), d.Suite.String())
	if d.Group != 0 {
		words = append(words, d.Group.String())
	}
	if d.Scheme != 0 {
		words = append(words, d.Scheme.String())
	}
	if d.SchemeUnoffered {
		words = append(words, "(not offered)")
	}
	return strings.Join(append(words, fmt.Sprintf("cert %d", d.Cert)), " ")
}
