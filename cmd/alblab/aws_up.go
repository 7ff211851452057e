package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/aws/deploy"
	"github.com/alblab/alblab/scenarios"
)

const awsUpHelp = `Build the lab that scenarios need, all of them or those named, in the account of
the credentials: load balancer, trust store, web ACL, logs, and an instance that
captures packets. Certificates are minted here; the CAs' keys stay here.

Before anything is built the plan is printed, with what it costs, and checked:
account, credentials, region, quotas. --allow says who may connect: your public
address, such as 198.51.100.7/32. The lab carries the time at which it expires;
it ends by 'alblab aws down', and 'alblab aws sweep' finds what was forgotten.`

func awsUpCommand(a *app) *cobra.Command {
	var (
		account                               accountFlags
		dir, config, program, owner, boundary string
		accounts, allow                       []string
		lasts                                 time.Duration
		noMirror, yes                         bool
	)
	cmd := &cobra.Command{
		Use: "up [SCENARIO...]", Short: "Build the lab in an AWS account", Long: awsUpHelp,
		Example: "  alblab aws up --account 111122223333 --allow 198.51.100.7/32\n  alblab aws up experiment-1 --account 111122223333 --allow 198.51.100.7/32",
	}
	fl := cmd.Flags()
	account.add(fl)
	dirFlag(fl, &dir)
	fl.StringSliceVar(&accounts, "account", nil, "the account `ID` that may be used: anything else is refused")
	fl.StringSliceVar(&allow, "allow", nil, "who may connect: `CIDR`, such as 198.51.100.7/32")
	fl.DurationVar(&lasts, "for", 4*time.Hour, "how long until the lab expires")
	fl.StringVar(&owner, "owner", os.Getenv("USER"), "`NAME` for the tag alblab:owner")
	fl.StringVar(&boundary, "permissions-boundary", "", "`ARN` of the policy that bounds the lab's roles: alblab-boundary, with the runner's own policies")
	fl.BoolVar(&noMirror, "no-mirror", false, "no packet captures: cheaper, and scenarios that need packets are skipped")
	fl.StringVar(&config, "config", "", "a copy of the `FOLDER` terraform/ to use instead of the program's own")
	fl.StringVar(&program, "terraform", "", "the `PROGRAM` (default terraform, else tofu)")
	fl.BoolVar(&yes, "yes", false, "build; otherwise the plan and its cost are printed, and nothing is built")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := scenariosByName(args, false)
		if err != nil {
			return err
		}
		prefixes, err := parseAllowed(cmd, allow)
		if err != nil {
			return err
		}
		if len(accounts) != 1 {
			return usageError(cmd, errors.New("--account: name the one account that may be used"))
		}
		if boundary != "" && !isPolicyARN(boundary) {
			return usageError(cmd, fmt.Errorf("--permissions-boundary %s: want the ARN of an IAM policy, such as arn:aws:iam::111122223333:policy/alblab-boundary", boundary))
		}
		if owner == "" {
			owner = "alblab"
		}
		c, err := account.config(cmd.Context(), a, "")
		if err != nil {
			return err
		}
		caps := []lab.Capability{lab.ClientCertificates, lab.AnyPort}
		if !noMirror {
			caps = append(caps, lab.Capture)
		}
		plan, err := scenarios.NewPlan(scenarios.Options{Scenarios: list, Seed: 1, Together: true, Capabilities: caps})
		if err != nil {
			return err
		}
		r, err := aws.Check(cmd.Context(), c.AWS, c.Clients, aws.CheckOptions{
			Accounts: accounts, Listeners: len(plan.Spec.Listeners), Minutes: plan.Minutes, Phases: len(plan.Phases), Build: true,
			Endpoint: account.endpoint != "", Deadline: time.Now().Add(lasts),
		})
		if err == nil {
			err = a.printCheck(r)
		}
		if err != nil {
			return awsError(err)
		}
		a.printPlan(plan)
		fmt.Fprintf(a.err, "cost: about $%.2f an hour, $%.2f until it expires\n", aws.Cost(time.Hour), aws.Cost(lasts))
		if len(plan.Phases) == 0 {
			return errors.New("none of these scenarios can run in an account")
		}
		if !yes {
			fmt.Fprintln(a.out, "nothing was built: --yes builds it")
			return nil
		}
		return a.up(cmd, dir, config, deploy.Options{
			Spec: plan.Spec, Region: c.AWS.Region, Account: r.Account, Owner: owner, Expires: time.Now().Add(lasts), AllowedCIDRs: prefixes,
			Boundary: boundary, NoMirror: noMirror, Terraform: program,
		})
	}
	return cmd
}

func (a *app) up(cmd *cobra.Command, dir, config string, o deploy.Options) error {
	dir, err := stateDir(dir)
	if err != nil {
		return err
	}
	f, err := deploy.Open(dir, config)
	if err != nil {
		return awsError(err)
	}
	outputs, err := f.Up(cmd.Context(), o, a.err)
	if err != nil {
		return awsError(err)
	}
	fmt.Fprintf(a.out, "the lab is up: %s, until %s\n", outputs.LoadBalancer(), outputs.ExpiresAt.Local().Format("15:04"))
	fmt.Fprintf(a.out, "outputs are in %s\n", f.OutputsFile())
	fmt.Fprintln(a.out, "run scenarios: alblab run --lab aws")
	fmt.Fprintln(a.out, "take it down:  alblab aws down")
	return nil
}

// isPolicyARN is the condition of terraform/variables.tf.
func isPolicyARN(s string) bool {
	return regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:policy/`).MatchString(s)
}

// parseAllowed reads who may connect.
func parseAllowed(cmd *cobra.Command, allow []string) ([]netip.Prefix, error) {
	if len(allow) == 0 {
		return nil, hint(errors.New("--allow: say who may connect"), "your public address, such as 198.51.100.7/32: curl https://checkip.amazonaws.com")
	}
	var all []netip.Prefix
	for _, s := range allow {
		p, err := netip.ParsePrefix(s)
		if err != nil || !p.Addr().Is4() {
			return nil, usageError(cmd, fmt.Errorf("--allow %s: want an IPv4 CIDR block such as 198.51.100.7/32", s))
		}
		if p.Bits() < 8 {
			return nil, hint(fmt.Errorf("--allow %s: that is the whole Internet", s), "name your own address; terraform/ itself can be told otherwise, see its README")
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// endSessions removes what a run that was killed has left, before Terraform destroys what it hangs on. It goes by the environment,
// as Terraform does. Where it fails Terraform goes on alone.
func (a *app) endSessions(ctx context.Context, f *deploy.Folder) {
	s, err := f.Settings()
	if err != nil || s.RunID == "" {
		return // Terraform says what is wrong
	}
	var account accountFlags
	c, err := account.config(ctx, a, s.Region)
	n := 0
	if err == nil {
		n, err = c.Clients.EndSessions(ctx, s.RunID)
	}
	switch {
	case err != nil:
		a.warn("mirror sessions were not removed: %v", firstLine(err))
	case n > 0:
		fmt.Fprintf(a.err, "removed %s\n", plural(n, "mirror session"))
	}
}

func awsDownCommand(a *app) *cobra.Command {
	var dir, config, program string
	cmd := &cobra.Command{
		Use: "down", Short: "Take the lab down",
		Long: `Take down the lab that 'alblab aws up' has built. Buckets that AWS still writes
logs to, and what hangs on the load balancer's network interfaces, are tried
again for a quarter of an hour. Safe to run again.`,
		Example: "  alblab aws down", Args: exactly(0, "no arguments"),
	}
	dirFlag(cmd.Flags(), &dir)
	cmd.Flags().StringVar(&config, "config", "", "the `FOLDER` that up was given")
	cmd.Flags().StringVar(&program, "terraform", "", "the `PROGRAM` (default terraform, else tofu)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := stateDir(dir)
		if err != nil {
			return err
		}
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) { // Open would make it
			fmt.Fprintf(a.out, "no lab is up in %s\n", dir)
			return nil
		}
		f, err := deploy.Open(dir, config)
		if err != nil {
			return awsError(err)
		}
		was := f.HasState()
		if was {
			a.endSessions(cmd.Context(), f)
		}
		if err := f.Down(cmd.Context(), program, io.Writer(a.err), nil); err != nil {
			return awsError(err)
		}
		if !was {
			fmt.Fprintf(a.out, "no lab is up in %s\n", dir)
			return nil
		}
		fmt.Fprintln(a.out, "the lab is down; 'alblab aws sweep' shows whether anything is left")
		return nil
	}
	return cmd
}
