package flowlog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest returns "; did you mean a or b?", or "" if no name is near.
func nearest(name string, known []column) string {
	type near struct {
		name string
		dist int
	}
	var best []near
	if len(name) > 64 {
		return ""
	}
	for _, c := range known {
		d := levenshtein.Distance(strings.ReplaceAll(strings.ToLower(name), "_", "-"), c.name, nil)
		if strings.ReplaceAll(c.name, "-", "") == strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)) {
			d = 0
		}
		if d <= max(2, len(c.name)/3) {
			best = append(best, near{c.name, d})
		}
	}
	slices.SortStableFunc(best, func(a, b near) int { return cmp.Compare(a.dist, b.dist) })
	var names []string
	for _, n := range best[:min(3, len(best))] {
		if n.dist <= best[0].dist+1 {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}
