package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alblab/alblab/lab/aws"
)

const awsHelp = `The lab in an AWS account: build it, look at it, take it down, find leftovers.

It needs an account for experiments, credentials as every AWS tool takes them
(AWS_PROFILE, 'aws sso login'), and Terraform 1.11 or OpenTofu 1.11. A lab costs
about 0.11 US dollars an hour; docs/aws.md has the table, and the permissions.

  alblab aws up            # build it, for four hours
  alblab run --lab aws     # the scenarios of the embedded lab, for real
  alblab aws down          # take it down`

func awsCommand(a *app) *cobra.Command {
	return parent("aws", "The lab in an AWS account: up, status, down, sweep, policies", awsHelp,
		awsUpCommand(a), awsStatusCommand(a), awsDownCommand(a), awsSweepCommand(a), awsPoliciesCommand(a))
}

// account says which AWS is meant.
type accountFlags struct{ profile, region, endpoint string }

func (f *accountFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.profile, "profile", "", "AWS profile `NAME` (else AWS_PROFILE)")
	fl.StringVar(&f.region, "region", "", "AWS `REGION` (else AWS_REGION, or the profile's)")
	fl.StringVar(&f.endpoint, "endpoint-url", "", "call `URL` instead of AWS: 'alblab serve --aws-api'")
}

// config loads the AWS configuration; region is used where none is given. Calls that go elsewhere than to AWS without --endpoint-url
// are said.
func (f *accountFlags) config(ctx context.Context, a *app, region string) (aws.Config, error) {
	o := &aws.ConfigOptions{Region: f.region, Profile: f.profile, Endpoint: f.endpoint}
	if o.Region == "" {
		o.Region = region
	}
	c, err := aws.LoadConfig(ctx, o)
	if err != nil {
		return aws.Config{}, awsError(err)
	}
	clients := aws.NewClients(c)
	a.warnEndpoint(clients, f.endpoint)
	return aws.Config{AWS: c, Clients: clients}, nil
}

// warnEndpoint says where calls go if not to AWS and not by the flag: a left-over AWS_ENDPOINT_URL makes an emulator's answer look
// like the account's.
func (a *app) warnEndpoint(c *aws.Clients, flag string) {
	if c.Endpoint != "" && flag == "" {
		a.warn("calls go to %s, not to AWS: AWS_ENDPOINT_URL is set, or endpoint_url in ~/.aws/config", c.Endpoint)
	}
}

// awsError gives an error of lab/aws its hint.
func awsError(err error) error {
	if err == nil {
		return nil
	}
	var p *problem
	if errors.As(err, &p) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("interrupted: %w", firstLine(err))
	}
	if h := aws.Hint(err); h != "" {
		return hint(err, "%s", h)
	}
	return err
}

// stateDir is where a lab's state is kept unless the user says otherwise.
func stateDir(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return "", hint(fmt.Errorf("finding a folder for the lab's state: %w", err), "name one with --dir")
	}
	return filepath.Join(base, "alblab", "aws"), nil
}

func dirFlag(fl *pflag.FlagSet, dir *string) {
	fl.StringVar(dir, "dir", "", "the lab's `FOLDER`: state, certificates, outputs (default alblab/aws in the user's configuration)")
}

// readOutputs reads an outputs file, or the one of the lab that is up.
func readOutputs(name, dir string) (aws.Outputs, string, error) {
	if name == "" {
		d, err := stateDir(dir)
		if err != nil {
			return aws.Outputs{}, "", err
		}
		name = filepath.Join(d, "outputs.json")
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return aws.Outputs{}, name, hint(fmt.Errorf("no lab is up: there is no %s", name), "'alblab aws up' builds one; --outputs names the outputs of a lab that was built otherwise")
	}
	if err != nil {
		return aws.Outputs{}, name, err
	}
	defer f.Close()
	o, err := aws.ReadOutputs(f)
	return o, name, awsError(err)
}

// printCheck prints what was checked, and the first thing that forbids the run as an error.
func (a *app) printCheck(r *aws.CheckReport) error {
	for _, i := range r.Items {
		word := "ok"
		if !i.OK {
			word = "no"
		}
		fmt.Fprintf(a.err, "%-2s  %-12s  %s\n", word, i.Name, i.Text)
	}
	return awsError(r.Err())
}
