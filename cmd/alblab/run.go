package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/scenarios"
)

const runHelp = `Run scenarios on a lab and judge them: all of them, or those named. The lab is
the embedded one, or with --lab aws the one that 'alblab aws up' has built.

Each scenario says what its clients must see and what every log, metric and
packet must show, and nothing else. What was found and not wanted fails too. For
each failure the story is told with its evidence.

With --out the bundle of evidence and report.json are kept, to look at with any
tool, or with 'alblab analyze DIR'.

Exit code: 0 if nothing failed, 1 if a scenario failed, 2 if a scenario could
not be run.`

func runCommand(a *app) *cobra.Command {
	var (
		out    string
		spec   string
		seed   uint64
		long   bool
		onAWS  runAWSFlags
		onWhat = &format{value: "embedded", allowed: []string{"embedded", "aws"}}
	)
	cmd := &cobra.Command{
		Use:     "run [SCENARIO...]",
		Short:   "Run scenarios and judge them by their evidence",
		Long:    runHelp,
		Example: "  alblab run\n  alblab run experiment-1 experiment-2 --out ./bundle\n  alblab run --format junit > report.xml\n  alblab run --lab aws --out ./bundle",
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			for _, s := range everyScenario() {
				if !slices.Contains(given, s.Name) {
					names = append(names, cobra.CompletionWithDesc(s.Name, s.Doc))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := formatFlag(cmd, "text", "json", "junit")
	cmd.Flags().StringVar(&out, "out", "", "keep the evidence and the report in `DIR`, which must be new or empty")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the lab: the same seed gives the same evidence")
	cmd.Flags().StringVar(&spec, "write-spec", "", "run nothing: write the lab that these scenarios need to `FILE`, for 'alblab serve --spec'")
	cmd.Flags().BoolVar(&long, "long", false, "also run the scenarios that take seconds to minutes each: large RSA keys")
	cmd.Flags().Var(onWhat, "lab", "the `lab`: embedded, aws")
	_ = cmd.RegisterFlagCompletionFunc("lab", cobra.FixedCompletions(cobraWords(onWhat.allowed), cobra.ShellCompDirectiveNoFileComp))
	onAWS.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := scenariosByName(args, long)
		if err == nil {
			err = onAWS.check(cmd, onWhat.value)
		}
		if err != nil {
			return err
		}
		if spec != "" {
			return a.writeSpec(list, spec)
		}
		if err := checkOutDir(out); err != nil {
			return err
		}
		var r *scenarios.Report
		var took time.Duration
		if onWhat.value == "aws" {
			r, took, err = a.runAWS(cmd.Context(), list, &onAWS)
		} else {
			r, took, err = a.runScenarios(cmd.Context(), list, seed)
		}
		if r == nil {
			return err
		}
		saved := saveReport(r, out)
		a.ended = cmd.Context().Err() != nil
		perr := a.printRun(r, f.value, took)
		if out != "" && saved == nil && f.value == "text" {
			a.printEvidence(r, out)
		}
		a.negate = r.Failed > 0
		if err == nil && r.Errors > 0 {
			err = errors.New(plural(r.Errors, "scenario") + " could not be run")
		}
		return errors.Join(err, saved, perr)
	}
	return cmd
}

// writeSpec writes the description of one load balancer on which the scenarios can run as on one in an account.
func (a *app) writeSpec(list []*scenarios.Scenario, file string) error {
	plan, err := scenarios.NewPlan(scenarios.Options{
		Scenarios: list, Seed: 1, Together: true, Capabilities: []lab.Capability{lab.Capture, lab.ClientCertificates, lab.AnyPort},
	})
	if err != nil {
		return err
	}
	if len(plan.Spec.Listeners) == 0 {
		return hint(errors.New("none of these scenarios can run on a load balancer of AWS's"), "'alblab run' runs them on the embedded lab")
	}
	text, err := json.MarshalIndent(plan.Spec, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the lab's description: %w", err)
	}
	fmt.Fprintf(a.err, "%s with %s\n", file, plural(len(plan.Spec.Listeners), "listener"))
	return nil
}

// everyScenario is all of them, the long ones last.
func everyScenario() []*scenarios.Scenario { return slices.Concat(scenarios.All(), scenarios.Long()) }

// scenariosByName finds scenarios; none named means all, but for the long ones unless they are asked for.
func scenariosByName(names []string, long bool) ([]*scenarios.Scenario, error) {
	all := everyScenario()
	switch {
	case len(names) == 0 && long:
		return all, nil
	case len(names) == 0:
		return scenarios.All(), nil
	}
	var out []*scenarios.Scenario
	for _, n := range names {
		i := slices.IndexFunc(all, func(s *scenarios.Scenario) bool { return s.Name == n })
		if i < 0 {
			return nil, unknownScenario(n, all)
		}
		if !slices.Contains(out, all[i]) {
			out = append(out, all[i])
		}
	}
	return out, nil
}

// unknownScenario names the nearest.
func unknownScenario(name string, all []*scenarios.Scenario) error {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	return hint(fmt.Errorf("unknown scenario %q; nearest: %s", name, strings.Join(clients.Nearest(name, names, 3), ", ")),
		"'alblab list scenarios' names them all")
}

// runScenarios runs them on the embedded lab. Evidence stays in memory until it is judged: a full disk loses no verdict.
func (a *app) runScenarios(ctx context.Context, list []*scenarios.Scenario, seed uint64) (*scenarios.Report, time.Duration, error) {
	p := a.newProgress()
	defer p.stop()
	begin := time.Now()
	r, err := scenarios.Run(ctx, scenarios.Options{
		Start: func(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
			return embedded.Start(ctx, spec, nil)
		},
		Scenarios: list,
		Seed:      seed,
		Progress: func(done, total int, s *scenarios.Scenario) {
			if s == nil {
				p.set("%d/%d collecting evidence and judging", done, total)
				return
			}
			p.set("%d/%d %s", done+1, total, s.Name)
		},
	})
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	return r, time.Since(begin), err
}

// saveReport keeps evidence and report. If the folder cannot take them they go to a temporary one: they are not lost.
func saveReport(r *scenarios.Report, dir string) error {
	if dir == "" {
		return nil
	}
	err := r.Save(dir)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("keeping the evidence in %s: %w", dir, firstLine(err))
	spare, terr := os.MkdirTemp("", "alblab-run-")
	if terr == nil {
		terr = r.Save(spare)
	}
	if terr != nil {
		return hint(err, "make room, or choose another folder with --out")
	}
	return hint(err, "the evidence was kept in %s instead", spare)
}

// firstLine cuts an error that was joined from several to one line, and says how many more there are.
func firstLine(err error) error {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return err
	}
	return fmt.Errorf("%s (and %d more)", lines[0], len(lines)-1)
}
