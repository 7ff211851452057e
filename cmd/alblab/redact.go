package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/redact"
	"github.com/alblab/alblab/lab/evidence"
)

const redactHelp = `Make evidence that can be shown to others: a copy of a bundle, or of files and
folders of logs and captures, in which

  addresses  become others, so that two of one network stay in one network, and
             private ones stay private
  names      host names (SNI too), load balancers, subjects of certificates,
             paths and query strings become others of the same length
  numbers    accounts, serials, trace ids, ARNs and MAC addresses as well
  content    of packets is zero, but for TLS in clear and the head of HTTP

Bundles in folders below are redacted into folders below the copy.

The same becomes the same everywhere, and 'alblab analyze' finds in the copy
what it finds in the original. Times, ports, policies, cipher suites and
fingerprints stay. The key is random and forgotten, unless --key names one: then
copies of two days can be compared.

What is not known is refused, not copied; report.json is left out ('alblab
analyze' makes one). Lines that are damaged keep their place, not their content.
Look at the result before you give it away.`

func redactCommand(a *app) *cobra.Command {
	var out, key string
	var o redact.Options
	cmd := &cobra.Command{
		Use:   "redact INPUT... --out DIR",
		Short: "Make a copy of evidence that can be shown to others",
		Long:  redactHelp,
		Example: `  alblab redact evidence --out evidence-redacted
  head -c 32 /dev/urandom > key
  alblab redact ./my-logs capture.pcap --out shared --key key --user-agents`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, errors.New("say which bundle, files or folders"))
			}
			if out == "" {
				return usageError(cmd, errors.New("--out is missing: the folder for the copy"))
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&out, "out", "o", "", "write the copy to `DIR`, which must be new or empty")
	fl.StringVar(&key, "key", "", "replace by the key in `FILE` (16 bytes or more), so that other copies fit this one")
	fl.BoolVar(&o.UserAgents, "user-agents", false, "replace user agents too")
	fl.BoolVar(&o.LeaveOut, "leave-out-unknown", false, "leave out files that are not known, in place of refusing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if o.Key, err = redactKey(key); err != nil {
			return err
		}
		b, err := evidence.OpenPaths(args...)
		if err != nil {
			return err
		}
		_, before := os.Stat(out)
		if err := checkOutDir(out); err != nil {
			return err
		}
		stats, err := redact.Bundle(cmd.Context(), b, out, o)
		if err != nil && before != nil {
			_ = os.Remove(out) // which is empty, or stays
		}
		var unknown *redact.UnknownError
		if errors.As(err, &unknown) {
			return hint(err, "move them away, or say --leave-out-unknown")
		}
		if err != nil {
			return err
		}
		a.printRedacted(stats, out)
		return nil
	}
	return cmd
}

// redactKey reads the key, or makes one that nobody keeps.
func redactKey(file string) ([]byte, error) {
	if file == "" {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	}
	key, err := os.ReadFile(file)
	if err == nil && len(key) < 16 {
		err = fmt.Errorf("the key in %s has %d bytes, it needs 16", file, len(key))
	}
	return key, hint(err, "head -c 32 /dev/urandom > %s makes one", shellQuote(file))
}

func (a *app) printRedacted(s *redact.Stats, out string) {
	t := a.newTable("file", "copy", "records", "damaged")
	for _, f := range s.Files {
		damaged := "-"
		if f.Damaged > 0 {
			damaged = fmt.Sprint(f.Damaged)
		}
		t.AppendRow([]any{cut(f.From, 30), cut(f.To, 30), f.Records, damaged})
	}
	fmt.Fprintln(a.out, t.Render())
	if len(s.LeftOut) > 0 {
		a.warn("left out: %s", strings.Join(s.LeftOut, ", "))
	}
	fmt.Fprintf(a.out, "\nThe copy is in %s. Look at it before you give it away.\n", out)
}
