package scenarios_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/scenarios"
)

// TestFidelityNamesScenarios: the page that says what was checked by which run names scenarios that there are.
func TestFidelityNamesScenarios(t *testing.T) {
	text, err := os.ReadFile("../docs/fidelity.md")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, s := range scenarios.All() {
		known[s.Name] = true
	}
	rows, named := 0, 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 4 || strings.HasPrefix(line, "| behaviour") {
			continue
		}
		rows++
		for _, m := range regexp.MustCompile("`([a-z0-9-]+)`").FindAllStringSubmatch(cells[3], -1) {
			named++
			require.True(t, known[m[1]], "docs/fidelity.md names %s, which is no scenario", m[1])
		}
	}
	require.Greater(t, rows, 35)
	require.Greater(t, named, 35)
}
