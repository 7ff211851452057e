package benchmark

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
	"github.com/alblab/alblab/scenarios"
)

// truth is a connection's label.
type truth struct {
	shape   string
	client  netip.AddrPort // port 0: of a single SYN
	port    uint16         // of the load balancer
	start   time.Time
	stage   analyzers.Stage
	cause   string
	clear   bool
	code    string // of the connection log, without Failed:, where the client's certificate has one of its own
	crossed bool   // the client's own reset of a session may have crossed the load balancer's
	dropped bool   // it did not come to be what it was meant to be
}

// traffic carries deeds out.
type traffic struct {
	lab   lab.Lab
	timed lab.Timed
	scan  lab.Scanner
	mix   *mix
	gen   *generator
	pace  *scenarios.Pacer
	host  string
	roots *x509.CertPool
	pki   *pki.PKI
	addrs map[lab.Vantage]netip.Addr // of those who send single SYNs

	mu     sync.Mutex
	truths []*truth
	errs   []error
}

// portDialer is a lab whose clients may choose their port.
type portDialer interface {
	DialFrom(ctx context.Context, from netip.AddrPort, listener string) (net.Conn, error)
}

func newTraffic(l lab.Lab, m *mix, seed uint64) (*traffic, error) {
	t := &traffic{lab: l, mix: m, host: l.Endpoint().Host, roots: x509.NewCertPool()}
	var ok1, ok2, ok3, ok4 bool
	t.timed, ok1 = l.(lab.Timed)
	t.scan, ok2 = l.(lab.Scanner)
	faulty, ok3 := l.(lab.Faulty)
	credentials, ok4 := l.(scenarios.Credentials)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, errors.New("the lab lacks a clock, single packets, bad links or client certificates")
	}
	t.pki = credentials.PKI()
	for c := firstLossy; c < firstLossy+lossyClients; c++ {
		for _, v6 := range []bool{false, true} {
			if err := faulty.SetLink(lab.Vantage{Client: c, IPv6: v6}, link(c, seed)); err != nil {
				return nil, err
			}
		}
	}
	var err error
	t.gen, err = newGenerator(m, seed)
	return t, err
}

// limit is how long the lab's time may go on after the last client came.
const limit = 10 * time.Minute

// run carries out n deeds and returns what is true of them.
func (t *traffic) run(ctx context.Context, n int) ([]*truth, error) {
	// A whole minute, so that windows are met as they lie.
	if err := t.timed.WaitUntil(ctx, t.timed.Now().Add(time.Minute-1).Truncate(time.Minute)); err != nil {
		return nil, err
	}
	t.pace = scenarios.NewPacer(t.timed)
	deeds := make([]*deed, n)
	for i := range deeds {
		deeds[i] = t.gen.next()
	}
	if err := t.findScanners(ctx, deeds); err != nil {
		return nil, err
	}
	busy := map[*deed]bool{}
	for _, d := range deeds {
		busy[d] = true
	}
	for _, d := range deeds {
		t.pace.Go(func() {
			err := t.act(ctx, d)
			t.mu.Lock()
			defer t.mu.Unlock()
			delete(busy, d)
			if err != nil {
				t.errs = append(t.errs, fmt.Errorf("%s: %w", d.shape.name, err))
			}
		})
	}
	if err := t.pace.Run(ctx, window+limit); err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		for d := range busy {
			err = fmt.Errorf("%w; %d clients are not done, one of them %s (client %d, bad path: %t)", err, len(busy), d.shape.name, d.from.Client, bad(d.from))
			break
		}
		return nil, err
	}
	if len(t.errs) > 0 {
		return nil, fmt.Errorf("%d clients could not do what they were to do; the first: %w", len(t.errs), t.errs[0])
	}
	return t.truths, nil
}

// findScanners lets those who send single SYNs connect once, to learn their addresses.
func (t *traffic) findScanners(ctx context.Context, deeds []*deed) error {
	t.addrs = map[lab.Vantage]netip.Addr{}
	for _, d := range deeds {
		if d.syns == nil || t.addrs[d.from].IsValid() {
			continue
		}
		hello := &deed{shape: d.shape, profile: clients.Curl(), listener: current, from: d.from, manner: &clients.Manner{Quit: clients.QuitConnect}}
		hello.is(analyzers.StageNoData, signatures.ConnectAndClose)
		start := t.timed.Now()
		conn, err := t.lab.Dial(ctx, d.from, current)
		if err != nil {
			return err
		}
		local, err := t.call(ctx, hello, conn, start)
		if err != nil {
			return err
		}
		t.addrs[d.from] = local.Addr()
	}
	return nil
}

// label begins a connection's truth.
func (t *traffic) label(d *deed, client netip.AddrPort, port uint16, start time.Time) *truth {
	x := &truth{shape: d.shape.name, client: client, port: port, start: start, stage: d.stage, cause: d.cause, clear: d.clear, code: d.code}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.truths = append(t.truths, x)
	return x
}

func (t *traffic) act(ctx context.Context, d *deed) error {
	if err := t.pace.Sleep(d.at); err != nil {
		return err
	}
	start := t.timed.Now()
	for _, port := range d.syns {
		if _, err := t.scan.SYN(ctx, d.from, port); err != nil {
			return err
		}
		t.label(d, netip.AddrPortFrom(t.addrs[d.from], 0), port, start)
	}
	if d.syns != nil {
		return nil
	}
	conn, err := t.lab.Dial(ctx, d.from, d.listener)
	if err != nil {
		return err
	}
	local, err := t.call(ctx, d, conn, start)
	if err != nil || !d.reuse {
		return err
	}
	dialer, ok := t.lab.(portDialer)
	if !ok {
		return nil
	}
	// At once, but a little later: on a clock that stands still TCP would begin with the same sequence number.
	if err := t.pace.Sleep(paceGrain); err != nil {
		return err
	}
	start = t.timed.Now()
	conn, err = dialer.DialFrom(ctx, local, d.listener)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil // a connection that ended in good order keeps its port for a while
	}
	if err != nil {
		return fmt.Errorf("using port %d again: %w", local.Port(), err)
	}
	_, err = t.call(ctx, d, conn, start)
	return err
}

// clientPatience is how long a client on a bad path waits for what was lost for good, on the lab's clock.
const clientPatience = 100 * time.Second

// call carries out a connection and checks that it became what its label says.
func (t *traffic) call(ctx context.Context, d *deed, conn net.Conn, start time.Time) (netip.AddrPort, error) {
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return local, err
	}
	x := t.label(d, local, ports()[d.listener], start)
	c := clients.Call{Profile: d.profile, ServerName: t.host}
	if d.distrust {
		c.Roots = t.roots // empty
	}
	if d.cert != pki.KindNone {
		var cert tls.Certificate
		if cert, err = t.pki.Client(d.cert); err != nil {
			return local, err
		}
		c.Certificate = &cert
	}
	for range d.requests {
		c.Requests = append(c.Requests, clients.Request{})
	}
	lossy := bad(d.from)
	if lossy {
		t.pace.After(clientPatience, func() { _ = conn.Close() })
	}
	a, err := clients.Do(ctx, d.manner.Conn(conn, t.pace.Sleep), c)
	if err != nil {
		return local, err
	}
	if d.cause == signatures.ClientCertificateRefused && !a.CertificateSent { // no scheme of the server's is for its key
		x.cause, x.code = signatures.ClientCertificateMissing, ""
	}
	was := fits(d, &a)
	if was == "" && lossy {
		was = overtaken(d, &a, t.mix)
	}
	if was != "" {
		if !lossy {
			return local, fmt.Errorf("the client was to be %s (%s), and was %s", d.stage, d.cause, was)
		}
		x.dropped = true
	}
	return local, nil
}

// overtaken says what the load balancer's idle timeout made of a connection on a path so bad that it came first; "" if it did not.
func overtaken(d *deed, a *clients.Attempt, m *mix) string {
	o := &a.Outcome
	switch d.stage {
	case analyzers.StageFirstFlight, analyzers.StageRefusedLater:
		if o.Ending == wire.EndingFIN && m.wireProfile == "" { // it refuses with a reset
			return "timed out"
		}
	case analyzers.StageClosedByOther:
		if o.Ending == wire.EndingFIN && o.ByPeer && d.cause != signatures.HandshakeTimeout {
			return "timed out"
		}
	}
	return ""
}

// fits says what a client saw that does not fit its label; "" if it does.
func fits(d *deed, a *clients.Attempt) string {
	stage := a.Outcome.Stage
	ok := true
	switch d.stage {
	case analyzers.StageFirstFlight:
		ok = stage == wire.StageHello || stage == wire.StageSilent
	case analyzers.StageRefusedLater: // under TLS 1.3 the client thinks that it is through
		ok = stage == wire.StageHandshake || stage == wire.StageRequest && a.Outcome.Version == wire.TLS13
	case analyzers.StageCompleted:
		ok = stage == wire.StageResponse || stage == wire.StageRequest && (d.requests == 0 || d.cause == signatures.RenegotiationAttempted)
	case analyzers.StageClosedByOther:
		if d.profile.Kind == clients.KindRaw && (d.manner == nil || d.manner.Quit == "") {
			ok = stage == wire.StageHandshake || a.HelloRetry
		} else {
			ok = stage == wire.StageHello || stage == wire.StageHandshake || stage == wire.StageSilent
		}
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("%s, %s %s", stage, a.Outcome.Ending, a.Outcome.Detail)
}
