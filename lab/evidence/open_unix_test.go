//go:build unix

package evidence

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// within ends the test if f waits for somebody to write.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it waits")
	}
}

func TestNamedPipesAreLeftOut(t *testing.T) {
	const line = "2 123456789010 eni-1 203.0.113.10 10.0.1.10 40000 443 6 3 328 1418530010 1418530070 ACCEPT OK\n"
	dir := t.TempDir()
	flow, pipe := filepath.Join(dir, "flow.log"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(flow, []byte(line), 0o600))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, paths := range [][]string{{dir}, {dir, flow}} {
		within(t, func() {
			b, err := OpenPaths(paths...)
			require.NoError(t, err)
			require.Len(t, b.Files(KindFlow), 1)
			require.Len(t, b.Skipped, 1)
			require.Equal(t, "pipe", filepath.Base(b.Skipped[0].Name))
			require.Equal(t, "not a regular file", b.Skipped[0].Reason)
		})
	}

	// Nor is one opened that a manifest lists, or that stands for the manifest.
	manifest := filepath.Join(dir, ManifestName)
	require.NoError(t, os.WriteFile(manifest, []byte(`{"schema":"alblab.bundle/1","lab":"embedded","files":[{"name":"pipe","kind":"flow"}]}`), 0o600))
	within(t, func() {
		b, err := OpenPaths(dir)
		require.NoError(t, err)
		_, err = b.OpenFile("pipe")
		require.EqualError(t, err, "opening evidence: pipe: not a regular file")
	})
	require.NoError(t, os.Remove(manifest))
	require.NoError(t, syscall.Mkfifo(manifest, 0o600))
	within(t, func() {
		_, err := OpenPaths(dir)
		require.EqualError(t, err, "reading the bundle's manifest: not a regular file")
	})
}
