package terraform_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hoursOfMonth is what AWS counts a month as.
const hoursOfMonth = 730

// price is what one thing costs in us-east-1.
type price struct {
	what     string
	unit     float64 // US dollars an hour
	count    float64
	of       string // how the unit price comes about
	certain  string // high, medium
	optional bool   // not in the least lab
}

// prices were put together on 2026-11-22. "high": read in a copy of the price page of September 2026
// (aws.amazon.com/elasticloadbalancing/pricing). "medium": known, and not looked up again.
func prices() []price {
	return []price{
		{"Application Load Balancer", 0.0225, 1, "0.0225 an hour", "high", false},
		{"LCU, at most one", 0.008, 1, "0.008 an hour", "high", false},
		{"public IPv4 addresses of the load balancer's nodes", 0.005, 2, "0.005 an hour each", "medium", false},
		{"dashboard", 3.0 / hoursOfMonth, 1, "3 a month; an account's first three are free", "medium", false},
		{"alarm", 0.10 / hoursOfMonth, 1, "0.10 a month", "medium", false},
		{"metric of the filter", 0.30 / hoursOfMonth, 1, "0.30 a month", "medium", false},
		{"logs, at most 15 MB an hour", 0.50 * 0.015, 1, "0.50 a GB taken in", "medium", false},
		{"trust store", 0.0056, 1, "0.0056 an hour", "medium", true},
		{"web ACL", 5.0 / hoursOfMonth, 1, "5 a month", "medium", true},
		{"its rules", 1.0 / hoursOfMonth, 2, "1 a month each", "medium", true},
		{"traffic mirror sessions", 0.015, 2, "0.015 an hour each", "medium", true},
		{"capturing instance, t4g.nano", 0.0042, 1, "0.0042 an hour", "medium", true},
		{"its disk, 8 GB gp3", 8 * 0.08 / hoursOfMonth, 1, "0.08 a GB and month", "medium", true},
		{"its public IPv4 address", 0.005, 1, "0.005 an hour", "medium", true},
		{"target, t4g.nano with its disk (only if a listener forwards)", 0.0042 + 8*0.08/hoursOfMonth, 1, "as the capturing instance", "medium", true},
	}
}

func costTable() string {
	var b strings.Builder
	var least, all float64
	b.WriteString("| what | count | unit price | an hour | certainty |\n| --- | ---: | --- | ---: | --- |\n")
	for _, p := range prices() {
		hour := p.unit * p.count
		all += hour
		if !p.optional {
			least += hour
		}
		fmt.Fprintf(&b, "| %s | %g | %s | %.4f | %s |\n", p.what, p.count, p.of, hour, p.certain)
	}
	fmt.Fprintf(&b, "| **least** (`examples/minimal`) | | | **%.3f** | |\n", least)
	fmt.Fprintf(&b, "| **everything** | | | **%.3f** | |\n\n", all)
	fmt.Fprintf(&b, "A run of two hours with everything: %.2f. Forgotten for a month: %.0f.\n", 2*all, hoursOfMonth*all)
	return b.String()
}

// The table is the sum of its prices; "go test ./terraform -run Costs -update" writes it.
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
	require.Equal(t, len(prices()), rows)
	m := regexp.MustCompile(`\| \*\*everything\*\* \| \| \| \*\*([0-9.]+)\*\*`).FindStringSubmatch(text)
	require.NotNil(t, m)
	total, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	require.InDelta(t, sum, total, 0.0015, "rounding")
}

// What "alblab aws" announces before it builds is within a tenth of this table.
func TestCostsAgreeWithTheCommand(t *testing.T) {
	source, err := os.ReadFile("../lab/aws/cost.go")
	require.NoError(t, err)
	command := 0.0
	for _, m := range regexp.MustCompile(`(?m)^\t\t\{"[^"]+", ([0-9.]+)\},$`).FindAllStringSubmatch(string(source), -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		command += v
	}
	require.Positive(t, command, "no charges found in lab/aws")
	all := 0.0
	for _, p := range prices() {
		all += p.unit * p.count
	}
	require.InEpsilon(t, all, command, 0.1)
}
