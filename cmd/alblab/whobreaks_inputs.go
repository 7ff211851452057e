package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/evidence"
)

// s3Flags say how to read buckets.
type s3Flags struct{ region, profile, endpoint string }

func (f *s3Flags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.region, "region", "", "AWS `REGION` for s3:// inputs, if the environment does not say")
	cmd.Flags().StringVar(&f.profile, "profile", "", "AWS `PROFILE` for s3:// inputs")
	cmd.Flags().StringVar(&f.endpoint, "endpoint-url", "", "`URL` of the S3 service for s3:// inputs, in place of AWS's")
}

// rolloutInputs are the inputs of who-breaks.
type rolloutInputs struct {
	files   []rollout.Input
	names   []string // as given
	skipped []evidence.Skipped
	others  map[evidence.Kind]int // evidence of kinds that do not tell who connected
}

// rolloutInputs opens what the user names.
func (a *app) rolloutInputs(ctx context.Context, args []string, s3 *s3Flags) (*rolloutInputs, error) {
	in := &rolloutInputs{names: args, others: map[evidence.Kind]int{}}
	var paths []string
	for _, arg := range args {
		switch {
		case arg == "-":
			if err := in.stdin(a.in); err != nil {
				return nil, err
			}
		case strings.HasPrefix(arg, "s3://"):
			if err := a.bucket(ctx, in, arg, s3); err != nil {
				return nil, err
			}
		default:
			paths = append(paths, arg)
		}
	}
	if len(paths) > 0 {
		b, err := evidence.OpenPaths(paths...)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, hint(err, "check the path")
		}
		if err != nil {
			return nil, err
		}
		in.files = append(in.files, rollout.Inputs(b)...)
		in.skipped = append(in.skipped, b.Skipped...)
		for _, f := range b.Manifest.Files {
			in.others[f.Kind]++
		}
	}
	for _, s := range in.skipped[:min(len(in.skipped), fewWarnings)] {
		a.warn("%s left out: %s", s.Name, s.Reason)
	}
	if more := len(in.skipped) - fewWarnings; more > 0 {
		a.warn("and %d more files left out", more)
	}
	if len(args) > 0 && len(in.files) == 0 {
		return nil, in.noEvidence()
	}
	return in, nil
}

// noEvidence says that no input tells who connected.
func (in *rolloutInputs) noEvidence() error {
	err := fmt.Errorf("no capture, connection log or access log in %s", strings.Join(in.names, ", "))
	if in.others[evidence.KindFlow] > 0 {
		return hint(err, "a VPC flow log does not show what was negotiated: enable the load balancer's connection logs")
	}
	return hint(err, "enable connection logs on the load balancer, or capture its traffic ('alblab help who-breaks')")
}

// nothing says that the inputs hold no connection.
func (in *rolloutInputs) nothing(t *rollout.Traffic) error {
	err := fmt.Errorf("no TLS connection in %s", strings.Join(in.names, ", "))
	switch {
	case t.Stats.Damaged > 0:
		return hint(fmt.Errorf("%w: %w", err, t.Problems[0]), "%s; is it a whole capture, or a log of a load balancer?", plural(int(t.Stats.Damaged), "damaged record"))
	case t.Stats.NotTLS > 0:
		return hint(err, "%s without TLS: is this the log of the HTTPS listener's load balancer?", plural(int(t.Stats.NotTLS), "connection"))
	}
	return hint(err, "the files are empty, or --port leaves nothing")
}

// stdin recognises what comes from standard input.
func (in *rolloutInputs) stdin(r io.Reader) error {
	const enough = 64 << 10
	r = evidence.Decompress(r)
	first := make([]byte, enough)
	n, err := io.ReadFull(r, first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("reading standard input: %w", err)
	}
	kind, _ := evidence.Detect(first[:n], "")
	switch kind {
	case evidence.KindCapture, evidence.KindMirror, evidence.KindConnection, evidence.KindAccess:
	default:
		return hint(errors.New("standard input is no capture, connection log or access log"), "give the file that AWS wrote, as it is")
	}
	whole := io.NopCloser(io.MultiReader(bytes.NewReader(first[:n]), r))
	in.files = append(in.files, rollout.Input{Kind: kind, Name: "standard input", Open: func() (io.ReadCloser, error) { return whole, nil }})
	return nil
}

// bucket adds what lies under s3://bucket/prefix.
func (a *app) bucket(ctx context.Context, in *rolloutInputs, url string, o *s3Flags) error {
	bucket, prefix, err := aws.ParseS3URL(url)
	if err != nil {
		return withAWSHint(err)
	}
	c, err := aws.LoadConfig(ctx, &aws.ConfigOptions{Region: o.region, Profile: o.profile, Endpoint: o.endpoint})
	if err != nil {
		return withAWSHint(err)
	}
	clients := aws.NewClients(c)
	a.warnEndpoint(clients, o.endpoint)
	found, skipped, err := clients.EvidenceObjects(ctx, bucket, prefix)
	if err != nil {
		return withAWSHint(err)
	}
	in.skipped = append(in.skipped, skipped...)
	for _, k := range []evidence.Kind{evidence.KindCapture, evidence.KindMirror, evidence.KindConnection, evidence.KindAccess} {
		for _, f := range found {
			if f.Kind == k {
				in.files = append(in.files, rollout.Input{Kind: k, Name: f.URL(), Open: func() (io.ReadCloser, error) { return clients.OpenObject(ctx, f.Object) }})
			}
		}
	}
	for _, f := range found {
		in.others[f.Kind]++
	}
	return nil
}

// withAWSHint turns a problem of lab/aws into one of the command.
func withAWSHint(err error) error {
	if h := aws.Hint(err); h != "" {
		return hint(err, "%s", h)
	}
	return err
}
