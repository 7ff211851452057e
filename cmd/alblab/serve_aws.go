package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/embedded"
)

const serveAWSHelp = `
With --aws-api the lab also answers AWS's API, with its own state and evidence:
Elastic Load Balancing, CloudWatch and its logs, S3, WAF, EC2, STS, tags. Point
the AWS CLI, or any SDK, at it with --endpoint-url; any credentials will do.
Evidence comes as late as AWS delivers it, unless --delivery says otherwise.
--aws-faults makes the API unkind, and "curl -X PUT -d throttle=0.2" on
/_alblab/faults changes that while it runs: throttle=SHARE, errors=SHARE,
empty-pages, page-size=N, slow=DURATION, late=KIND:DURATION, missing=KIND,
off=KIND, expired, no-mirror; a KIND is flow, access, connection, waf, metrics
or capture.`

// awsFlags are those of the API.
type awsFlags struct {
	addr, delivery, outputs, faults, flowFiles string

	when  awsapi.Delivery
	unfit awsapi.Faults
}

func (f *awsFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.addr, "aws-api", "", "answer AWS's API on loopback `ADDRESS:PORT`, such as 127.0.0.1:4566")
	fl.StringVar(&f.delivery, "delivery", "aws", "when evidence is in the API: aws (as late as AWS delivers), 0s (at once), or `DURATION` after each window")
	fl.StringVar(&f.outputs, "outputs", "", "write where everything is to `FILE`, in the form of terraform's outputs; for alblab run --lab aws")
	fl.StringVar(&f.flowFiles, "flow-files", "", "the flow log goes to S3 in files of this `FORM`, plain-text or parquet, and not to CloudWatch Logs")
	fl.StringVar(&f.faults, "aws-faults", "", "`FAULTS` of the API, such as throttle=0.2,late=flow:10m")
}

// check reads the flags' values.
func (f *awsFlags) check(cmd *cobra.Command, allowRemote bool) (err error) {
	if f.addr == "" {
		for _, name := range []string{"delivery", "outputs", "aws-faults", "flow-files"} {
			if cmd.Flags().Changed(name) {
				return usageError(cmd, fmt.Errorf("--%s needs --aws-api", name))
			}
		}
		return nil
	}
	if f.when, err = awsapi.ParseDelivery(f.delivery); err != nil {
		return usageError(cmd, fmt.Errorf("--delivery: %w", err))
	}
	if f.flowFiles != "" && f.flowFiles != "plain-text" && f.flowFiles != "parquet" {
		return usageError(cmd, fmt.Errorf("--flow-files is plain-text or parquet, not %q", f.flowFiles))
	}
	if f.unfit, err = awsapi.ParseFaults(f.faults); err != nil {
		return usageError(cmd, fmt.Errorf("--aws-faults: %w", err))
	}
	return checkLoopback("--aws-api", f.addr, allowRemote)
}

// awsDoor is the API on its address.
type awsDoor struct {
	server   *http.Server
	listener net.Listener
}

// openAWS makes the API, and writes the outputs. It returns nil if none is asked for.
func (a *app) openAWS(l *embedded.Lab, doors []door, f *serveFlags, p *printer) (*awsDoor, error) {
	if f.aws.addr == "" {
		return nil, nil
	}
	logger := slog.New(&warner{app: a})
	api := awsapi.New(l, &awsapi.Options{
		Delivery: &f.aws.when, Faults: f.aws.unfit, Wall: time.Now, Seed: f.seed, Logger: logger,
		Modified: func(string) { p.know(l) }, FlowFiles: f.aws.flowFiles,
	})
	at, err := listenAWS(f)
	if err != nil {
		return nil, err
	}
	d := &awsDoor{listener: at, server: &http.Server{
		Handler: api, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}}
	if err := writeOutputs(api, doors, f.aws.outputs); err != nil {
		return nil, errors.Join(err, at.Close())
	}
	return d, nil
}

func listenAWS(f *serveFlags) (net.Listener, error) {
	at, err := net.Listen("tcp", f.aws.addr)
	if err != nil {
		return nil, hint(fmt.Errorf("--aws-api: %w", err), "choose another; port 0 is any free one")
	}
	return at, nil
}

// writeOutputs writes the outputs with the endpoints that clients here reach. It does nothing without a file.
func writeOutputs(api *awsapi.Server, doors []door, file string) error {
	if file == "" {
		return nil
	}
	endpoints := map[string]string{}
	for _, d := range doors {
		if endpoints[d.name] == "" {
			endpoints[d.name] = d.gateway.Addr().String()
		}
	}
	o, err := api.Outputs(endpoints)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := o.Write(&b); err != nil {
		return err
	}
	// Whole or not at all: somebody may wait for the file to appear.
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return fmt.Errorf("--outputs: %w", err)
	}
	_, err = tmp.Write(b.Bytes())
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("--outputs: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// serve answers until it is closed.
func (d *awsDoor) serve() error {
	if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answering AWS's API: %w", err)
	}
	return nil
}

// close ends the API; calls that are under way may finish. A nil door has nothing to end.
func (d *awsDoor) close() error {
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		return d.server.Close()
	}
	return nil
}

// banner says where the API is and what to try.
func (d *awsDoor) banner(a *app, f *awsFlags) {
	if d == nil {
		return
	}
	url := "http://" + d.listener.Addr().String()
	fmt.Fprintf(a.out, "AWS's API is on %s (us-east-1; evidence: %s)\ntry:\n", url, f.when)
	fmt.Fprintf(a.out, "  export AWS_ACCESS_KEY_ID=lab AWS_SECRET_ACCESS_KEY=lab AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1\n")
	fmt.Fprintf(a.out, "  aws --endpoint-url %s elbv2 describe-load-balancers\n", url)
	fmt.Fprintf(a.out, "  aws --endpoint-url %s s3 ls --recursive s3://alblab-logs-111122223333\n", url)
	if f.outputs != "" {
		fmt.Fprintf(a.out, "outputs are in %s\n", f.outputs)
	}
}
