package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// printer prints a line for each connection and flow record at once, in a goroutine of its own: a terminal that is slow
// must not slow the lab.
type printer struct {
	app     *app
	cancel  context.CancelCauseFunc
	events  chan any // ended or string
	lost    atomic.Int64
	wg      sync.WaitGroup
	started sync.Once
	begin   chan struct{} // closed when the banner is out
	format  *flowlog.Format

	mu       sync.RWMutex
	policies map[string]*policy.Policy
	certs    map[string]policy.CertSet
	modes    map[string]string
}

// ended is what is kept of a connection: alb.Connection may not be.
type ended struct {
	at       time.Time
	client   netip.AddrPort
	listener string
	hello    []byte
	notTLS   bool
	decision policy.Decision
	outcome  wire.Outcome
	verify   string
	requests int
	err      error
}

// backlog is how many lines may wait to be printed.
const backlog = 8192

func newPrinter(a *app, cancel context.CancelCauseFunc) *printer {
	p := &printer{app: a, cancel: cancel, events: make(chan any, backlog), begin: make(chan struct{})}
	f, err := flowlog.ParseFormat(flowlog.DefaultFormat().String() + " ${tcp-flags}")
	if err != nil {
		panic("alblab: " + err.Error())
	}
	p.format = f
	p.wg.Go(p.run)
	return p
}

// know takes what the lines need of the lab.
func (p *printer) know(l *embedded.Lab) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.policies, p.certs, p.modes = map[string]*policy.Policy{}, map[string]policy.CertSet{}, map[string]string{}
	for _, x := range l.Listeners() {
		p.policies[x.Name], _ = policy.ByName(x.SSLPolicy)
		p.certs[x.Name], _ = policy.ParseCertSet(x.Certificate)
		p.modes[x.Name] = x.MTLSMode
	}
}

// start lets lines out; until then they wait behind the banner.
func (p *printer) start() { p.started.Do(func() { close(p.begin) }) }

// stop prints what waits and ends.
func (p *printer) stop() {
	p.start()
	close(p.events)
	p.wg.Wait()
}

// connection implements embedded's Observe.
func (p *printer) connection(c *alb.Connection) {
	p.push(ended{
		at: c.End, client: c.Client, listener: c.Listener, hello: append([]byte(nil), c.HelloBytes...), notTLS: c.NotTLS,
		decision: c.Decision, outcome: c.Outcome, verify: c.Verify, requests: c.Requests, err: c.Err,
	})
}

// flow implements embedded's Flow.
func (p *printer) flow(r *flowlog.Record) { p.push("flow  " + string(p.format.Append(nil, r))) }

func (p *printer) push(e any) {
	select {
	case p.events <- e:
	default:
		p.lost.Add(1)
	}
}

func (p *printer) run() {
	<-p.begin
	for e := range p.events {
		line, ok := e.(string)
		if !ok {
			line = p.line(e.(ended))
		}
		if n := p.lost.Swap(0); n > 0 {
			line = fmt.Sprintf("(%d lines not shown: they came too fast)\n%s", n, line)
		}
		fmt.Fprintln(p.app.out, line)
		if len(p.events) > 0 {
			continue
		}
		if err := p.app.out.Flush(); err != nil {
			p.cancel(err)
		}
	}
}

// line says who, what was offered, what became of it, and what would cure it.
func (p *printer) line(e ended) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	head := fmt.Sprintf("%s %s %s:", e.at.UTC().Format("15:04:05.000"), e.client, e.listener)
	if e.err != nil {
		return fmt.Sprintf("%s the lab cannot carry this out: %v", head, e.err)
	}
	if e.notTLS {
		return head + " sent no TLS: reset; cure: speak https"
	}
	hello, err := wire.ParseHello(e.hello)
	switch {
	case len(e.hello) == 0:
		return head + " said nothing and went"
	case err != nil:
		return head + " sent a hello that cannot be read: " + err.Error()
	}
	pol, certs := p.policies[e.listener], p.certs[e.listener]
	head += " offers " + offer(hello) + ";"
	if e.decision.Outcome == policy.Refused {
		return head + p.refused(pol, hello, certs, e.decision)
	}
	done := fmt.Sprintf(" %s %s", e.outcome.Version, e.outcome.Suite.OpenSSL())
	if e.outcome.Group != 0 {
		done += " " + e.outcome.Group.String()
	}
	if status, failed := strings.CutPrefix(e.verify, "Failed:"); failed {
		if words := endedByClient(&e.outcome); words != "" {
			return head + done + ", then " + words
		}
		return head + done + ", then refused: " + status + p.certificateCure(e, status)
	}
	if e.verify == "" {
		return head + done + ", not completed: the client went"
	}
	alpn := ""
	if e.outcome.ALPN != "" {
		alpn = " " + e.outcome.ALPN
	}
	end := ""
	if o := &e.outcome; !o.ByPeer && o.Detail != "" && (o.Ending == wire.EndingReset || o.Ending == wire.EndingAlert) {
		end = ", then refused: " + o.Detail
	}
	return fmt.Sprintf("%s%s%s, completed, %s%s", head, done, alpn, plural(e.requests, "request"), end)
}

// endedByClient says how a client left a handshake that nobody refused it, "" if it did not.
func endedByClient(o *wire.Outcome) string {
	switch {
	case o.ByPeer && o.Alert != nil:
		words := "the client ended it: alert " + o.Alert.Name()
		switch o.Alert.Description {
		case alertBadCertificate, alertCertificateUnknown, alertUnknownCA:
			words += "; cure: let the client trust the authority given at the start"
		}
		return words
	case o.ByPeer && o.Ending == wire.EndingReset:
		return "the client reset it"
	case o.ByPeer:
		return "the client closed it"
	case o.Ending == wire.EndingTimeout:
		return "the client fell silent: closed after the idle timeout"
	}
	return ""
}

// What clients say that do not trust the server (RFC 8446, section 6.2).
const (
	alertBadCertificate     = 42
	alertCertificateUnknown = 46
	alertUnknownCA          = 48
)

// refused says why a hello was refused, and the least strict change that cures it.
func (p *printer) refused(pol *policy.Policy, h *wire.ClientHello, certs policy.CertSet, d policy.Decision) string {
	s := " refused: " + d.Reason.String()
	if pol == nil {
		return s
	}
	x := policy.Explain(pol, h, certs, d)
	var cures []string
	if len(x.Cures) > 0 {
		cures = append(cures, x.Cures[0].Policy)
	}
	if len(x.Certificates) > 0 {
		cures = append(cures, "an additional certificate "+x.Certificates[0])
	}
	if strings.HasPrefix(x.Client, "it must ") {
		cures = append(cures, "the client: "+x.Client)
	}
	if len(cures) == 0 {
		return s + "; no policy would let it in"
	}
	return s + "; cure: " + strings.Join(cures, ", or ")
}

// certificateCure says what a client whose certificate was refused, or that had none, can do.
func (p *printer) certificateCure(e ended, status string) string {
	if p.modes[e.listener] != "verify" {
		return ""
	}
	if status == "UnmappedConnectionError" {
		return "; cure: a client certificate from the trust store's authority"
	}
	return "; cure: another client certificate"
}

// offer says what a client can do, in few words.
func offer(h *wire.ClientHello) string {
	vs := []wire.Version{h.LegacyVersion}
	if h.HasSupportedVersions {
		vs = nil
		for _, v := range h.SupportedVersions {
			if !wire.IsGREASE(v) {
				vs = append(vs, v)
			}
		}
	}
	top := wire.Version(0)
	for _, v := range vs {
		top = max(top, v)
	}
	suites := 0
	for _, s := range h.Suites {
		if !wire.IsGREASE(s) && s != wire.EmptyRenegotiationInfoSCSV && s != wire.FallbackSCSV {
			suites++
		}
	}
	s := fmt.Sprintf("up to %s, %s", top, plural(suites, "suite"))
	if h.ServerName != "" {
		s += fmt.Sprintf(", SNI %q", h.ServerName)
	}
	return s
}
