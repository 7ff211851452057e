package policy

import (
	"math/rand/v2"
	"testing"

	"github.com/alblab/alblab/lab/wire"
)

// FuzzDecide gives any bytes to all policies.
func FuzzDecide(f *testing.F) {
	seen := map[string]bool{}
	for _, a := range s2nAnswers(f) {
		if !seen[a.name] {
			f.Add(a.raw, uint8(len(seen)))
			seen[a.name] = true
		}
	}
	sets := certSets(f)
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		h, err := wire.ParseHello(b)
		if err != nil {
			h = nil
		}
		c := sets[int(which)%len(sets)]
		for _, p := range All() {
			d := p.Decide(h, c)
			if h == nil {
				if d.Reason != ReasonMalformed {
					t.Fatal(d)
				}
				continue
			}
			checkDecision(t, p, h, c, d)
		}
		p := All()[int(which)%len(All())]
		d := p.Decide(h, c)
		e := Explain(p, h, c, d)
		if d.Outcome == Refused && (e.Why == "" || e.Text() == "") {
			t.Fatalf("no words for %s", d)
		}
	})
}

func FuzzByNameAndCerts(f *testing.F) {
	for _, s := range []string{"2016-08", "rsa:3072:sha384,ecdsa:p384", "both", "ELBSecurityPolicy-", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ByName(s); (p == nil) == (err == nil) {
			t.Fatal(p, err)
		}
		if set, err := ParseCertSet(s); err == nil {
			if again, err := ParseCertSet(set.String()); err != nil || again.String() != set.String() {
				t.Fatal(set, again, err)
			}
		}
		_, _ = Parse("x", s)
	})
}

func certSets(t testing.TB) []CertSet {
	var sets []CertSet
	for _, s := range []string{"rsa", "ecdsa", "both", "rsa:1024:sha1", "ecdsa:p384", "ecdsa:p521,ecdsa:p256", "rsa:4096,rsa:2048:sha512,ecdsa:p384"} {
		sets = append(sets, mustCerts(t, s))
	}
	return append(sets, nil)
}

// TestDecideAnything decides hellos of any contents and holds each decision against its inputs.
func TestDecideAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	suites := append([]wire.Suite{0x0033, 0x1A1A, 0xFFFF, 0}, knownSuites...)
	groups := append([]wire.Group{0x1E, 0x100, 0x0A0A, 0xFFFF, 0}, knownGroups...)
	schemes := append([]wire.Scheme{0x0807, 0x0A0A, 0xFFFF, 0}, knownSchemes...)
	versions := []wire.Version{0, 2, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x0305, 0x7F17, 0x0A0A, 0xFFFF}
	sets := certSets(t)
	for range 3000 {
		h := &wire.ClientHello{
			Format: wire.Format(r.IntN(8) / 7), LegacyVersion: versions[r.IntN(len(versions))], Compression: []byte{0},
			Suites: some(r, suites), Groups: some(r, groups), Schemes: some(r, schemes), SupportedVersions: some(r, versions),
			HasGroups: r.IntN(4) > 0, HasSchemes: r.IntN(4) > 0, HasSupportedVersions: r.IntN(3) > 0, HasPointFormats: r.IntN(2) > 0,
			PointFormats: []byte{byte(r.IntN(3))},
		}
		if !h.HasGroups {
			h.Groups = nil
		}
		if !h.HasSchemes {
			h.Schemes = nil
		}
		for _, g := range some(r, groups) {
			s := share(g)
			if r.IntN(6) == 0 {
				s.Data = append(s.Data, 0)
			}
			h.KeyShares = append(h.KeyShares, s)
		}
		c := sets[r.IntN(len(sets))]
		for _, p := range All() {
			checkDecision(t, p, h, c, p.Decide(h, c))
		}
	}
}

func some[T any](r *rand.Rand, list []T) []T {
	out := make([]T, 0, len(list))
	for _, i := range r.Perm(len(list))[:r.IntN(len(list)+1)] {
		out = append(out, list[i])
	}
	return out
}
