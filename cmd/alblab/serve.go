package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab"
)

const serveHelp = `Let real clients into the lab: curl, a browser, your own program.

The load balancer listens on this machine's loopback addresses only. Each
connection is relayed into the lab's network, packet by packet visible there,
and what ends it there ends it here: a reset is a reset. Commands to try are
printed at the start, with the certificates that they need.

For each connection that ends a line says who it was, what it offered, what
became of it and what would cure it; flow log records follow when their window
of 60 seconds closes, and on Ctrl-C. With --out all the evidence is kept.

It is a laboratory: its keys are fresh at every start, and it must never stand
before anything that matters.
` + serveAWSHelp

// serveFlags are what the user asks for.
type serveFlags struct {
	policy, cert, mtls, spec, out, capture string
	listen                                 []string
	allowRemote                            bool
	seed                                   uint64
	aws                                    awsFlags
}

func serveCommand(a *app) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Let real clients (curl, browsers) talk to the load balancer",
		Long:  serveHelp,
		Example: `  alblab serve
  alblab serve --policy FS-1-2-Res-2020-10    # then: curl --tls-max 1.1 -v ...
  alblab serve --mtls verify --out ./bundle
  alblab serve --listen 127.0.0.1:0 --listen '[::1]:0'
  alblab serve --aws-api 127.0.0.1:4566 --delivery 0s --outputs outputs.json`,
		Args: exactly(0, "no arguments"),
	}
	fl := cmd.Flags()
	fl.StringVar(&f.policy, "policy", "TLS13-1-2-2021-06", "security policy, by `NAME`")
	fl.StringVar(&f.cert, "cert", "both", "the load balancer's certificates: rsa, ecdsa, both, rsa:3072, ...; an RSA key delays the first client that needs it")
	fl.StringVar(&f.mtls, "mtls", "off", "client certificates: off, verify or passthrough")
	fl.StringArrayVar(&f.listen, "listen", []string{"127.0.0.1:8443"}, "loopback `ADDRESS:PORT`, port 0 is any free one; may be repeated")
	fl.StringVar(&f.spec, "spec", "", "lab description as JSON in `FILE`, in place of --policy, --cert and --mtls; listeners get ports from --listen upwards")
	fl.StringVar(&f.out, "out", "", "keep the evidence in `DIR`, which must be new or empty")
	fl.StringVar(&f.capture, "capture", "full", "packets to keep with --out or --aws-api: full, hello or off")
	fl.BoolVar(&f.allowRemote, "allow-remote", false, "allow --listen on addresses that other machines can reach")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the lab")
	f.aws.add(fl)
	_ = cmd.RegisterFlagCompletionFunc("policy", policyNames)
	_ = cmd.RegisterFlagCompletionFunc("mtls", cobra.FixedCompletions([]cobra.Completion{"off", "verify", "passthrough"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("capture", cobra.FixedCompletions([]cobra.Completion{"full", "hello", "off"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.spec != "" && (fl.Changed("policy") || fl.Changed("cert") || fl.Changed("mtls")) {
			return usageError(cmd, errors.New("--spec says policy, certificates and mtls itself: leave out --policy, --cert and --mtls"))
		}
		if f.aws.addr != "" && f.out == "" && !fl.Changed("capture") {
			f.capture = "hello" // it is kept in memory, with all other evidence
		}
		spec, err := f.labSpec()
		if err != nil {
			return usageError(cmd, err)
		}
		if err := f.checkListen(); err != nil {
			return err
		}
		if err := f.aws.check(cmd, f.allowRemote); err != nil {
			return err
		}
		if err := checkOutDir(f.out); err != nil {
			return err
		}
		return a.serve(cmd.Context(), spec, &f)
	}
	return cmd
}

// labSpec makes the lab's description from --spec or from the flags.
func (f *serveFlags) labSpec() (lab.Spec, error) {
	if f.capture != "full" && f.capture != "hello" && f.capture != "off" {
		return lab.Spec{}, fmt.Errorf("--capture is full, hello or off, not %q", f.capture)
	}
	spec := lab.Spec{}
	if f.spec != "" {
		var err error
		if spec, err = readSpec(f.spec); err != nil {
			return spec, err
		}
	} else {
		p, err := policyByName(f.policy)
		if err != nil {
			return spec, err
		}
		if _, err := parseCertSet(f.cert); err != nil {
			return spec, err
		}
		l := lab.Listener{Port: 443, SSLPolicy: p.Name, Certificate: f.cert, MTLSMode: f.mtls}
		switch f.mtls {
		case "off", "verify":
		case "passthrough":
			l.DefaultAction.Type = "forward" // the target echoes the headers that it gets
		default:
			return spec, fmt.Errorf("--mtls is off, verify or passthrough, not %q", f.mtls)
		}
		spec.Listeners = map[string]lab.Listener{"https": l}
		// Experiment 2's question, whether a request reaches the web ACL, needs one.
		spec.WAF = &lab.WAF{IPReputation: true, BlockForwardedIPs: []netip.Prefix{blockedForwarded}}
	}
	e := lab.Embedded{Seed: f.seed}
	if spec.Embedded != nil {
		e = *spec.Embedded
	}
	if f.out == "" && f.aws.addr == "" {
		e.Capture = "off" // nobody would see it, and memory would fill
	} else if e.Capture == "" {
		e.Capture = f.capture
	}
	spec.Embedded = &e
	return spec, nil
}

// blockedForwarded is what the default web ACL blocks (RFC 5737).
var blockedForwarded = netip.MustParsePrefix("192.0.2.66/32")

// readSpec reads a lab.Spec from a file.
func readSpec(path string) (lab.Spec, error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return lab.Spec{}, fmt.Errorf("--spec: no file %s", path)
	case err != nil:
		return lab.Spec{}, fmt.Errorf("--spec: %w", err)
	}
	return decodeSpec(path, b)
}

// decodeSpec reads a lab.Spec. Unknown fields are errors: a misspelt one would change nothing, silently.
func decodeSpec(path string, b []byte) (lab.Spec, error) {
	var spec lab.Spec
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(&spec)
	if err == nil && d.More() {
		err = errors.New("more than one JSON value")
	}
	if err == nil {
		return spec, nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("the file ends in the middle")
	}
	at := d.InputOffset()
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		at, err = wrong.Offset, wrongType(b, wrong)
	}
	line := bytes.Count(b[:min(int(at), len(b))], []byte("\n")) + 1
	return lab.Spec{}, fmt.Errorf("--spec: %s:%d: %w", path, line, err)
}

// checkListen refuses addresses that other machines can reach, unless that is wanted.
func (f *serveFlags) checkListen() error {
	if len(f.listen) == 0 {
		return errors.New("--listen is empty")
	}
	for _, s := range f.listen {
		if err := checkLoopback("--listen", s, f.allowRemote); err != nil {
			return err
		}
	}
	return nil
}

// checkLoopback refuses an address that other machines can reach, unless that is wanted.
func checkLoopback(flag, s string, allowRemote bool) error {
	addr, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		return hint(fmt.Errorf("%s %s: %w", flag, s, err), "want an address and a port, like 127.0.0.1:8443 or [::1]:0")
	}
	if !addr.IP.IsLoopback() && !allowRemote {
		return hint(fmt.Errorf("%s %s: other machines could reach this address", flag, s),
			"the lab is for this machine: use 127.0.0.1 or [::1], or say --allow-remote if you mean it")
	}
	return nil
}

// cleanContext is for the work after the user has said stop.
func cleanContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
}
