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
	for _, cases := range [][]decideCase{
		versionCases(), fallbackCases(), suiteCases(), oldGroupCases(), groupCases(), schemeCases(), certificateCases(), formatCases(),
	} {
		require.NotEmpty(t, cases)
		for _, tt := range cases {
			t.Run(tt.name, func(t *testing.T) {
				h := hello(tt.change)
				p, c := mustPolicy(t, tt.policy), mustCerts(t, tt.certs)
				d := p.Decide(h, c)
				require.Equal(t, tt.want, d.String())
				checkDecision(t, p, h, c, d)
			})
		}
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
		{"rsa:3072:sha384", "rsa:3072:sha384"}, {"rsa:4096", "rsa:4096:sha256"},
		{"rsa:8192", "rsa:8192:sha256"}, {"rsa:2047", "rsa:2047:sha256"}, {"rsa:16384:sha512", "rsa:16384:sha512"}, {"rsa:2048:pss-sha256", "rsa:2048:pss-sha256"},
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
		{"rsa:1000", `certificate "rsa:1000": RSA size "1000" is not a number from 1024 to 16384`},
		{"rsa:16385", `certificate "rsa:16385": RSA size "16385" is not a number from 1024 to 16384`},
		{"rsa:-2048", `certificate "rsa:-2048": RSA size "-2048" is not a number from 1024 to 16384`},
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
