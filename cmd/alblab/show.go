package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/policy"
)

func showCommand(a *app) *cobra.Command {
	return parent("show", "Show one thing in full", "Show one thing in full.", showPolicyCommand(a))
}

// policyJSON is a policy as the file of it says.
type policyJSON struct {
	Schema            string   `json:"schema"`
	Name              string   `json:"name"`
	Family            string   `json:"family"`
	Status            string   `json:"status"`
	Versions          []string `json:"versions"`
	Ciphers           []string `json:"ciphers"`
	Groups            []string `json:"groups"`
	StronglyPreferred []string `json:"strongly_preferred_groups"`
	Schemes           []string `json:"signature_schemes"`
	CertSchemes       []string `json:"certificate_signature_schemes"`
	ForwardSecret     bool     `json:"forward_secret"`
	Notes             string   `json:"notes,omitempty"`
	Sources           []string `json:"sources"`
}

func newPolicyJSON(p *policy.Policy) policyJSON {
	return policyJSON{
		Schema: "alblab.policy/1", Name: p.Name, Family: p.Family, Status: p.Status,
		Versions: texts(p.Versions), Ciphers: texts(p.Suites), Groups: texts(p.Groups),
		StronglyPreferred: texts(p.StronglyPreferred), Schemes: texts(p.Schemes), CertSchemes: texts(p.CertSchemes),
		ForwardSecret: p.ForwardSecret, Notes: p.Notes, Sources: p.Sources,
	}
}

func showPolicyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy NAME",
		Short: "Show a security policy: versions, suites, groups, schemes",
		Long: `Show a security policy in full. Lists stand in the load balancer's order of
preference. The name may be given without ELBSecurityPolicy-.`,
		Example:           "  alblab show policy TLS13-1-2-2021-06\n  alblab show policy 2016-08 --format json",
		Args:              exactly(1, "the name of a policy"),
		ValidArgsFunction: policyNames,
	}
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		p, err := policyByName(args[0])
		if err != nil {
			return err
		}
		if f.value == "json" {
			return a.json(newPolicyJSON(p))
		}
		return a.printPolicy(p)
	}
	return cmd
}

func (a *app) printPolicy(p *policy.Policy) error {
	w := a.out
	fmt.Fprintf(w, "%s\n\n", p.Name)
	fmt.Fprintf(w, "family           %s\nstatus           %s\n", p.Family, p.Status)
	secret := "every suite"
	if !p.ForwardSecret {
		secret = "not every suite: RSA key transport is allowed"
	}
	fmt.Fprintf(w, "forward secrecy  %s\n\nversions\n  %s\n\nsuites\n", secret, strings.Join(texts(p.Versions), " "))
	for _, s := range p.Suites {
		fmt.Fprintf(w, "  0x%04X  %-42s %s\n", uint16(s), s, s.OpenSSL())
	}
	fmt.Fprintf(w, "\ngroups\n")
	for _, g := range p.Groups {
		fmt.Fprintf(w, "  %s\n", g)
	}
	lists := []struct {
		title string
		names []string
	}{
		{"groups worth a HelloRetryRequest", texts(p.StronglyPreferred)},
		{"signature schemes", texts(p.Schemes)},
		{"signature schemes allowed in the server's own certificate chain", texts(p.CertSchemes)},
	}
	for _, l := range lists {
		if len(l.names) > 0 {
			fmt.Fprintf(w, "\n%s\n%s\n", l.title, indent(strings.Join(l.names, " ")))
		}
	}
	if p.Notes != "" {
		fmt.Fprintf(w, "\nnotes\n%s\n", indent(p.Notes))
	}
	if len(p.Sources) > 0 {
		fmt.Fprintf(w, "\nsources\n")
		for _, s := range p.Sources {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
	return nil
}

// indent wraps words and sets them in by two.
func indent(s string) string {
	lines := strings.Split(strings.TrimRight(text.WrapSoft(s, columns-2), "\n"), "\n")
	for i, l := range lines {
		lines[i] = "  " + strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
