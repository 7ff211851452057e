package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/metric"
)

const diagnoseHelp = `Find out, in an AWS account, who fails at a load balancer, why, and what would
cure it. LOAD-BALANCER is its name, ARN, app/<name>/<id> or DNS name.

It finds the load balancer's listeners, security policies, mutual TLS and log
settings, reads its metrics and its connection, access, flow and AWS WAF logs of
the time since, and judges every client. Which log is off is said, with the
command that turns it on. It changes nothing: it only calls Describe, List,
Filter and Get, with the credentials that every AWS tool finds.

AWS delivers logs after some minutes: flow logs 5, connection and access logs 5
to 10. What happened just now is not in them yet.

Exit code: 0 if the account could be asked, 2 if not.`

// diagnoseFlags are the flags of diagnose.
type diagnoseFlags struct {
	since, until time.Duration
	out          string
	aws          aws.ConfigOptions
	strict       bool
}

func diagnoseCommand(a *app) *cobra.Command {
	var f diagnoseFlags
	cmd := &cobra.Command{
		Use:   "diagnose LOAD-BALANCER",
		Short: "Say who fails at your load balancer, why, and what would cure it",
		Long:  diagnoseHelp,
		Example: `  alblab diagnose my-load-balancer --since 1h
  alblab diagnose my-load-balancer --since 26h --until 24h --out yesterday`,
		Args: exactly(1, "a load balancer's name, ARN or DNS name"),
	}
	format := formatFlag(cmd, "text", "json")
	cmd.Flags().DurationVar(&f.since, "since", time.Hour, "how far back to look, as `TIME` like 90m or 26h")
	cmd.Flags().DurationVar(&f.until, "until", 0, "how long ago to stop, as `TIME`")
	cmd.Flags().StringVar(&f.out, "out", "", "`DIR` to keep the evidence in, for 'alblab analyze' and 'alblab who-breaks'")
	cmd.Flags().StringVar(&f.aws.Region, "region", "", "AWS `REGION`, if the environment does not say")
	cmd.Flags().StringVar(&f.aws.Profile, "profile", "", "AWS `PROFILE`")
	cmd.Flags().StringVar(&f.aws.Endpoint, "endpoint-url", "", "`URL` to call in place of AWS, such as that of 'alblab serve --aws-api'")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "exit 2 if a record is damaged")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.since <= f.until || f.until < 0 {
			return usageError(cmd, fmt.Errorf("--since %s is not before --until %s", f.since, f.until))
		}
		d, err := a.diagnose(cmd.Context(), args[0], &f)
		if err != nil {
			return withAWSHint(err)
		}
		for _, err := range append(d.lb.Unread, d.problems...) {
			a.warn("%v", err)
		}
		if format.value == "json" {
			return a.json(d.json())
		}
		return a.printDiagnosis(d, f.strict)
	}
	return cmd
}

// diagnosis is what diagnose found.
type diagnosis struct {
	lb       *aws.LoadBalancer
	window   aws.Window
	report   *analyzers.Report
	gaps     []aws.Gap
	problems []error
	kept     string // the folder of the evidence
	// failed is ClientTLSNegotiationErrorCount's sum, most its largest minute, at peak.
	failed, most float64
	peak         time.Time
	counted      bool // CloudWatch answered
}

// count reads the counter that started it all.
func (d *diagnosis) count(b *evidence.Bundle) error {
	d.counted = b.Has(evidence.KindMetrics) ||
		!slices.ContainsFunc(d.problems, func(err error) bool { return strings.Contains(err.Error(), "the metrics of") })
	return b.Each(evidence.KindMetrics, func(r io.Reader, o *evidence.Options) error {
		for s, err := range metric.Records(r, o) {
			if err != nil {
				return err // our own file
			}
			if s.MetricName != "ClientTLSNegotiationErrorCount" || len(s.Dimensions) != 1 {
				continue
			}
			for i, v := range s.Values {
				d.failed += v
				if v > d.most {
					d.most, d.peak = v, s.Timestamps[i]
				}
			}
		}
		return nil
	})
}

// quiet says of evidence that is missing although its log is on that there was no line of it; failed says that something could not
// be read.
func quiet(lb *aws.LoadBalancer, missing []analyzers.Missing, failed bool) []analyzers.Missing {
	on := map[evidence.Kind]string{}
	if lb.ConnectionLog.On {
		on[evidence.KindConnection] = "the connection log"
	}
	if lb.AccessLog.On {
		on[evidence.KindAccess] = "the access log"
	}
	if f := aws.BestFlowLog(lb.FlowLogs); f != nil {
		on[evidence.KindFlow] = "the flow log " + f.ID
	}
	if len(lb.WAFLogs) > 0 {
		on[evidence.KindWAF] = "the AWS WAF log"
	}
	words := " is on and has no line in this time"
	if failed {
		words = " is on, and no line of this time was read"
	}
	missing = slices.Clone(missing)
	for i, m := range missing {
		if log, ok := on[m.Kind]; ok {
			missing[i].Adds = log + words
		}
	}
	return missing
}

func (a *app) diagnose(ctx context.Context, name string, f *diagnoseFlags) (*diagnosis, error) {
	dir := f.out
	if dir == "" {
		tmp, err := os.MkdirTemp("", "alblab-diagnose-")
		if err != nil {
			return nil, fmt.Errorf("making a folder for the evidence: %w", err)
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	} else if err := checkOutDir(dir); err != nil {
		return nil, err
	}
	cfg, err := aws.LoadConfig(ctx, &f.aws)
	if err != nil {
		return nil, err
	}
	c := aws.NewClients(cfg)
	a.warnEndpoint(c, f.aws.Endpoint)
	p := a.newProgress()
	defer p.stop()
	p.set("asking for %s", name)
	lb, err := c.Describe(ctx, name)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	w := aws.Window{From: now.Add(-f.since), To: now.Add(-f.until)}
	g, err := c.Gather(ctx, lb, w, &aws.GatherOptions{Dir: dir, Progress: func(text string) { p.set("%s", text) }})
	if err != nil {
		return nil, err
	}
	p.set("judging")
	// What came before an interruption is judged all the same.
	r, err := analyzers.Run(context.WithoutCancel(ctx), g.Bundle, signatures.All(), nil)
	if err != nil {
		return nil, err
	}
	r.Missing = quiet(lb, r.Missing, len(g.Problems) > 0)
	d := &diagnosis{lb: lb, window: w, report: r, gaps: lb.Gaps(), problems: g.Problems, kept: f.out}
	return d, d.count(g.Bundle)
}
