package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
	"github.com/alblab/alblab/scenarios"
)

func listCommand(a *app) *cobra.Command {
	return parent("list", "List scenarios, policies, clients or signatures",
		"List what alblab knows: the scenarios it can run, the security policies of an\nApplication Load Balancer, its clients, and the signatures that it recognises in\nevidence.",
		listOf(a, "scenarios", "Scenarios that 'alblab run' can run", listScenarios),
		listOf(a, "policies", "Security policies, with their TLS versions", listPolicies),
		listOf(a, "clients", "Clients: shapes that scenarios use, and the catalogue of real ones", listClients),
		listOf(a, "signatures", "Signatures: what can happen to a connection", listSignatures),
	)
}

// row is one line of a list.
type row struct {
	Name string
	Doc  string
	JSON any
}

// listOf is one of the lists.
func listOf(a *app, use, short string, rows func() []row) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: short + ".", Args: exactly(0, "no arguments")}
	if use == "policies" {
		cmd.SuggestFor = []string{"policy"} // the others' singulars are near enough
	}
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		all := rows()
		if f.value == "json" {
			items := make([]any, len(all))
			for i, r := range all {
				items[i] = r.JSON
			}
			return a.json(map[string]any{"schema": "alblab.list/1", use: items})
		}
		width := 0
		for _, r := range all {
			width = max(width, len(r.Name))
		}
		for _, r := range all {
			if err := a.entry(r, width); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// columns is the width that text output is made for.
const columns = 80

// entry prints a name and its words beside it, wrapped.
func (a *app) entry(r row, width int) error {
	room := columns - width - 2
	lines := strings.Split(text.WrapSoft(r.Doc, room), "\n")
	for i, l := range lines {
		name := ""
		if i == 0 {
			name = r.Name
		}
		if _, err := fmt.Fprintln(a.out, strings.TrimRight(fmt.Sprintf("%-*s  %s", width, name, strings.TrimSpace(l)), " ")); err != nil {
			return err
		}
	}
	return nil
}

func listScenarios() []row {
	var out []row
	usual := len(scenarios.All())
	for i, s := range everyScenario() {
		var assumed []string
		for _, as := range s.Assumed {
			assumed = append(assumed, as.Text)
		}
		doc, long := s.Doc, i >= usual
		if long {
			doc += " (takes longer: runs by its name, or with --long)"
		}
		out = append(out, row{s.Name, doc, struct {
			Name    string           `json:"name"`
			Doc     string           `json:"doc"`
			Long    bool             `json:"long,omitempty"`
			Needs   []lab.Capability `json:"needs,omitempty"`
			Assumed []string         `json:"assumed,omitempty"`
		}{s.Name, s.Doc, long, s.Needs, assumed}})
	}
	return out
}

func listPolicies() []row {
	var out []row
	for _, p := range policy.All() {
		doc := fmt.Sprintf("%-9s %s, %s", versionSpan(p.Versions), plural(len(p.Suites), "suite"), plural(len(p.Groups), "group"))
		out = append(out, row{strings.TrimPrefix(p.Name, policy.Prefix), doc, struct {
			Name     string   `json:"name"`
			Family   string   `json:"family"`
			Status   string   `json:"status"`
			Versions []string `json:"versions"`
		}{p.Name, p.Family, p.Status, texts(p.Versions)}})
	}
	return out
}

// versionSpan says "TLS 1.0-1.3" of versions in ascending order.
func versionSpan(vs []wire.Version) string {
	number := func(v wire.Version) string {
		s := strings.TrimPrefix(v.String(), "TLSv")
		if s == "1" {
			return "1.0"
		}
		return s
	}
	if len(vs) == 0 {
		return "-"
	}
	first, last := number(vs[0]), number(vs[len(vs)-1])
	if first == last {
		return first
	}
	return first + " - " + last
}

// clientRow is a client in JSON.
type clientRow struct {
	Name   string `json:"name"`
	Doc    string `json:"doc"`
	Kind   string `json:"kind"`             // tls, raw or silent
	Family string `json:"family,omitempty"` // of a client of the catalogue
	Year   int    `json:"year,omitempty"`
	Source string `json:"source,omitempty"`
}

// listClients lists the shapes that scenarios use, then the catalogue of real clients.
func listClients() []row {
	var out []row
	for _, p := range clients.Builtin() {
		out = append(out, row{p.Name, p.Doc, clientRow{Name: p.Name, Doc: p.Doc, Kind: p.Kind.String()}})
	}
	for _, c := range catalog.All() {
		doc := fmt.Sprintf("%-9s %s", versionSpan(slices.Compact([]wire.Version{c.Min, c.Max})), plural(len(c.Suites), "suite"))
		if c.Year != 0 {
			doc += fmt.Sprintf(", %d", c.Year)
		}
		r := clientRow{Name: c.Name, Doc: doc, Kind: clients.KindTLS.String(), Family: c.Family, Year: c.Year, Source: c.Source}
		if r.Source == "" {
			r.Source = "testssl.sh and SSL Labs"
		}
		if reason := c.RawReason(); reason != nil {
			r.Kind = clients.KindRaw.String()
		}
		out = append(out, row{cut(c.Name, nameWidth), doc, r})
	}
	return out
}

func listSignatures() []row {
	var out []row
	for _, s := range signatures.All() {
		out = append(out, row{s.Name, s.Doc, struct {
			Name  string `json:"name"`
			Doc   string `json:"doc"`
			Stage string `json:"stage"`
		}{s.Name, s.Doc, string(s.Stage)}})
	}
	return out
}
