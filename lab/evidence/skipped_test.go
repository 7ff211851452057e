package evidence

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestWhatTheManifestDoesNotListIsNamed(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	b, err := Open(fstest.MapFS{
		"manifest.json":       file(`{"schema":"alblab.bundle/1","files":[{"name":"waf.log","kind":"waf"},{"name":"parts","kind":"flow"}]}`),
		"waf.log":             file(""),
		"parts/a.gz":          file(""),
		"report.json":         file("{\n  \"schema\": \"alblab.run/1\"}"),
		"other.json":          file(`{"schema": "of something else"}`),
		"pki/client.pem":      file("x"),
		"more/access.log":     file("x"),
		"lab-2/manifest.json": file(`{"schema":"alblab.bundle/1","files":[]}`),
		"lab-2/waf.log":       file(""),
		".git/config":         file("x"),
	})
	require.NoError(t, err)
	require.Len(t, b.Manifest.Files, 2)
	require.ElementsMatch(t, []Skipped{
		{"lab-2", otherBundle}, {"more/access.log", notListed}, {"other.json", notListed},
	}, b.Skipped)
}

func TestManifestAmongOtherEvidence(t *testing.T) {
	manifest := func(spec string) string {
		return `{"schema":"alblab.bundle/1","lab":"embedded","addresses":["10.0.0.1"],"spec":` + spec + `,"files":[{"name":"waf.log","kind":"waf"},{"name":"gone.log","kind":"flow"}]}`
	}
	const p443, p444 = `{"listeners":{"a":{"port":443}}}`, `{"listeners":{"a":{"port":444}}}`
	tests := []struct {
		name, second, want string
		skipped            int // manifests of which something is said
	}{
		{"one", "", p443, 1},
		{"alike", manifest(" " + p443), p443, 2},
		{"that differ", manifest(p444), "", 4},
		{"cut", manifest(p443)[:60], p443, 2},
		{"of something else", `{"a": 1}`, p443, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"x/manifest.json": manifest(p443), "x/waf.log": "", "y/manifest.json": tt.second, "y/waf.log": ""} {
				if text != "" || filepath.Base(name) == "waf.log" {
					require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
				}
			}
			for _, paths := range [][]string{{dir}, {filepath.Join(dir, "x"), filepath.Join(dir, "y")}} {
				b, err := OpenPaths(paths...)
				require.NoError(t, err)
				require.Len(t, b.Manifest.Files, 2)
				require.Equal(t, tt.want, string(b.Manifest.Spec))
				require.Empty(t, b.Manifest.Lab, "there may be metrics of others")
				require.Len(t, b.Skipped, tt.skipped, "%v", b.Skipped)
			}
		})
	}
}

func TestNoEvents(t *testing.T) {
	for doc, want := range map[string]bool{
		`{"events":[],"searchedLogStreams":[]}`:       true,
		"{\n  \"events\": []\n}\n":                    true,
		`{"events":[{"message":"x"}]}`:                false,
		`{"events":[`:                                 false,
		`{"searchedLogStreams":[],"nextToken":"abc"}`: true,
		`{}`: false,
	} {
		require.Equal(t, want, hasNoEvents([]byte(doc)), doc)
	}
}
