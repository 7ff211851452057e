package benchmark

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPage holds that docs/certainty.md is what the command writes: its words are those of today's code, its tables are of all mixes,
// and none says that a goal was missed.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/certainty.md")
	require.NoError(t, err)
	page := string(b)
	of := regexp.MustCompile(`--connections (\d+) --seed (\d+) `).FindStringSubmatch(page)
	require.NotNil(t, of)
	n, err := strconv.Atoi(of[1])
	require.NoError(t, err)
	require.Equal(t, DefaultConnections, n)
	seed, err := strconv.Atoi(of[2])
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(page, fmt.Sprintf(pageHead, n, seed)))
	require.Contains(t, page, pageWords)
	require.True(t, strings.HasSuffix(page, pageTail), "run alblab benchmark --out docs/certainty.md")
	for _, m := range mixes() {
		require.Regexp(t, "(?m)^## "+strings.ToUpper(m.name[:1])+m.name[1:]+": [0-9,]+ connections\n\n"+regexp.QuoteMeta(m.doc), page)
	}
	kernel := KernelPart(page)
	for _, words := range strings.Split(kernelWords, "%s") {
		require.Contains(t, kernel, words)
	}
	require.NotContains(t, page, ": missed\n")
}
