package terraform_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
)

func costTable() string {
	var b strings.Builder
	var least, all float64
	b.WriteString("| what | count | unit price | an hour | certainty |\n| --- | ---: | --- | ---: | --- |\n")
	for _, c := range aws.Charges() {
		hour := c.PerHour()
		all += hour
		if !c.Optional {
			least += hour
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %.4f | %s |\n", c.What, c.Count, c.Of, hour, c.Certain)
	}
	fmt.Fprintf(&b, "| **least** (`examples/minimal`) | | | **%.3f** | |\n", least)
	fmt.Fprintf(&b, "| **everything** | | | **%.3f** | |\n\n", all)
	fmt.Fprintf(&b, "Forgotten for a month of 730 hours: %.0f.\n", aws.Cost(730*time.Hour))
	return b.String()
}

// The table is that of lab/aws, by which commands count too; "go test ./terraform -run Costs -update" writes it.
func TestCosts(t *testing.T) {
	generated(t, "../docs/aws-costs.md", "costs", costTable())
}

// The sums that a reader sees are those of the rows that he sees.
func TestCostsAddUp(t *testing.T) {
	text := read(t, "../docs/aws-costs.md")
	sum, rows := 0.0, 0
	for _, m := range regexp.MustCompile(`(?m)^\| [^*|]+ \| [0-9.]+ \| [^|]+ \| ([0-9.]+) \| (?:high|medium) \|$`).FindAllStringSubmatch(text, -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		sum += v
		rows++
	}
	require.Equal(t, len(aws.Charges()), rows)
	m := regexp.MustCompile(`\| \*\*everything\*\* \| \| \| \*\*([0-9.]+)\*\*`).FindStringSubmatch(text)
	require.NotNil(t, m)
	total, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	require.InDelta(t, sum, total, 0.0015, "rounding")
}
