package policy

import (
	"math/bits"

	"github.com/alblab/alblab/lab/wire"
)

// Decide tells what the load balancer answers to a hello under this policy with these certificates. A nil hello is one that
// could not be parsed. It allocates nothing and never panics.
//
// It decides as s2n-tls does, AWS's own TLS library (https://github.com/aws/s2n-tls), whose code is named below where a rule
// comes from it; that an ALB runs it in this form is an Assumption: no source says so. Where two certificates of one key type
// are there, the one with the larger hash, then with the longer key is used, as the ALB guide says. Between RSA and ECDSA the
// policy decides: by its order of suites before TLS 1.3, by its order of signature schemes in TLS 1.3.
//
// The policy's CertSchemes do not bind the server's own chain: in s2n-tls that takes certificate_preferences_apply_locally,
// which none of the ELB policies has (tests/policy_snapshot). They bind the chains of clients, in mutual TLS.
func (p *Policy) Decide(h *wire.ClientHello, c CertSet) Decision {
	t := p.compiled
	if t == nil {
		if len(p.Versions) == 0 {
			return refuse(ReasonNoCommonVersion)
		}
		t = compile(p) // a policy that was not made by Parse
	}
	if h == nil || malformed(h) {
		return refuse(ReasonMalformed)
	}
	certs := c.shelve()
	version, highest := t.version(h)
	if version == 0 {
		return refuse(ReasonNoCommonVersion)
	}
	suites := mask(suiteNumber, &t.suites, h.Suites)
	if version == wire.TLS13 {
		return p.decide13(t, h, &certs, suites)
	}
	// RFC 7507, section 3. s2n_set_cipher_as_server: after the version, before the suites.
	if highest < t.max && suites&(1<<scsvPlace) != 0 {
		return refuse(ReasonInappropriateFallback)
	}
	return p.decide12(t, h, &certs, suites, version)
}

func refuse(r Reason) Decision { return Decision{Outcome: Refused, Reason: r, Cert: -1} }

// malformed finds what the parser lets pass but no server can answer.
func malformed(h *wire.ClientHello) bool {
	if len(h.Suites) == 0 {
		return h.Format != wire.FormatSSLv2 // an SSLv2 hello may have had only suites of SSLv2's own
	}
	if h.Format == wire.FormatSSLv2 {
		return false
	}
	for _, m := range h.Compression {
		if m == 0 {
			return false
		}
	}
	return true // RFC 5246, section 7.4.1.2: the list must contain the null method
}

// version returns the version to negotiate, 0 if there is none, and the highest that the client says it speaks.
//
// supported_versions counts only where the policy has TLS 1.3 (s2n_client_supported_versions_recv): a server of TLS 1.2 goes
// by the older field, and so does one that gets no such extension (RFC 8446, section 4.2.1).
func (t *table) version(h *wire.ClientHello) (version, highest wire.Version) {
	if t.max >= wire.TLS13 && h.HasSupportedVersions {
		for _, v := range h.SupportedVersions {
			if v < wire.SSLv3 || v > wire.TLS13 { // also GREASE and drafts
				continue
			}
			highest = max(highest, v)
			if v >= t.min && v <= t.max {
				version = max(version, v)
			}
		}
		return version, highest
	}
	highest = min(h.LegacyVersion, wire.TLS12)
	if version = min(highest, t.max); version < t.min {
		version = 0
	}
	return version, highest
}

func first(m uint64) int { return bits.TrailingZeros64(m) }

// decide13 chooses the group first, then suite and scheme: the order of s2n_process_client_hello.
func (p *Policy) decide13(t *table, h *wire.ClientHello, certs *shelf, suites uint64) Decision {
	group, retry := p.group13(t, h)
	if group == 0 {
		return refuse(ReasonNoCommonGroup)
	}
	if suites &= t.tls13; suites == 0 {
		return refuse(ReasonNoCommonSuite)
	}
	usable := t.usable13(certs)
	if usable == 0 {
		return refuse(p.noScheme(t, certs))
	}
	d := Decision{Outcome: Negotiated, Version: wire.TLS13, Suite: p.Suites[first(suites)], Group: group}
	if retry {
		d.Outcome = HelloRetry
	}
	p.sign(&d, t, h, usable)
	if d.Cert = certs.rsa; d.Scheme&0xFF == 0x03 {
		d.Cert = certs.curve[int(d.Scheme>>8)-4] // 0x0403, 0x0503, 0x0603
	}
	return d
}

// pss returns the rsa_pss_rsae schemes that a key of this size can make: RFC 8017, section 9.1.1 needs the hash twice and two
// bytes. (s2n-tls does not look: an RSA key of 1024 bits with SHA-512 fails there later.)
func (t *table) pss(bits int) uint64 {
	m := t.pss256 | t.pss384
	if bits >= 8*(2*64+2) {
		m |= t.pss512
	}
	return m
}

// noScheme tells whether this client or every client fails on the server's keys.
func (p *Policy) noScheme(t *table, certs *shelf) Reason {
	before13 := t.min < wire.TLS13 && (certs.rsa >= 0 && t.keyTransport|t.ecdheRSA != 0 || certs.ecdsa >= 0 && t.ecdheECDSA != 0)
	if before13 {
		return ReasonNoCommonScheme
	}
	return ReasonUnusableCertificate
}

// group13 chooses the group in TLS 1.3 (s2n_extensions_server_key_share_select; s2n-tls pull request 5634 for strongly
// preferred groups): 1. a strongly preferred group that both support, with a retry if no share came; 2. a hybrid group with a
// share; 3. a hybrid group that both support, with a retry; 4. a classical group with a share; 5. any group that both
// support, with a retry. Within each step the policy's order counts.
func (p *Policy) group13(t *table, h *wire.ClientHello) (g wire.Group, retry bool) {
	if !h.HasGroups {
		// s2n-tls then assumes its default curve and asks for a share of it, although RFC 8446, section 9.2 would let it
		// end with missing_extension.
		return t.fallbackGroup, true
	}
	common := mask(groupNumber, &t.groups, h.Groups) & t.allGroups
	if common == 0 {
		return 0, false
	}
	shares := uint64(0)
	for i := range h.KeyShares {
		// A share of a group that supported_groups lacks, or of the wrong length, is ignored (s2n_client_key_share_recv).
		// Assumption: the points are valid; s2n-tls would ignore a share that is not on its curve.
		s := &h.KeyShares[i]
		if shareFits(s.Group, len(s.Data)) {
			shares |= 1 << (t.groups[groupNumber.of(uint16(s.Group))&31] & 63)
		}
	}
	shares &= common
	if m := common & t.strong; m != 0 {
		return p.Groups[first(m)], shares&(m&-m) == 0
	}
	if m := shares & t.hybrid; m != 0 {
		return p.Groups[first(m)], false
	}
	if m := common & t.hybrid; m != 0 {
		return p.Groups[first(m)], true
	}
	if shares != 0 {
		return p.Groups[first(shares)], false
	}
	return p.Groups[first(common)], true
}

// shareFits knows the length of a client's share: RFC 8446, section 4.2.8, and draft-ietf-tls-ecdhe-mlkem. s2n-tls also takes
// hybrid shares whose two parts have length prefixes, as an early draft had it.
func shareFits(g wire.Group, n int) bool {
	switch g {
	case wire.X25519:
		return n == 32
	case wire.SECP256R1:
		return n == 65
	case wire.SECP384R1:
		return n == 97
	case wire.SECP521R1:
		return n == 133
	case wire.X25519MLKEM768:
		return n == 1184+32 || n == 1184+32+4
	case wire.SecP256r1MLKEM768:
		return n == 65+1184 || n == 65+1184+4
	case wire.SecP384r1MLKEM1024:
		return n == 97+1568 || n == 97+1568+4
	}
	return false
}

func (p *Policy) decide12(t *table, h *wire.ClientHello, certs *shelf, suites uint64, version wire.Version) Decision {
	group := p.group12(t, h)
	// A suite of TLS 1.2 is no choice below it. (s2n_set_cipher_as_server would settle for one if nothing else matched, and
	// fail later.)
	if version < wire.TLS12 {
		suites &= t.before12
	}
	byCert := uint64(0)
	if certs.rsa >= 0 {
		byCert |= t.keyTransport | t.ecdheRSA
	}
	if certs.ecdsa >= 0 {
		byCert |= t.ecdheECDSA
	}
	suites &= byCert
	if byCert == 0 {
		return refuse(ReasonUnusableCertificate)
	}
	if group == 0 && suites != 0 {
		if suites &= t.keyTransport; suites == 0 {
			return refuse(ReasonNoCommonGroup)
		}
	}
	if suites == 0 {
		return refuse(ReasonNoCommonSuite)
	}
	bit := suites & -suites
	d := Decision{Outcome: Negotiated, Version: version, Suite: p.Suites[first(bit)], Cert: certs.rsa}
	if bit&t.keyTransport != 0 {
		return d
	}
	d.Group = group
	usable := t.pss(certs.rsaBits) | t.pkcs1
	if bit&t.ecdheECDSA != 0 {
		d.Cert, usable = certs.ecdsa, t.ecdsa
	}
	if version < wire.TLS12 {
		return d // RFC 4346: MD5 with SHA-1 for RSA, SHA-1 for ECDSA; no choice
	}
	if usable == 0 {
		return refuse(ReasonNoCommonScheme)
	}
	p.sign(&d, t, h, usable)
	return d
}

// group12 chooses the curve for ECDHE before TLS 1.3, 0 if there is none and only RSA key transport is left.
func (p *Policy) group12(t *table, h *wire.ClientHello) wire.Group {
	if h.Format == wire.FormatSSLv2 {
		return 0 // s2n_sslv2_client_hello_recv sets no curve
	}
	if h.HasPointFormats {
		uncompressed := false
		for _, f := range h.PointFormats {
			uncompressed = uncompressed || f == 0
		}
		if !uncompressed { // RFC 8422, section 5.1.2. s2n-tls does not look at the list.
			return 0
		}
	}
	if !h.HasGroups {
		return t.fallbackGroup // RFC 8422, section 4: the server may choose. s2n-tls: P-256, else its first.
	}
	common := mask(groupNumber, &t.groups, h.Groups) & t.allGroups &^ t.hybrid
	if common == 0 {
		return 0
	}
	return p.Groups[first(common)]
}

// sign chooses the signature scheme among the usable ones: the policy's first that the client offers. If there is none, s2n-tls
// goes on with one that was not offered (s2n_signature_algorithm_select): SHA-1 where the policy has it, else its first. That
// is RFC 5246's rule (section 7.4.1.4.1) for a client without the extension; to other clients it is a last attempt, at which
// most of them give up.
func (p *Policy) sign(d *Decision, t *table, h *wire.ClientHello, usable uint64) {
	m := mask(schemeNumber, &t.schemes, h.Schemes) & usable
	if m == 0 {
		m = usable
		sha1 := t.sha1 & usable // none in TLS 1.3
		if sha1 != 0 {
			m = sha1
		}
		d.SchemeUnoffered = h.HasSchemes || sha1 == 0
	}
	d.Scheme = p.Schemes[first(m)]
}
