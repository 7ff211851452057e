package redact_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers/redact"
	"github.com/alblab/alblab/lab/evidence"
)

// TestParquet: the copy of a flow log in Parquet is text, under a name that says so, with the findings of the original and none of
// its addresses.
func TestParquet(t *testing.T) {
	raw, err := os.ReadFile("../../lab/evidence/testdata/parquet/parquet-go-gzip.parquet")
	require.NoError(t, err)
	b, err := evidence.Open(fstest.MapFS{"111122223333_vpcflowlogs_us-east-1_fl-1234abcd_20260101T0000Z_fe123456.log.parquet": {Data: raw}})
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "copy")
	stats, err := redact.Bundle(t.Context(), b, to, redact.Options{Key: []byte("a key of sixteen bytes and more")})
	require.NoError(t, err)
	require.Len(t, stats.Files, 1)
	require.EqualValues(t, 300, stats.Files[0].Records)
	require.Zero(t, stats.Files[0].Damaged)
	require.True(t, strings.HasSuffix(stats.Files[0].To, ".log"), stats.Files[0].To)
	text, err := os.ReadFile(filepath.Join(to, stats.Files[0].To))
	require.NoError(t, err)
	require.Equal(t, 301, strings.Count(string(text), "\n"), "a header row and the records")
	for _, own := range []string{"111122223333", "eni-0123456789abcdef0", " 203.0.113.", " 198.51.100.", "vpc-0a1b2c3d"} {
		require.NotContains(t, string(text), own)
	}
	redacted, err := evidence.Open(os.DirFS(to))
	require.NoError(t, err)
	cites := regexp.MustCompile(`\[[^]]*:\d+\]`) // a record of Parquet is a line after the header row
	plain := func(list []string) []string {
		for i := range list {
			list[i] = cites.ReplaceAllString(list[i], "")
		}
		return list
	}
	require.Equal(t, plain(findings(t, b)), plain(findings(t, redacted)))
	require.NotEmpty(t, findings(t, b))
}
