// Package page is the frame of alblab's HTML pages: one file that needs nothing else, no network and no script to be read, in
// light and dark, on a telephone as on a wide screen.
//
// Start with [Write]. The words for effects (keeps, breaks, unknown, likely) are classes of the style sheet, for text, for
// SVG and for bars; [Bar] draws one.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed style.css
var style string

//go:embed layout.html
var layout string

// Frame is what stands around the content of a page.
type Frame struct {
	Title  string // of the window; the content has its own heading
	Footer string // a line at the end: who made the page, of what
}

// Write writes a whole page. content is a template of the caller's, which data is for. Functions for it are those of [Funcs].
func Write(w io.Writer, f Frame, content *template.Template, data any) error {
	var body strings.Builder
	if err := content.Execute(&body, data); err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	t, err := template.New("layout").Parse(layout)
	if err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	return t.Execute(w, map[string]any{
		"Title": f.Title, "Footer": f.Footer,
		"Style":   template.CSS(style),          // our own
		"Content": template.HTML(body.String()), // escaped by the template that made it
	})
}

// Part is one stretch of a bar.
type Part struct {
	Class string  // keeps, breaks, unknown, likely-keeps, ...
	Label string  // for who points at it, and for readers of the screen
	Share float64 // of the whole, 0 to 1
}

// Bar draws the parts of a whole as one horizontal bar. A part that is there is never thinner than can be seen.
func Bar(parts []Part) template.HTML {
	const width, thinnest = 1000.0, 6.0
	total := 0.0
	widths := make([]float64, len(parts))
	for i, p := range parts {
		if p.Share > 0 {
			widths[i] = max(p.Share*width, thinnest)
			total += widths[i]
		}
	}
	var b strings.Builder
	var labels []string
	x := 0.0
	for i, p := range parts {
		if widths[i] == 0 {
			continue
		}
		w := widths[i] / total * width
		labels = append(labels, p.Label)
		fmt.Fprintf(&b, `<rect class="%s" x="%.2f" y="0" width="%.2f" height="28"><title>%s</title></rect>`,
			template.HTMLEscapeString(p.Class), x, max(w-2, 1), template.HTMLEscapeString(p.Label))
		x += w
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar" viewBox="0 0 1000 28" preserveAspectRatio="none" role="img" aria-label="%s">%s</svg>`,
		template.HTMLEscapeString(strings.Join(labels, ", ")), b.String())) // made of escaped parts
}

// Funcs are functions for templates of content: percent, number, bar, prose; words, to break a command between its words alone.
func Funcs() template.FuncMap {
	return template.FuncMap{"percent": Percent, "number": Number, "bar": Bar, "prose": Prose, "words": strings.Fields}
}

// Prose escapes a text, and keeps what has hyphens in one line: names of policies, flags, dates.
func Prose(s string) template.HTML {
	var b strings.Builder
	for i, word := range strings.Fields(s) {
		if i > 0 {
			b.WriteByte(' ')
		}
		if word = template.HTMLEscapeString(word); strings.Contains(word, "-") {
			word = `<span class="word">` + word + `</span>`
		}
		b.WriteString(word)
	}
	return template.HTML(b.String()) // made of escaped parts
}

// Percent writes a share of 0 to 1: "12.3%", "0.04%"; what is there is never written as 0%, and what lacks something never
// as 100%.
func Percent(share float64) string {
	v := share * 100
	switch {
	case v <= 0:
		return "0%"
	case v < 0.001:
		return "<0.001%"
	case v < 0.1:
		return fmt.Sprintf("%.3f%%", v)
	case v < 10:
		return trimZeros(fmt.Sprintf("%.2f", v)) + "%"
	case v < 99.95:
		return trimZeros(fmt.Sprintf("%.1f", v)) + "%"
	case v < 100:
		return ">99.9%"
	}
	return "100%"
}

func trimZeros(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }

// Number writes an integer with commas: "1,234,567".
func Number(n int64) string {
	s := fmt.Sprint(n)
	if n < 0 {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
