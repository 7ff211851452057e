package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/pki"
)

// mtls is a listener's mutual authentication.
type mtls struct {
	mode, trustStore   string
	ignoreExpiry, tell bool // tell: advertise the CA names
}

// Phase is the lab with its listeners set to one Spec, from the moment on that it is made until the next is. It is a
// [lab.Lab]; a load balancer has two listeners in verify mode at most
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html), so that a run has several.
type Phase struct {
	lab   *Lab
	spec  lab.Spec
	begin time.Time
	end   time.Time // zero: it is the last
}

var (
	_ lab.Lab   = (*Phase)(nil)
	_ lab.Timed = (*Phase)(nil)
)

// Phase sets the listeners to a Spec and waits until every node goes by it. The Spec's listeners are those that were built, by
// name, port and policy; only their mutual TLS changes.
func (l *Lab) Phase(ctx context.Context, spec lab.Spec) (*Phase, error) {
	want := maps.Clone(l.first)
	for name, m := range want {
		if m.mode == "verify" { // frees one of two
			want[name] = mtls{mode: "off"}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Listeners)) {
		m, err := l.wanted(name, spec.Listeners[name])
		if err != nil {
			return nil, problem("'alblab aws up' builds what the scenarios need", "listener %s: %w", name, err)
		}
		want[name] = m
	}
	l.mu.Lock()
	changed := map[string]bool{}
	for name := range want {
		changed[name] = l.now[name] != want[name]
	}
	l.mu.Unlock()
	if err := l.setModes(ctx, want); err != nil {
		return nil, fmt.Errorf("setting the listeners of this phase: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if changed[name] {
			if err := l.confirm(ctx, name, want[name]); err != nil {
				return nil, fmt.Errorf("setting the listeners of this phase: %w", err)
			}
		}
	}
	p := &Phase{lab: l, spec: spec, begin: l.clock.Now()}
	// The first slot must not begin in the minute of the lab's own requests.
	if err := l.clock.WaitUntil(ctx, p.begin.Add(time.Second)); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.phases); n > 0 {
		l.phases[n-1].end = p.begin
	}
	l.phases = append(l.phases, p)
	return p, nil
}

// wanted says how a listener must be set, and checks that it is the one that was built.
func (l *Lab) wanted(name string, s lab.Listener) (mtls, error) {
	port, ok := l.ports[name]
	switch {
	case !ok:
		return mtls{}, errors.New("it was not built")
	case int(s.Port) != port:
		return mtls{}, fmt.Errorf("it has port %d, the run wants %d", port, s.Port)
	case s.SSLPolicy != "" && s.SSLPolicy != l.policies[name]:
		return mtls{}, fmt.Errorf("it has policy %s, the run wants %s", l.policies[name], s.SSLPolicy)
	}
	m := mtls{mode: s.MTLSMode, ignoreExpiry: s.IgnoreClientCertificateExpiry, tell: s.AdvertiseCANames}
	if m.mode == "" {
		m.mode = "off"
	}
	if m.mode == "verify" {
		if m.trustStore = l.trustStore(name); m.trustStore == "" {
			return m, errors.New("there is no trust store for it")
		}
	}
	return m, nil
}

// trustStore is the ARN of a listener's trust store: the one under its name, the one called default or lab, or the only one.
func (l *Lab) trustStore(listener string) string {
	all := l.c.Outputs.TrustStoreARNs
	for _, name := range []string{listener, "default", "lab"} {
		if arn := all[name]; arn != "" {
			return arn
		}
	}
	if first := l.first[listener].trustStore; first != "" {
		return first
	}
	if len(all) == 1 {
		for _, arn := range all {
			return arn
		}
	}
	return ""
}

// setModes changes the listeners that are not as wanted: first those that leave verify mode, for two is the most.
func (l *Lab) setModes(ctx context.Context, want map[string]mtls) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, verify := range []bool{false, true} {
		for _, name := range slices.Sorted(maps.Keys(want)) {
			w := want[name]
			if l.now[name] == w || (w.mode == "verify") != verify {
				continue
			}
			in := &elb.ModifyListenerInput{
				ListenerArn:          sdk.String(l.c.Outputs.ListenerARNs[name]),
				MutualAuthentication: &types.MutualAuthenticationAttributes{Mode: sdk.String(w.mode)},
			}
			if w.mode == "verify" {
				m := in.MutualAuthentication
				m.TrustStoreArn, m.IgnoreClientCertificateExpiry = sdk.String(w.trustStore), sdk.Bool(w.ignoreExpiry)
				m.AdvertiseTrustStoreCaNames = types.AdvertiseTrustStoreCaNamesEnumOff
				if w.tell {
					m.AdvertiseTrustStoreCaNames = types.AdvertiseTrustStoreCaNamesEnumOn
				}
			}
			if _, err := l.clients.ELB.ModifyListener(ctx, in); err != nil {
				errs = append(errs, explain(err, "changing listener %s to mutual TLS %s", name, w.mode))
				continue
			}
			l.now[name] = w
		}
	}
	return errors.Join(errs...)
}

// Endpoint implements [lab.Lab].
func (p *Phase) Endpoint() lab.Endpoint {
	l := p.lab
	e := lab.Endpoint{
		Kind: "aws", LoadBalancer: l.c.Outputs.LoadBalancer(), Host: l.host, Roots: l.roots,
		Ports: map[string]int{}, Policies: map[string]string{}, Capabilities: l.Capabilities(),
	}
	for name := range p.spec.Listeners {
		e.Ports[name], e.Policies[name] = l.ports[name], l.policies[name]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Addresses = l.addresses()
	return e
}

// addresses are the load balancer's private addresses. The lock is held.
func (l *Lab) addresses() []netip.Addr {
	var all []netip.Addr
	for _, id := range slices.Sorted(maps.Keys(l.interfaces)) {
		if a, err := netip.ParseAddr(l.interfaces[id]); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// Dial implements [lab.Lab]: TCP from here.
func (p *Phase) Dial(ctx context.Context, from lab.Vantage, listener string) (net.Conn, error) {
	return p.lab.dial(ctx, from, listener, netip.Addr{})
}

// Now implements [lab.Timed].
func (p *Phase) Now() time.Time { return p.lab.clock.Now() }

// WaitUntil implements [lab.Timed].
func (p *Phase) WaitUntil(ctx context.Context, t time.Time) error {
	return p.lab.clock.WaitUntil(ctx, t)
}

// PKI returns the client certificates.
func (p *Phase) PKI() *pki.PKI { return p.lab.c.PKI }

// Collect implements [lab.Lab]: the evidence of this phase. The first call waits for that of all phases; see [Lab.Collect]. With
// an error that is an [*IncompleteError] there is a bundle too.
func (p *Phase) Collect(ctx context.Context) (*evidence.Bundle, error) {
	h, err := p.lab.collect(ctx)
	if h == nil {
		return nil, err
	}
	b, berr := h.bundle(p)
	return b, errors.Join(err, berr)
}

// Close implements [lab.Lab]. The next phase needs the lab: [Lab.Close] ends it.
func (p *Phase) Close() error { return nil }
