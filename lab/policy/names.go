package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Prefix begins every policy's name.
const Prefix = "ELBSecurityPolicy-"

// order is the order of the tables in the ALB guide, which All keeps; the policy that only the API knows is last.
var order = [...]string{
	"TLS13-1-3-2021-06",
	"TLS13-1-2-2021-06",
	"TLS13-1-2-Res-2021-06",
	"TLS13-1-2-Ext2-2021-06",
	"TLS13-1-2-Ext1-2021-06",
	"TLS13-1-0-2021-06",
	"TLS13-1-3-PQ-2025-09",
	"TLS13-1-2-PQ-2025-09",
	"TLS13-1-2-Res-PQ-2025-09",
	"TLS13-1-2-Ext2-PQ-2025-09",
	"TLS13-1-2-Ext1-PQ-2025-09",
	"TLS13-1-0-PQ-2025-09",
	"TLS13-1-1-2021-06",
	"TLS-1-2-Ext-2018-06",
	"TLS-1-2-2017-01",
	"TLS-1-1-2017-01",
	"2016-08",
	"TLS13-1-3-FIPS-2023-04",
	"TLS13-1-2-FIPS-2023-04",
	"TLS13-1-2-Res-FIPS-2023-04",
	"TLS13-1-2-Ext2-FIPS-2023-04",
	"TLS13-1-2-Ext1-FIPS-2023-04",
	"TLS13-1-2-Ext0-FIPS-2023-04",
	"TLS13-1-0-FIPS-2023-04",
	"TLS13-1-3-FIPS-PQ-2025-09",
	"TLS13-1-2-FIPS-PQ-2025-09",
	"TLS13-1-2-Res-FIPS-PQ-2025-09",
	"TLS13-1-2-Ext2-FIPS-PQ-2025-09",
	"TLS13-1-2-Ext1-FIPS-PQ-2025-09",
	"TLS13-1-2-Ext0-FIPS-PQ-2025-09",
	"TLS13-1-0-FIPS-PQ-2025-09",
	"TLS13-1-1-FIPS-2023-04",
	"TLS13-1-3-RFC9151-FIPS-2023-07",
	"TLS13-1-2-RFC9151-FIPS-2023-07",
	"TLS13-1-2-Ext0-RFC9151-FIPS-2023-07",
	"TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07",
	"TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07",
	"TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07",
	"TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07",
	"FS-1-2-Res-2020-10",
	"FS-1-2-Res-2019-08",
	"FS-1-2-2019-08",
	"FS-1-1-2019-08",
	"FS-2018-06",
	"TLS-1-0-2015-04",
}

// Names returns the full names of all policies, in the order of All.
func Names() []string {
	names := make([]string, len(order))
	for i, n := range order {
		names[i] = Prefix + n
	}
	return names
}

// UnknownError says that there is no policy of that name. ByName returns it.
type UnknownError struct {
	Name    string
	Nearest []string // full names, the nearest first
}

func (e *UnknownError) Error() string {
	msg := fmt.Sprintf("unknown security policy %q", e.Name)
	if strings.Contains(e.Name, ",") {
		return msg + ": want one name, not a list"
	}
	if len(e.Nearest) == 0 {
		return msg
	}
	return msg + "; did you mean " + strings.Join(e.Nearest, " or ") + "?"
}

// ByName finds a policy by its name, in any case, with or without "ELBSecurityPolicy-". The error is an *UnknownError.
func ByName(name string) (*Policy, error) {
	want := bare(name)
	for i, n := range order {
		if strings.ToLower(n) == want {
			return All()[i], nil
		}
	}
	return nil, &UnknownError{Name: name, Nearest: nearest(want)}
}

func bare(name string) string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), strings.ToLower(Prefix))
}

// nearest returns three names that are close to want: those that contain it, else those that the fewest edits reach. Dots,
// hyphens and the v of "TLSv1.2" do not count.
func nearest(want string) []string {
	if want == "" || len(want) > 60 {
		return nil
	}
	letters := strings.NewReplacer("-", "", "_", "", ".", "", " ", "", "tlsv", "tls")
	want = letters.Replace(want)
	type candidate struct {
		name string
		cost int
	}
	var all []candidate
	for _, n := range order {
		low := letters.Replace(strings.ToLower(n))
		cost := levenshtein.Distance(want, low, nil)
		if want != "" && strings.Contains(low, want) {
			cost = min(cost, 1)
		}
		all = append(all, candidate{Prefix + n, cost})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.cost - b.cost })
	var names []string
	for _, c := range all[:3] {
		names = append(names, c.name)
	}
	return names
}
