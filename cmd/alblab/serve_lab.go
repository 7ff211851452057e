package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/gateway"
	"github.com/alblab/alblab/lab/pki"
)

// stopPatience is how long connections and evidence may take to end after the user has said stop.
const stopPatience = 5 * time.Second

// door is one loopback listener of one of the lab's listeners.
type door struct {
	name    string // of the lab's listener
	gateway *gateway.Gateway
}

// serve runs the lab until the context ends.
func (a *app) serve(ctx context.Context, spec lab.Spec, f *serveFlags) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := tryDoors(spec, f); err != nil {
		return err
	}
	p := newPrinter(a, cancel)
	l, err := embedded.Start(ctx, spec, &embedded.Options{
		Dir: f.out, WallClock: true, Observe: p.connection, Flow: p.flow, Logger: slog.New(&warner{app: a}),
	})
	if err != nil {
		p.stop()
		return err
	}
	keys, removeKeys, err := writeKeys(l, spec, f.out)
	if err == nil {
		p.know(l)
		err = a.openDoors(ctx, l, spec, f, keys, p)
	}
	if c := context.Cause(ctx); c != nil && !errors.Is(c, context.Canceled) {
		err = errors.Join(err, c)
	}
	return errors.Join(err, a.finish(ctx, l, f.out, p), removeKeys())
}

// openDoors listens, tells the user, and carries connections until the context ends.
func (a *app) openDoors(ctx context.Context, l *embedded.Lab, spec lab.Spec, f *serveFlags, keys *pki.Files, p *printer) error {
	doors, err := listen(l, spec, f)
	var api *awsDoor
	if err == nil {
		api, err = a.openAWS(l, doors, f, p)
	}
	if err == nil {
		err = a.banner(doors, api, spec, f, keys)
	}
	served := make(chan error, len(doors)+1)
	if err == nil {
		p.start()
		if api != nil {
			go func() { served <- api.serve() }()
		}
		for _, d := range doors {
			go func() { served <- d.gateway.Serve() }()
		}
		select {
		case <-ctx.Done():
		case err = <-served:
		}
	}
	err = errors.Join(err, api.close())
	for _, d := range doors {
		err = errors.Join(err, d.gateway.Close())
	}
	return err
}

// listen opens a door for each listener on each address that was asked for: ports count up from the one given.
func listen(l *embedded.Lab, spec lab.Spec, f *serveFlags) ([]door, error) {
	var doors []door
	for _, at := range f.listen {
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			return doors, fmt.Errorf("--listen %s: %w", at, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return doors, hint(fmt.Errorf("--listen %s: the port is no number", at), "like 127.0.0.1:8443")
		}
		for _, name := range slices.Sorted(maps.Keys(spec.Listeners)) {
			if n > 65535 {
				return doors, fmt.Errorf("--listen %s: no port is left for listener %s", at, name)
			}
			addr := net.JoinHostPort(host, strconv.FormatUint(n, 10))
			g, err := gateway.Listen(addr, name, l, &gateway.Options{AllowRemote: f.allowRemote})
			if err != nil {
				return doors, hint(err, "choose another with --listen; port 0 is any free one")
			}
			doors = append(doors, door{name, g})
			if n != 0 {
				n++
			}
		}
	}
	return doors, nil
}

// tryDoors finds out whether all ports are free before anything is made: a folder that was begun for nothing would be in the way of
// the next try.
func tryDoors(spec lab.Spec, f *serveFlags) error {
	doors, err := listen(nil, spec, f)
	for _, d := range doors {
		err = errors.Join(err, d.gateway.Close())
	}
	if err == nil && f.aws.addr != "" {
		var at net.Listener
		if at, err = listenAWS(f); err == nil {
			err = at.Close()
		}
	}
	return err
}

// finish collects what the lab has, closes it and says where the evidence is. It is all done even if something fails.
func (a *app) finish(ctx context.Context, l *embedded.Lab, out string, p *printer) error {
	ctx, cancel := cleanContext(ctx)
	defer cancel()
	b, err := l.Collect(ctx) // writes out the open flow-log windows and the manifest
	err = errors.Join(err, l.Close())
	p.stop()
	if err != nil && out != "" {
		err = keepElsewhere(firstLine(err), b, out)
	} else if out != "" {
		fmt.Fprintf(a.out, "evidence is in %s: alblab analyze %s\n", out, shellQuote(out))
	}
	return errors.Join(err, a.out.Flush())
}

// keepElsewhere writes the evidence that the folder could not take to a temporary one, whole, and adds to the error where it is.
func keepElsewhere(err error, b *evidence.Bundle, out string) error {
	err = fmt.Errorf("keeping the evidence in %s: %w", out, err)
	if b == nil {
		return hint(err, "what was written before is in %s: alblab analyze %s", out, shellQuote(out))
	}
	spare, terr := os.MkdirTemp("", "alblab-serve-")
	if terr == nil {
		terr = b.Save(spare)
	}
	if terr != nil {
		err = fmt.Errorf("%w; nor elsewhere: %w", err, firstLine(terr))
		return hint(err, "make room; what was written is in %s: alblab analyze %s", out, shellQuote(out))
	}
	return hint(err, "the evidence was kept in %s instead: alblab analyze %s", spare, shellQuote(spare))
}

// writeKeys writes the server's authority for the user's clients, and client certificates where a listener asks for one,
// readable by the user alone: below the output folder, or into a temporary folder that remove takes away again. An RSA key
// takes a tenth of a second, which no client shall wait for: it and the bad kinds are written while the lab already serves,
// and remove waits for them.
func writeKeys(l *embedded.Lab, spec lab.Spec, out string) (files *pki.Files, remove func() error, err error) {
	dir := filepath.Join(out, "pki")
	remove = func() error { return nil }
	if out == "" {
		if dir, err = os.MkdirTemp("", "alblab-serve-"); err != nil {
			return nil, remove, fmt.Errorf("making a folder for certificates: %w", err)
		}
		remove = func() error { return os.RemoveAll(dir) }
	}
	if !asksForCertificate(spec) {
		files, err = l.PKI().WriteFiles(dir)
		return files, remove, err
	}
	if files, err = l.PKI().WriteFiles(dir, pki.KindGoodECDSA, pki.KindExpired, pki.KindUntrusted); err != nil {
		return nil, remove, err
	}
	rsa := make(chan error, 1)
	go func() {
		_, err := l.PKI().WriteFiles(dir, quickKinds()...)
		rsa <- err
	}()
	away := remove
	return files, func() error { return errors.Join(<-rsa, away()) }, nil
}

// quickKinds are the client certificates that are made in no more than a tenth of a second, those for fault injection apart.
func quickKinds() []pki.Kind {
	var kinds []pki.Kind
	for _, k := range pki.Kinds() {
		if !k.Slow && !k.Injected {
			kinds = append(kinds, k.Kind)
		}
	}
	return kinds
}

// asksForCertificate reports whether a listener has mutual TLS.
func asksForCertificate(spec lab.Spec) bool {
	for _, l := range spec.Listeners {
		if l.MTLSMode == "verify" || l.MTLSMode == "passthrough" {
			return true
		}
	}
	return false
}
