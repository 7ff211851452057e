package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

const simulateHelp = `Let every client of the catalogue say hello to a server, all at once: which of
them connect, with which version, cipher suite and group, and how the others are
refused. 'alblab list clients' names them: browsers from IE 6 to today's, Java,
OpenSSL, Android, bots.

Without HOST:PORT the server is a load balancer of the lab inside this process,
with the policy of --policy and the certificates of --cert.

With HOST:PORT it is any server, for instance an Application Load Balancer of
yours, or 'alblab serve'. With --policy too, what each client sees is compared
with what that policy decides of its hello; where they differ, a line says so.
Ask only servers that are yours: each client makes a connection.

Each client makes a full handshake with a hello of its own making; three that no
library can stand in for send the bytes of theirs alone. The answer of a client
that the server would have served, but its stand-in cannot, is marked *.`

// simulateFlags are what the user asks for.
type simulateFlags struct {
	policy, cert, catalog, serverName string
	globs                             []string
	parallel                          int
	timeout                           time.Duration
}

func simulateCommand(a *app) *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate [HOST:PORT]",
		Short: "Say which of some 150 real clients can connect to a server",
		Long:  simulateHelp,
		Example: `  alblab simulate --policy TLS13-1-2-2021-06
  alblab simulate --policy FS-1-2-Res-2020-10 --clients 'Java*' --clients 'IE*'
  alblab simulate www.example.com:443 --format csv
  alblab simulate 127.0.0.1:8443 --policy TLS13-1-2-2021-06   # as it should be?`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(cmd, fmt.Errorf("want one server, got %d", len(args)))
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.policy, "policy", "", "security policy, by `NAME`; of the lab's load balancer TLS13-1-2-2021-06 if not said")
	fl.StringVar(&f.cert, "cert", "both", "the load balancer's certificates: rsa, ecdsa, both, rsa:3072:sha384, ecdsa:p384, ...")
	fl.StringArrayVar(&f.globs, "clients", nil, "only clients whose names match `GLOB` (* and ?); may be repeated")
	fl.StringVar(&f.catalog, "catalog", "", "clients from `DIR` ('alblab import clients' makes one) in place of the built-in catalogue")
	fl.StringVar(&f.serverName, "servername", "", "`NAME` to ask for (SNI), in place of HOST")
	fl.IntVar(&f.parallel, "parallel", 256, "connections at a time")
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long each client waits")
	out := formatFlag(cmd, "text", "json", "csv")
	_ = cmd.RegisterFlagCompletionFunc("policy", policyNames)
	_ = cmd.RegisterFlagCompletionFunc("clients", clientNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := a.catalogue(f.catalog, f.globs)
		if err != nil {
			return err
		}
		if f.parallel < 1 || f.timeout <= 0 {
			return usageError(cmd, errors.New("--parallel and --timeout must be more than nothing"))
		}
		s := &simulation{flags: &f}
		if len(args) == 1 {
			err = s.real(cmd.Context(), args[0])
		} else {
			err = s.embedded(cmd.Context(), a)
		}
		if err != nil {
			return err
		}
		defer s.close()
		if err := s.run(cmd.Context(), a, list); err != nil {
			return err
		}
		return a.printSimulation(s, out.value)
	}
	return cmd
}

// catalogue returns the clients of a folder, or the built-in ones, that the patterns name.
func (a *app) catalogue(dir string, globs []string) ([]*catalog.Client, error) {
	all := catalog.All()
	if dir != "" {
		list, err := catalog.Load(dir)
		if len(list) == 0 && err != nil {
			return nil, hint(err, "'alblab import clients FILE --out %s' fills it", shellQuote(dir))
		}
		if err != nil {
			a.warn("%v", err)
		}
		all = list
	}
	list, err := catalog.Select(all, globs...)
	return list, hint(err, "'alblab list clients' names them all")
}

// clientNames completes a client's name.
func clientNames(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, c := range catalog.All() {
		out = append(out, c.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// simulation is one run over the catalogue.
type simulation struct {
	flags    *simulateFlags
	endpoint *endpoint
	policy   *policy.Policy // nil: nothing to compare with
	certs    policy.CertSet
	lab      *embedded.Lab // nil: a server outside
	results  []catalog.Result
	took     time.Duration
}

// real prepares for a server outside.
func (s *simulation) real(ctx context.Context, at string) (err error) {
	if s.flags.policy != "" {
		if s.policy, err = policyByName(s.flags.policy); err != nil {
			return err
		}
	}
	if s.certs, err = parseCertSet(s.flags.cert); err != nil {
		return err
	}
	s.endpoint, err = resolveEndpoint(ctx, at)
	return err
}

// embedded starts a load balancer in this process.
func (s *simulation) embedded(ctx context.Context, a *app) (err error) {
	name := s.flags.policy
	if name == "" {
		name = "TLS13-1-2-2021-06"
	}
	if s.policy, err = policyByName(name); err != nil {
		return err
	}
	if s.certs, err = parseCertSet(s.flags.cert); err != nil {
		return err
	}
	spec := lab.Spec{
		Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: s.policy.Name, Certificate: s.flags.cert}},
		Embedded:  &lab.Embedded{Seed: 1, Zones: 1, Capture: "off"},
	}
	s.lab, err = embedded.Start(ctx, spec, &embedded.Options{WallClock: true, Off: true, Logger: slog.New(&warner{app: a})})
	if err != nil {
		return err
	}
	e := s.lab.Endpoint()
	s.endpoint = &endpoint{
		name: "embedded load balancer", host: e.Host, addr: netip.AddrPortFrom(e.Addresses[0], 443),
		dial: func(ctx context.Context) (net.Conn, error) { return s.lab.Dial(ctx, lab.Vantage{}, "https") },
	}
	return nil
}

func (s *simulation) close() {
	if s.lab != nil {
		_ = s.lab.Close() // it leaves nothing behind
	}
}

// run lets the clients go. It fails if none of them could make a connection.
func (s *simulation) run(ctx context.Context, a *app, list []*catalog.Client) error {
	stop := a.spin(fmt.Sprintf("%d clients say hello to %s", len(list), s.endpoint.name))
	defer stop()
	name := s.flags.serverName
	if name == "" {
		name = s.endpoint.host
	}
	begun := time.Now()
	s.results = catalog.Simulate(ctx, s.endpoint.dial, list, &catalog.Options{
		ServerName: name, To: s.endpoint.addr, Parallel: s.flags.parallel, Timeout: s.flags.timeout,
	})
	s.took = time.Since(begun)
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	for i := range s.results {
		if s.results[i].Verdict != catalog.Failed {
			return nil
		}
	}
	return s.endpoint.unreachable(failure(&s.results[0]))
}

// failure says why a client had no connection.
func failure(r *catalog.Result) string {
	if r.Err != nil {
		return firstLine(r.Err).Error()
	}
	return r.Attempt.Outcome.Detail
}

// decided is what the policy says of a client's hello, nil where there is no policy to compare with.
func (s *simulation) decided(r *catalog.Result) *policy.Decision {
	if s.policy == nil {
		return nil
	}
	h, err := wire.ParseHello(r.Attempt.Hello)
	if err != nil {
		return nil // nothing was sent
	}
	d := s.policy.Decide(h, s.certs)
	return &d
}

// limitation says why the lab's own load balancer reset a hello that the policy accepts: no engine can answer it. "" in all other
// cases, and for servers outside.
func (s *simulation) limitation(r *catalog.Result, d *policy.Decision) string {
	if s.lab == nil || d == nil || d.Outcome == policy.Refused || r.Verdict != catalog.Refused {
		return ""
	}
	h, err := wire.ParseHello(r.Attempt.Hello)
	if err != nil {
		return ""
	}
	for _, l := range alb.Limitations() {
		if l.Is(h, *d) {
			return l.Why
		}
	}
	return ""
}

// differs reports whether a client saw something else than the policy decides.
func differs(r *catalog.Result, d *policy.Decision) bool {
	o := &r.Attempt.Outcome
	switch {
	case d == nil || r.Verdict == catalog.Failed:
		return false
	case d.Outcome == policy.Refused:
		return r.Verdict != catalog.Refused
	}
	return r.Verdict == catalog.Refused || o.Version != d.Version || o.Suite != d.Suite || o.Group != d.Group
}
