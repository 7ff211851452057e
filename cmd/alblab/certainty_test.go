package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCertaintyHeadline holds the README's figures against the page that alblab benchmark wrote: of each kind of traffic in the
// README's table, precision and recall of all five views.
func TestCertaintyHeadline(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err)
		return string(b)
	}
	readme, page := read("README.md"), read("docs/certainty.md")
	require.NotContains(t, page, ": missed\n", "a goal is missed: docs/certainty.md says which")
	view := regexp.MustCompile(`(?m)^\| \([a-e]\) [^|]+\| ([0-9.]+) \| ([0-9.]+) \|`)
	for _, of := range []struct{ section, row string }{
		{"## Unseen: ", "the lab's own clients"},
		{"## Real kernel: ", "other people's programs, on a real kernel"},
	} {
		_, rest, ok := strings.Cut(page, of.section)
		require.True(t, ok, of.section)
		section, _, _ := strings.Cut(rest, "\n## ")
		want := "| " + of.row
		figures := view.FindAllStringSubmatch(section, -1)
		require.Len(t, figures, 5)
		for _, f := range figures {
			want += " | " + f[1] + " / " + f[2]
		}
		require.Contains(t, readme, want+" |\n", "the README's figures are not those of docs/certainty.md")
	}
}
