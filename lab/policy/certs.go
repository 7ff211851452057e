package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alblab/alblab/lab/wire"
)

// ParseCertSet reads a description of the server's certificates, the default one first:
//
//	rsa                   RSA 2048, signed with SHA-256
//	ecdsa                 P-256, signed with SHA-256
//	both                  rsa,ecdsa; also what "" means
//	rsa:3072:sha384       another size (1024 to 16384) and hash
//	rsa:2048:pss-sha256   signed with RSASSA-PSS
//	ecdsa:p384            P-384, signed with SHA-384 (p521 with SHA-512)
//	ecdsa:p384:sha256     another hash
//
// and lists of them with commas. What the certificate is signed with is taken to be of its own key's kind. Which of several is
// used does not depend on their order: see [Policy.Decide].
// Sizes and curves: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
func ParseCertSet(s string) (CertSet, error) {
	var set CertSet
	if strings.TrimSpace(s) == "" {
		s = "both"
	}
	for _, item := range strings.Split(s, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		if item == "both" {
			set = append(set, defaultRSA, defaultECDSA)
			continue
		}
		c, err := parseCert(item)
		if err != nil {
			return nil, fmt.Errorf("certificate %q: %w", item, err)
		}
		set = append(set, c)
	}
	if len(set) > maxCerts {
		return nil, fmt.Errorf("%d certificates: at most %d", len(set), maxCerts)
	}
	return set, nil
}

// maxCerts bounds a set: the default certificate and the 25 that an ALB has by default.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const maxCerts = 26

// Sizes of RSA keys in bits. ACM takes 1024 to 4096; what OpenSSL does not verify, more than 16384 bits
// (OPENSSL_RSA_MAX_MODULUS_BITS), no client could use.
// https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html
const (
	minRSA = 1024
	maxRSA = 16384
)

var (
	defaultRSA   = Cert{Key: RSA, Bits: 2048, Scheme: wire.RSAPKCS1SHA256}
	defaultECDSA = Cert{Key: ECDSA, Curve: wire.SECP256R1, Scheme: wire.ECDSAP256SHA256}
)

func parseCert(item string) (Cert, error) {
	parts := strings.Split(item, ":")
	if len(parts) > 3 {
		return Cert{}, fmt.Errorf("want kind:size:hash, as rsa:3072:sha384 or ecdsa:p384:sha384")
	}
	part := func(i int, otherwise string) string {
		if i < len(parts) {
			return parts[i]
		}
		return otherwise
	}
	switch parts[0] {
	case "rsa":
		bits, err := strconv.Atoi(part(1, "2048"))
		if err != nil || bits < minRSA || bits > maxRSA {
			return Cert{}, fmt.Errorf("RSA size %q is not a number from %d to %d", part(1, ""), minRSA, maxRSA)
		}
		scheme, ok := map[string]wire.Scheme{
			"sha1": wire.RSAPKCS1SHA1, "sha256": wire.RSAPKCS1SHA256, "sha384": wire.RSAPKCS1SHA384, "sha512": wire.RSAPKCS1SHA512,
			"pss-sha256": wire.RSAPSSSHA256, "pss-sha384": wire.RSAPSSSHA384, "pss-sha512": wire.RSAPSSSHA512,
		}[part(2, "sha256")]
		if !ok {
			return Cert{}, fmt.Errorf("hash %q is not sha1, sha256, sha384, sha512, pss-sha256, pss-sha384 or pss-sha512", part(2, ""))
		}
		return Cert{Key: RSA, Bits: bits, Scheme: scheme}, nil
	case "ecdsa":
		curve, err := wire.ParseGroup(part(1, "p256"))
		hash, known := map[wire.Group]string{
			wire.SECP256R1: "sha256", wire.SECP384R1: "sha384", wire.SECP521R1: "sha512",
		}[curve]
		if err != nil || !known {
			return Cert{}, fmt.Errorf("curve %q is not p256, p384 or p521", part(1, ""))
		}
		scheme, ok := map[string]wire.Scheme{
			"sha1": wire.ECDSASHA1, "sha256": wire.ECDSAP256SHA256, "sha384": wire.ECDSAP384SHA384, "sha512": wire.ECDSAP521SHA512,
		}[part(2, hash)]
		if !ok {
			return Cert{}, fmt.Errorf("hash %q is not sha1, sha256, sha384 or sha512", part(2, ""))
		}
		return Cert{Key: ECDSA, Curve: curve, Scheme: scheme}, nil
	}
	return Cert{}, fmt.Errorf("unknown kind %q: want rsa, ecdsa or both", parts[0])
}

// String returns the form that ParseCertSet reads.
func (c Cert) String() string {
	hash := "sha" + strconv.Itoa(hashBits(c.Scheme))
	if c.Key == ECDSA {
		return "ecdsa:p" + strings.TrimSuffix(strings.TrimPrefix(c.Curve.String(), "secp"), "r1") + ":" + hash
	}
	if c.Scheme>>8 == 8 {
		hash = "pss-" + hash
	}
	return "rsa:" + strconv.Itoa(c.Bits) + ":" + hash
}

// String returns the form that ParseCertSet reads; the three common sets have their short names.
func (s CertSet) String() string {
	switch {
	case len(s) == 1 && s[0] == defaultRSA:
		return "rsa"
	case len(s) == 1 && s[0] == defaultECDSA:
		return "ecdsa"
	case len(s) == 2 && s[0] == defaultRSA && s[1] == defaultECDSA:
		return "both"
	}
	names := make([]string, len(s))
	for i, c := range s {
		names[i] = c.String()
	}
	return strings.Join(names, ",")
}

// hashBits returns the size of the scheme's hash: 1 for SHA-1.
func hashBits(s wire.Scheme) int {
	switch s {
	case wire.RSAPKCS1SHA256, wire.ECDSAP256SHA256, wire.RSAPSSSHA256, wire.RSAPSSPSSSHA256:
		return 256
	case wire.RSAPKCS1SHA384, wire.ECDSAP384SHA384, wire.RSAPSSSHA384, wire.RSAPSSPSSSHA384:
		return 384
	case wire.RSAPKCS1SHA512, wire.ECDSAP521SHA512, wire.RSAPSSSHA512, wire.RSAPSSPSSSHA512:
		return 512
	case wire.RSAPKCS1SHA224, wire.ECDSASHA224:
		return 224
	}
	return 1
}

// better tells whether the load balancer takes a before b, both of one key type: the larger SHA, then the longer key.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
func better(a, b *Cert) bool {
	if ha, hb := hashBits(a.Scheme), hashBits(b.Scheme); ha != hb {
		return ha > hb
	}
	if a.Key == RSA {
		return a.Bits > b.Bits
	}
	return a.Curve > b.Curve // P-256, P-384, P-521 ascend
}

// shelf is a set of certificates sorted for a decision: indexes of the best of each kind, -1 where there is none.
type shelf struct {
	rsa, ecdsa int8
	curve      [3]int8 // the best on P-256, P-384, P-521
	rsaBits    int
}

func (s CertSet) shelve() shelf {
	f := shelf{rsa: -1, ecdsa: -1, curve: [3]int8{-1, -1, -1}}
	for i := range min(len(s), maxCerts) {
		c := &s[i]
		switch c.Key {
		case RSA:
			if f.rsa < 0 || better(c, &s[f.rsa]) {
				f.rsa, f.rsaBits = int8(i), c.Bits
			}
		case ECDSA:
			k := int(c.Curve) - int(wire.SECP256R1)
			if k < 0 || k > 2 {
				continue
			}
			if f.ecdsa < 0 || better(c, &s[f.ecdsa]) {
				f.ecdsa = int8(i)
			}
			if f.curve[k] < 0 || better(c, &s[f.curve[k]]) {
				f.curve[k] = int8(i)
			}
		}
	}
	return f
}

// Signatures returns the schemes that the policy's server can sign a handshake with, in the policy's order: in TLS 1.3 with
// any of its keys, in TLS 1.2 with those of the certificates that a suite of kind a needs. Below TLS 1.2 there is no choice,
// and it returns nil.
func (p *Policy) Signatures(c CertSet, v wire.Version, a wire.Auth) []wire.Scheme {
	t := p.compiled
	if t == nil {
		t = compile(p)
	}
	certs, usable := c.shelve(), uint64(0)
	switch {
	case v < wire.TLS12:
		return nil
	case v >= wire.TLS13:
		usable = t.usable13(&certs)
	case a == wire.AuthECDSA && certs.ecdsa >= 0:
		usable = t.ecdsa
	case a == wire.AuthRSA && certs.rsa >= 0:
		usable = t.pss(certs.rsaBits) | t.pkcs1
	}
	var out []wire.Scheme
	for i, s := range p.Schemes {
		if usable&(1<<i) != 0 {
			out = append(out, s)
		}
	}
	return out
}

// usable13 is what the server's keys can sign with in TLS 1.3, which ties an ECDSA scheme to the key's curve
// (s2n_certs_exist_for_sig_scheme).
func (t *table) usable13(certs *shelf) (usable uint64) {
	if certs.rsa >= 0 {
		usable = t.pss(certs.rsaBits)
	}
	for i, c := range certs.curve {
		if c >= 0 {
			usable |= t.ecdsaCurve[i]
		}
	}
	return usable
}
