package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/fidelity"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/scenarios"
)

func fidelityCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fidelity BUNDLE BUNDLE",
		Short: "Compare two bundles of the same run, field by field",
		Long: `Compare two bundles of the same run, usually one of the embedded lab and one of
an AWS account: what is the same, what differs, what only one has. Addresses,
times and identifiers differ as they must and are counted apart; that only one
has a value, or that a record is damaged, is a difference without a reason.
Scenarios that only one of the labs could run are left out and named. A run of
more labs than one has a bundle for each, lab-2 and so on, compared one by one.

Exit code: 0 if all that differs is explained, 1 if not, 2 if a bundle cannot be
read.`,
		Example: `  alblab run --out embedded
  alblab run --lab aws --outputs outputs.json --out account
  alblab fidelity embedded account`,
		Args: exactly(2, "two bundles, as 'alblab run --out' writes them"),
	}
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		first, err := openEvidence(nil, args[:1])
		if err != nil {
			return err
		}
		second, err := openEvidence(nil, args[1:])
		if err != nil {
			return err
		}
		stop := a.spin("comparing")
		r, err := fidelity.Compare(cmd.Context(), first, second, &fidelity.Options{Analyzers: signatures.All()})
		stop()
		if err != nil {
			return err
		}
		a.restOfRuns(args)
		fields, records := r.Unexplained()
		a.negate = fields+records > 0
		if f.value == "json" {
			return a.json(r)
		}
		return a.printFidelity(r, args)
	}
	return cmd
}

// restOfRuns names what is not compared: a run of several labs has a bundle in a folder of its own for each.
func (a *app) restOfRuns(names []string) {
	for i := 1; ; i++ {
		first, second := filepath.Join(names[0], scenarios.Folder(i)), filepath.Join(names[1], scenarios.Folder(i))
		for _, name := range []string{first, second} {
			if _, err := os.Stat(filepath.Join(name, evidence.ManifestName)); err != nil {
				return
			}
		}
		a.warn("the runs have a further bundle each, which is compared by: alblab fidelity %s %s", first, second)
	}
}

// printFidelity prints what differs without a reason, and the sum of the rest.
func (a *app) printFidelity(r *fidelity.Report, names []string) error {
	fmt.Fprintf(a.out, "A  %s (%s)\nB  %s (%s)\n", names[0], sideWords(r.A), names[1], sideWords(r.B))
	if r.Scenarios > 0 {
		fmt.Fprintf(a.out, "%s in both\n", plural(r.Scenarios, "scenario"))
	}
	a.leftOut("A", r.ScenariosA)
	a.leftOut("B", r.ScenariosB)
	fmt.Fprintln(a.out)
	t := a.newTable("evidence", "in A", "in B", "paired", "fields", "same", "as they must", "unexplained")
	for _, k := range r.Kinds {
		same, must, not := 0, 0, 0
		for _, f := range k.Fields {
			same += f.Same
			must += f.Expected
			not += f.Differs + f.OnlyA + f.OnlyB
		}
		t.AppendRow([]any{k.Kind, k.A, k.B, k.Paired, len(k.Fields), same, must, not})
	}
	fmt.Fprintln(a.out, t.Render())
	a.expected(r)
	a.unexplained(r)
	fields, records := r.Unexplained()
	verdict := a.paint(text.FgGreen, "all that differs is explained")
	if fields+records > 0 {
		damaged := r.A.Damaged + r.B.Damaged
		words := fmt.Sprintf("unexplained: %s, %s without a partner", plural(fields, "field"), plural(records-damaged, "record"))
		if damaged > 0 {
			words += fmt.Sprintf(", %s", plural(damaged, "damaged record"))
		}
		verdict = a.paint(text.FgRed, words)
	}
	_, err := fmt.Fprintf(a.out, "\n%s\n", verdict)
	return err
}

func sideWords(s fidelity.Side) string {
	words := []string{s.Lab}
	if s.Lab == "" {
		words[0] = "logs without a manifest"
	}
	if s.LoadBalancer != "" {
		words = append(words, s.LoadBalancer)
	}
	if s.Background > 0 {
		words = append(words, plural(s.Background, "record")+" of others left out")
	}
	if s.Damaged > 0 {
		words = append(words, plural(s.Damaged, "damaged record"))
	}
	return strings.Join(words, ", ")
}

// leftOut names the scenarios that only one bundle has.
func (a *app) leftOut(side string, names []string) {
	if len(names) == 0 {
		return
	}
	line := fmt.Sprintf("only %s has %s: %s", side, plural(len(names), "scenario"), strings.Join(names, ", "))
	fmt.Fprintln(a.out, wrapped(line, columns-2, "  "))
}

// expected says why fields differ that must.
func (a *app) expected(r *fidelity.Report) {
	byReason := map[string][]string{}
	var order []string
	for _, k := range r.Kinds {
		for _, f := range k.Fields {
			if f.Expected == 0 {
				continue
			}
			if byReason[f.Reason] == nil {
				order = append(order, f.Reason)
			}
			if !slices.Contains(byReason[f.Reason], f.Name) {
				byReason[f.Reason] = append(byReason[f.Reason], f.Name)
			}
		}
	}
	if len(order) > 0 {
		fmt.Fprintln(a.out, "\ndiffer as they must:")
	}
	for _, reason := range order {
		line := fmt.Sprintf("%s: %s", reason, strings.Join(byReason[reason], ", "))
		fmt.Fprintln(a.out, "  "+wrapped(line, columns-4, "    "))
	}
}

// unexplained shows each field and record that differs without a reason, with examples.
func (a *app) unexplained(r *fidelity.Report) {
	for _, k := range r.Kinds {
		if k.Missing != "" {
			fmt.Fprintf(a.out, "\n%s: %s has none\n", k.Kind, strings.ToUpper(k.Missing))
			continue
		}
		for _, f := range k.Fields {
			if f.Differs+f.OnlyA+f.OnlyB == 0 {
				continue
			}
			fmt.Fprintf(a.out, "\n%s %s: %d differ, %d in A only, %d in B only, %d the same\n", k.Kind, f.Name, f.Differs, f.OnlyA, f.OnlyB, f.Same)
			for _, x := range f.Examples {
				fmt.Fprintf(a.out, "  %s\n    A %s  (%s)\n    B %s  (%s)\n", x.Group, orNone(x.A), x.RefA, orNone(x.B), x.RefB)
			}
		}
		a.alone(k.Kind, "A", k.AloneA, k.OnlyA)
		a.alone(k.Kind, "B", k.AloneB, k.OnlyB)
	}
}

func (a *app) alone(kind, side string, n int, first []fidelity.Alone) {
	if n == 0 {
		return
	}
	fmt.Fprintf(a.out, "\n%s: %s in %s only\n", kind, plural(n, "record"), side)
	for _, x := range first {
		fmt.Fprintf(a.out, "  %s (%s)\n    %s\n", x.Group, x.Ref, wrapped(x.Text, columns-4, "    "))
	}
	if n > len(first) {
		fmt.Fprintf(a.out, "  and %d more\n", n-len(first))
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// wrapped breaks a text into lines, with an indent before each but the first.
func wrapped(s string, width int, indent string) string {
	lines := strings.Split(text.WrapSoft(s, width), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, "\n"+indent)
}
