package correlate

import (
	"context"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

// TestPublicSamples: every published log entry is read, with its own parser, and none is damaged.
func TestPublicSamples(t *testing.T) {
	fsys := os.DirFS("../../lab/evidence/testdata/samples")
	names, err := fs.Glob(fsys, "*")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			b, err := evidence.OpenPaths("../../lab/evidence/testdata/samples/" + name)
			require.NoError(t, err)
			r, err := Read(context.Background(), b, nil)
			require.NoError(t, err)
			require.Empty(t, r.Problems)
			require.Zero(t, r.ProblemCount)
			require.Len(t, r.Loads, 1)
			require.NotZero(t, r.Loads[0].Records)
		})
	}
}

// TestPartialLines: lines without client and port make connections of nobody, never one of each other's, and name no listener.
func TestPartialLines(t *testing.T) {
	b, err := evidence.OpenPaths("../../lab/evidence/testdata/samples/alb-connection-expired-partial.txt",
		"../../lab/evidence/testdata/samples/alb-connection.log")
	require.NoError(t, err)
	r, err := Read(context.Background(), b, nil)
	require.NoError(t, err)
	require.Equal(t, 3, r.PartialLines)
	require.Len(t, r.Conns, 5)
	require.Equal(t, []uint16{443}, r.ListenerPorts)
	nobody := 0
	for _, c := range r.Conns {
		if !c.Client.Addr().IsValid() {
			require.True(t, c.ConnLog.Partial)
			require.Zero(t, c.Server.Port())
			nobody++
		}
	}
	require.Equal(t, 3, nobody)
}
