package rollout

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

var cases = flag.Int("cases", 40_000, "hellos of the property tests")

// trial is one hello, the line that it leaves under one policy, and what is claimed of it under another.
type trial struct {
	hello    *wire.ClientHello
	q        Question
	named    bool // From is known to who judges
	keepsKEX bool // the log has tls_keyexchange
}

// wrong carries the trial out, and says what is wrong with the claim; "" if nothing is. ok is false if the old policy does not
// let the client in, so that there is no line.
func (t *trial) wrong() (what string, claim Effect, ok bool) {
	d := t.q.From.Decide(t.hello, t.q.fromCerts())
	if !Connects(d) {
		return "", Unknown, false
	}
	s := Seen{Version: d.Version, Suite: d.Suite}
	if t.keepsKEX {
		s.Group = d.Group
	}
	q := t.q
	if !t.named {
		q.From = nil
	}
	got, truth := q.Line(s), t.q.To.Decide(t.hello, t.q.Certs)
	switch {
	case got.Foreign:
		what = "foreign: the line is the old policy's"
	case got.Effect == Keeps && !Connects(truth):
		what = "wrong keeps"
	case got.Effect == Breaks && truth.Outcome != policy.Refused:
		what = "wrong breaks"
	case got.Effect != Keeps && (got.Reason == ReasonNone || got.Why == ""):
		what = "no reason"
	default:
		return "", got.Effect, true
	}
	return fmt.Sprintf("%s\n  line %+v of %s (known: %v, %s)\n  to %s (%s), assuming %s\n  claim %s: %s: %s\n  truth %s",
		what, s, describe(t.q.From), t.named, t.q.fromCerts(), describe(t.q.To), t.q.Certs, t.q.Assume, got.Effect, got.Reason, got.Why, truth), got.Effect, true
}

func describe(p *policy.Policy) string {
	if p.Name != "random" {
		return p.Name
	}
	return fmt.Sprint("a random policy of ", p.Versions, p.Suites, p.Groups, p.StronglyPreferred, p.Schemes)
}

// shrink drops from the hello whatever is not needed to show what is wrong.
func (t *trial) shrink(obeys func(*wire.ClientHello) bool) {
	for again := true; again; {
		again = false
		again = drop(t, obeys, &t.hello.Suites) || again
		again = drop(t, obeys, &t.hello.Groups) || again
		again = drop(t, obeys, &t.hello.Schemes) || again
		again = drop(t, obeys, &t.hello.SupportedVersions) || again
		again = drop(t, obeys, &t.hello.KeyShares) || again
	}
}

func drop[T any](t *trial, obeys func(*wire.ClientHello) bool, list *[]T) (dropped bool) {
	for i := 0; i < len(*list); {
		whole := *list
		*list = slices.Delete(slices.Clone(whole), i, i+1)
		if what, _, ok := t.wrong(); !ok || what == "" || !obeys(t.hello) {
			*list = whole
			i++
			continue
		}
		dropped = true
	}
	return dropped
}

// TestNoWrongClaims derives lines from random hellos by Decide and holds what is said of them against Decide itself.
func TestNoWrongClaims(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of thousands of hellos on one goroutine")
	}
	for _, tt := range []struct {
		assume Assume
		hello  func(*rand.Rand) *wire.ClientHello
		obeys  func(*wire.ClientHello) bool
	}{
		{AssumeNothing, anyHello, func(*wire.ClientHello) bool { return true }},
		{AssumeStandard, standardHello, standard},
	} {
		t.Run("assume "+tt.assume.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(tt.assume)))
			count := map[Effect]int{}
			all, sets := policy.All(), certSets(t)
			for range *cases {
				tr := &trial{hello: tt.hello(r), named: r.IntN(4) > 0, keepsKEX: r.IntN(4) > 0}
				tr.q = Question{To: anyPolicy(t, r, all), From: anyPolicy(t, r, all), Certs: sets[r.IntN(len(sets))], Assume: tt.assume}
				if r.IntN(4) == 0 {
					tr.q.FromCerts = sets[r.IntN(len(sets))]
				}
				require.True(t, tt.obeys(tr.hello), "the generator breaks its own rules")
				what, claim, ok := tr.wrong()
				if what != "" {
					tr.shrink(tt.obeys)
					what, _, _ = tr.wrong()
					t.Fatalf("%s\n  hello %+v", what, *tr.hello)
				}
				if ok {
					count[claim]++
				}
			}
			t.Logf("of %d hellos: %v", *cases, count)
			require.Greater(t, count[Keeps], *cases/200)
			require.Greater(t, count[Breaks], *cases/200)
			require.Greater(t, count[Unknown], *cases/200)
		})
	}
}

// anyPolicy is one of AWS's, or one that AWS does not have: its lists are random.
func anyPolicy(t testing.TB, r *rand.Rand, all []*policy.Policy) *policy.Policy {
	if r.IntN(2) == 0 {
		return all[r.IntN(len(all))]
	}
	var b strings.Builder
	section := func(name string, values []string) {
		fmt.Fprintf(&b, "[%s]\n%s\n", name, strings.Join(values, "\n"))
	}
	low := wire.TLS10 + wire.Version(r.IntN(4))
	high := low + wire.Version(r.IntN(int(wire.TLS13-low)+1))
	if r.IntN(3) > 0 {
		high = wire.TLS13
	}
	var versions []wire.Version
	for v := low; v <= high; v++ {
		versions = append(versions, v)
	}
	section("versions", names(versions))
	section("suites", atLeastOne(r, suitePool[:24])) // those that a policy may have
	groups := atLeastOne(r, groupPool[:7])
	section("groups", groups)
	if r.IntN(3) == 0 {
		section("strongly preferred groups", groups[:1])
	}
	section("schemes", atLeastOne(r, schemePool[:12]))
	p, err := policy.Parse("random", b.String())
	require.NoError(t, err, b.String())
	return p
}

func atLeastOne[T interface{ String() string }](r *rand.Rand, pool []T) []string {
	for {
		if list := some(r, pool); len(list) > 0 {
			return names(list)
		}
	}
}

func names[T interface{ String() string }](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}

func certSets(t testing.TB) (sets []policy.CertSet) {
	for _, s := range []string{"rsa", "ecdsa", "both", "both", "ecdsa:p384", "rsa:4096,ecdsa:p521", "rsa:1024:sha1"} {
		set, err := policy.ParseCertSet(s)
		require.NoError(t, err)
		sets = append(sets, set)
	}
	return sets
}

// some returns a random part of a list, in random order.
func some[T any](r *rand.Rand, list []T) []T {
	out := make([]T, 0, len(list))
	n := r.IntN(len(list) + 1)
	if r.IntN(2) == 0 {
		n = min(n, 1+r.IntN(4)) // short ones tell more
	}
	for _, i := range r.Perm(len(list))[:n] {
		out = append(out, list[i])
	}
	return out
}

var (
	versionPool = []wire.Version{wire.TLS10, wire.TLS11, wire.TLS12, wire.TLS13, wire.TLS12, wire.TLS13, wire.SSLv3, 0x0A0A, 0x7F17, 0x0305}
	suitePool   = []wire.Suite{
		0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC023, 0xC027, 0xC009, 0xC013, 0xC02C, 0xC030, 0xC024, 0xC028, 0xC00A, 0xC014,
		0x009C, 0x003C, 0x002F, 0x009D, 0x003D, 0x0035, 0x000A, 0xCCA8, 0xCCA9, 0x0033, 0x0A0A,
	}
	groupPool = []wire.Group{
		wire.SECP256R1, wire.SECP384R1, wire.SECP521R1, wire.X25519, wire.SecP256r1MLKEM768, wire.X25519MLKEM768,
		wire.SecP384r1MLKEM1024, 0x1E, 0x1A1A,
	}
	schemePool = []wire.Scheme{
		wire.RSAPKCS1SHA1, wire.ECDSASHA1, wire.RSAPKCS1SHA224, wire.RSAPKCS1SHA256, wire.ECDSAP256SHA256, wire.RSAPKCS1SHA384,
		wire.ECDSAP384SHA384, wire.RSAPKCS1SHA512, wire.ECDSAP521SHA512, wire.RSAPSSSHA256, wire.RSAPSSSHA384, wire.RSAPSSSHA512, 0x0807,
	}
	shareLen = map[wire.Group]int{
		wire.X25519: 32, wire.SECP256R1: 65, wire.SECP384R1: 97, wire.SECP521R1: 133, wire.X25519MLKEM768: 1216,
		wire.SecP256r1MLKEM768: 1249, wire.SecP384r1MLKEM1024: 1665,
	}
)

// anyHello obeys no rule.
func anyHello(r *rand.Rand) *wire.ClientHello {
	h := &wire.ClientHello{
		Format: wire.Format(r.IntN(12) / 11), LegacyVersion: versionPool[r.IntN(len(versionPool))], Compression: []byte{0},
		Suites: some(r, suitePool), Groups: some(r, groupPool), Schemes: some(r, schemePool), SupportedVersions: some(r, versionPool),
		HasGroups: r.IntN(8) > 0, HasSchemes: r.IntN(8) > 0, HasSupportedVersions: r.IntN(3) > 0, HasPointFormats: r.IntN(8) == 0,
		PointFormats: []byte{byte(r.IntN(2))},
	}
	if r.IntN(3) > 0 {
		h.LegacyVersion = wire.TLS12
	}
	if r.IntN(8) == 0 {
		h.Suites = append(h.Suites, wire.FallbackSCSV)
	}
	if !h.HasSchemes {
		h.Schemes = nil
	}
	if !h.HasGroups {
		h.Groups = nil
	}
	for _, g := range some(r, groupPool) {
		h.KeyShares = append(h.KeyShares, wire.KeyShare{Group: g, Data: make([]byte, shareLen[g])})
	}
	return h
}

// standardHello obeys the rules of AssumeStandard, and no others.
func standardHello(r *rand.Rand) *wire.ClientHello {
	h := anyHello(r)
	h.Format = wire.FormatTLS
	h.Suites = slices.DeleteFunc(h.Suites, func(s wire.Suite) bool { return s == wire.FallbackSCSV })
	top := wire.TLS10 + wire.Version(r.IntN(4))
	h.LegacyVersion, h.HasSupportedVersions, h.SupportedVersions = min(top, wire.TLS12), false, nil
	insert := func() { // the mandatory ones, anywhere
		h.Suites = without(h.Suites, 0x1301)
		h.Suites = slices.Insert(h.Suites, r.IntN(1+len(h.Suites)), 0x1301)
		h.Groups = append(without(h.Groups, wire.SECP256R1), wire.SECP256R1)
	}
	if top == wire.TLS13 {
		h.HasSupportedVersions = true
		for v := top; v >= wire.TLS10+wire.Version(r.IntN(4)); v-- {
			h.SupportedVersions = append(h.SupportedVersions, v)
		}
		if len(h.SupportedVersions) == 0 {
			h.SupportedVersions = []wire.Version{top}
		}
		h.HasGroups, h.HasPointFormats = true, false
		insert()
		h.Schemes = append(without(h.Schemes, wire.RSAPSSSHA256), wire.RSAPSSSHA256)
	} else if r.IntN(10) == 0 {
		h.Format = wire.FormatSSLv2
		h.Groups, h.HasGroups = nil, false
	}
	if top >= wire.TLS12 {
		h.HasSchemes = true
		h.Schemes = append(without(h.Schemes, wire.RSAPKCS1SHA256), wire.RSAPKCS1SHA256)
		h.Schemes = append(without(h.Schemes, wire.ECDSAP256SHA256), wire.ECDSAP256SHA256)
	}
	return h
}

func without[T comparable](list []T, v T) []T {
	return slices.DeleteFunc(list, func(x T) bool { return x == v })
}

// standard says whether a hello obeys the rules of AssumeStandard.
func standard(h *wire.ClientHello) bool {
	is13 := slices.Contains(h.SupportedVersions, wire.TLS13)
	if slices.Contains(h.Suites, wire.FallbackSCSV) || h.HasSupportedVersions != is13 {
		return false
	}
	if is13 && (h.LegacyVersion != wire.TLS12 || !slices.Contains(h.Suites, 0x1301) || !h.HasGroups ||
		!slices.Contains(h.Groups, wire.SECP256R1) || !slices.Contains(h.Schemes, wire.RSAPSSSHA256)) {
		return false
	}
	return h.LegacyVersion < wire.TLS12 ||
		h.HasSchemes && slices.Contains(h.Schemes, wire.RSAPKCS1SHA256) && slices.Contains(h.Schemes, wire.ECDSAP256SHA256)
}
