package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
)

const analyzeHelp = `Read evidence and say which clients failed, why, and what the findings rest on.

Give a folder or files: a bundle of 'alblab run --out' or 'alblab serve --out',
or real AWS logs as they come: VPC flow logs (text or Parquet), ALB access and
connection logs, AWS WAF logs, CloudWatch metrics, packet captures; gzip, S3
folders, the JSON of 'aws logs filter-log-events', exports of CloudWatch Logs.
The format is recognised by content. - is standard input.

With --listener you say which security policy a port has: then the findings name
the cure. A port alone says that there is a listener, and no cure is claimed. A
bundle of alblab says so itself, also for files given with it; what lies in its
folder and is not in its manifest is named, not read.

Exit code: 0 if the evidence could be read, 2 if not. Damaged lines are counted
and warned of; with --strict they give 2.`

func analyzeCommand(a *app) *cobra.Command {
	var (
		listeners  []string
		flowFormat string
		strict     bool
	)
	cmd := &cobra.Command{
		Use:   "analyze DIR|FILE|-...",
		Short: "Say who failed and why, from logs and captures",
		Long:  analyzeHelp,
		Example: `  alblab analyze ./bundle
  alblab analyze ./AWSLogs --listener 443=TLS13-1-2-2021-06
  alblab analyze access.log.gz conn.log.gz --listener 443=2016-08,mtls=verify
  alblab analyze flow.txt --flow-format '${version} ${srcaddr} ${dstaddr} ...'
  aws logs filter-log-events --log-group-name NAME | alblab analyze -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, errors.New("say what to analyze: a folder, or files"))
			}
			return nil
		},
	}
	f := formatFlag(cmd, "text", "json")
	cmd.Flags().StringArrayVar(&listeners, "listener", nil, "what a port has, as `PORT[=POLICY]`, with ,mtls=verify or ,cert=rsa behind it where that is so; may be repeated")
	cmd.Flags().StringVar(&flowFormat, "flow-format", "", "`format` of flow logs that have no header row, as in AWS: '${version} ${account-id} ...'")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 2 if a record is damaged")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := analyzeOptions(listeners, flowFormat)
		if err != nil {
			return usageError(cmd, err)
		}
		in, err := a.spool(cmd.Context(), args)
		if err != nil {
			return err
		}
		defer in.close()
		b, err := openEvidence(in.shown, in.paths)
		if err != nil {
			return err
		}
		stop := a.spin("reading")
		r, err := analyzers.Run(cmd.Context(), b, signatures.All(), o)
		stop()
		if err != nil {
			return err
		}
		if err := a.printAnalysis(r, f.value, strict); err != nil {
			return err
		}
		return unread(r)
	}
	return cmd
}

// printAnalysis prints the report and warns of damage.
func (a *app) printAnalysis(r *analyzers.Report, format string, strict bool) error {
	var err error
	if format == "json" {
		err = a.json(r)
	} else {
		err = r.WriteText(a.out)
	}
	if err != nil {
		return err
	}
	if err := a.out.Flush(); err != nil {
		return err
	}
	shown := r.Problems[:min(len(r.Problems), fewWarnings)]
	for _, p := range shown {
		a.warn("%v", p)
	}
	if more := r.Damaged - len(shown); more > 0 {
		a.warn("and %d more", more)
	}
	if strict && r.Damaged > 0 {
		return errors.New(plural(r.Damaged, "damaged record"))
	}
	return nil
}

// unread is an error if a flow log without header row has lines and none of them is a record, or if damage is all that there is.
func unread(r *analyzers.Report) error {
	records, damaged := 0, 0
	for _, l := range r.Files {
		records += l.Records
		if l.Damaged {
			damaged++
		}
		if l.Headerless == 0 || l.Records > 0 || l.Problems == 0 || l.Damaged {
			continue
		}
		return hint(fmt.Errorf("no line of %s has the default format of flow logs, and there is no header row", l.File),
			"say its format with --flow-format '${version} ...', as the flow log's details in AWS show it")
	}
	switch {
	case records > 0 || r.Damaged == 0:
		return nil
	case damaged > 0:
		return hint(errors.New("no record could be read: "+r.Problems[0].Error()), "fetch the file again: it was cut or changed")
	}
	return fmt.Errorf("no record could be read: %w", r.Problems[0])
}

// openEvidence opens what the user names, and says what to do if there is nothing in it. shown has other names of paths, or is nil.
func openEvidence(shown map[string]string, paths []string) (*evidence.Bundle, error) {
	b, err := evidence.OpenPathsAs(shown, paths...)
	var manifest *evidence.ManifestError
	switch {
	case errors.As(err, &manifest):
		return nil, hint(err, "its logs may be whole: name the files, and the listeners with --listener")
	case errors.Is(err, fs.ErrNotExist):
		return nil, hint(err, "check the path")
	case err != nil:
		return nil, err
	}
	for i, s := range b.Skipped {
		if s.Bundle() {
			b.Skipped[i].Reason += ": alblab analyze " + filepath.Join(paths[0], s.Name)
		}
	}
	if len(b.Manifest.Files) > 0 {
		return b, nil
	}
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = cmp.Or(shown[p], p)
	}
	err = fmt.Errorf("no evidence in %s", strings.Join(names, ", "))
	if n := len(b.Skipped); n == 1 {
		err = fmt.Errorf("%w: %s", err, b.Skipped[0].Reason)
	} else if n > 1 {
		err = fmt.Errorf("%w: %s: %s, and %d more", err, b.Skipped[0].Name, b.Skipped[0].Reason, n-1)
	}
	switch {
	case skippedOnly(b, evidence.Skipped.Damaged):
		return nil, hint(err, "fetch the file again: it is empty or was cut")
	case skippedOnly(b, evidence.Skipped.NoEvents):
		return nil, hint(err, "CloudWatch Logs found none: ask for another time, log group or filter pattern")
	case skippedOnly(b, evidence.Skipped.Denied):
		return nil, hint(err, "you may not read it: check its permissions")
	}
	return nil, hint(err, "flow logs without a header row need --flow-format unless they have the default format")
}

// skippedOnly reports whether nothing was recognised for one reason alone.
func skippedOnly(b *evidence.Bundle, is func(evidence.Skipped) bool) bool {
	for _, s := range b.Skipped {
		if !is(s) {
			return false
		}
	}
	return len(b.Skipped) > 0
}

func analyzeOptions(listeners []string, flowFormat string) (*analyzers.Options, error) {
	o := &analyzers.Options{Listeners: map[uint16]analyzers.Listener{}}
	if flowFormat != "" {
		if _, err := flowlog.ParseFormat(flowFormat); err != nil {
			return nil, fmt.Errorf("--flow-format: %w", err)
		}
		o.Correlate = &correlate.Options{FlowFormat: flowFormat}
	}
	for _, s := range listeners {
		port, l, err := parseListener(s)
		if _, twice := o.Listeners[port]; twice && err == nil {
			err = errors.New("the port has been given already")
		}
		if err != nil {
			return nil, fmt.Errorf("--listener %s: %w", s, err)
		}
		o.Listeners[port] = l
	}
	return o, nil
}

// parseListener reads 443=POLICY[,mtls=MODE][,cert=SET]. The policy may be left empty, or the port stand alone.
func parseListener(s string) (uint16, analyzers.Listener, error) {
	var l analyzers.Listener
	number, rest, _ := strings.Cut(s, "=")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil || port == 0 {
		return 0, l, errors.New("want PORT=POLICY, like 443=TLS13-1-2-2021-06, or a PORT alone")
	}
	parts := strings.Split(rest, ",")
	if parts[0] != "" {
		if l.Policy, err = policyByName(parts[0]); err != nil {
			return 0, l, err
		}
	}
	for _, p := range parts[1:] {
		key, value, _ := strings.Cut(p, "=")
		switch key {
		case "mtls":
			if value != "off" && value != "passthrough" && value != "verify" {
				return 0, l, fmt.Errorf("mtls is off, passthrough or verify, not %q", value)
			}
			l.MTLS = value
		case "cert":
			if l.Certs, err = parseCertSet(value); err != nil {
				return 0, l, err
			}
		default:
			return 0, l, fmt.Errorf("unknown setting %q: there are mtls and cert", key)
		}
	}
	return uint16(port), l, nil
}
