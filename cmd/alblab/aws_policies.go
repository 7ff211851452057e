package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/aws"
)

const awsPoliciesHelp = `Compare the security policies of the account's region (DescribeSSLPolicies)
with alblab's catalogue, in the fields that the API has: names, protocols,
ciphers and their order. Groups and signature schemes the API does not tell.

Exit code 1 if there is a difference: AWS has changed something, or the
catalogue is wrong. Please report it.`

func awsPoliciesCommand(a *app) *cobra.Command {
	var account accountFlags
	cmd := &cobra.Command{
		Use: "policies", Short: "Compare the account's security policies with the catalogue", Long: awsPoliciesHelp,
		Example: "  alblab aws policies --region eu-central-1", Args: exactly(0, "no arguments"),
	}
	account.add(cmd.Flags())
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := account.config(cmd.Context(), a, "")
		if err != nil {
			return err
		}
		all, compared, err := c.Clients.Policies(cmd.Context())
		if err != nil {
			return awsError(err)
		}
		a.negate = len(all) > 0
		if f.value == "json" {
			if all == nil {
				all = []aws.PolicyDifference{}
			}
			return a.json(struct {
				Schema      string                 `json:"schema"`
				Region      string                 `json:"region"`
				Compared    int                    `json:"compared"`
				Differences []aws.PolicyDifference `json:"differences"`
			}{"alblab.aws-policies/1", c.AWS.Region, compared, all})
		}
		for _, d := range all {
			fmt.Fprintln(a.out, d)
		}
		fmt.Fprintf(a.out, "%d policies compared, %s\n", compared, plural(len(all), "difference"))
		return nil
	}
	return cmd
}
