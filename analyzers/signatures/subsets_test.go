package signatures_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
)

// TestLessEvidenceNeverContradicts takes kinds of evidence away from every case: what is found then must have the truth, which
// all the evidence shows with certainty, among the causes that it names. A set without the truth in it is an error.
func TestLessEvidenceNeverContradicts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	compared := 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		require.NoError(t, err)
		truth := map[string]string{}
		for _, f := range runCase(t, a).Findings {
			if f.Certainty == analyzers.Certain && f.Signature != signatures.RefusedFirstFlight && !f.Conn.Shared {
				truth[f.Conn.Client.String()] = f.Signature
			}
		}
		var logs []int
		for i, f := range a.Files {
			if slices.Contains([]string{"flow.log", "connection.log", "access.log", "waf.log", "packets.txt", "options"}, f.Name) {
				logs = append(logs, i)
			}
		}
		for set := range 1 << len(logs) {
			less := &txtar.Archive{Comment: a.Comment}
			for i, f := range a.Files {
				if k := slices.Index(logs, i); k < 0 || set>>k&1 == 1 {
					less.Files = append(less.Files, f)
				}
			}
			if !slices.ContainsFunc(less.Files, func(f txtar.File) bool { return slices.Contains(evidenceNames, f.Name) }) {
				continue
			}
			for _, f := range runCase(t, less).Findings {
				want, ok := truth[f.Conn.Client.String()]
				if !ok || f.Conn.Client.Port() == 0 {
					continue
				}
				compared++
				may := append([]string{f.Signature}, f.Causes...)
				if want == signatures.WAFBlocked || want == signatures.RenegotiationAttempted { // completed speaks of the handshake, which it was
					want = signatures.Completed
					may = append(may, map[string]string{signatures.WAFBlocked: signatures.Completed, signatures.RenegotiationAttempted: signatures.Completed}[f.Signature])
				}
				require.Contains(t, may, want, "%s with %v", file, names(less))
			}
		}
	}
	require.Greater(t, compared, 100)
}

var evidenceNames = []string{"flow.log", "connection.log", "access.log", "waf.log", "packets.txt"}

func names(a *txtar.Archive) []string {
	set := map[string]bool{}
	for _, f := range a.Files {
		set[f.Name] = true
	}
	return slices.Sorted(maps.Keys(set))
}
