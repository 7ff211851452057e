package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/alblab/alblab/lab/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func explain(t *testing.T, policyName, certs string, h *wire.ClientHello) Explanation {
	t.Helper()
	p, c := mustPolicy(t, policyName), mustCerts(t, certs)
	return Explain(p, h, c, p.Decide(h, c))
}

func TestExplainExperiment1(t *testing.T) {
	// curl --tls-max 1.1 against TLS 1.2 only: https://dev.classmethod.jp, experiment 1.
	h := hello(old(wire.TLS11, 0xC00A, 0xC014, 0x0039, 0xC009, 0xC013, 0x0033, 0x0035, 0x002F, 0x00FF))
	e := explain(t, "FS-1-2-Res-2020-10", "both", h)
	assert.Equal(t, "the client offers TLSv1.1 at most, the policy needs TLSv1.2 or later", e.Why)
	assert.Equal(t, []wire.Version{wire.TLS11, wire.TLS10, wire.SSLv3}, e.Offered.Versions)
	assert.NotContains(t, e.Offered.Suites, wire.Suite(0x00FF))
	require.NotEmpty(t, e.Cures)
	assert.Equal(t, "ELBSecurityPolicy-FS-1-1-2019-08", e.Cures[0].Policy, "TLS 1.1 comes in, TLS 1.0 does not, and forward secrecy stays")
	assert.Equal(t, 1, e.Cures[0].Distance.Versions)
	assert.Zero(t, e.Cures[0].Distance.ForwardSecrecy)
	assert.Equal(t, "it must offer TLSv1.2", e.Client)
	assert.Empty(t, e.Certificates)
	for _, c := range e.Cures {
		assert.NotEqual(t, Refused, mustPolicy(t, c.Policy).Decide(h, mustCerts(t, "both")).Outcome)
		assert.Equal(t, wire.TLS11, c.Decision.Version)
	}
	for i := 1; i < len(e.Cures); i++ {
		assert.LessOrEqual(t, e.Cures[i-1].Distance.Compare(e.Cures[i].Distance), 0, "best first")
	}
	assert.Equal(t, `the client offers TLSv1.1 at most, the policy needs TLSv1.2 or later
  offered versions: TLSv1.1 TLSv1 SSLv3
  allowed versions: TLSv1.2
cure: ELBSecurityPolicy-FS-1-1-2019-08 (allows TLSv1.1 (now TLSv1.2 at least); 8 more suites of CBC mode, 3DES or RSA key transport; no longer: secp521r1)
  or: ELBSecurityPolicy-TLS-1-1-2017-01 (allows TLSv1.1 (now TLSv1.2 at least); suites without forward secrecy come in; 14 more suites of CBC mode, 3DES or RSA key transport; no longer: secp521r1)
  or: ELBSecurityPolicy-TLS13-1-1-2021-06 (allows TLSv1.1 (now TLSv1.2 at least); suites without forward secrecy come in; 14 more suites of CBC mode, 3DES or RSA key transport)
`, firstLines(e.Text(), 6))
	_, err := json.Marshal(e)
	require.NoError(t, err)
}

func firstLines(s string, n int) string {
	for i := range s {
		if s[i] == '\n' {
			if n--; n == 0 {
				return s[:i+1]
			}
		}
	}
	return s
}

func TestExplain(t *testing.T) {
	tests := []struct {
		name, policy, certs string
		h                   *wire.ClientHello
		why, cure, client   string
		certificate         string
	}{
		{"malformed", "2016-08", "both", nil, "the hello is damaged", "", "", ""},
		{"no suite", "FS-1-2-Res-2020-10", "rsa", hello(old(wire.TLS12, 0x0033, 0xC014)), "none of the 2 cipher suites that the client offers is in the policy",
			"ELBSecurityPolicy-FS-1-2-2019-08", "it must offer one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ""},
		{"suite of another version", "2016-08", "rsa", hello(old(wire.TLS10, 0xC02F)), "the cipher suites that client and policy share are not for TLSv1: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
			"", "it must offer one of TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, TLS_RSA_WITH_AES_128_CBC_SHA, TLS_RSA_WITH_AES_256_CBC_SHA", ""},
		{"another certificate", "2016-08", "rsa", hello(old(wire.TLS12, 0xC02B)), "the cipher suites that client and policy share need another certificate than rsa: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
			"", "it must offer one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 and 8 more", "ecdsa"},
		{"no group", "TLS13-1-2-FIPS-2023-04", "rsa", hello(func(h *wire.ClientHello) { h.Groups = []wire.Group{wire.X25519} }),
			"the client offers no group of the policy's: x25519 against secp256r1, secp384r1, secp521r1", "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", "it must offer one of the groups secp256r1, secp384r1, secp521r1", ""},
		{"hybrid only", "TLS13-1-2-Res-2021-06", "rsa", hello(func(h *wire.ClientHello) {
			h.Groups, h.KeyShares = []wire.Group{wire.X25519MLKEM768}, []wire.KeyShare{share(wire.X25519MLKEM768)}
		}), "the client offers no group of the policy's: X25519MLKEM768 against x25519, secp256r1, secp384r1, secp521r1", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "it must offer one of the groups x25519, secp256r1, secp384r1, secp521r1", ""},
		{"fallback", "TLS13-1-2-Res-2021-06", "rsa", hello(both(old(wire.TLS12), func(h *wire.ClientHello) { h.Suites = append(h.Suites, wire.FallbackSCSV) })),
			"the client repeats an attempt with a lower version (TLS_FALLBACK_SCSV, TLSv1.2 at most), and the policy has TLSv1.3", "ELBSecurityPolicy-FS-1-2-Res-2020-10",
			"it must not fall back: find out why its first attempt, with the higher version, failed", ""},
		{"no one can", "TLS13-1-3-RFC9151-FIPS-2023-07", "ecdsa", hello(nil), "the policy has no signature scheme that the server's keys (ecdsa) can make: no client can connect",
			"", "nothing that the client could do: the server needs another certificate or policy", "rsa"},
		{"TLS 1.3 only", "TLS-1-2-2017-01", "rsa", hello(func(h *wire.ClientHello) {
			h.SupportedVersions = []wire.Version{wire.TLS13}
			h.Suites = []wire.Suite{0x1301}
		}),
			"the one cipher suite that the client offers is not in the policy; the client offers TLSv1.3 only, the policy ends at TLSv1.2", "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := explain(t, tt.policy, tt.certs, tt.h)
			assert.Equal(t, tt.why, e.Why)
			if tt.client != "" {
				assert.Equal(t, tt.client, e.Client)
			}
			if tt.cure != "" {
				require.NotEmpty(t, e.Cures)
				assert.Equal(t, tt.cure, e.Cures[0].Policy, "%+v", e.Cures)
			}
			if tt.certificate != "" {
				require.NotEmpty(t, e.Certificates)
				assert.Equal(t, tt.certificate, e.Certificates[0])
			}
			assert.Contains(t, e.Text(), tt.why)
		})
	}
}

func TestExplainWhatNothingCures(t *testing.T) {
	e := explain(t, "2016-08", "both", hello(old(wire.SSLv3)))
	assert.Empty(t, e.Cures)
	assert.Empty(t, e.Certificates)
	assert.Contains(t, e.Text(), "cure: no security policy answers this hello; the client must change: it must offer TLSv1 or TLSv1.1 or TLSv1.2")
}

func TestPriceNamesWhatGoesAway(t *testing.T) {
	tests := []struct {
		from, to string
		p, q     *Policy
		want     string
	}{
		{from: "FS-1-2-Res-2020-10", to: "FS-1-1-2019-08", want: "no longer: secp521r1"},
		{from: "TLS13-1-2-Res-2021-06", to: "TLS13-1-2-2021-06"},        // only adds
		{from: "TLS13-1-2-Res-PQ-2025-09", to: "TLS13-1-2-Res-2021-06"}, // the post-quantum groups are named by themselves
		{p: &Policy{Versions: []wire.Version{wire.TLS12, wire.TLS13}, Suites: []wire.Suite{0x1301, 0xC02F, 0xC030, 0xC02B}, Groups: []wire.Group{wire.X25519, wire.SECP256R1}},
			q:    &Policy{Versions: []wire.Version{wire.TLS12}, Suites: []wire.Suite{0xC02F}, Groups: []wire.Group{wire.X25519}},
			want: "no longer: secp256r1, 2 suites"}, // TLS_AES_128_GCM_SHA256 goes with TLS 1.3
		{p: &Policy{Versions: []wire.Version{wire.TLS12}, Suites: []wire.Suite{0xC02F, 0xC030}, Groups: []wire.Group{wire.X25519, wire.SECP256R1, wire.SECP384R1}},
			q: &Policy{Versions: []wire.Version{wire.TLS12}, Suites: []wire.Suite{0xC02F}}, want: "no longer: 3 groups, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
	}
	for _, tt := range tests {
		p, q := tt.p, tt.q
		if p == nil {
			p, q = mustPolicy(t, tt.from), mustPolicy(t, tt.to)
		}
		got := ""
		for _, w := range price(p, q, p.DistanceTo(q)) {
			if strings.HasPrefix(w, "no longer: ") {
				got = w
			}
		}
		assert.Equal(t, tt.want, got, "%s -> %s", tt.from, tt.to)
	}
}

func TestDetailOfSuccess(t *testing.T) {
	p, c := mustPolicy(t, "TLS13-1-2-Res-2021-06"), mustCerts(t, "rsa")
	h := hello(nil)
	assert.Empty(t, Detail(p, h, c, p.Decide(h, c)))
	h = hello(func(h *wire.ClientHello) { h.KeyShares = nil })
	assert.Equal(t, "the client supports x25519, which the policy prefers, and sent no share of it: it is asked for one", Detail(p, h, c, p.Decide(h, c)))
	h = hello(func(h *wire.ClientHello) { h.Schemes = []wire.Scheme{0x0807} })
	assert.Equal(t, "the client offers no signature scheme that the server can use; the server goes on with rsa_pss_rsae_sha256, which most clients refuse", Detail(p, h, c, p.Decide(h, c)))
}

func TestDiff(t *testing.T) {
	d := Diff(mustPolicy(t, "2016-08"), mustPolicy(t, "TLS-1-0-2015-04"))
	assert.Equal(t, []wire.Suite{0x000A}, d.Suites.Added)
	assert.Empty(t, d.Suites.Removed)
	assert.Equal(t, 1, d.changes())
	assert.False(t, d.Equal())

	d = Diff(mustPolicy(t, "TLS13-1-2-Res-2021-06"), mustPolicy(t, "TLS13-1-2-Res-PQ-2025-09"))
	assert.Equal(t, []wire.Group{wire.X25519MLKEM768, wire.SecP256r1MLKEM768, wire.SecP384r1MLKEM1024}, d.Groups.Added)
	assert.Contains(t, d.Schemes.Removed, wire.RSAPKCS1SHA1)

	d = Diff(mustPolicy(t, "TLS13-1-2-Ext2-2021-06"), mustPolicy(t, "TLS13-1-2-Ext2-PQ-2025-09"))
	assert.True(t, d.Suites.Reordered, "the ECDHE AES256-SHA pair stands the other way round")

	p := mustPolicy(t, "2016-08")
	assert.True(t, Diff(p, p).Equal())
	assert.Zero(t, p.DistanceTo(p).Compare(Distance{}))
}

func TestDistance(t *testing.T) {
	res, plain, ext1, low := mustPolicy(t, "TLS13-1-2-Res-2021-06"), mustPolicy(t, "TLS13-1-2-2021-06"), mustPolicy(t, "TLS13-1-2-Ext1-2021-06"), mustPolicy(t, "TLS13-1-0-2021-06")
	assert.Negative(t, res.DistanceTo(plain).Compare(res.DistanceTo(ext1)), "forward secrecy is kept if possible")
	assert.Negative(t, res.DistanceTo(ext1).Compare(res.DistanceTo(low)), "the version counts most")
	assert.Equal(t, 2, res.DistanceTo(low).Versions)
	assert.Equal(t, 1, mustPolicy(t, "TLS13-1-2-FIPS-2023-04").DistanceTo(plain).Properties)
	assert.Negative(t, res.DistanceTo(mustPolicy(t, "TLS13-1-1-2021-06")).Compare(res.DistanceTo(mustPolicy(t, "FS-1-1-2019-08"))),
		"TLS 1.3 is not given up to let in TLS 1.1")
	assert.Zero(t, low.DistanceTo(res).Versions)
	assert.Equal(t, 2, low.DistanceTo(res).Lost)
}
