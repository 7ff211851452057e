package flowlog

import (
	"cmp"
	"slices"
	"strings"
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
		d := distance(strings.ReplaceAll(strings.ToLower(name), "_", "-"), c.name)
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

// distance is the number of characters to insert, delete or replace to make a of b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
