// Package embedded is the lab in this process: an Application Load Balancer with its VPC, web ACL and evidence, without
// root and without an AWS account.
//
// Start with [Start]. What the lab leaves behind is made from packets that were really exchanged between its network
// stacks. It is a laboratory, never a production proxy: keys are fresh, and everybody knows its clients.
package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/vnet"
	"github.com/alblab/alblab/lab/waf"
)

// Options of [Start]. Nil means the zero value.
type Options struct {
	Dir       string                // folder for the evidence, new or empty; "": memory, with a cap
	WallClock bool                  // the computer's clock instead of a virtual one
	Begin     time.Time             // what a virtual clock shows first; zero: 2026-01-01T00:00:00Z
	PKI       *pki.PKI              // certificates to use; nil makes new ones
	Logger    *slog.Logger          // what goes wrong inside; nil discards
	Observe   func(*alb.Connection) // each ended connection to the load balancer; may be nil
	Flow      func(*flowlog.Record) // each flow log record when its window closes; borrows; may be nil
	Off       bool                  // leave no evidence: only for measuring what evidence costs

	// Attach lets the load balancer listen on a network of the caller's own, such as one of the computer's kernel, in place of
	// the lab's. It gets the nodes, who may enter, where to tell of packets and what goes wrong on the way, and returns who
	// listens. The lab's own clients reach nothing then. Goes with WallClock.
	Attach func(vnet.Config) (Listener, error)
}

// Listener listens for the load balancer.
type Listener interface {
	Listen(at netip.AddrPort) (net.Listener, error)
}

// Lab is a running embedded lab: a [lab.Lab], [lab.Timed] and [lab.Scanner].
type Lab struct {
	spec      lab.Spec
	names     names
	listeners []listener
	pki       *pki.PKI
	clock     vnet.Clock
	manual    *vnet.ManualClock // nil on the wall clock
	net       *vnet.Network
	balancer  *alb.LoadBalancer
	evidence  *recorder
	rejects   *rejects
	links     *links
	conns     *tracker
	attached  Listener // nil: the lab's own network
	target    *target
	acl       *waf.ACL // nil: no web ACL
	begun     time.Time
	mu        sync.Mutex              // guards what ModifyListener changes: spec.Listeners, the listeners, served
	served    map[string]alb.Listener // by name

	logger    *slog.Logger
	serving   sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
	stopFlush func()
}

var (
	_ lab.Lab     = (*Lab)(nil)
	_ lab.Timed   = (*Lab)(nil)
	_ lab.Scanner = (*Lab)(nil)
	_ lab.Faulty  = (*Lab)(nil)
)

// Start checks the Spec, builds the lab and lets it listen. Close frees it; nothing is left then but the evidence.
func Start(ctx context.Context, spec lab.Spec, o *Options) (*Lab, error) {
	if o == nil {
		o = &Options{}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	listeners, err := resolve(spec)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded lab: %w", err)
	}
	settings := lab.Embedded{}
	if spec.Embedded != nil {
		settings = *spec.Embedded
	}
	if settings.Zones == 0 {
		settings.Zones = 2
	}
	spec.Listeners = maps.Clone(spec.Listeners) // ModifyListener changes it
	l := &Lab{
		spec: spec, listeners: listeners, pki: o.PKI, logger: o.Logger, served: map[string]alb.Listener{},
		names: newNames(settings.Seed, settings.Zones), conns: newTracker(), rejects: newRejects(), links: newLinks(),
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	if l.pki == nil {
		l.pki = pki.New(host)
	}
	if o.WallClock {
		l.clock = vnet.WallClock()
	} else {
		l.manual = vnet.NewManualClock(o.Begin)
		l.clock = l.manual
	}
	l.begun = l.clock.Now()
	if err := l.start(settings, o); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the embedded lab: %w", err), l.Close())
	}
	return l, nil
}

// start builds the parts in the order in which they need each other. After an error, Close frees what there is.
func (l *Lab) start(settings lab.Embedded, o *Options) error {
	var err error
	if !o.Off {
		if l.evidence, err = newRecorder(l, settings, o); err != nil {
			return err
		}
	}
	if err := l.startNetwork(settings.Seed, o); err != nil {
		return err
	}
	if l.target, err = startTarget(l.net, l.clock.Now); err != nil {
		return err
	}
	if err := l.startBalancer(settings, o); err != nil {
		return err
	}
	if o.WallClock && l.evidence != nil {
		l.stopFlush = l.evidence.flushEvery(l.clock)
	}
	return l.announce()
}

func (l *Lab) startNetwork(seed uint64, o *Options) error {
	open := map[uint16]bool{}
	for _, x := range l.listeners {
		open[x.Port] = true
	}
	allowed := l.spec.AllowedCIDRs
	c := vnet.Config{
		Clock:   l.clock,
		Seed:    seed | 1<<63, // 0 would ask for chance
		Clients: clientAddrs(),
		Targets: []netip.Addr{targetAddr.Addr()},
		Ingress: func(src netip.Addr, port uint16) bool { return open[port] && within(allowed, src) },
		Tap:     l.tap,
	}
	for _, n := range l.names.nodes {
		c.Nodes = append(c.Nodes, n.Interface)
	}
	var err error
	if l.net, err = vnet.New(c); err != nil {
		return fmt.Errorf("building the network: %w", err)
	}
	if o.Attach != nil {
		c.Fault = l.links.fault
		if l.attached, err = o.Attach(c); err != nil {
			return fmt.Errorf("attaching the network: %w", err)
		}
	}
	if l.manual != nil {
		l.manual.OnStep(func() { _ = l.net.Quiesce(context.Background()) })
	}
	return nil
}

// tap sees each packet at a node's interface.
func (l *Lab) tap(p *vnet.Packet) {
	if p.Rejected {
		l.rejects.saw(p.Data)
	}
	if l.evidence != nil {
		l.evidence.packet(p)
	}
}

func within(allowed []netip.Prefix, a netip.Addr) bool {
	if len(allowed) == 0 {
		return true
	}
	for _, p := range allowed {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Endpoint implements [lab.Lab]. Policies are those of now: ModifyListener can change them.
func (l *Lab) Endpoint() lab.Endpoint {
	e := lab.Endpoint{
		Kind: "embedded", LoadBalancer: l.names.loadBalancer, Host: l.pki.Host(), Roots: l.pki.Roots(),
		Ports: map[string]int{}, Policies: map[string]string{},
		Capabilities: []lab.Capability{lab.RawPackets, lab.SecondAddress, lab.IPv6, lab.LinkFaults, lab.CertFaults,
			lab.ClientCertificates, lab.AnyPort},
	}
	if l.manual != nil {
		e.Capabilities = append(e.Capabilities, lab.VirtualClock)
	}
	if l.evidence != nil && l.evidence.capture != nil {
		e.Capabilities = append(e.Capabilities, lab.Capture)
	}
	for _, n := range l.names.nodes {
		e.Addresses = append(e.Addresses, n.IPv4, n.IPv6)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.listeners {
		e.Ports[x.name] = int(x.Port)
		e.Policies[x.name] = x.policy.Name
	}
	return e
}

// PKI returns the lab's certificates, for clients that need one.
func (l *Lab) PKI() *pki.PKI { return l.pki }

// Now implements [lab.Timed].
func (l *Lab) Now() time.Time { return l.clock.Now() }

// WaitUntil implements [lab.Timed]. On the virtual clock it moves the clock, once no packet is on its way.
func (l *Lab) WaitUntil(ctx context.Context, t time.Time) error {
	if l.manual != nil {
		l.manual.Advance(t.Sub(l.manual.Now()))
		return ctx.Err()
	}
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// specJSON is the Spec as the manifest holds it: with the listeners as they are now.
func (l *Lab) specJSON() (json.RawMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return json.Marshal(l.spec)
}

// Close implements [lab.Lab].
func (l *Lab) Close() error {
	l.closeOnce.Do(func() {
		if l.stopFlush != nil {
			l.stopFlush()
		}
		if l.balancer != nil {
			l.closeErr = l.balancer.Close()
		}
		if l.target != nil {
			l.target.close()
		}
		if l.net != nil {
			l.net.Close()
		}
		l.serving.Wait()
		if l.evidence != nil {
			l.closeErr = errors.Join(l.closeErr, l.evidence.close())
		}
	})
	return l.closeErr
}
