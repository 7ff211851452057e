package clients

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Builtin returns the profiles that have a name, fresh copies that may be changed.
func Builtin() []*Profile {
	return slices.Concat(opensslProfiles(), oldProfiles(), narrowProfiles(), postQuantumProfiles(), rawProfiles(), noTLSProfiles())
}

// ByName returns a copy of the built-in profile of this name. The error names the nearest ones.
func ByName(name string) (*Profile, error) {
	all := Builtin()
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	return nil, fmt.Errorf("unknown client profile %q; nearest: %s", name, strings.Join(Nearest(name, names, 3), ", "))
}

// Nearest returns the n names that are most like what was typed, the best first: those that begin like it, or hold it.
func Nearest(typed string, names []string, n int) []string {
	typed = strings.ToLower(typed)
	if len(typed) > 100 {
		typed = typed[:100] // nobody types that, and the effort grows with it
	}
	distance := map[string]int{}
	for _, name := range names {
		lower := strings.ToLower(name)
		whole := levenshtein.Distance(typed, lower, nil)
		begin := levenshtein.Distance(typed, lower[:min(len(typed), len(lower))], nil)
		if typed != "" && strings.Contains(lower, typed) {
			begin = min(begin, 1)
		}
		distance[name] = 1000*begin + whole
	}
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b string) int { return distance[a] - distance[b] })
	return sorted[:min(n, len(sorted))]
}
