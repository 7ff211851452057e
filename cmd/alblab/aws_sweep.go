package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/aws"
)

const awsSweepHelp = `List what carries the tag alblab:run in the region: load balancers, trust
stores, mirror sessions, buckets, networks. With --yes it is deleted, in an
order that works, and tried again while AWS still holds something. What could
not be deleted is listed with its error and the AWS CLI's command.

Only what has the tag is ever touched, and the dashboard and saved queries
named after its run. --expired leaves labs whose time is not over; --run names
one lab.`

// sweepFor is how long deleting is tried: a load balancer's interfaces keep subnets busy for minutes.
const sweepFor = 10 * time.Minute

func awsSweepCommand(a *app) *cobra.Command {
	var account accountFlags
	var run string
	var yes, expired bool
	cmd := &cobra.Command{
		Use: "sweep", Short: "List what labs have left behind, and delete it with --yes", Long: awsSweepHelp,
		Example: "  alblab aws sweep\n  alblab aws sweep --expired --yes", Args: exactly(0, "no arguments"),
	}
	account.add(cmd.Flags())
	cmd.Flags().StringVar(&run, "run", "", "only the lab of this run `ID`")
	cmd.Flags().BoolVar(&expired, "expired", false, "only labs that have expired")
	cmd.Flags().BoolVar(&yes, "yes", false, "delete; otherwise only list")
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := account.config(cmd.Context(), a, "")
		if err != nil {
			return err
		}
		if c.Clients.Endpoint != "" && account.endpoint == "" {
			// An emulator's "nothing is left" would be taken for the account's.
			return hint(fmt.Errorf("calls would go to %s, not to AWS", c.Clients.Endpoint),
				"unset AWS_ENDPOINT_URL (and endpoint_url in ~/.aws/config), or say --endpoint-url if it is meant")
		}
		all, err := c.Clients.Leftovers(cmd.Context(), run)
		if err != nil {
			return awsError(err)
		}
		if expired {
			all = slices.DeleteFunc(all, func(l aws.Leftover) bool { return l.Expires.IsZero() || l.Expires.After(time.Now()) })
		}
		var failed error
		if yes && len(all) > 0 {
			failed = c.Clients.Sweep(cmd.Context(), all, aws.WallClock(), sweepFor, func(l *aws.Leftover) {
				fmt.Fprintf(a.err, "deleted %s %s\n", l.Kind, l.ID)
			})
		}
		of := ""
		if run != "" {
			of = " of run " + run
		}
		if expired {
			of += ", but for labs that have not expired"
		}
		if err := a.printSweep(all, f.value, yes, of); err != nil {
			return err
		}
		left := plural(len(aws.Undeleted(all)), "resource")
		switch {
		case errors.Is(failed, context.Canceled):
			return hint(fmt.Errorf("interrupted: %s not deleted", left), "run the command again")
		case failed != nil:
			return hint(fmt.Errorf("%s could not be deleted", left), "the commands above delete them; or run the command again in some minutes")
		}
		return nil
	}
	return cmd
}

// printSweep lists leftovers, after deleting those that could not be deleted; of says which were looked for.
func (a *app) printSweep(all []aws.Leftover, format string, deleted bool, of string) error {
	if format == "json" {
		if all == nil {
			all = []aws.Leftover{}
		}
		return a.json(struct {
			Schema    string         `json:"schema"`
			Leftovers []aws.Leftover `json:"leftovers"`
		}{"alblab.aws-sweep/1", all})
	}
	left := all
	if deleted {
		left = aws.Undeleted(all)
	}
	if len(left) == 0 {
		_, err := fmt.Fprintf(a.out, "nothing is left%s\n", of)
		return err
	}
	for _, l := range left {
		fmt.Fprintf(a.out, "%s %s\n  run %s", l.Kind, l.ID, l.Run)
		if l.Owner != "" {
			fmt.Fprintf(a.out, ", owner %s", l.Owner)
		}
		if !l.Expires.IsZero() {
			fmt.Fprintf(a.out, ", expires %s", l.Expires.UTC().Format("2006-01-02 15:04 UTC"))
		}
		fmt.Fprintln(a.out)
		if l.Error != "" {
			fmt.Fprintf(a.out, "  not deleted: %s\n", l.Error)
		}
		switch {
		case deleted && l.Command != "":
			fmt.Fprintf(a.out, "  %s\n", l.Command)
		case deleted:
			fmt.Fprintf(a.out, "  not known to alblab: %s\n", l.ARN)
		}
	}
	if !deleted {
		fmt.Fprintf(a.out, "\n%s; nothing was deleted: --yes deletes\n", plural(len(left), "resource"))
	}
	return nil
}
