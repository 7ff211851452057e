package benchmark_test

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/scenarios/benchmark"
)

// start makes an embedded lab for the benchmark.
func start(ctx context.Context, spec lab.Spec, dir string) (lab.Lab, error) {
	return embedded.Start(ctx, spec, &embedded.Options{Dir: dir})
}

// connections is small; ALBLAB_LONG asks for the whole.
func connections(t *testing.T) int {
	if os.Getenv("ALBLAB_LONG") == "" {
		return 2000
	}
	t.Log("ALBLAB_LONG is set: this takes minutes")
	return benchmark.DefaultConnections
}

// TestGoals holds the goals on every mix.
func TestGoals(t *testing.T) {
	r, err := benchmark.Run(context.Background(), benchmark.Options{Start: start, Connections: connections(t), Seed: 7})
	require.NoError(t, err)
	require.Len(t, r.Mixes, 4)
	for _, m := range r.Mixes {
		require.Positive(t, m.Connections)
		require.Less(t, m.Dropped, m.Connections/50, "%s: too many clients did something else", m.Name)
		require.NotEmpty(t, m.Goals())
		for _, g := range m.Goals() {
			if !g.Met() {
				for _, s := range m.Views {
					if s.View == g.View {
						t.Errorf("%s: %s; %q", m.Name, g, s.Mistakes)
					}
				}
			}
		}
		filter, flags := m.Views[0], m.Views[2]
		const first = analyzers.StageFirstFlight
		require.Less(t, filter.Precision(first), flags.Precision(first), "%s: the published filter is the baseline", m.Name)
		for _, s := range m.Views {
			n := 0
			for _, claims := range s.Stages {
				for _, k := range claims {
					n += k
				}
			}
			require.Equal(t, m.Connections, n, "%s, view %s: every connection is judged once", m.Name, s.View)
			if !s.Filter {
				require.Equal(t, n, s.Exact+s.InSet+s.Wrong+s.None, "%s, view %s", m.Name, s.View)
			}
		}
	}
	var page bytes.Buffer
	require.NoError(t, r.WriteMarkdown(&page))
	require.Contains(t, page.String(), "| (c) ")
}

// TestSeed holds that a seed repeats the figures.
func TestSeed(t *testing.T) {
	run := func(seed uint64) string {
		r, err := benchmark.Run(context.Background(), benchmark.Options{Start: start, Connections: 300, Seed: seed})
		require.NoError(t, err)
		n := ""
		for _, m := range r.Mixes {
			for _, s := range []analyzers.Stage{analyzers.StageBlocked, analyzers.StageNoData, analyzers.StageFirstFlight, analyzers.StageRefusedLater, analyzers.StageCompleted, analyzers.StageClosedByOther} {
				k := 0
				for _, c := range m.Views[4].Stages[s] {
					k += c
				}
				n += strconv.Itoa(k) + " "
			}
		}
		return n
	}
	a := run(3)
	require.Equal(t, a, run(3))
	require.NotEqual(t, a, run(4))
}
