package evidence_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func TestPutReplaces(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			s, err := evidence.NewStore(dir, nil)
			require.NoError(t, err)
			f := evidence.File{Name: "metrics.json", Kind: evidence.KindMetrics, Records: 3}
			require.NoError(t, s.Put(f, []byte("a long first content")))
			first, err := s.Snapshot(evidence.Manifest{Lab: "embedded"})
			require.NoError(t, err)
			require.NoError(t, first.Verify())

			f.Records = 1
			require.NoError(t, s.Put(f, []byte("short")))
			second, err := s.Seal(evidence.Manifest{Lab: "embedded"})
			require.NoError(t, err)
			require.NoError(t, second.Verify())
			got, err := fs.ReadFile(second.FS, "metrics.json")
			require.NoError(t, err)
			require.Equal(t, "short", string(got))
			require.Equal(t, int64(1), second.Manifest.Files[0].Records)
			require.Error(t, s.Put(f, nil), "sealed")
		})
	}
}
