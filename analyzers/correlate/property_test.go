package correlate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// traffic makes records of n connections of every kind: refused, completed with requests, silent, rejected, split over windows,
// with ports used again.
func traffic(n int, seed uint64) *evidenceOf {
	rng := rand.New(rand.NewPCG(seed, 1))
	var e evidenceOf
	for i := range n {
		k := i
		if i%10 == 9 {
			k = i - 1 // the same port, later
		}
		from := fmt.Sprintf("198.51.%d.%d:%d", k/250%250, k%250, 1024+k%60000)
		to := fmt.Sprintf("10.0.%d.10:443", 1+k%2)
		s := float64(i%50) + 200*float64(i-k)
		trace := fmt.Sprintf("TID_%032x", i)
		switch rng.IntN(4) {
		case 0:
			e.flow(from, to, 3, 328, s, s, 2)
			e.flow(to, from, 3, 164, s, s, 22)
			e.conn(from, 443, s+0.1, "Failed:UnmappedConnectionError", trace)
		case 1:
			e.flow(from, to, 18, 1921, s, s+2, 3)
			e.flow(to, from, 16, 6682, s, s+2, 19)
			e.packets(from, to, s+0.1, s+2.1)
			e.conn(from, 443, s+0.2, "Success", trace)
			for q := range 3 {
				root := fmt.Sprintf("1-%d-%d", i, q)
				e.access(from, 443, s+0.3+float64(q)/10, trace, root)
				e.waf("198.51.0.1", s+0.3+float64(q)/10, root, "ALLOW")
			}
		case 2: // split over two windows
			e.flow(from, to, 1, 60, s, s, 2)
			e.flow(to, from, 1, 60, s, s, 18)
			e.flow(from, to, 2, 268, s+1, s+1, 0)
			e.flow(to, from, 2, 104, s+1, s+1, 4)
		case 3:
			e.flow(from, to, 2, 120, s, s+1, 2, reject)
		}
	}
	return &e
}

func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(20) {
		e := traffic(300, seed)
		want := e.build(nil)
		require.Len(t, want.Conns, 300)
		rng := rand.New(rand.NewPCG(seed, 2))
		rng.Shuffle(len(e.adds), func(i, j int) { e.adds[i], e.adds[j] = e.adds[j], e.adds[i] })
		got := e.build(nil)
		require.Equal(t, summaries(want.Conns), summaries(got.Conns))
		for i := range want.Conns {
			require.Equal(t, want.Conns[i].Refs(), got.Conns[i].Refs())
		}
	}
}

// TestHostilePort joins many records of one pair of ports, for which a join by time could be quadratic.
func TestHostilePort(t *testing.T) {
	var e evidenceOf
	const n = 20_000
	for i := range n {
		s := float64(2 * i)
		e.flow(client, server, 3, 328, s, s, 2)
		e.flow(server, client, 3, 164, s, s, 22)
		e.conn(client, 443, s+0.1, "Failed:UnmappedConnectionError", fmt.Sprint("TID_", i))
	}
	r := e.build(nil)
	require.Len(t, r.Conns, n)
	for _, c := range r.Conns {
		require.NotNil(t, c.ConnLog)
		require.Equal(t, int64(3), c.In.Packets)
	}
}

func TestMostConns(t *testing.T) {
	e := traffic(100, 1)
	r := e.build(&Options{MaxConns: 10})
	require.LessOrEqual(t, len(r.Conns), 40) // at most so many of each kind of evidence
	require.Positive(t, r.Overflow)
}

func BenchmarkBuild100k(b *testing.B) {
	e := traffic(100_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		if r := e.build(nil); len(r.Conns) != 100_000 {
			b.Fatal(len(r.Conns))
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "conns/s")
}
