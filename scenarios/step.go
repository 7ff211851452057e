package scenarios

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
)

// attempt is one connection that a step made, or tried to make.
type attempt struct {
	scenario *Scenario
	step     *Step
	canary   bool
	port     uint16 // of the load balancer
	Attempt  clients.Attempt
}

// local is the client's own address, the zero value if it got no connection.
func (a *attempt) local() netip.AddrPort { return a.Attempt.Local }

// Credentials is a Lab that hands out client certificates, good ones of an authority that its listeners in verify mode trust.
type Credentials interface{ PKI() *pki.PKI }

// canary is the step that proves absence: a good request on the scenario's own listener.
func (s *Scenario) canary() *Step {
	st := &Step{Name: "canary", Profile: curl(nil), Path: "/canary/" + s.Name, Times: 1, Requests: 1}
	for i := range s.Steps {
		if _, ok := s.Spec.Listeners[s.Steps[i].Listener]; ok {
			st.Listener = s.Steps[i].Listener
			break
		}
	}
	if st.Listener == "" {
		st.Listener = slices.Sorted(maps.Keys(s.Spec.Listeners))[0]
	}
	if l := s.Spec.Listeners[st.Listener]; l.MTLSMode == "verify" {
		st.Cert = pki.KindGoodECDSA
		if l.SSLPolicy == policyStrict {
			st.Cert = pki.KindGoodStrict
		}
	}
	return st
}

// probeWait is how long a probe waits for an answer that should not come.
const probeWait = 100 * time.Millisecond

// callTimeout ends a step in which nothing happens any more; an error then, for the harness hangs.
const callTimeout = 20 * time.Second

// attempt carries a step out once. The error says that the harness broke; what the client met is in the attempt.
func (c *carrier) attempt(ctx context.Context, a *attempt) error {
	listener, err := c.target(a)
	if err != nil {
		return err
	}
	call, err := c.call(a.step) // before the timeout: a key may take longer to make
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a.Attempt.Listener, a.Attempt.Time = listener, c.timed.Now()
	switch a.step.Action {
	case SYN:
		a.Attempt.Profile = "syn"
		return c.syn(ctx, a)
	case Probe:
		a.Attempt.Profile = "probe"
		return c.probe(ctx, a, listener)
	}
	call.Time, call.Listener = a.Attempt.Time, listener
	if a.step.Manner.Pauses() || a.step.Link.Bad() {
		return c.paced(ctx, a, listener, call)
	}
	conn, err := c.lab.Dial(ctx, a.step.From, listener)
	if err != nil {
		return fmt.Errorf("connecting to listener %s: %w", listener, err)
	}
	defer conn.Close()
	return c.do(ctx, a, a.step.Manner.Conn(conn, nil), call)
}

// paced lets the lab's time go on while the client connects and acts, as long as it takes.
func (c *carrier) paced(ctx context.Context, a *attempt, listener string, call clients.Call) error {
	if a.step.Link.Bad() {
		l, ok := c.lab.(lab.Faulty)
		if !ok {
			return errors.New("the lab claims to have bad links and cannot")
		}
		if err := l.SetLink(a.step.From, a.step.Link); err != nil {
			return err
		}
		defer func() { _ = l.SetLink(a.step.From, lab.Link{}) }()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := NewPacer(c.timed)
	done := make(chan error, 1)
	p.Go(func() {
		conn, err := c.lab.Dial(ctx, a.step.From, listener)
		if err != nil {
			done <- fmt.Errorf("connecting to listener %s: %w", listener, err)
			return
		}
		defer conn.Close()
		a.Attempt, err = clients.Do(ctx, a.step.Manner.Conn(conn, p.Sleep), call)
		done <- err
	})
	if err := p.Run(ctx, a.step.Outlast); err != nil {
		cancel()
		return errors.Join(fmt.Errorf("the client was not done after %s: %w", a.step.Outlast, err), <-done)
	}
	return <-done
}

// target finds the lab's name and port for the step's listener.
func (c *carrier) target(a *attempt) (string, error) {
	if n, ok := barePort(a.step.Listener); ok {
		a.port = n
		return a.step.Listener, nil
	}
	name := c.plan.listeners[a.scenario][a.step.Listener]
	port, ok := c.endpoint.Ports[name]
	if !ok {
		return "", fmt.Errorf("the lab has no listener %q", name)
	}
	a.port = uint16(port)
	return name, nil
}

// do runs the client. With Outlast the lab's time goes on meanwhile.
func (c *carrier) do(ctx context.Context, a *attempt, conn net.Conn, call clients.Call) error {
	at := a.Attempt.Time
	done := make(chan error, 1)
	go func() {
		var err error
		a.Attempt, err = clients.Do(ctx, conn, call)
		done <- err
	}()
	if a.step.Outlast > 0 {
		if err := c.timed.WaitUntil(ctx, at.Add(a.step.Outlast)); err != nil {
			return errors.Join(err, conn.Close(), <-done)
		}
	}
	return <-done
}

// call makes a Call of a step.
func (c *carrier) call(st *Step) (clients.Call, error) {
	call := clients.Call{Profile: st.Profile, ServerName: c.endpoint.Host}
	call.Roots = x509.NewCertPool()
	if !call.Roots.AppendCertsFromPEM(c.endpoint.Roots) {
		return call, errors.New("the lab gives no root certificate")
	}
	if st.Distrust {
		call.Roots = x509.NewCertPool()
	}
	if st.Cert != pki.KindNone {
		cr, ok := c.lab.(Credentials)
		if !ok {
			return call, errors.New("the lab has no client certificates")
		}
		cert, err := cr.PKI().Client(st.Cert)
		if err != nil {
			return call, fmt.Errorf("client certificate %s: %w", st.Cert, err)
		}
		call.Certificate = &cert
	}
	path := st.Path
	if path == "" {
		path = "/"
	}
	for range max(1, st.Requests) {
		call.Requests = append(call.Requests, clients.Request{Method: http.MethodGet, Path: path, Header: st.Header})
	}
	return call, nil
}

// syn sends one SYN.
func (c *carrier) syn(ctx context.Context, a *attempt) error {
	sc, ok := c.lab.(lab.Scanner)
	if !ok {
		return errors.New("the lab claims to send single packets and cannot")
	}
	open, err := sc.SYN(ctx, a.step.From, a.port)
	if err != nil {
		return err
	}
	a.Attempt.Outcome.Detail = fmt.Sprintf("port %d open: %t", a.port, open)
	return nil
}

// probe connects to a port that should not answer. That nothing answers is the result that is wanted.
func (c *carrier) probe(ctx context.Context, a *attempt, listener string) error {
	wait := probeWait
	if !slices.Contains(c.endpoint.Capabilities, lab.VirtualClock) {
		wait = 3 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	conn, err := c.lab.Dial(ctx, a.step.From, listener)
	switch {
	case err == nil:
		a.Attempt.Outcome.Detail = "connected"
		return conn.Close()
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		a.Attempt.Outcome.Detail = strings.TrimSpace(err.Error())
		return nil
	}
	return err
}
