package main

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/analyzers/rollout/page"
)

//go:embed whobreaks.html
var whoBreaksHTML string

// html writes the report as one page that needs nothing else.
func (p *whoBreaksPage) html(w io.Writer) error {
	funcs := page.Funcs()
	for name, f := range map[string]any{
		"word": effectWord, "class": effectClass, "period": periodWords, "settle": settleWords, "guess": guessWords, "part": partWords, "seen": seenWith, "rest": restOf,
		"reasons": reasonsList, "cures": curesWords, "title": title,
		"short": rollout.Short, "visible": visible,
		"number64": func(n int) string { return page.Number(int64(n)) },
	} {
		funcs[name] = f
	}
	t, err := template.New("who-breaks").Funcs(funcs).Parse(whoBreaksHTML)
	if err != nil {
		return err
	}
	list, more := p.listed()
	frame := page.Frame{
		Title:  "Who breaks under " + rollout.Short(p.To) + "?",
		Footer: "Made by alblab " + readVersion().Version + " (alblab who-breaks). Security policies as AWS documents them; what is assumed of load balancers is listed in docs/fidelity.md.",
	}
	return page.Write(w, frame, t, map[string]any{
		"R": p.Report, "Answer": p.Answer(), "Question": p.question(), "Caveats": p.Caveats(), "Inputs": p.inputs,
		"Noun": p.Noun(), "Beside": p.BesideWords(), "Besides": p.besides(), "Clients": list, "More": int64(more), "Listable": int64(len(list) + more), "Parts": p.parts(), "Catalogue": p.Stats.Files == 0,
	})
}

// parts are the stretches of the bar.
func (p *whoBreaksPage) parts() []page.Part {
	part := func(class, what string, c rollout.Count) page.Part {
		return page.Part{Class: class, Label: page.Percent(c.Share) + " " + what, Share: c.Share}
	}
	return []page.Part{
		part("breaks", "break", p.Breaks), part("unknown", "unknown", p.Unknown), part("keeps", "keep", p.Keeps),
	}
}

// besides are the clients of a catalogue beside traffic that do not keep.
func (p *whoBreaksPage) besides() (list []*rollout.ClientReport) {
	for i := range p.Clients {
		if c := &p.Clients[i]; p.Beside(c) && c.Effect != rollout.Keeps {
			list = append(list, c)
		}
	}
	return list
}

func effectClass(c *rollout.ClientReport) string {
	if c.FailsToday {
		return "fails"
	}
	return c.Effect.String()
}
