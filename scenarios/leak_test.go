package scenarios_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/scenarios"
)

// TestRunLeavesNothing: a run leaves no goroutine behind.
func TestRunLeavesNothing(t *testing.T) {
	run := func() {
		r, err := scenarios.Run(t.Context(), scenarios.Options{Start: start(t)})
		require.NoError(t, err)
		require.True(t, r.OK())
	}
	run() // what the standard library starts once and keeps is no leak
	before := runtime.NumGoroutine()
	run()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// BenchmarkRun is the whole run: all scenarios, their evidence and their verdicts.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		r, err := scenarios.Run(b.Context(), scenarios.Options{Start: startLab})
		if err != nil || !r.OK() {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(scenarios.All())), "scenarios/op")
}
