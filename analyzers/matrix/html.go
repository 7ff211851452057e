package matrix

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/alblab/alblab/analyzers/rollout/page"
	"github.com/alblab/alblab/lab/policy"
)

//go:embed matrix.html
var matrixTemplate string

// Source says of what a page is made.
type Source struct {
	Clients string // "156 clients of the catalogue"
	Footer  string // who made it
}

// The heat map's measures, in pixels.
const (
	cellWidth   = 17
	cellHeight  = 17
	labelWidth  = 218
	headHeight  = 272
	familySpace = 5 // between families
)

// WriteHTML writes the heat map as a page that needs nothing else.
func (m *Matrix) WriteHTML(w io.Writer, s Source) error {
	t, err := template.New("matrix").Funcs(page.Funcs()).Parse(matrixTemplate)
	if err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	offsets, height := m.offsets()
	data := map[string]any{
		"Source": s, "Certs": m.Certs.String(), "Policies": len(m.Policies), "Rows": len(m.Rows),
		"Legend": m.legend(), "Head": m.head(), "Labels": m.labels(offsets, height), "Cells": m.cellsSVG(offsets, height),
		"ByPolicy": m.byPolicy(), "ByRow": m.byRow(), "Weighted": m.weighted(), "Next": m.next(), "Details": m.details(),
		"Families": len(m.Rows) > 0 && m.Rows[0].Family != "",
	}
	return page.Write(w, page.Frame{Title: "Clients and security policies", Footer: s.Footer}, t, data)
}

// weighted tells whether rows count connections.
func (m *Matrix) weighted() bool {
	for i := range m.Rows {
		if m.Rows[i].Connections > 0 {
			return true
		}
	}
	return false
}

// offsets returns where each row begins, with a space between families.
func (m *Matrix) offsets() (at []int, height int) {
	for i := range m.Rows {
		if i > 0 && m.Rows[i].Family != m.Rows[i-1].Family {
			height += familySpace
		}
		at = append(at, height)
		height += cellHeight
	}
	return at, height
}

type legendItem struct {
	Symbol template.HTML
	Words  string
	Count  int
}

// legend explains the classes that occur.
func (m *Matrix) legend() []legendItem {
	counts := map[Class]int{}
	for _, d := range m.cells {
		counts[Of(d)]++
	}
	var items []legendItem
	for _, c := range Classes() {
		if counts[c] > 0 {
			items = append(items, legendItem{symbol(c), c.Words(), counts[c]})
		}
	}
	return items
}

// glyph is what stands in a cell: the version, or the letter of what is missing.
func (c Class) glyph() string {
	switch c {
	case TLS13, TLS12, TLS11, TLS10:
		return "1." + string(c)
	case Retry:
		return "↻"
	}
	return strings.ToUpper(string(c))
}

// class is the style sheet's name of a class.
func (c Class) class() string {
	switch c {
	case TLS13, TLS12, TLS11, TLS10:
		return "m-tls1" + string(c)
	case Retry:
		return "m-retry"
	case Unoffered:
		return "m-odd"
	}
	return "m-no"
}

func (c Class) id() string {
	if c == Unoffered {
		return "cx"
	}
	return "c" + string(c)
}

// symbol draws a cell alone.
func symbol(c Class) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="m-key" width="%d" height="%d" aria-hidden="true">%s</svg>`, cellWidth+4, cellHeight, drawn(c)))
}

// drawn is a cell's picture: what the map refers to. Made of constants alone.
func drawn(c Class) string {
	return fmt.Sprintf(`<g class="m-c %s"><rect width="%d" height="%d" rx="2"/><text x="%.1f" y="%.1f">%s</text></g>`,
		c.class(), cellWidth-1, cellHeight-1, float64(cellWidth-1)/2, float64(cellHeight)/2+3, c.glyph())
}

func esc(s string) string { return template.HTMLEscapeString(s) }

// head draws the policies' names, upright.
func (m *Matrix) head() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="m-head" width="%d" height="%d" role="presentation">`, len(m.Policies)*cellWidth+2, headHeight)
	for i, p := range m.Policies {
		fmt.Fprintf(&b, `<text transform="translate(%d %d) rotate(-90)">%s</text>`, i*cellWidth+cellWidth-5, headHeight-6, esc(short(p)))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // names are escaped
}

func short(p *policy.Policy) string { return strings.TrimPrefix(p.Name, policy.Prefix) }

// labels draws the clients' names.
func (m *Matrix) labels(offsets []int, height int) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="m-labels" width="%d" height="%d" role="presentation">`, labelWidth, height)
	for i, r := range m.Rows {
		name := r.Name
		if rs := []rune(name); len(rs) > 38 {
			name = string(rs[:37]) + "…"
		}
		fmt.Fprintf(&b, `<text y="%d">%s<title>%s</title></text>`, offsets[i]+cellHeight-5, esc(name), esc(strings.TrimSpace(r.Name+" "+r.Note)))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // names are escaped
}

// cellsSVG draws the map. Each cell says in words what it shows, to who points at it.
func (m *Matrix) cellsSVG(offsets []int, height int) template.HTML {
	var b strings.Builder
	width := len(m.Policies) * cellWidth
	fmt.Fprintf(&b, `<svg class="m-cells" width="%d" height="%d" role="img" aria-label="Heat map of %d clients and %d policies; the tables below say the same in words">`,
		width+2, height, len(m.Rows), len(m.Policies))
	b.WriteString("<defs>")
	for _, c := range Classes() {
		fmt.Fprintf(&b, `<g id="%s">%s</g>`, c.id(), drawn(c))
	}
	b.WriteString("</defs>")
	for r := range m.Rows {
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">`, offsets[r])
		for p := range m.Policies {
			fmt.Fprintf(&b, `<use href="#%s" x="%d"><title>%s → %s: %s</title></use>`,
				Of(m.At(r, p)).id(), p*cellWidth, esc(m.Rows[r].Name), esc(short(m.Policies[p])), esc(m.Words(r, p)))
		}
		b.WriteString("</g>")
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // names and words are escaped
}

type policyLine struct {
	Name        string
	Sum         Sum
	Bar         template.HTML
	Refused     string // their names
	Share       float64
	PostQuantum bool
}

// byPolicy is the table that says the same by policy.
func (m *Matrix) byPolicy() []policyLine {
	var lines []policyLine
	var all int64
	for i := range m.Rows {
		all += m.Rows[i].Connections
	}
	for p, pol := range m.Policies {
		l := policyLine{Name: short(pol), Sum: m.OfPolicy(p), PostQuantum: pol.PostQuantum()}
		n := max(len(m.Rows), 1)
		l.Bar = page.Bar([]page.Part{
			{Class: "m-yes", Label: fmt.Sprintf("%d connect", l.Sum.Connects), Share: float64(l.Sum.Connects) / float64(n)},
			{Class: "m-no", Label: fmt.Sprintf("%d refused", l.Sum.Refused), Share: float64(l.Sum.Refused) / float64(n)},
		})
		if all > 0 {
			l.Share = float64(l.Sum.Connections) / float64(all)
		}
		var names []string
		for r := range m.Rows {
			if !Of(m.At(r, p)).Connects() {
				names = append(names, m.Rows[r].Name)
			}
		}
		l.Refused = strings.Join(names, ", ")
		lines = append(lines, l)
	}
	return lines
}

type rowLine struct {
	Name, Note string
	Sum        Sum
	Best       string
	Count      int64
}

// byRow is the table of the clients that a policy refuses.
func (m *Matrix) byRow() []rowLine {
	var lines []rowLine
	for r, row := range m.Rows {
		if s := m.OfRow(r); s.Refused > 0 {
			lines = append(lines, rowLine{row.Name, row.Note, s, m.reasons(r), row.Connections})
		}
	}
	return lines
}

// reasons sums up why policies refuse a row.
func (m *Matrix) reasons(r int) string {
	counts := map[Class]int{}
	for p := range m.Policies {
		if c := Of(m.At(r, p)); !c.Connects() {
			counts[c]++
		}
	}
	var words []string
	for _, c := range Classes() {
		if n := counts[c]; n > 0 {
			words = append(words, fmt.Sprintf("%s (%d)", strings.TrimPrefix(c.Words(), "refused: "), n))
		}
	}
	return strings.Join(words, ", ")
}
