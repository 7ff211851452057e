package policy

import (
	"testing"

	"github.com/alblab/alblab/lab/wire"
)

func BenchmarkDecide(b *testing.B) {
	for _, bm := range []struct {
		name, policy string
		hello        *wire.ClientHello
	}{
		{"tls13", "TLS13-1-2-Res-PQ-2025-09", hello(nil)},
		{"tls12", "2016-08", hello(old(wire.TLS12))},
		{"refused", "FS-1-2-Res-2020-10", hello(old(wire.TLS11))},
	} {
		b.Run(bm.name, func(b *testing.B) {
			p, c := mustPolicy(b, bm.policy), mustCerts(b, "both")
			b.ReportAllocs()
			for b.Loop() {
				sink = p.Decide(bm.hello, c)
			}
		})
	}
}

var sink Decision

// BenchmarkDecideMatrix decides recorded hellos under every policy and three sets of certificates; its unit is one decision.
func BenchmarkDecideMatrix(b *testing.B) {
	var hellos []*wire.ClientHello
	seen := map[string]bool{}
	for _, a := range s2nAnswers(b) {
		if seen[a.name] {
			continue
		}
		seen[a.name] = true
		h, err := wire.ParseHello(a.raw)
		if err != nil {
			b.Fatal(err)
		}
		hellos = append(hellos, h)
	}
	sets := []CertSet{mustCerts(b, "rsa"), mustCerts(b, "ecdsa"), mustCerts(b, "both")}
	all := All()
	n := 0
	for b.Loop() {
		for _, h := range hellos {
			for _, p := range all {
				for _, c := range sets {
					sink = p.Decide(h, c)
					n++
				}
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/decision")
}

func BenchmarkExplain(b *testing.B) {
	p, c, h := mustPolicy(b, "FS-1-2-Res-2020-10"), mustCerts(b, "both"), hello(old(wire.TLS11))
	d := p.Decide(h, c)
	for b.Loop() {
		_ = Explain(p, h, c, d).Text()
	}
}
