package fidelity

import (
	"maps"
	"slices"
	"strconv"
)

// pair finds each entry's partner: within a group first those that are the same, then, in their order, what is left. It
// compares the partners field by field.
func pair(kind string, a, b []entry) Kind {
	out := Kind{Kind: kind, A: len(a), B: len(b)}
	count := &counter{byName: map[string]*Field{}}
	groupsA, groupsB := byGroup(a), byGroup(b)
	names := slices.Collect(maps.Keys(groupsA))
	for g := range groupsB {
		if groupsA[g] == nil {
			names = append(names, g)
		}
	}
	slices.Sort(names)
	for _, g := range names {
		restA, restB := same(groupsA[g], groupsB[g], count, &out)
		n := min(len(restA), len(restB))
		for i := range n {
			count.compare(restA[i], restB[i])
		}
		out.Paired += n
		out.AloneA += len(restA) - n
		out.AloneB += len(restB) - n
		out.OnlyA = alone(out.OnlyA, restA[n:])
		out.OnlyB = alone(out.OnlyB, restB[n:])
	}
	out.Fields = count.list()
	return out
}

func byGroup(all []entry) map[string][]*entry {
	groups := map[string][]*entry{}
	for i := range all {
		groups[all[i].group] = append(groups[all[i].group], &all[i])
	}
	return groups
}

// same compares the entries that are the same but for what must differ, and returns the others.
func same(a, b []*entry, count *counter, out *Kind) (restA, restB []*entry) {
	waiting := map[string][]*entry{}
	for _, e := range b {
		k := e.key()
		waiting[k] = append(waiting[k], e)
	}
	taken := map[*entry]bool{}
	for _, e := range a {
		k := e.key()
		if len(waiting[k]) == 0 {
			restA = append(restA, e)
			continue
		}
		partner := waiting[k][0]
		waiting[k] = waiting[k][1:]
		taken[partner] = true
		count.compare(e, partner)
		out.Paired++
	}
	for _, e := range b {
		if !taken[e] {
			restB = append(restB, e)
		}
	}
	return restA, restB
}

func alone(list []Alone, more []*entry) []Alone {
	for _, e := range more {
		if len(list) == fewExamples {
			break
		}
		list = append(list, Alone{e.group, e.ref, e.text()})
	}
	return list
}

// counter counts how the fields of a kind compare.
type counter struct {
	names  []string // in the order of their first sight
	byName map[string]*Field
}

func (c *counter) field(name string) *Field {
	f := c.byName[name]
	if f == nil {
		f = &Field{Name: name}
		c.byName[name] = f
		c.names = append(c.names, name)
	}
	return f
}

func (c *counter) list() []Field {
	out := make([]Field, len(c.names))
	for i, n := range c.names {
		out[i] = *c.byName[n]
	}
	return out
}

// compare compares two partners. A reason on either side excuses a difference of values, not that one has none.
func (c *counter) compare(a, b *entry) {
	for _, fa := range a.fields {
		fb := field{name: fa.name}
		if i := slices.IndexFunc(b.fields, func(f field) bool { return f.name == fa.name }); i >= 0 {
			fb = b.fields[i]
		}
		c.one(a, b, fa, fb)
	}
	for _, fb := range b.fields {
		if !slices.ContainsFunc(a.fields, func(f field) bool { return f.name == fb.name }) {
			c.one(a, b, field{name: fb.name}, fb)
		}
	}
}

func (c *counter) one(a, b *entry, fa, fb field) {
	f := c.field(fa.name)
	reason := fa.reason
	if reason == "" {
		reason = fb.reason
	}
	switch {
	case fa.value == fb.value:
		f.Same++
		return
	case reason == byOthers && !moreCounted(fa, fb):
	case (fa.value == "" || fb.value == "") && reason != byPlace:
	case reason != "":
		f.Expected++
		f.Reason = reason
		return
	}
	switch "" {
	case fb.value:
		f.OnlyA++
	case fa.value:
		f.OnlyB++
	default:
		f.Differs++
	}
	if len(f.Examples) < fewExamples {
		f.Examples = append(f.Examples, Example{a.group, fa.value, fb.value, a.ref, b.ref})
	}
}

// moreCounted reports whether the side that counts strangers too has counted no less.
func moreCounted(a, b field) bool {
	va, errA := strconv.ParseFloat(a.value, 64)
	vb, errB := strconv.ParseFloat(b.value, 64)
	if errA != nil || errB != nil {
		return false
	}
	return a.reason == byOthers && va >= vb || b.reason == byOthers && vb >= va
}
