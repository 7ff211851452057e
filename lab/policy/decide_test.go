package policy

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/alblab/alblab/lab/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustPolicy(t testing.TB, name string) *Policy {
	t.Helper()
	p, err := ByName(name)
	require.NoError(t, err)
	return p
}

func mustCerts(t testing.TB, s string) CertSet {
	t.Helper()
	c, err := ParseCertSet(s)
	require.NoError(t, err)
	return c
}

// hello is a modern client; the tests change what they are about.
func hello(change func(*wire.ClientHello)) *wire.ClientHello {
	h := &wire.ClientHello{
		LegacyVersion: wire.TLS12, Random: make([]byte, 32), Compression: []byte{0},
		Suites:               []wire.Suite{0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xC00A, 0xC009, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035},
		HasSupportedVersions: true, SupportedVersions: []wire.Version{0x3A3A, wire.TLS13, wire.TLS12, wire.TLS11, wire.TLS10},
		HasGroups: true, Groups: []wire.Group{0x2A2A, wire.X25519, wire.SECP256R1, wire.SECP384R1},
		HasPointFormats: true, PointFormats: []byte{0},
		HasSchemes: true, Schemes: []wire.Scheme{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201},
		HasKeyShare: true, KeyShares: []wire.KeyShare{{Group: 0x2A2A, Data: []byte{0}}, share(wire.X25519)},
	}
	if change != nil {
		change(h)
	}
	return h
}

func share(g wire.Group) wire.KeyShare {
	sizes := map[wire.Group]int{wire.X25519: 32, wire.SECP256R1: 65, wire.SECP384R1: 97, wire.SECP521R1: 133,
		wire.X25519MLKEM768: 1216, wire.SecP256r1MLKEM768: 1249, wire.SecP384r1MLKEM1024: 1665}
	return wire.KeyShare{Group: g, Data: make([]byte, sizes[g])}
}

// old is a client of an older version: no supported_versions, no key shares.
func old(v wire.Version, suites ...wire.Suite) func(*wire.ClientHello) {
	return func(h *wire.ClientHello) {
		h.LegacyVersion, h.HasSupportedVersions, h.SupportedVersions = v, false, nil
		h.HasKeyShare, h.KeyShares = false, nil
		if suites != nil {
			h.Suites = suites
		}
		if v < wire.TLS12 {
			h.HasSchemes, h.Schemes = false, nil
		}
	}
}

func both(fs ...func(*wire.ClientHello)) func(*wire.ClientHello) {
	return func(h *wire.ClientHello) {
		for _, f := range fs {
			f(h)
		}
	}
}

func TestDecide(t *testing.T) {
	const (
		fs1220 = "FS-1-2-Res-2020-10"
		b2016  = "2016-08"
		res13  = "TLS13-1-2-Res-2021-06"
		pq     = "TLS13-1-2-Res-PQ-2025-09"
		fips   = "TLS13-1-2-FIPS-2023-04"
		all13  = "TLS13-1-0-2021-06"
	)
	groups := func(gs ...wire.Group) func(*wire.ClientHello) { return func(h *wire.ClientHello) { h.Groups = gs } }
	shares := func(gs ...wire.Group) func(*wire.ClientHello) {
		return func(h *wire.ClientHello) {
			h.KeyShares = nil
			for _, g := range gs {
				h.KeyShares = append(h.KeyShares, share(g))
			}
		}
	}
	schemes := func(s ...wire.Scheme) func(*wire.ClientHello) { return func(h *wire.ClientHello) { h.Schemes = s } }
	suites := func(s ...wire.Suite) func(*wire.ClientHello) { return func(h *wire.ClientHello) { h.Suites = s } }
	tests := []struct {
		name, policy, certs string
		change              func(*wire.ClientHello)
		want                string
	}{
		// Versions.
		{"TLS 1.3", res13, "rsa", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"the policy's version, not the client's order", all13, "rsa", func(h *wire.ClientHello) { h.SupportedVersions = []wire.Version{wire.TLS10, wire.TLS13} },
			"negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"experiment 1: TLS 1.1 at most", fs1220, "both", old(wire.TLS11), "refused no-common-version"},
		{"the same client under a laxer policy", b2016, "rsa", old(wire.TLS11), "negotiated TLSv1.1 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA secp256r1 cert 0"},
		{"SSLv3 at most", b2016, "both", old(wire.SSLv3), "refused no-common-version"},
		{"TLS 1.3 only, but no supported_versions", "TLS13-1-3-2021-06", "rsa", old(wire.TLS12), "refused no-common-version"},
		{"client_version of TLS 1.3 means 1.2", res13, "rsa", old(wire.TLS13), "negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"drafts of TLS 1.3 do not count", res13, "rsa", func(h *wire.ClientHello) { h.SupportedVersions = []wire.Version{0x7F17, wire.TLS12} },
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"nothing but drafts", res13, "rsa", func(h *wire.ClientHello) { h.SupportedVersions = []wire.Version{0x7F17, 0x0A0A} }, "refused no-common-version"},
		{"an empty list", res13, "rsa", func(h *wire.ClientHello) { h.SupportedVersions = nil }, "refused no-common-version"},
		{"supported_versions means nothing to a policy of TLS 1.2", fs1220, "rsa", func(h *wire.ClientHello) { h.SupportedVersions = []wire.Version{wire.TLS13} },
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp256r1 rsa_pkcs1_sha256 cert 0"},
		// Fallback.
		{"fallback", res13, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) }), "refused inappropriate-fallback"},
		{"fallback to the policy's highest", fs1220, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) }),
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp256r1 rsa_pkcs1_sha256 cert 0"},
		{"no fallback in TLS 1.3", res13, "rsa", func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) },
			"negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"the version comes before the fallback", fs1220, "rsa", both(old(wire.TLS11), func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) }), "refused no-common-version"},
		// Suites.
		{"the server's order", b2016, "rsa", old(wire.TLS12, 0x0035, 0x009C, 0xC014, 0xC030, 0xC02F), "negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp256r1 rsa_pkcs1_sha256 cert 0"},
		{"ECDSA stands before RSA", b2016, "both", old(wire.TLS12), "negotiated TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 secp256r1 ecdsa_secp256r1_sha256 cert 1"},
		{"a suite of TLS 1.2 is none below it", b2016, "rsa", old(wire.TLS11, 0xC02F, 0x009C, 0x0035), "negotiated TLSv1.1 TLS_RSA_WITH_AES_256_CBC_SHA cert 0"},
		{"only such suites", b2016, "rsa", old(wire.TLS11, 0xC02F, 0x009C), "refused no-common-suite"},
		{"suites of TLS 1.3 are none in 1.2", res13, "rsa", old(wire.TLS12, 0x1301, 0x1302), "refused no-common-suite"},
		{"and the reverse", res13, "rsa", suites(0xC02F, 0xC030), "refused no-common-suite"},
		{"3DES", "TLS-1-0-2015-04", "rsa", old(wire.TLS10, 0x000A, 0x0005, 0x0004), "negotiated TLSv1 TLS_RSA_WITH_3DES_EDE_CBC_SHA cert 0"},
		{"3DES elsewhere", b2016, "rsa", old(wire.TLS10, 0x000A, 0x0005, 0x0004), "refused no-common-suite"},
		{"ECDSA certificate, RSA client", b2016, "ecdsa", old(wire.TLS12, 0xC02F, 0x009C), "refused no-common-suite"},
		{"RSA certificate, ECDSA client", b2016, "rsa", old(wire.TLS12, 0xC02B), "refused no-common-suite"},
		// Groups before TLS 1.3.
		{"no groups extension: P-256", b2016, "rsa", both(old(wire.TLS12, 0xC02F), func(h *wire.ClientHello) { h.HasGroups, h.Groups = false, nil }),
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp256r1 rsa_pkcs1_sha256 cert 0"},
		{"and where P-256 is not allowed: the first", "TLS13-1-2-RFC9151-FIPS-2023-07", "rsa", both(old(wire.TLS12, 0xC030), func(h *wire.ClientHello) { h.HasGroups, h.Groups = false, nil }),
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 secp384r1 rsa_pss_rsae_sha384 cert 0"},
		{"no common curve, but RSA key transport", b2016, "rsa", both(old(wire.TLS12), groups(wire.X25519)), "negotiated TLSv1.2 TLS_RSA_WITH_AES_128_GCM_SHA256 cert 0"},
		{"no common curve", fs1220, "rsa", both(old(wire.TLS12), groups(wire.X25519)), "refused no-common-group"},
		{"an empty list of groups", fs1220, "rsa", both(old(wire.TLS12), groups()), "refused no-common-group"},
		{"no uncompressed points", b2016, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.PointFormats = []byte{1, 2} }), "negotiated TLSv1.2 TLS_RSA_WITH_AES_128_GCM_SHA256 cert 0"},
		{"and nothing else", fs1220, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.PointFormats = []byte{1, 2} }), "refused no-common-group"},
		{"hybrid groups are none in TLS 1.2", pq, "rsa", both(old(wire.TLS12), groups(wire.X25519MLKEM768, wire.SECP384R1)),
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp384r1 rsa_pss_rsae_sha256 cert 0"},
		// Groups in TLS 1.3.
		{"a share counts more than the order", res13, "rsa", shares(wire.SECP384R1, wire.SECP256R1), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 secp256r1 rsa_pss_rsae_sha256 cert 0"},
		{"x25519 share under FIPS: asked for P-256", fips, "rsa", nil, "hello-retry TLSv1.3 TLS_AES_128_GCM_SHA256 secp256r1 rsa_pss_rsae_sha256 cert 0"},
		{"no shares", res13, "rsa", shares(), "hello-retry TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"no key_share extension", res13, "rsa", func(h *wire.ClientHello) { h.HasKeyShare, h.KeyShares = false, nil }, "hello-retry TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"no supported_groups: P-256, even with a share", res13, "rsa", func(h *wire.ClientHello) { h.HasGroups, h.Groups = false, nil },
			"hello-retry TLSv1.3 TLS_AES_128_GCM_SHA256 secp256r1 rsa_pss_rsae_sha256 cert 0"},
		{"a share of a group that is not listed", res13, "rsa", both(groups(wire.SECP384R1), shares(wire.X25519)), "hello-retry TLSv1.3 TLS_AES_128_GCM_SHA256 secp384r1 rsa_pss_rsae_sha256 cert 0"},
		{"a share of the wrong length", res13, "rsa", func(h *wire.ClientHello) { h.KeyShares[1].Data = make([]byte, 31) }, "hello-retry TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"no common group", res13, "rsa", groups(0x001E, 0x0100), "refused no-common-group"},
		{"hybrid with a share", pq, "rsa", both(groups(wire.X25519MLKEM768, wire.X25519), shares(wire.X25519MLKEM768, wire.X25519)),
			"negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 X25519MLKEM768 rsa_pss_rsae_sha256 cert 0"},
		{"an early draft's form of that share", pq, "rsa", both(groups(wire.X25519MLKEM768), func(h *wire.ClientHello) {
			h.KeyShares = []wire.KeyShare{{Group: wire.X25519MLKEM768, Data: make([]byte, 1220)}}
		}), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 X25519MLKEM768 rsa_pss_rsae_sha256 cert 0"},
		{"hybrid without a share: worth a retry", pq, "rsa", both(groups(wire.X25519MLKEM768, wire.X25519), shares(wire.X25519)),
			"hello-retry TLSv1.3 TLS_AES_128_GCM_SHA256 X25519MLKEM768 rsa_pss_rsae_sha256 cert 0"},
		{"the lesser hybrid with a share", pq, "rsa", both(groups(wire.X25519MLKEM768, wire.SecP256r1MLKEM768), shares(wire.SecP256r1MLKEM768)),
			"negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 SecP256r1MLKEM768 rsa_pss_rsae_sha256 cert 0"},
		{"classical client under PQ", pq, "rsa", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"nothing but hybrid against a classical policy", res13, "rsa", both(groups(wire.X25519MLKEM768), shares(wire.X25519MLKEM768)), "refused no-common-group"},
		{"strongly preferred group", "TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07", "rsa", shares(wire.SECP256R1),
			"hello-retry TLSv1.3 TLS_AES_256_GCM_SHA384 secp384r1 rsa_pss_rsae_sha384 cert 0"},
		{"strongly preferred group, share sent", "TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07", "rsa", shares(wire.SECP256R1, wire.SECP384R1),
			"negotiated TLSv1.3 TLS_AES_256_GCM_SHA384 secp384r1 rsa_pss_rsae_sha384 cert 0"},
		{"strongly preferred group, not supported", "TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07", "rsa", both(groups(wire.SECP256R1), shares(wire.SECP256R1)),
			"negotiated TLSv1.3 TLS_AES_256_GCM_SHA384 secp256r1 rsa_pss_rsae_sha384 cert 0"},
		// Signature schemes.
		{"TLS 1.3, both certificates: the policy's order", res13, "both", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"ECDSA only", res13, "both", schemes(0x0403), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 ecdsa_secp256r1_sha256 cert 1"},
		{"the curve binds in TLS 1.3", res13, "ecdsa:p384", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 ecdsa_secp384r1_sha384 cert 0"},
		{"but not in TLS 1.2", b2016, "ecdsa:p384", old(wire.TLS12), "negotiated TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 secp256r1 ecdsa_secp256r1_sha256 cert 0"},
		{"PKCS #1 is none in TLS 1.3: goes on with PSS", res13, "rsa", schemes(0x0401, 0x0501), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 (not offered) cert 0"},
		{"no extension in TLS 1.3", res13, "rsa", func(h *wire.ClientHello) { h.HasSchemes, h.Schemes = false, nil }, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 (not offered) cert 0"},
		{"no extension in TLS 1.2: SHA-1, as RFC 5246 has it", b2016, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.HasSchemes, h.Schemes = false, nil }),
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp256r1 rsa_pkcs1_sha1 cert 0"},
		{"and for ECDSA", b2016, "ecdsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.HasSchemes, h.Schemes = false, nil }),
			"negotiated TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 secp256r1 ecdsa_sha1 cert 0"},
		{"SHA-1 is not in the policy: its first", pq, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.HasSchemes, h.Schemes = false, nil }),
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 (not offered) cert 0"},
		{"nothing usable in TLS 1.2: SHA-1 unasked", b2016, "rsa", both(old(wire.TLS12), schemes(0x0807)), "negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp256r1 rsa_pkcs1_sha1 (not offered) cert 0"},
		{"PSS in TLS 1.2", res13, "rsa", old(wire.TLS12), "negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"RSASSA-PSS keys do not exist", res13, "rsa", schemes(0x0809, 0x0806), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha512 cert 0"},
		{"too small a key for PSS with SHA-512", res13, "rsa:1024", schemes(0x0806), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 (not offered) cert 0"},
		// Certificates.
		{"no scheme for P-256 in a strict policy: not in TLS 1.3", "TLS13-1-2-RFC9151-FIPS-2023-07", "ecdsa", nil, "refused no-common-signature-scheme"},
		{"nor for anyone", "TLS13-1-3-RFC9151-FIPS-2023-07", "ecdsa", nil, "refused unusable-certificate"},
		{"but in TLS 1.2", "TLS13-1-2-RFC9151-FIPS-2023-07", "ecdsa", old(wire.TLS12), "negotiated TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 secp384r1 ecdsa_secp384r1_sha384 cert 0"},
		{"certificate signed with SHA-256 under RFC 9151: the chain is not bound", "TLS13-1-3-RFC9151-FIPS-2023-07", "rsa", nil,
			"hello-retry TLSv1.3 TLS_AES_256_GCM_SHA384 secp384r1 rsa_pss_rsae_sha384 cert 0"},
		{"the larger hash wins", res13, "rsa:4096:sha256,rsa:2048:sha384", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 1"},
		{"then the longer key", res13, "rsa:2048,rsa:4096,rsa:3072", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 1"},
		{"the certificate whose curve fits", res13, "ecdsa:p384,ecdsa:p256", schemes(0x0403), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 ecdsa_secp256r1_sha256 cert 1"},
		// Formats.
		{"SSLv2 format", b2016, "rsa", both(old(wire.TLS10, 0x0004, 0x002F, 0x0035), func(h *wire.ClientHello) { h.Format, h.Compression = wire.FormatSSLv2, nil }),
			"negotiated TLSv1 TLS_RSA_WITH_AES_128_CBC_SHA cert 0"},
		{"SSLv2 format has no ECDHE", "FS-2018-06", "rsa", both(old(wire.TLS10, 0xC013), func(h *wire.ClientHello) { h.Format, h.HasGroups = wire.FormatSSLv2, false }), "refused no-common-group"},
		{"SSLv2 itself", b2016, "rsa", both(old(wire.SSLv2, 0x002F), func(h *wire.ClientHello) { h.Format = wire.FormatSSLv2 }), "refused no-common-version"},
		{"SSLv2 format without a later suite", b2016, "rsa", func(h *wire.ClientHello) {
			h.Format, h.Suites, h.LegacyVersion, h.HasSupportedVersions = wire.FormatSSLv2, nil, wire.TLS10, false
		}, "refused no-common-suite"},
		{"no null compression", b2016, "rsa", func(h *wire.ClientHello) { h.Compression = []byte{1} }, "refused malformed-hello"},
		{"no compression at all", b2016, "rsa", func(h *wire.ClientHello) { h.Compression = nil }, "refused malformed-hello"},
		{"no suites", b2016, "rsa", func(h *wire.ClientHello) { h.Suites = nil }, "refused malformed-hello"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := hello(tt.change)
			p := mustPolicy(t, tt.policy)
			c := mustCerts(t, tt.certs)
			d := p.Decide(h, c)
			require.Equal(t, tt.want, d.String())
			checkDecision(t, p, h, c, d)
		})
	}
}

func TestDecideWithNothing(t *testing.T) {
	p := mustPolicy(t, "2016-08")
	assert.Equal(t, Decision{Outcome: Refused, Reason: ReasonMalformed, Cert: -1}, p.Decide(nil, mustCerts(t, "both")))
	assert.Equal(t, ReasonUnusableCertificate, p.Decide(hello(old(wire.TLS12)), nil).Reason)
	assert.Equal(t, ReasonUnusableCertificate, mustPolicy(t, "TLS13-1-3-2021-06").Decide(hello(nil), nil).Reason)
	assert.Equal(t, ReasonUnusableCertificate, p.Decide(hello(old(wire.TLS12)), CertSet{{Key: ECDSA, Curve: wire.X25519}}).Reason)
	assert.Equal(t, Refused, new(Policy).Decide(hello(nil), mustCerts(t, "both")).Outcome)
	odd := &Policy{Versions: []wire.Version{wire.TLS12, wire.TLS13}, Suites: []wire.Suite{0xC02F, 0x1301}}
	assert.Equal(t, ReasonNoCommonGroup, odd.Decide(hello(nil), mustCerts(t, "rsa")).Reason)
}

// checkDecision holds for every decision.
func checkDecision(t testing.TB, p *Policy, h *wire.ClientHello, c CertSet, d Decision) {
	t.Helper()
	if d.Outcome == Refused {
		if d != (Decision{Outcome: Refused, Reason: d.Reason, Cert: -1}) || d.Reason == ReasonNone {
			t.Fatalf("refused, but %+v", d)
		}
		return
	}
	fail := func(what string) { t.Helper(); t.Fatalf("%s: %s: %s", p.Name, d, what) }
	contains := func(ok bool, what string) {
		t.Helper()
		if !ok {
			fail(what)
		}
	}
	info, known := d.Suite.Info()
	contains(d.Reason == ReasonNone, "has a reason")
	contains(known && has(p.Suites, d.Suite) && has(h.Suites, d.Suite), "suite not shared")
	contains(has(p.Versions, d.Version), "version not in the policy")
	contains(d.Version >= info.Min && d.Version <= info.Max, "suite not for this version")
	contains(d.Cert >= 0 && int(d.Cert) < len(c), "no such certificate")
	cert := c[d.Cert]
	if info.KeyExchange == wire.KeyExchangeRSA {
		contains(d.Group == 0 && d.Scheme == 0 && cert.Key == RSA, "RSA key transport needs an RSA key and nothing else")
		return
	}
	contains(has(p.Groups, d.Group), "group not in the policy")
	contains(!h.HasGroups || has(h.Groups, d.Group), "group not offered")
	contains(d.Outcome == Negotiated || d.Version == wire.TLS13, "retry before TLS 1.3")
	contains(!d.Group.PostQuantum() || d.Version == wire.TLS13, "hybrid group before TLS 1.3")
	if d.Version < wire.TLS12 {
		contains(d.Scheme == 0, "scheme before TLS 1.2")
		return
	}
	contains(has(p.Schemes, d.Scheme), "scheme not in the policy")
	contains(d.SchemeUnoffered || has(h.Schemes, d.Scheme) || !h.HasSchemes && d.Version == wire.TLS12, "scheme not offered")
	contains((cert.Key == ECDSA) == (d.Scheme&0xFF == 3), "scheme is not of the certificate's kind")
}

func has[T comparable](list []T, v T) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// s2nAnswer is one hello's answers, a letter for each policy.
type s2nAnswer struct {
	name, certs, letters string
	raw                  []byte
	answers              map[byte]string
}

func s2nAnswers(t testing.TB) []s2nAnswer {
	t.Helper()
	text, err := os.ReadFile("testdata/s2n.tsv")
	require.NoError(t, err)
	var all []s2nAnswer
	var raw []byte
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Split(line, "\t")
		switch f[0] {
		case "hello":
			raw, err = hex.DecodeString(f[2])
			require.NoError(t, err)
		case "answer":
			a := s2nAnswer{name: f[1], certs: f[2], letters: f[4], raw: raw, answers: map[byte]string{}}
			for _, w := range strings.Fields(f[3]) {
				a.answers[w[0]] = w[2:]
			}
			require.Len(t, a.letters, len(All()))
			all = append(all, a)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// TestDecideAgreesWithS2N compares decisions with those of AWS's own library.
func TestDecideAgreesWithS2N(t *testing.T) {
	for _, a := range s2nAnswers(t) {
		h, err := wire.ParseHello(a.raw)
		require.NoError(t, err, a.name)
		c := mustCerts(t, a.certs)
		for i, p := range All() {
			d := p.Decide(h, c)
			checkDecision(t, p, h, c, d)
			got := d.Outcome.String()
			if d.Outcome != Refused {
				got += fmt.Sprintf("/%04x/%04x/%04x/%04x", uint16(d.Version), uint16(d.Suite), uint16(d.Group), uint16(d.Scheme))
			}
			assert.Equal(t, a.answers[a.letters[i]], got, "%s, %s, %s", a.name, p.Name, a.certs)
		}
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	h := hello(nil)
	o := hello(old(wire.TLS12))
	c := mustCerts(t, "both,rsa:3072:sha384,ecdsa:p384")
	for _, p := range All() {
		require.Zero(t, testing.AllocsPerRun(20, func() {
			_ = p.Decide(h, c)
			_ = p.Decide(o, c)
			_ = p.Decide(nil, c)
		}), p.Name)
	}
}

func TestParseCertSet(t *testing.T) {
	tests := []struct{ in, out string }{
		{"", "both"}, {"both", "both"}, {"rsa", "rsa"}, {"ECDSA", "ecdsa"}, {"rsa,ecdsa", "both"}, {"ecdsa,rsa", "ecdsa:p256:sha256,rsa:2048:sha256"},
		{"rsa:3072:sha384", "rsa:3072:sha384"}, {"rsa:4096", "rsa:4096:sha256"}, {"rsa:2048:pss-sha256", "rsa:2048:pss-sha256"},
		{"ecdsa:p384", "ecdsa:p384:sha384"}, {"ecdsa:P-521", "ecdsa:p521:sha512"}, {"ecdsa:p384:sha256", "ecdsa:p384:sha256"},
		{"rsa:1024:sha1, ecdsa:p256:sha1", "rsa:1024:sha1,ecdsa:p256:sha1"},
	}
	for _, tt := range tests {
		set, err := ParseCertSet(tt.in)
		require.NoError(t, err, tt.in)
		assert.Equal(t, tt.out, set.String(), tt.in)
		again, err := ParseCertSet(set.String())
		require.NoError(t, err)
		assert.Equal(t, set, again)
	}
	errs := []struct{ in, want string }{
		{"dsa", `certificate "dsa": unknown kind "dsa": want rsa, ecdsa or both`},
		{"rsa:1000", `certificate "rsa:1000": RSA size "1000" is not 1024, 2048, 3072 or 4096`},
		{"rsa:2048:md5", `certificate "rsa:2048:md5": hash "md5" is not sha1, sha256, sha384, sha512, pss-sha256, pss-sha384 or pss-sha512`},
		{"ecdsa:x25519", `certificate "ecdsa:x25519": curve "x25519" is not p256, p384 or p521`},
		{"ecdsa:p256:sha3", `certificate "ecdsa:p256:sha3": hash "sha3" is not sha1, sha256, sha384 or sha512`},
		{"rsa,", `certificate "": unknown kind "": want rsa, ecdsa or both`},
		{"rsa:1:2:3", `certificate "rsa:1:2:3": want kind:size:hash, as rsa:3072:sha384 or ecdsa:p384:sha384`},
		{strings.Repeat("rsa,", 26) + "rsa", `27 certificates: at most 26`},
	}
	for _, tt := range errs {
		_, err := ParseCertSet(tt.in)
		require.EqualError(t, err, tt.want)
	}
}

func TestTexts(t *testing.T) {
	for r := Refused; r <= HelloRetry; r++ {
		b, _ := r.MarshalText()
		var back Result
		require.NoError(t, back.UnmarshalText(b))
		assert.Equal(t, r, back)
	}
	for r := ReasonNone; r <= ReasonUnusableCertificate; r++ {
		b, err := r.MarshalJSON()
		require.NoError(t, err)
		var back Reason
		require.NoError(t, back.UnmarshalJSON(b))
		assert.Equal(t, r, back)
		b, _ = r.MarshalText()
		require.NoError(t, back.UnmarshalText(b))
		assert.Equal(t, r, back)
	}
	assert.Equal(t, strconv.Itoa(77), Reason(77).String())
	var r Reason
	require.Error(t, r.UnmarshalText([]byte("because")))
	assert.Equal(t, "rsa", RSA.String())
}
