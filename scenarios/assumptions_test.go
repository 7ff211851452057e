package scenarios_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/alb"
)

// docs/assumptions.md names every file that assumes something, and no other, and all hellos that cannot be carried out.
func TestAssumptionsAreListed(t *testing.T) {
	page, err := os.ReadFile("../docs/assumptions.md")
	require.NoError(t, err)
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_/0-9]+\\.go)`").FindAllSubmatch(page, -1) {
		listed = append(listed, string(m[1]))
	}
	var found []string
	for _, dir := range []string{"lab", "analyzers"} {
		require.NoError(t, filepath.WalkDir("../"+dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := os.ReadFile(name)
			if bytes.Contains(text, []byte("Assumption:")) {
				found = append(found, strings.TrimPrefix(filepath.ToSlash(name), "../"))
			}
			return err
		}))
	}
	require.NotEmpty(t, found)
	require.ElementsMatch(t, found, listed, "docs/assumptions.md")
	for _, l := range alb.Limitations() {
		require.Contains(t, string(page), "| `"+l.Name+"` |")
	}
}
