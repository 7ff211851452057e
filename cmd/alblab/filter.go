package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/filterpattern"
)

const filterHelp = `Try a filter pattern of CloudWatch Logs on a log, before it is pasted into AWS.

PATTERN is one for space-delimited events, [name, name = value, ...], as metric
filters, subscription filters and the search of a log group take it. Each event
that matches is printed with its position, then how many did.

FILE is any log with one event a line: VPC flow logs, access logs, connection
logs; plain, gzip, the JSON of 'aws logs filter-log-events', an export of a log
group to S3. A folder stands for the flow logs in it; - is standard input. The
row of names that flow logs in S3 begin with is no event. On a terminal control
characters are shown as ?; a file or a pipe gets the events as they are.

A pattern matches only events with as many fields as it names, unless it has an
ellipsis (...) for the others.`

func filterCommand(a *app) *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "filter PATTERN FILE|DIR|-...",
		Short: "Try a CloudWatch Logs filter pattern on a log",
		Long:  filterHelp,
		Example: `  # experiment 1's pattern: connections to port 443 of fewer than 5 packets
  alblab filter '[version, account, interface, srcaddr, dstaddr, srcport,
    destport="443", protocol="6", packets<5, bytes, start, end,
    action="ACCEPT", logstatus, ...]' flow.log
  alblab filter '[..., action=REJECT, status, flags]' ./bundle`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError(cmd, errors.New("want a pattern and at least one file"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 2 if a part of the input cannot be read")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := filterpattern.Parse(args[0])
		if err != nil {
			return usageError(cmd, err)
		}
		f := &filter{app: a, pattern: p}
		for _, path := range args[1:] {
			if err := f.path(path); err != nil {
				return err
			}
		}
		return f.finish(strict)
	}
	return cmd
}

// filter tries a pattern on events.
type filter struct {
	app     *app
	pattern *filterpattern.Pattern
	events  int
	matched int
	damaged int
	// The fewest and the most fields of an event, counted until one matches.
	fewest, most int
}

// path filters a file, standard input, or the flow logs of a folder.
func (f *filter) path(path string) error {
	if info, err := os.Stat(path); path != "-" && err == nil && info.IsDir() {
		b, err := evidence.OpenPaths(path)
		if err != nil {
			return err
		}
		if !b.Has(evidence.KindFlow) {
			return hint(fmt.Errorf("no flow log in %s", path), "name the files of another log")
		}
		return b.Each(evidence.KindFlow, f.read)
	}
	in, name, err := f.app.open([]string{path})
	if err != nil {
		return err
	}
	defer in.Close()
	return f.read(in, &evidence.Options{File: name})
}

// read filters one file.
func (f *filter) read(r io.Reader, o *evidence.Options) error {
	lines := evidence.NewLines(r, o)
	for first := true; ; first = false {
		event, err := lines.Next()
		var bad *evidence.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			if f.damaged++; f.damaged <= fewWarnings {
				f.app.warn("%v", bad)
			}
			continue
		case err != nil:
			return err
		}
		if first && isHeader(event) {
			continue
		}
		if err := f.event(event, evidence.Ref{File: o.File, Line: lines.Line()}); err != nil {
			return err
		}
	}
}

// isHeader reports whether a line is the row of names of a flow log.
func isHeader(line []byte) bool {
	kind, format := evidence.Detect(bytes.Clone(line), "")
	return kind == evidence.KindFlow && format != ""
}

func (f *filter) event(event []byte, at evidence.Ref) error {
	f.events++
	if f.pattern.Match(event) {
		f.matched++
		line := fmt.Sprintf("%s: %s", at, event)
		if f.app.tty {
			line = visible(line)
		}
		_, err := f.app.out.WriteString(line + "\n")
		return err
	}
	if f.matched == 0 {
		n := filterpattern.Count(event)
		if f.events == 1 {
			f.fewest = n
		}
		f.fewest, f.most = min(f.fewest, n), max(f.most, n)
	}
	return nil
}

// finish says how many events matched, and why none did if that is the number of fields.
func (f *filter) finish(strict bool) error {
	verb := "match"
	if f.matched == 1 {
		verb = "matches"
	}
	fmt.Fprintf(f.app.out, "%d of %s %s\n", f.matched, plural(f.events, "event"), verb)
	if err := f.app.out.Flush(); err != nil {
		return err
	}
	if f.damaged > fewWarnings {
		f.app.warn("and %d more", f.damaged-fewWarnings)
	}
	if words := f.fieldsHint(); words != "" {
		fmt.Fprintf(f.app.err, "alblab: hint: %s\n", words)
	}
	if strict && f.damaged > 0 {
		return errors.New(plural(f.damaged, "damaged place"))
	}
	return nil
}

// fieldsHint says that the pattern names another number of fields than every event has.
func (f *filter) fieldsHint() string {
	names := f.pattern.Names()
	if f.matched > 0 || f.events == 0 || slices.Contains(names, "...") {
		return ""
	}
	named := "the pattern names " + plural(len(names), "field")
	switch {
	case len(names) < f.fewest:
		return fmt.Sprintf("%s, the events have %s: add ', ...' before the closing ]", named, span(f.fewest, f.most))
	case len(names) > f.most:
		return fmt.Sprintf("%s, the events have %s: take fields away, or put ... in place of some", named, span(f.fewest, f.most))
	}
	return ""
}

// span is "14" or "14 to 29".
func span(low, high int) string {
	return strings.Join(slices.Compact([]string{fmt.Sprint(low), fmt.Sprint(high)}), " to ")
}
