package scenarios

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/wire"
)

// TestTwoLabs: a scenario whose needs conflict with the others' gets a lab of its own, and its evidence a folder of its
// own. It is the refusal of tls-1-1-refused by the other wire profile: an alert and a FIN, no reset.
func TestTwoLabs(t *testing.T) {
	other := tls11Refused()
	other.Name = "tls-1-1-refused-by-alert"
	other.Spec.Embedded = &lab.Embedded{WireProfile: "alert-close"}
	w := &other.Steps[0].Want
	w.Client.Endings = []wire.Ending{wire.EndingAlert}
	w.Refused, w.Capture = false, "fin"
	w.In = &FlowWant{Between(4, 6), Between(250, 500), []int{3}}
	w.Out = &FlowWant{Between(4, 5), Between(200, 300), []int{19}}
	r, err := Run(t.Context(), Options{Start: startEmbedded, Scenarios: []*Scenario{tls11Refused(), other, tls13H2()}})
	require.NoError(t, err)
	for _, v := range r.Scenarios {
		require.Equal(t, Pass, v.Verdict, v.Story())
	}
	require.Len(t, r.Bundles, 2)
	require.Equal(t, "", r.Scenarios[0].Bundle)
	require.Equal(t, "lab-2", r.Scenarios[1].Bundle)

	dir := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, r.Save(dir))
	require.FileExists(t, filepath.Join(dir, reportFile))
	for i, folder := range []string{dir, filepath.Join(dir, "lab-2")} {
		b, err := evidence.Open(os.DirFS(folder))
		require.NoError(t, err)
		require.NoError(t, b.Verify(), "checksums")
		require.Equal(t, r.Bundles[i].Manifest.Files, b.Manifest.Files)
		require.Equal(t, r.Bundles[i].Manifest.Slots, b.Manifest.Slots)
		require.JSONEq(t, string(r.Bundles[i].Manifest.Spec), string(b.Manifest.Spec))
		require.Len(t, b.Files(evidence.KindAttempts), 1)
	}
}
