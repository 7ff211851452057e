package policy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alblab/alblab/lab/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesAndOrderAgree(t *testing.T) {
	entries, err := files.ReadDir("policies")
	require.NoError(t, err)
	require.Len(t, entries, 45)
	for _, e := range entries {
		assert.Contains(t, Names(), strings.TrimSuffix(e.Name(), ".txt"))
	}
	require.Len(t, All(), 45)
	for i, p := range All() {
		assert.Equal(t, Names()[i], p.Name)
		assert.NotEmpty(t, p.Sources, p.Name)
		assert.NotEmpty(t, p.Family, p.Name)
		assert.NotEmpty(t, p.Status, p.Name)
		for _, g := range p.StronglyPreferred {
			assert.Contains(t, p.Groups, g)
		}
	}
}

// TestGuide compares every file with a listing that others made from AWS's pages.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile("testdata/guide.txt")
	require.NoError(t, err)
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		require.Len(t, f, 4)
		p, err := ByName(f[0])
		require.NoError(t, err)
		seen++
		digits := ""
		for _, v := range p.Versions {
			digits = string('0'+byte(v-wire.TLS10)) + digits
		}
		assert.Equal(t, f[1], digits, f[0])
		assert.Equal(t, f[2] == "pq", p.PostQuantum(), f[0])
		assert.Equal(t, f[3] == "rsa", !p.ForwardSecret, f[0])
	}
	assert.Equal(t, len(All())-1, seen, "all but TLS-1-0-2015-04, which is not in the guide")
}

// TestS2NSnapshots compares files, list by list and in order, with what s2n-tls has under the same names.
func TestS2NSnapshots(t *testing.T) {
	text, err := os.ReadFile("testdata/s2n-snapshots.txt")
	require.NoError(t, err)
	var p *Policy
	var groups []wire.Group
	seen := 0
	scheme := func(s string) wire.Scheme {
		s = strings.NewReplacer("legacy_rsa_sha", "rsa_pkcs1_sha", "legacy_", "", "ecdsa_sha256", "ecdsa_secp256r1_sha256",
			"ecdsa_sha384", "ecdsa_secp384r1_sha384", "ecdsa_sha512", "ecdsa_secp521r1_sha512").Replace(s)
		id, err := wire.ParseScheme(s)
		require.NoError(t, err)
		return id
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Fields(line)
		list := f[1:]
		switch f[0] {
		case "policy":
			p, err = ByName(list[0])
			require.NoError(t, err)
			seen++
		case "min":
			assert.Equal(t, list[0], p.Versions[0].String(), p.Name)
		case "suites":
			assert.Equal(t, list, texts(p.Suites), p.Name)
		case "schemes":
			assert.Equal(t, apply(list, scheme), p.Schemes, p.Name)
		case "certificate":
			assert.Equal(t, apply(list, scheme), p.CertSchemes, p.Name)
		case "curves":
			groups = slices.DeleteFunc(slices.Clone(p.Groups), wire.Group.PostQuantum)
			assert.Equal(t, list, texts(groups), p.Name)
		case "hybrid":
			assert.Equal(t, list, texts(p.Groups[:len(list)]), p.Name)
		case "strong":
			assert.Equal(t, list, texts(p.StronglyPreferred), p.Name)
		}
	}
	require.Equal(t, 6, seen)
}

func texts[T interface{ String() string }](list []T) []string {
	return apply(list, func(v T) string { return v.String() })
}

func apply[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// TestReference compares every file, list by list and in order, with a listing in numbers of the sources that it names.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("testdata/lists.txt")
	require.NoError(t, err)
	seen := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), " | ")
		require.Len(t, f, 7)
		p := All()[seen]
		seen++
		assert.Equal(t, Prefix+f[0], p.Name)
		assert.Equal(t, f[1], points(p.Versions), p.Name)
		assert.Equal(t, f[2], points(p.Suites), p.Name)
		assert.Equal(t, f[3], points(p.Groups), p.Name)
		assert.Equal(t, f[4], points(p.StronglyPreferred), p.Name)
		assert.Equal(t, f[5], points(p.Schemes), p.Name)
		assert.Equal(t, f[6], points(p.CertSchemes), p.Name)
	}
	require.Equal(t, 45, seen)
}

// points writes code points as four hex digits each, - for none.
func points[T ~uint16](list []T) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(apply(list, func(v T) string { return fmt.Sprintf("%04x", uint16(v)) }), " ")
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "a policy needs versions, suites, groups and schemes"},
		{"unknown suite", "[suites]\nTLS_FOO", `line 2: unknown cipher suite "TLS_FOO"`},
		{"suite of no policy", "[suites]\nTLS_DHE_RSA_WITH_AES_128_CBC_SHA", "line 2: nothing is known of cipher suite TLS_DHE_RSA_WITH_AES_128_CBC_SHA"},
		{"twice", "[groups]\nx25519\nx25519", "line 3: x25519 occurs twice"},
		{"versions", "[versions]\nTLSv1.3\nTLSv1.2", "line 3: version TLSv1.2 does not ascend"},
		{"section", "x", `line 1: value "x" in unknown section ""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x", tt.text)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestByName(t *testing.T) {
	for _, name := range []string{"ELBSecurityPolicy-2016-08", "2016-08", "elbsecuritypolicy-2016-08", " 2016-08 "} {
		p, err := ByName(name)
		require.NoError(t, err)
		assert.Equal(t, "ELBSecurityPolicy-2016-08", p.Name)
	}
	tests := []struct {
		name    string
		nearest []string
	}{
		{"2016-8", []string{"ELBSecurityPolicy-2016-08"}},
		{"TLS13-1-2-2021", []string{"ELBSecurityPolicy-TLS13-1-2-2021-06"}},
		{"tls13-1-2-res-pq", []string{"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"}},
		{"ELBSecurityPolicy-FS-1-2-Res-2021-10", []string{"ELBSecurityPolicy-FS-1-2-Res-2020-10"}},
		{"TLS12", []string{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06"}},
		{"TLSv1.2", []string{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06"}},
		{"TLS 1.1", []string{"ELBSecurityPolicy-TLS-1-1-2017-01"}},
		{"fips", []string{"ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04"}},
		{"foo", []string{"ELBSecurityPolicy-2016-08"}},
		{"", nil},
		{strings.Repeat("x", 1<<20), nil},
	}
	for _, tt := range tests {
		_, err := ByName(tt.name)
		var unknown *UnknownError
		require.ErrorAs(t, err, &unknown)
		assert.Equal(t, tt.name, unknown.Name)
		if tt.nearest == nil {
			assert.Empty(t, unknown.Nearest)
			continue
		}
		require.Len(t, unknown.Nearest, 3)
		assert.Equal(t, tt.nearest[0], unknown.Nearest[0])
		assert.Contains(t, err.Error(), "did you mean "+tt.nearest[0])
	}
}
