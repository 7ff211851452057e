package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/scenarios/benchmark"
)

const benchmarkHelp = `Measure how sure findings are.

The embedded lab carries out many connections whose course is known: refused,
completed, given up, scans, health checks, bad paths. The analyzers judge what
they leave behind, with a flow log alone, with the connection log, and with the
capture. The page tells precision and recall of each, and of the published
filter packets<5, and whether the goals are met.

On Linux programs that nobody here wrote (curl, OpenSSL, GnuTLS, Java, nmap
and others, as far as they are installed) then call the load balancer over the
kernel's own TCP, in a network namespace; it needs no root. Where the system
forbids it the page keeps the figures that --out had before.

The same seed gives the same connections of the lab's. With the default number
it takes some minutes.

Exit code: 0 if all goals are met, 1 if one is missed, 2 if it could not be run.`

func benchmarkCommand(a *app) *cobra.Command {
	var (
		n        int
		seed     uint64
		out      string
		noKernel bool
	)
	cmd := &cobra.Command{
		Use:     "benchmark",
		Short:   "Measure precision and recall of the findings",
		Long:    benchmarkHelp,
		Example: "  alblab benchmark --connections 2000\n  alblab benchmark --out docs/certainty.md",
		Args:    exactly(0, "no arguments"),
	}
	cmd.Flags().IntVar(&n, "connections", benchmark.DefaultConnections, "`number` of connections")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the traffic")
	cmd.Flags().StringVar(&out, "out", "", "write the page to `FILE` instead of standard output")
	cmd.Flags().BoolVar(&noKernel, "no-kernel", false, "leave out the programs on the kernel's TCP")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if n < 100 {
			return usageError(cmd, fmt.Errorf("--connections %d: a hundred are the least that mean anything", n))
		}
		r, err := a.runBenchmark(cmd.Context(), n, seed)
		if err != nil {
			return err
		}
		if old, err := os.ReadFile(out); err == nil {
			r.KernelKept = benchmark.KernelPart(string(old))
		}
		if !noKernel {
			if err := a.addKernel(cmd.Context(), r); err != nil {
				return err
			}
		}
		var page bytes.Buffer
		if err := r.WriteMarkdown(&page); err != nil {
			return err
		}
		if out == "" {
			_, err = a.out.Write(page.Bytes())
		} else if err = os.WriteFile(out, page.Bytes(), 0o644); err == nil {
			fmt.Fprintf(a.out, "Precision / recall of first flight refused:\n%s\nThe page is %s.\n", r.Headline(), out)
		}
		for _, g := range r.Goals() {
			if !g.Met() {
				a.negate = true
			}
		}
		return err
	}
	return cmd
}

func (a *app) runBenchmark(ctx context.Context, n int, seed uint64) (*benchmark.Result, error) {
	p := a.newProgress()
	defer p.stop()
	r, err := benchmark.Run(ctx, benchmark.Options{
		Start: func(ctx context.Context, spec lab.Spec, dir string) (lab.Lab, error) {
			return embedded.Start(ctx, spec, &embedded.Options{Dir: dir})
		},
		Connections: n,
		Seed:        seed,
		Progress:    func(done, total int) { p.set("%d/%d connections", done, total) },
	})
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	return r, err
}
