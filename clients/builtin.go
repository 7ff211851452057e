package clients

import (
	"fmt"
	"slices"
	"strings"
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
		begin, whole := editDistance(typed, lower)
		if typed != "" && strings.Contains(lower, typed) {
			begin = min(begin, 1)
		}
		distance[name] = 1000*begin + whole
	}
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b string) int { return distance[a] - distance[b] })
	return sorted[:min(n, len(sorted))]
}

// editDistance is Levenshtein's (insertions, deletions, substitutions): from a to the beginning of b that is nearest, and
// to the whole of b.
func editDistance(a, b string) (begin, whole int) {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j+1]+1, row[j]+1)
		}
	}
	return slices.Min(row), row[len(b)]
}
