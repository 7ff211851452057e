package wire

import (
	"fmt"
	"strings"
)

type idName struct {
	id   uint16
	name string
}

// groupNames: https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-8, and the Kyber drafts.
var groupNames = [...]idName{
	{0x0001, "sect163k1"}, {0x0002, "sect163r1"}, {0x0003, "sect163r2"}, {0x0004, "sect193r1"}, {0x0005, "sect193r2"},
	{0x0006, "sect233k1"}, {0x0007, "sect233r1"}, {0x0008, "sect239k1"}, {0x0009, "sect283k1"}, {0x000A, "sect283r1"},
	{0x000B, "sect409k1"}, {0x000C, "sect409r1"}, {0x000D, "sect571k1"}, {0x000E, "sect571r1"}, {0x000F, "secp160k1"},
	{0x0010, "secp160r1"}, {0x0011, "secp160r2"}, {0x0012, "secp192k1"}, {0x0013, "secp192r1"}, {0x0014, "secp224k1"},
	{0x0015, "secp224r1"}, {0x0016, "secp256k1"}, {0x0017, "secp256r1"}, {0x0018, "secp384r1"}, {0x0019, "secp521r1"},
	{0x001A, "brainpoolP256r1"}, {0x001B, "brainpoolP384r1"}, {0x001C, "brainpoolP512r1"}, {0x001D, "x25519"},
	{0x001E, "x448"}, {0x001F, "brainpoolP256r1tls13"}, {0x0020, "brainpoolP384r1tls13"}, {0x0021, "brainpoolP512r1tls13"},
	{0x0022, "GC256A"}, {0x0023, "GC256B"}, {0x0024, "GC256C"}, {0x0025, "GC256D"}, {0x0026, "GC512A"}, {0x0027, "GC512B"},
	{0x0028, "GC512C"}, {0x0029, "curveSM2"}, {0x0100, "ffdhe2048"}, {0x0101, "ffdhe3072"}, {0x0102, "ffdhe4096"},
	{0x0103, "ffdhe6144"}, {0x0104, "ffdhe8192"}, {0x0200, "MLKEM512"}, {0x0201, "MLKEM768"}, {0x0202, "MLKEM1024"},
	{0x11EB, "SecP256r1MLKEM768"}, {0x11EC, "X25519MLKEM768"}, {0x11ED, "SecP384r1MLKEM1024"}, {0x11EE, "curveSM2MLKEM768"},
	{0x6399, "X25519Kyber768Draft00"}, {0x639A, "SecP256r1Kyber768Draft00"},
	{0xFF01, "arbitrary_explicit_prime_curves"}, {0xFF02, "arbitrary_explicit_char2_curves"},
}

// schemeNames: https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-signaturescheme; the values below
// 0x0700 that TLS 1.3 does not name are RFC 5246's pairs of hash and signature (DSA and MD5 among them).
var schemeNames = [...]idName{
	{0x0101, "rsa_pkcs1_md5"}, {0x0102, "dsa_md5"}, {0x0103, "ecdsa_md5"},
	{0x0201, "rsa_pkcs1_sha1"}, {0x0202, "dsa_sha1"}, {0x0203, "ecdsa_sha1"},
	{0x0301, "rsa_pkcs1_sha224"}, {0x0302, "dsa_sha224"}, {0x0303, "ecdsa_sha224"},
	{0x0401, "rsa_pkcs1_sha256"}, {0x0402, "dsa_sha256"}, {0x0403, "ecdsa_secp256r1_sha256"}, {0x0420, "rsa_pkcs1_sha256_legacy"},
	{0x0501, "rsa_pkcs1_sha384"}, {0x0502, "dsa_sha384"}, {0x0503, "ecdsa_secp384r1_sha384"}, {0x0520, "rsa_pkcs1_sha384_legacy"},
	{0x0601, "rsa_pkcs1_sha512"}, {0x0602, "dsa_sha512"}, {0x0603, "ecdsa_secp521r1_sha512"}, {0x0620, "rsa_pkcs1_sha512_legacy"},
	{0x0708, "sm2sig_sm3"},
	{0x0804, "rsa_pss_rsae_sha256"}, {0x0805, "rsa_pss_rsae_sha384"}, {0x0806, "rsa_pss_rsae_sha512"},
	{0x0807, "ed25519"}, {0x0808, "ed448"},
	{0x0809, "rsa_pss_pss_sha256"}, {0x080A, "rsa_pss_pss_sha384"}, {0x080B, "rsa_pss_pss_sha512"},
	{0x081A, "ecdsa_brainpoolP256r1tls13_sha256"}, {0x081B, "ecdsa_brainpoolP384r1tls13_sha384"},
	{0x081C, "ecdsa_brainpoolP512r1tls13_sha512"},
	{0x0904, "mldsa44"}, {0x0905, "mldsa65"}, {0x0906, "mldsa87"},
}

// The signature schemes that security policies know.
const (
	RSAPKCS1SHA1    Scheme = 0x0201
	ECDSASHA1       Scheme = 0x0203
	RSAPKCS1SHA224  Scheme = 0x0301
	ECDSASHA224     Scheme = 0x0303
	RSAPKCS1SHA256  Scheme = 0x0401
	ECDSAP256SHA256 Scheme = 0x0403
	RSAPKCS1SHA384  Scheme = 0x0501
	ECDSAP384SHA384 Scheme = 0x0503
	RSAPKCS1SHA512  Scheme = 0x0601
	ECDSAP521SHA512 Scheme = 0x0603
	RSAPSSSHA256    Scheme = 0x0804 // rsa_pss_rsae_sha256
	RSAPSSSHA384    Scheme = 0x0805 // rsa_pss_rsae_sha384
	RSAPSSSHA512    Scheme = 0x0806 // rsa_pss_rsae_sha512
	RSAPSSPSSSHA256 Scheme = 0x0809 // rsa_pss_pss_sha256: only with a key of type RSASSA-PSS, as the next two
	RSAPSSPSSSHA384 Scheme = 0x080A
	RSAPSSPSSSHA512 Scheme = 0x080B
)

func nameOf(table []idName, id uint16) string {
	for _, n := range table {
		if n.id == id {
			return n.name
		}
	}
	return hex16(id)
}

func parseName[T ~uint16](table []idName, kind, s string) (T, error) {
	t := strings.TrimSpace(s)
	if v, ok := parseHex16(t); ok {
		return T(v), nil
	}
	for _, n := range table {
		if strings.EqualFold(n.name, t) {
			return T(n.id), nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q", kind, s)
}

// String returns the IANA name, or hex for a value without one. 0 is "none".
func (g Group) String() string {
	if g == 0 {
		return "none"
	}
	return nameOf(groupNames[:], uint16(g))
}

// ParseGroup reads an IANA name, one of the usual other names (P-256, prime256v1, ...) or hex.
func ParseGroup(s string) (Group, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "p-256", "p256", "prime256v1":
		return SECP256R1, nil
	case "p-384", "p384":
		return SECP384R1, nil
	case "p-521", "p521":
		return SECP521R1, nil
	}
	return parseName[Group](groupNames[:], "group", s)
}

// PostQuantum tells whether the group has a part that resists quantum computers. Such a group needs TLS 1.3.
func (g Group) PostQuantum() bool {
	return g >= 0x0200 && g <= 0x0202 || g >= 0x11EB && g <= 0x11EE || g == 0x6399 || g == 0x639A
}

// MarshalText writes the form of String, and nothing for 0.
func (g Group) MarshalText() ([]byte, error) { return marshalID(uint16(g), g.String) }

// UnmarshalText is the reverse of MarshalText.
func (g *Group) UnmarshalText(b []byte) error { return unmarshalID(b, g, ParseGroup) }

// MarshalJSON writes a string, and null for 0.
func (g Group) MarshalJSON() ([]byte, error) { return marshalJSON(uint16(g), g.String) }

// UnmarshalJSON is the reverse of MarshalJSON.
func (g *Group) UnmarshalJSON(b []byte) error { return unmarshalJSON(b, g, ParseGroup) }

// String returns the IANA name, or hex for a value without one. 0 is "none".
func (s Scheme) String() string {
	if s == 0 {
		return "none"
	}
	return nameOf(schemeNames[:], uint16(s))
}

// ParseScheme reads an IANA name or hex.
func ParseScheme(s string) (Scheme, error) {
	return parseName[Scheme](schemeNames[:], "signature scheme", s)
}

// MarshalText writes the form of String, and nothing for 0.
func (s Scheme) MarshalText() ([]byte, error) { return marshalID(uint16(s), s.String) }

// UnmarshalText is the reverse of MarshalText.
func (s *Scheme) UnmarshalText(b []byte) error { return unmarshalID(b, s, ParseScheme) }

// MarshalJSON writes a string, and null for 0.
func (s Scheme) MarshalJSON() ([]byte, error) { return marshalJSON(uint16(s), s.String) }

// UnmarshalJSON is the reverse of MarshalJSON.
func (s *Scheme) UnmarshalJSON(b []byte) error { return unmarshalJSON(b, s, ParseScheme) }

// IsGREASE tells whether v is one of the sixteen values that RFC 8701 reserves, to be ignored by every server. They serve as
// suites, extensions, groups, signature schemes and versions.
func IsGREASE[T ~uint16](v T) bool {
	return v&0x0F0F == 0x0A0A && v>>8 == v&0xFF
}
