package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

const probeHelp = `Be one client at a server, and tell what happened: what its hello offered, what
went over the wire and when, how it ended, and how curl would have put it.

NAME is a client of the catalogue ("Java 8u31", "Chrome 133 (uTLS)"), one of the
shapes of 'alblab list clients' (curl, tls12-only, pq, silent, ...), or of your
own catalogue with --catalog.

The server's certificate is not looked at, unless --cacert says whom to trust. A
client certificate is sent only if the server asks for one. In TLS 1.3 a client
is done before the server has judged its certificate: with --path a request is
sent, which brings out the truth.`

// probeFlags are what the user asks for.
type probeFlags struct {
	as, tlsMax, cert, key, cacert, serverName, catalog, path string
	timeout                                                  time.Duration
}

func probeCommand(a *app) *cobra.Command {
	var f probeFlags
	cmd := &cobra.Command{
		Use:   "probe HOST:PORT",
		Short: "Be one client at a server, and tell what happened, step by step",
		Long:  probeHelp,
		Example: `  alblab probe 127.0.0.1:8443 --as curl --tls-max 1.1
  alblab probe www.example.com:443 --as "Java 8u31"
  alblab probe 127.0.0.1:8443 --cert client.crt --key client.key --path /`,
		Args: exactly(1, "one server, HOST:PORT"),
	}
	fl := cmd.Flags()
	fl.StringVar(&f.as, "as", "curl", "client to be, by `NAME`")
	fl.StringVar(&f.tlsMax, "tls-max", "", "highest `VERSION` to offer: 1.0, 1.1, 1.2 or 1.3")
	fl.StringVar(&f.cert, "cert", "", "client certificate (with its chain) as PEM in `FILE`")
	fl.StringVar(&f.key, "key", "", "its private key as PEM in `FILE`; the certificate's file if not said")
	fl.StringVar(&f.cacert, "cacert", "", "trust only the authorities in `FILE` (PEM)")
	fl.StringVar(&f.serverName, "servername", "", "`NAME` to ask for (SNI), in place of HOST")
	fl.StringVar(&f.catalog, "catalog", "", "look for NAME in `DIR` too, a catalogue of one's own")
	fl.StringVar(&f.path, "path", "", "send a request for `PATH` after the handshake")
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait")
	out := formatFlag(cmd, "text", "json")
	_ = cmd.RegisterFlagCompletionFunc("as", clientNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.timeout <= 0 {
			return usageError(cmd, errors.New("--timeout must be more than nothing"))
		}
		p, err := f.prepare(a)
		if err != nil {
			return err
		}
		if p.endpoint, err = resolveEndpoint(cmd.Context(), args[0]); err != nil {
			return err
		}
		if err := p.run(cmd.Context(), f.timeout); err != nil {
			return err
		}
		return a.printProbe(p, out.value)
	}
	return cmd
}

// probe is one client at one server.
type probe struct {
	endpoint  *endpoint
	profile   *clients.Profile
	client    *catalog.Client // nil: a built-in shape
	call      clients.Call
	connected time.Duration // 0: no connection
	attempt   clients.Attempt
	events    []clients.Event
	incapable string // what the server chose and the stand-in cannot do
}

// prepare reads what the flags name.
func (f *probeFlags) prepare(a *app) (*probe, error) {
	p := &probe{call: clients.Call{ServerName: f.serverName}}
	var limit wire.Version
	if f.tlsMax != "" {
		var ok bool
		limit, ok = map[string]wire.Version{"1.0": wire.TLS10, "1.1": wire.TLS11, "1.2": wire.TLS12, "1.3": wire.TLS13}[strings.TrimPrefix(f.tlsMax, "TLSv")]
		if !ok {
			return nil, fmt.Errorf("--tls-max is 1.0, 1.1, 1.2 or 1.3, not %q", f.tlsMax)
		}
	}
	if err := f.find(p, limit); err != nil {
		return nil, err
	}
	if f.path != "" {
		if !strings.HasPrefix(f.path, "/") {
			return nil, fmt.Errorf("--path %q does not begin with /", f.path)
		}
		p.call.Requests = []clients.Request{{Path: f.path}}
	}
	if f.cacert != "" {
		pem, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		p.call.Roots = x509.NewCertPool()
		if !p.call.Roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert %s: no certificate (PEM) in it", f.cacert)
		}
	}
	return p, f.certificate(a, p)
}

func (f *probeFlags) certificate(a *app, p *probe) error {
	if f.cert == "" {
		if f.key != "" {
			return errors.New("--key without --cert")
		}
		return nil
	}
	key := f.key
	if key == "" {
		key = f.cert
	}
	cert, err := pki.LoadPair(f.cert, key) // bad ones too: what a server says of them is what one wants to know
	if err != nil {
		return fmt.Errorf("--cert %s: %w", f.cert, err)
	}
	switch {
	case cert.Leaf == nil:
		a.warn("--cert %s: the certificate cannot be parsed; it is used all the same", f.cert)
	case !pki.Fits(&cert):
		a.warn("--cert %s: the key does not belong to the certificate; they are used all the same", f.cert)
	}
	p.call.Certificate = &cert
	return nil
}

// find looks for the client: a shape of ours, the user's catalogue, the built-in one.
func (f *probeFlags) find(p *probe, limit wire.Version) error {
	var err error
	if p.profile, err = clients.ByName(f.as); err == nil {
		return limitProfile(p.profile, limit)
	}
	all := catalog.All()
	if f.catalog != "" {
		own, err := catalog.Load(f.catalog)
		if len(own) == 0 {
			return err
		}
		all = append(own, all...)
	}
	if p.client, err = catalog.Find(all, f.as); err != nil {
		return hint(err, "'alblab list clients' names them all")
	}
	if limit != 0 {
		if p.client, err = p.client.Limit(limit); err != nil {
			return fmt.Errorf("--tls-max: %w", err)
		}
	}
	return nil
}

// limitProfile is curl's --tls-max for a shape.
func limitProfile(p *clients.Profile, limit wire.Version) error {
	if limit == 0 || p.MaxVersion != 0 && p.MaxVersion <= limit {
		return nil
	}
	if p.Kind != clients.KindTLS {
		return fmt.Errorf("--tls-max: %s sends what it sends", p.Name)
	}
	p.MaxVersion = limit
	if limit < wire.TLS13 {
		p.KeyShares = nil
	}
	return hint(p.Validate(), "leave out --tls-max, or choose another client")
}

// run makes the connection. What the server does is a result; an error means that the attempt could not be made.
func (p *probe) run(ctx context.Context, timeout time.Duration) error {
	if p.call.ServerName == "" {
		p.call.ServerName = p.endpoint.host
	}
	if p.client != nil {
		var err error
		if p.profile, err = p.client.Profile(p.call.ServerName); err != nil {
			return err
		}
	}
	p.call.Profile = p.profile
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	p.call.Time = time.Now()
	conn, err := p.endpoint.dial(ctx)
	took := time.Since(p.call.Time)
	if err != nil {
		p.attempt, err = clients.Unreachable(p.call, p.endpoint.addr, err, took)
		return err
	}
	p.connected = took
	trace := clients.NewTrace(conn, p.call.Time)
	p.attempt, err = clients.Do(ctx, trace, p.call)
	p.events = trace.Events()
	var incapable *clients.IncapableError
	if errors.As(err, &incapable) {
		p.incapable, err = incapable.Why, nil
	}
	return err
}
