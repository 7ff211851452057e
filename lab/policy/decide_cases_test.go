package policy

import "github.com/alblab/alblab/lab/wire"

// The policies that most cases use.
const (
	fs1220 = "FS-1-2-Res-2020-10"
	b2016  = "2016-08"
	res13  = "TLS13-1-2-Res-2021-06"
	pq     = "TLS13-1-2-Res-PQ-2025-09"
	fips   = "TLS13-1-2-FIPS-2023-04"
	all13  = "TLS13-1-0-2021-06"
)

// decideCase changes a modern hello and says what comes of it.
type decideCase struct {
	name, policy, certs string
	change              func(*wire.ClientHello)
	want                string
}

func groups(gs ...wire.Group) func(*wire.ClientHello) {
	return func(h *wire.ClientHello) { h.Groups = gs }
}

func shares(gs ...wire.Group) func(*wire.ClientHello) {
	return func(h *wire.ClientHello) {
		h.KeyShares = nil
		for _, g := range gs {
			h.KeyShares = append(h.KeyShares, share(g))
		}
	}
}

func schemes(s ...wire.Scheme) func(*wire.ClientHello) {
	return func(h *wire.ClientHello) { h.Schemes = s }
}

func suites(s ...wire.Suite) func(*wire.ClientHello) {
	return func(h *wire.ClientHello) { h.Suites = s }
}

func versionCases() []decideCase {
	return []decideCase{
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
	}
}

func fallbackCases() []decideCase {
	return []decideCase{
		{"fallback", res13, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) }), "refused inappropriate-fallback"},
		{"fallback to the policy's highest", fs1220, "rsa", both(old(wire.TLS12), func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) }),
			"negotiated TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 secp256r1 rsa_pkcs1_sha256 cert 0"},
		{"no fallback in TLS 1.3", res13, "rsa", func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) },
			"negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 0"},
		{"the version comes before the fallback", fs1220, "rsa", both(old(wire.TLS11), func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) }), "refused no-common-version"},
	}
}

func suiteCases() []decideCase {
	return []decideCase{
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
	}
}

func oldGroupCases() []decideCase {
	return []decideCase{
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
	}
}

func groupCases() []decideCase {
	return []decideCase{
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
	}
}

func schemeCases() []decideCase {
	return []decideCase{
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
	}
}

func certificateCases() []decideCase {
	return []decideCase{
		{"no scheme for P-256 in a strict policy: not in TLS 1.3", "TLS13-1-2-RFC9151-FIPS-2023-07", "ecdsa", nil, "refused no-common-signature-scheme"},
		{"nor for anyone", "TLS13-1-3-RFC9151-FIPS-2023-07", "ecdsa", nil, "refused unusable-certificate"},
		{"but in TLS 1.2", "TLS13-1-2-RFC9151-FIPS-2023-07", "ecdsa", old(wire.TLS12), "negotiated TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 secp384r1 ecdsa_secp384r1_sha384 cert 0"},
		{"certificate signed with SHA-256 under RFC 9151: the chain is not bound", "TLS13-1-3-RFC9151-FIPS-2023-07", "rsa", nil,
			"hello-retry TLSv1.3 TLS_AES_256_GCM_SHA384 secp384r1 rsa_pss_rsae_sha384 cert 0"},
		{"the larger hash wins", res13, "rsa:4096:sha256,rsa:2048:sha384", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 1"},
		{"then the longer key", res13, "rsa:2048,rsa:4096,rsa:3072", nil, "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 rsa_pss_rsae_sha256 cert 1"},
		{"the certificate whose curve fits", res13, "ecdsa:p384,ecdsa:p256", schemes(0x0403), "negotiated TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 ecdsa_secp256r1_sha256 cert 1"},
	}
}

func formatCases() []decideCase {
	return []decideCase{
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
}
