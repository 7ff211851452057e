package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/policy"
)

func diffCommand(a *app) *cobra.Command {
	return parent("diff", "Compare two things", "Compare two things.", diffPolicyCommand(a))
}

func diffPolicyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy A B",
		Short: "Say what changes for clients from one security policy to another",
		Long: `Compare two security policies: what the second no longer allows (-), what it
allows in addition (+), and where the order of preference differs.`,
		Example:           "  alblab diff policy 2016-08 TLS13-1-2-2021-06",
		Args:              exactly(2, "the names of two policies"),
		ValidArgsFunction: policyNames,
	}
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		from, err := policyByName(args[0])
		if err != nil {
			return err
		}
		to, err := policyByName(args[1])
		if err != nil {
			return err
		}
		d := policy.Diff(from, to)
		if f.value == "json" {
			return a.json(struct {
				Schema string `json:"schema"`
				policy.Difference
			}{"alblab.diff/1", d})
		}
		return printDiff(a.out, d)
	}
	return cmd
}

func printDiff(w io.Writer, d policy.Difference) error {
	fmt.Fprintf(w, "- %s\n+ %s\n", d.From, d.To)
	printChange(w, "versions", d.Versions)
	printChange(w, "suites", d.Suites)
	printChange(w, "groups", d.Groups)
	printChange(w, "groups worth a HelloRetryRequest", d.StronglyPreferred)
	printChange(w, "signature schemes", d.Schemes)
	printChange(w, "signature schemes of the server's certificate chain", d.CertSchemes)
	if d.ForwardSecret[0] != d.ForwardSecret[1] {
		fmt.Fprintf(w, "\nforward secrecy of every suite\n  - %t\n  + %t\n", d.ForwardSecret[0], d.ForwardSecret[1])
	}
	if d.Equal() {
		_, err := fmt.Fprintln(w, "\nno difference: the same lists in the same order")
		return err
	}
	return nil
}

// printChange prints a list that differs.
func printChange[T fmt.Stringer](w io.Writer, list string, c policy.Change[T]) {
	if len(c.Added)+len(c.Removed) == 0 && !c.Reordered {
		return
	}
	fmt.Fprintf(w, "\n%s\n", list)
	for _, x := range c.Removed {
		fmt.Fprintf(w, "  - %s\n", x)
	}
	for _, x := range c.Added {
		fmt.Fprintf(w, "  + %s\n", x)
	}
	if c.Reordered {
		fmt.Fprintln(w, "  what both have stands in another order of preference")
	}
}
