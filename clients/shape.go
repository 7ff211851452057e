package clients

import (
	"slices"

	"github.com/alblab/alblab/lab/wire"
)

// What OpenSSL 3.0 offers under curl 7.88 on Debian 12, in its order: captured from that curl.
var (
	opensslSuites = []wire.Suite{
		0x1302, 0x1303, 0x1301,
		0xC02C, 0xC030, 0x009F, 0xCCA9, 0xCCA8, 0xCCAA, 0xC02B, 0xC02F, 0x009E, 0xC024, 0xC028, 0x006B, 0xC023, 0xC027, 0x0067,
		0xC00A, 0xC014, 0x0039, 0xC009, 0xC013, 0x0033, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F,
	}
	opensslGroups  = []wire.Group{wire.X25519, wire.SECP256R1, groupX448, wire.SECP521R1, wire.SECP384R1}
	opensslFFDHE   = []wire.Group{0x0100, 0x0101, 0x0102, 0x0103, 0x0104} // only with TLS 1.3
	opensslSchemes = []wire.Scheme{
		0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080A, 0x080B, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
	}
	opensslOldSchemes = []wire.Scheme{0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602} // only if TLS 1.2 may be chosen
)

const (
	groupX448 wire.Group = 0x001E
	scsv      wire.Suite = 0x00FF // TLS_EMPTY_RENEGOTIATION_INFO_SCSV, RFC 5746

	extPostHandshakeAuth = 49
)

// opensslExtensions is the order in which OpenSSL 3.0 sends its extensions.
var opensslExtensions = []uint16{
	wire.ExtServerName, wire.ExtPointFormats, wire.ExtSupportedGroups, wire.ExtALPN, extEncryptThenMAC,
	wire.ExtExtendedMasterSecret, extPostHandshakeAuth, wire.ExtSignatureAlgorithms, wire.ExtSupportedVersions,
	wire.ExtPSKModes, wire.ExtKeyShare, wire.ExtPadding,
}

// shape is a profile with every default filled in: what goes on the wire.
type shape struct {
	min, max   wire.Version
	suites     []wire.Suite
	groups     []wire.Group
	shares     []wire.Group
	schemes    []wire.Scheme
	alpn       []string
	extensions []uint16
	template   *wire.ClientHello // nil, or the recorded hello that all this is from
}

func (p *Profile) shape() shape {
	if p.Hello != nil {
		if h, err := p.template(); err == nil { // Validate has seen the error
			return templateShape(h)
		}
	}
	s := shape{min: p.MinVersion, max: p.MaxVersion, suites: p.Suites, groups: p.Groups, shares: p.KeyShares, schemes: p.Schemes, alpn: p.ALPN}
	if s.min == 0 {
		s.min = wire.TLS10
	}
	if s.max == 0 {
		s.max = wire.TLS13
	}
	if s.suites == nil {
		s.suites = defaultSuites(s.min, s.max)
	}
	if s.groups == nil {
		s.groups = s.defaultGroups()
	}
	if s.max < wire.TLS13 {
		s.shares = nil
	} else if s.shares == nil && len(s.groups) > 0 {
		s.shares = s.groups[:1]
	}
	if s.schemes == nil && s.max >= wire.TLS12 {
		s.schemes = opensslSchemes
		if s.min <= wire.TLS12 {
			s.schemes = slices.Concat(opensslSchemes, opensslOldSchemes)
		}
	}
	for _, e := range opensslExtensions {
		if s.has(e, p) && !slices.Contains(p.Omit, e) {
			s.extensions = append(s.extensions, e)
		}
	}
	return s
}

func defaultSuites(minV, maxV wire.Version) []wire.Suite {
	var list []wire.Suite
	for _, id := range opensslSuites {
		if lo, hi := suiteVersions(id); lo <= maxV && hi >= minV {
			list = append(list, id)
		}
	}
	return append(list, scsv)
}

// suiteVersions are the versions in which one of opensslSuites can be negotiated.
func suiteVersions(id wire.Suite) (lo, hi wire.Version) {
	switch id {
	case 0x0039, 0x0033: // DHE-RSA with SHA-1: RFC 3268
		return wire.SSLv3, wire.TLS12
	}
	if info, ok := id.Info(); ok {
		return info.Min, info.Max
	}
	return wire.TLS12, wire.TLS12 // the DHE suites with SHA-256 or AEAD: RFC 5246, 5288, 7905
}

// elliptic reports whether a suite below TLS 1.3 exchanges keys over an elliptic curve: RFC 8422, 5289, 7905.
func elliptic(id wire.Suite) bool {
	return id >= 0xC001 && id <= 0xC019 || id >= 0xC023 && id <= 0xC032 || id >= 0xC033 && id <= 0xC03B ||
		id >= 0xC048 && id <= 0xC04B || id == 0xCCA8 || id == 0xCCA9 || id >= 0xC0AC && id <= 0xC0AF
}

// defaultGroups: OpenSSL leaves supported_groups out when nothing that it offers needs one.
func (s *shape) defaultGroups() []wire.Group {
	switch {
	case s.max >= wire.TLS13:
		return slices.Concat(opensslGroups, opensslFFDHE)
	case slices.ContainsFunc(s.suites, elliptic):
		return opensslGroups
	}
	return nil
}

// has reports whether OpenSSL sends an extension at these versions and suites.
func (s *shape) has(ext uint16, p *Profile) bool {
	switch ext {
	case wire.ExtServerName:
		return !p.NoSNI
	case wire.ExtPointFormats:
		return len(s.groups) > 0 && (s.max >= wire.TLS13 || slices.ContainsFunc(s.suites, elliptic))
	case wire.ExtSupportedGroups:
		return len(s.groups) > 0
	case wire.ExtALPN:
		return len(s.alpn) > 0
	case wire.ExtSignatureAlgorithms:
		return len(s.schemes) > 0
	case extPostHandshakeAuth, wire.ExtSupportedVersions, wire.ExtPSKModes, wire.ExtKeyShare:
		return s.max >= wire.TLS13
	}
	return true
}
