package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

const decideHelp = `Say what a security policy answers to a ClientHello: negotiated, hello-retry or
refused, and with what or why.

Hellos are read from FILE or standard input as hex, one a line, alone or after a
name and a tab. A hello is whole TLS records (16 03 01 ...) or one handshake
message (01 ...). Empty lines and lines that begin with # are passed over.

One JSON object a line is written for each hello, and for it each policy in the
order of 'alblab list policies', with the keys hello, policy, cert, outcome,
version, cipher, group, signature_scheme, reason, detail; null where there is
none. A hello without a name is called by its line: "line 3".

Hex that is no hello gets the reason malformed-hello, as from a load balancer. A
line that is no hex is warned of and passed over; with --strict the exit code is
then 2. It is 2 too if there is no hello at all.`

func decideCommand(a *app) *cobra.Command {
	var (
		name   string
		cert   string
		strict bool
	)
	cmd := &cobra.Command{
		Use:   "decide --policy NAME|all [FILE|-]",
		Short: "Say what a policy answers to ClientHellos",
		Long:  decideHelp,
		Example: `  alblab decide --policy all hellos.txt
  alblab decide --policy TLS13-1-2-2021-06 --cert ecdsa:p384 hellos.txt
  jq -r 'select(.hello != "") | [.step, .hello] | @tsv' bundle/attempts.jsonl |
      alblab decide --policy 2016-08

  # from a capture, for hellos that lie in one segment each:
  tshark -r capture.pcap -Y tls.handshake.type==1 -T fields -e tcp.payload |
      alblab decide --policy all -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(cmd, fmt.Errorf("want one file, got %d", len(args)))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "policy", "", "`NAME` of a security policy, or all")
	cmd.Flags().StringVar(&cert, "cert", "both", "the load balancer's certificates: rsa, ecdsa, both, rsa:3072:sha384, ecdsa:p384, ...")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 2 if a line is damaged")
	_ = cmd.RegisterFlagCompletionFunc("policy", policyNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := newDecider(a, name, cert)
		if err != nil {
			return usageError(cmd, err)
		}
		in, file, err := a.open(args)
		if err != nil {
			return err
		}
		defer in.Close()
		damaged, err := d.all(in, file)
		switch {
		case err != nil:
			return err
		case strict && damaged > 0:
			return errors.New(plural(damaged, "damaged line"))
		case d.hellos == 0 && damaged > 0:
			return hint(fmt.Errorf("no hello in %s: %s", file, plural(damaged, "damaged line")), "want hex, one hello a line, alone or after a name and a tab")
		case d.hellos == 0:
			return hint(fmt.Errorf("no hello in %s", file), "want hex, one hello a line, alone or after a name and a tab")
		}
		return nil
	}
	return cmd
}

// open opens the one input file, or standard input.
func (a *app) open(args []string) (io.ReadCloser, string, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(a.in), "standard input", nil
	}
	f, err := os.Open(args[0])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", hint(err, "check the path, or give - to read standard input")
	}
	if err != nil {
		return nil, "", err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close() // nothing was written
		return nil, "", hint(fmt.Errorf("%s is a folder", args[0]), "give a file, or - to read standard input")
	}
	return f, args[0], nil
}

// decider asks policies about hellos.
type decider struct {
	app      *app
	policies []*policy.Policy
	names    [][]byte // of the policies, quoted
	certs    policy.CertSet
	cert     []byte // quoted
	out      *bufio.Writer
	line     []byte
	hellos   int
}

func newDecider(a *app, name, cert string) (*decider, error) {
	d := &decider{app: a, out: a.out, cert: appendQuoted(nil, cert)}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "":
		return nil, hint(errors.New("--policy is missing: the name of one policy, or all"), listPoliciesHint)
	case "all":
		d.policies = policy.All()
	default:
		p, err := policyByName(name)
		if err != nil {
			return nil, hint(err, "--policy wants one policy, or all; "+listPoliciesHint)
		}
		d.policies = []*policy.Policy{p}
	}
	for _, p := range d.policies {
		d.names = append(d.names, appendQuoted(nil, p.Name))
	}
	var err error
	d.certs, err = parseCertSet(cert)
	return d, err
}

// all answers every hello of the input and returns the number of damaged lines.
func (d *decider) all(in io.Reader, file string) (damaged int, err error) {
	lines := evidence.NewLines(in, &evidence.Options{File: file})
	for {
		line, err := lines.Next()
		var bad *evidence.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if damaged > fewWarnings {
				d.app.warn("and %d more", damaged-fewWarnings)
			}
			return damaged, nil
		case errors.As(err, &bad):
		case err != nil:
			return damaged, err
		}
		var h *helloLine
		if bad == nil {
			if h, err = parseHelloLine(line); err != nil {
				bad = lines.Damaged("", err.Error())
			}
		}
		if bad != nil {
			if damaged++; damaged <= fewWarnings {
				d.app.warn("%v", bad)
			}
			continue
		}
		if h == nil {
			continue
		}
		if h.name == "" {
			h.name = fmt.Sprintf("line %d", lines.Line())
		}
		if err := d.one(h); err != nil {
			return damaged, err
		}
	}
}

// one answers one hello.
func (d *decider) one(h *helloLine) error {
	d.hellos++
	hello, perr := wire.ParseHello(h.data)
	name := appendQuoted(nil, h.name)
	for i, p := range d.policies {
		dec := policy.Decision{Outcome: policy.Refused, Reason: policy.ReasonMalformed, Cert: -1}
		detail := ""
		if perr != nil {
			detail = perr.Error()
		} else if dec = p.Decide(hello, d.certs); dec.Outcome == policy.Refused {
			detail = policy.Detail(p, hello, d.certs, dec)
		}
		d.line = appendDecision(d.line[:0], name, d.names[i], d.cert, dec, detail)
		if _, err := d.out.Write(d.line); err != nil {
			return err
		}
	}
	return nil
}
