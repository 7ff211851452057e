package main

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/kernel"
)

// TestKernelBenchmark lets programs that we did not write call the load balancer on the kernel's own TCP, in a namespace, and holds
// what the analyzers find against what the programs were told to do.
func TestKernelBenchmark(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it takes a minute")
	}
	mixes, err := benchmarkKernel(t.Context(), true)
	if errors.Is(err, kernel.ErrUnavailable) {
		t.Skipf("SKIPPED: %v", err)
	}
	require.NoError(t, err)
	require.Len(t, mixes, len(kernelLabs()))
	for _, m := range mixes {
		t.Logf("%s: %d connections, %d dropped; programs %q, missing %q", m.Name, m.Connections, m.Dropped, m.Programs, m.Missing)
		require.Empty(t, m.Odd, "on good paths every program does what it is told")
		if !slices.Contains(m.Programs, "python3") {
			t.Skip("SKIPPED: python3 is not installed; it is most of the traffic")
		}
		if os.Getenv("ALBLAB_TOOLS") == "required" {
			for _, p := range []string{"curl", "openssl", "gnutls-cli", "node", "java"} {
				require.Contains(t, m.Programs, p)
			}
		}
		require.Greater(t, m.Connections, 60)
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
	}
}
