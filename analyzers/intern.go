package analyzers

import (
	"slices"
	"strings"
)

// interner keeps one copy of each text of findings: a few are said of very many connections.
type interner struct {
	texts map[string]string
	lists map[string][]string
}

// maxInterned bounds the texts that are remembered. Further ones stay as they are.
const maxInterned = 1 << 16

func newInterner() *interner {
	return &interner{texts: map[string]string{}, lists: map[string][]string{}}
}

func (in *interner) text(s string) string {
	if s == "" {
		return s
	}
	if one, ok := in.texts[s]; ok {
		return one
	}
	if len(in.texts) < maxInterned {
		in.texts[s] = s
	}
	return s
}

// list returns a list with the same texts, which many may hold: it is not to be changed.
func (in *interner) list(l []string) []string {
	if len(l) == 0 {
		return l
	}
	key := strings.Join(l, "\x00")
	if one, ok := in.lists[key]; ok {
		return one
	}
	l = slices.Clip(l)
	if len(in.lists) < maxInterned {
		in.lists[key] = l
	}
	return l
}
