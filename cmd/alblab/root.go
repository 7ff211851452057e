package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootHelp = `alblab reproduces what happens when a client cannot agree on TLS with an AWS
Application Load Balancer (ALB): too old a version, no common cipher suite, no
client certificate. It runs a load balancer inside this process, without an AWS
account and without root, and leaves the evidence that AWS would deliver: VPC
flow logs, ALB access and connection logs, AWS WAF logs, CloudWatch metrics and
packet captures. Then it reads them and says who failed, why, and what would
cure it.

New here? Try these, in this order:

  alblab run                       # watch both published experiments happen
  alblab serve                     # a load balancer for your own curl
  alblab analyze ./logs            # who fails, from real AWS logs
  alblab decide --policy all FILE  # what each policy answers to a ClientHello`

// newRoot builds the tree of commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "alblab",
		Short:         "Reproduce and explain TLS failures at an AWS Application Load Balancer",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return noEmptyFlag(cmd) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddGroup(
		&cobra.Group{ID: "lab", Title: "The lab:"},
		&cobra.Group{ID: "evidence", Title: "Evidence:"},
		&cobra.Group{ID: "policies", Title: "Security policies:"},
		&cobra.Group{ID: "about", Title: "About alblab:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("lab", runCommand(a), awsCommand(a), serveCommand(a), benchmarkCommand(a), simulateCommand(a), probeCommand(a))
	add("evidence", captureCommand(a), analyzeCommand(a), diagnoseCommand(a), fidelityCommand(a), filterCommand(a), importCommand(a), redactCommand(a))
	add("policies", decideCommand(a), showCommand(a), diffCommand(a), lintCommand(a), matrixCommand(a), readinessCommand(a), whoBreaksCommand(a))
	add("about", listCommand(a), versionCommand(a))
	root.AddCommand(benchmarkKernelCommand(a))
	root.SetHelpCommandGroupID("about")
	root.SetCompletionCommandGroupID("about")
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", columns)))
	return root
}

// flagError says of a flag's value what was wanted, where the library would name a function of Go.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return usageError(cmd, err)
	}
	want := ""
	switch invalid.GetFlag().Value.Type() {
	case "int", "int64":
		want = "a whole number"
	case "uint", "uint64":
		want = "a whole number from 0"
	case "duration":
		want = "a time like 90m or 26h"
	default:
		return usageError(cmd, err)
	}
	if errors.Is(err, strconv.ErrRange) {
		want += ", not so large"
	}
	return usageError(cmd, fmt.Errorf("--%s %s: want %s", invalid.GetFlag().Name, invalid.GetValue(), want))
}

// noEmptyFlag refuses a flag that was given an empty text, as by --out "$DIR" where DIR is not set: it would count as not given.
func noEmptyFlag(cmd *cobra.Command) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = usageError(cmd, fmt.Errorf("--%s is empty: is a variable not set?", f.Name))
		}
	})
	return err
}

// unknownCommand names the nearest commands.
func unknownCommand(cmd *cobra.Command, name string) error {
	err := fmt.Errorf("unknown command %q", strings.TrimSpace(cmd.CommandPath()+" "+name))
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return hint(err, "did you mean %s?", strings.Join(near, " or "))
	}
	return usageError(cmd, err)
}

// parent is a command that only groups others.
func parent(use, short, long string, cmds ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return usageError(cmd, errors.New("say what: "+strings.Join(names(cmds), ", ")))
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	c.AddCommand(cmds...)
	return c
}

func names(cmds []*cobra.Command) []string {
	var out []string
	for _, c := range cmds {
		out = append(out, c.Name())
	}
	return out
}

// exactly wants n arguments and says which.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usageError(cmd, fmt.Errorf("want %s, got %s", what, plural(len(args), "argument")))
	}
}

// format is the --format flag: one of a few words.
type format struct {
	value   string
	allowed []string
}

func (f *format) String() string { return f.value }
func (f *format) Type() string   { return strings.Join(f.allowed, "|") }

func (f *format) Set(s string) error {
	for _, a := range f.allowed {
		if s == a {
			f.value = s
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", strings.Join(f.allowed, ", "))
}

// formatFlag adds --format; the first word is the default.
func formatFlag(cmd *cobra.Command, allowed ...string) *format {
	f := &format{value: allowed[0], allowed: allowed}
	cmd.Flags().Var(f, "format", "output `format`: "+strings.Join(allowed, ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(cobraWords(allowed), cobra.ShellCompDirectiveNoFileComp))
	return f
}

func cobraWords(ws []string) []cobra.Completion { return ws }
