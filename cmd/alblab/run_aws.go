package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/scenarios"
)

// runAWSFlags are those of --lab aws.
type runAWSFlags struct {
	account           accountFlags
	outputs, dir, pki string
	plan              bool
}

func (f *runAWSFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.outputs, "outputs", "", "with --lab aws: the lab's outputs, `FILE` of 'terraform output -json' or 'alblab serve --outputs'")
	fl.StringVar(&f.pki, "pki", "", "with --lab aws: `FOLDER` with client certificates (default pki beside the outputs)")
	fl.BoolVar(&f.plan, "plan", false, "with --lab aws: check and print the plan, run nothing")
	dirFlag(fl, &f.dir)
	f.account.add(fl)
}

// check refuses flags that mean nothing without --lab aws.
func (f *runAWSFlags) check(cmd *cobra.Command, labName string) error {
	for _, name := range []string{"outputs", "pki", "plan", "dir", "profile", "region", "endpoint-url"} {
		if labName != "aws" && cmd.Flags().Changed(name) {
			return usageError(cmd, fmt.Errorf("--%s needs --lab aws", name))
		}
	}
	return nil
}

// attachment is what is known of the lab before it is attached to.
type attachment struct {
	config aws.Config
	listed map[string]lab.Listener
}

// runAWS runs scenarios on the lab in an account. The report is nil if nothing was begun.
func (a *app) runAWS(ctx context.Context, list []*scenarios.Scenario, f *runAWSFlags) (*scenarios.Report, time.Duration, error) {
	begin := time.Now()
	at, err := f.attachment(ctx, a)
	if err != nil {
		return nil, 0, err
	}
	o := scenarios.Options{
		Scenarios: list, Seed: 1, Together: true, Grace: 20 * time.Second, Listeners: at.listed,
		Capabilities: at.config.Outputs.Capabilities(at.config.PKI != nil, at.relayed()),
	}
	plan, err := scenarios.NewPlan(o)
	if err != nil {
		return nil, 0, err
	}
	if err := a.checkRun(ctx, at, plan, f); err != nil || f.plan {
		return nil, 0, err
	}
	p := a.newProgress()
	defer p.stop()
	at.config.Progress = func(text string) { p.set("%s", text) }
	at.config.Logger = slog.New(&warner{app: a})
	l, err := aws.Attach(ctx, at.config)
	if err != nil {
		return nil, 0, awsError(err)
	}
	o.Capabilities, o.Listeners = l.Capabilities(), l.Deployed()
	o.Start = func(ctx context.Context, spec lab.Spec) (lab.Lab, error) { return l.Phase(ctx, spec) }
	o.Progress = func(done, total int, s *scenarios.Scenario) {
		if s == nil {
			p.set("%d/%d collecting evidence", done, total)
			return
		}
		p.set("%d/%d %s", done+1, total, s.Name)
	}
	r, err := scenarios.Run(ctx, o)
	if r != nil {
		r.Endpoint = at.config.Clients.Endpoint
		for _, x := range l.Lessons() {
			r.Answers = append(r.Answers, scenarios.Answer{Question: x.Question, Answer: x.Answer})
		}
	}
	return r, time.Since(begin), awsError(errors.Join(err, l.Close()))
}

// attachment reads outputs, certificates and the AWS configuration, and lists the lab's listeners.
func (f *runAWSFlags) attachment(ctx context.Context, a *app) (*attachment, error) {
	outputs, name, err := readOutputs(f.outputs, f.dir)
	if err != nil {
		return nil, err
	}
	c, err := f.account.config(ctx, a, outputs.Region)
	if err != nil {
		return nil, err
	}
	c.Outputs = outputs
	dir := f.pki
	if dir == "" {
		dir = filepath.Join(filepath.Dir(name), "pki")
	}
	c.PKI, err = pki.Load(dir)
	if err != nil && (f.pki != "" || !errors.Is(err, os.ErrNotExist)) {
		return nil, hint(err, "--pki names the folder that 'alblab aws up' or 'alblab serve --out' wrote")
	}
	at := &attachment{config: c, listed: map[string]lab.Listener{}}
	listeners, err := c.Clients.Listeners(ctx, outputs.LoadBalancerARN)
	if err != nil {
		return at, nil // Check says why
	}
	for name, arn := range outputs.ListenerARNs {
		for _, l := range listeners {
			if l.ARN == arn {
				at.listed[name] = lab.Listener{Port: uint16(l.Port), SSLPolicy: l.Policy, MTLSMode: l.MTLSMode}
			}
		}
	}
	return at, nil
}

// relayed reports whether endpoints are not the listeners' own ports: the embedded lab's, through its gateways.
func (at *attachment) relayed() bool {
	for name, address := range at.config.Outputs.Endpoints {
		if l, ok := at.listed[name]; ok && !hasPort(address, l.Port) {
			return true
		}
	}
	return false
}

func hasPort(address string, port uint16) bool {
	_, n, err := splitEndpoint(address)
	return err == nil && n == port
}

// checkRun looks at everything that can go wrong, prints it with the plan, and refuses a run that cannot finish.
func (a *app) checkRun(ctx context.Context, at *attachment, plan *scenarios.Plan, f *runAWSFlags) error {
	r, err := aws.Check(ctx, at.config.AWS, at.config.Clients, aws.CheckOptions{
		Outputs: &at.config.Outputs, Listeners: len(plan.Spec.Listeners), Minutes: plan.Minutes, Phases: len(plan.Phases), Endpoint: f.account.endpoint != "",
	})
	if err != nil {
		return awsError(err)
	}
	if err := a.printCheck(r); err != nil {
		return err
	}
	a.printPlan(plan)
	if len(plan.Phases) == 0 {
		how := "'alblab aws up' builds what they need"
		if at.config.Clients.Endpoint != "" {
			how = "'alblab run --write-spec spec.json' describes a lab that has what they need, for 'alblab serve --spec spec.json --aws-api ...'"
		}
		return hint(errors.New("the lab can run none of these scenarios"), "%s", how)
	}
	return nil
}

// printPlan prints what the run will do, to standard error: the report alone belongs on standard output.
func (a *app) printPlan(plan *scenarios.Plan) {
	for i, p := range plan.Phases {
		n := 0
		for _, s := range p.Slots {
			n += len(s.Scenarios)
		}
		fmt.Fprintf(a.err, "phase %d: %s in %s, %s\n", i+1, plural(n, "scenario"), plural(p.Minutes, "minute"), plural(len(p.Spec.Listeners), "listener"))
	}
	reasons := map[string]int{}
	var order []string
	for _, v := range plan.Skipped {
		if reasons[v.Message] == 0 {
			order = append(order, v.Message)
		}
		reasons[v.Message]++
	}
	for _, m := range order {
		fmt.Fprintf(a.err, "skipped: %s: %s\n", plural(reasons[m], "scenario"), m)
	}
}
