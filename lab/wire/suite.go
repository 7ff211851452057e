package wire

import (
	"fmt"
	"slices"
	"strings"
)

// Signalling values that stand among the cipher suites of a hello.
const (
	EmptyRenegotiationInfoSCSV Suite = 0x00FF // RFC 5746
	FallbackSCSV               Suite = 0x5600 // RFC 7507
)

// KeyExchange is how a suite agrees on keys.
type KeyExchange uint8

// The key exchanges that the suites of security policies use.
const (
	KeyExchangeOther KeyExchange = iota // nothing that a security policy of an ALB allows
	KeyExchangeRSA                      // RSA key transport: no forward secrecy, no signature
	KeyExchangeECDHE
	KeyExchangeAny // TLS 1.3: a matter of the group, not of the suite
)

// Auth is the kind of certificate that a suite needs.
type Auth uint8

// The kinds.
const (
	AuthOther Auth = iota
	AuthRSA
	AuthECDSA
	AuthAny // TLS 1.3: a matter of the signature scheme
)

// SuiteInfo is what a suite demands.
type SuiteInfo struct {
	KeyExchange KeyExchange
	Auth        Auth
	Min, Max    Version // the versions in which it can be negotiated
}

// Info tells what the suite demands. It knows the suites that security policies use; ok is false for others.
func (s Suite) Info() (info SuiteInfo, ok bool) {
	switch s {
	case 0x1301, 0x1302, 0x1303:
		return SuiteInfo{KeyExchangeAny, AuthAny, TLS13, TLS13}, true
	case 0xC02B, 0xC02C, 0xC023, 0xC024, 0xCCA9: // RFC 5289: TLS 1.2 and later; RFC 7905
		return SuiteInfo{KeyExchangeECDHE, AuthECDSA, TLS12, TLS12}, true
	case 0xC02F, 0xC030, 0xC027, 0xC028, 0xCCA8:
		return SuiteInfo{KeyExchangeECDHE, AuthRSA, TLS12, TLS12}, true
	case 0xC009, 0xC00A: // RFC 8422
		return SuiteInfo{KeyExchangeECDHE, AuthECDSA, TLS10, TLS12}, true
	case 0xC013, 0xC014:
		return SuiteInfo{KeyExchangeECDHE, AuthRSA, TLS10, TLS12}, true
	case 0x009C, 0x009D, 0x003C, 0x003D: // RFC 5288; RFC 5246
		return SuiteInfo{KeyExchangeRSA, AuthRSA, TLS12, TLS12}, true
	case 0x002F, 0x0035, 0x000A: // RFC 5246, RFC 3268: in every version before TLS 1.3
		return SuiteInfo{KeyExchangeRSA, AuthRSA, SSLv3, TLS12}, true
	}
	return SuiteInfo{}, false
}

// String returns the IANA name, or hex for a value that IANA has not assigned.
func (s Suite) String() string {
	if n := s.names(); n != nil {
		return n.iana
	}
	return hex16(uint16(s))
}

// OpenSSL returns OpenSSL's name, which ALB logs use ("ECDHE-RSA-AES128-GCM-SHA256"), else the same as String.
func (s Suite) OpenSSL() string {
	if n := s.names(); n != nil && n.openssl != "" {
		return n.openssl
	}
	return s.String()
}

func (s Suite) names() *suiteName {
	i, ok := slices.BinarySearchFunc(suiteNames[:], s, func(n suiteName, id Suite) int { return int(n.id) - int(id) })
	if !ok {
		return nil
	}
	return &suiteNames[i]
}

// ParseSuite reads an IANA name, an OpenSSL name or hex ("0xC02F").
func ParseSuite(s string) (Suite, error) {
	t := strings.TrimSpace(s)
	if v, ok := parseHex16(t); ok {
		return Suite(v), nil
	}
	for i := range suiteNames {
		if n := &suiteNames[i]; strings.EqualFold(n.iana, t) || n.openssl != "" && strings.EqualFold(n.openssl, t) {
			return n.id, nil
		}
	}
	return 0, fmt.Errorf("unknown cipher suite %q", s)
}

// MarshalText writes the form of String, and nothing for 0.
func (s Suite) MarshalText() ([]byte, error) { return marshalID(uint16(s), s.String) }

// UnmarshalText is the reverse of MarshalText.
func (s *Suite) UnmarshalText(b []byte) error { return unmarshalID(b, s, ParseSuite) }

// MarshalJSON writes the IANA name, and null for 0, which stands for "none" here (and is TLS_NULL_WITH_NULL_NULL on the wire).
func (s Suite) MarshalJSON() ([]byte, error) { return marshalJSON(uint16(s), s.String) }

// UnmarshalJSON is the reverse of MarshalJSON.
func (s *Suite) UnmarshalJSON(b []byte) error { return unmarshalJSON(b, s, ParseSuite) }
