package matrix

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/alblab/alblab/analyzers/rollout/page"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

//go:embed readiness.html
var readinessTemplate string

// WriteHTML writes the readiness as a page that needs nothing else.
func (r *Readiness) WriteHTML(w io.Writer, s Source) error {
	t, err := template.New("readiness").Funcs(page.Funcs()).Parse(readinessTemplate)
	if err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	sum := r.Summarize()
	weighted := false
	for i := range r.Rows {
		weighted = weighted || r.Rows[i].Connections > 0
	}
	data := map[string]any{
		"Source": s, "Policy": short(r.Policy), "Summary": sum, "Weighted": weighted, "Total": len(r.Rows), "Bar": r.bar(sum, weighted),
		"Lines": r.lines(), "Largest": sum.LargestBytes,
	}
	return page.Write(w, page.Frame{Title: "Post-quantum readiness", Footer: s.Footer}, t, data)
}

// class is the style sheet's name of a way to offer.
func (o Offer) class() string {
	switch o {
	case OfferShare:
		return "m-tls13"
	case OfferList:
		return "m-retry"
	case OfferOther:
		return "m-odd"
	case OfferNone:
		return "m-tls12"
	}
	return "m-none"
}

func (r *Readiness) bar(s Summary, weighted bool) template.HTML {
	var parts []page.Part
	var all int64
	for _, c := range s.Offers {
		all += c.weight(weighted)
	}
	for _, c := range s.Offers {
		share := float64(c.weight(weighted)) / float64(max(all, 1))
		parts = append(parts, page.Part{Class: c.Offer.class(), Label: fmt.Sprintf("%s: %d clients, %s", c.Offer.Words(), c.Clients, page.Percent(share)), Share: share})
	}
	return page.Bar(parts)
}

func (c Count) weight(weighted bool) int64 {
	if weighted {
		return c.Connections
	}
	return int64(c.Clients)
}

// Words and Key are for the template.
func (c Count) Words() string { return c.Offer.Words() }

// Key draws the colour of a way to offer.
func (c Count) Key() template.HTML {
	return template.HTML(`<svg class="m-key" width="16" height="14" aria-hidden="true"><g class="` + c.Offer.class() + `"><rect width="16" height="14" rx="2"/></g></svg>`)
}

type readyLine struct {
	Ready
	Class, Words, Groups, Shares, Agreed string
	Size                                 template.HTML
}

func (r *Readiness) lines() []readyLine {
	var lines []readyLine
	for i := range r.Rows {
		row := r.Rows[i]
		lines = append(lines, readyLine{
			Ready: row, Class: row.Offer.class(), Words: row.Offer.Words(), Groups: names(row.Groups), Shares: names(row.Shares),
			Agreed: agreed(row.Now), Size: size(row.Bytes),
		})
	}
	return lines
}

func names(list []wire.Group) string {
	s := ""
	for i, g := range list {
		if i > 0 {
			s += ", "
		}
		s += g.String()
	}
	return s
}

// agreed says which key exchange a decision comes to.
func agreed(d policy.Decision) string {
	switch {
	case d.Outcome == policy.Refused:
		return "refused"
	case d.Group == 0:
		return "RSA key transport"
	}
	return d.Group.String()
}

// size draws a hello's bytes against the first segment's end.
func size(bytes int) template.HTML {
	const full, height = 2200, 10
	w := min(bytes, full)
	return template.HTML(fmt.Sprintf(
		`<svg class="m-size" viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true"><rect class="m-yes" width="%d" height="%d"/><rect class="m-over" x="%d" width="%d" height="%d"/><rect class="m-mark" x="%d" width="12" height="%d"/></svg>`,
		full, height, min(w, MSS6), height, MSS6, max(w-MSS6, 0), height, MSS6-6, height))
}
