package embedded

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/waflog"
	"github.com/alblab/alblab/lab/policy"
)

var _ awsapi.Account = (*Lab)(nil)

// Identity implements [awsapi.Account].
func (l *Lab) Identity() awsapi.Identity {
	settings := lab.Embedded{}
	if l.spec.Embedded != nil {
		settings = *l.spec.Embedded
	}
	id := awsapi.Identity{
		RunID: "embedded-" + l.names.id("run")[:8], Account: account, Region: region, Created: l.begun,
		LoadBalancer: l.names.loadBalancer, DNSName: host, VPC: l.names.vpc, SecurityGroup: l.names.group,
		TargetGroup: targetGroup, Target: targetAddr, IdleTimeout: cmp.Or(settings.IdleTimeout, 60),
		WAF: l.spec.WAF, Roots: l.pki.Roots(), MirrorAddr: mirrorTarget,
	}
	if l.spec.WAF != nil {
		id.WebACL = l.names.webACL
	}
	if l.evidence != nil {
		id.FlowFormat = l.evidence.format.String()
		id.Mirrored = l.evidence.capture != nil
	}
	for _, p := range l.spec.AllowedCIDRs {
		id.AllowedCIDRs = append(id.AllowedCIDRs, p.String())
	}
	for _, n := range l.names.nodes {
		id.Nodes = append(id.Nodes, awsapi.Node{Interface: n.ID, Subnet: n.SubnetID, Zone: n.zone, ZoneID: n.AZ,
			MAC: n.MAC.String(), Private: n.IPv4, Public: n.public, IPv6: n.IPv6})
	}
	return id
}

// Listeners implements [awsapi.Account].
func (l *Lab) Listeners() []awsapi.Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]awsapi.Listener, 0, len(l.listeners))
	for _, x := range l.listeners {
		a := awsapi.Listener{Listener: x.Listener, Name: x.name, ID: l.names.id("listener " + x.name),
			RuleID: l.names.id("rule " + x.name), Certificates: l.served[x.name].CertificateARNs}
		a.SSLPolicy, a.MTLSMode = x.policy.Name, cmp.Or(x.MTLSMode, "off")
		if a.MTLSMode == "verify" {
			a.TrustStore = l.trustStoreARN(l.storeOf(x))
		}
		all = append(all, a)
	}
	return all
}

// labStore is the name of the trust store with the lab's own authorities; a listener's own is named after the listener.
const labStore = "alblab-clients"

// storeOf names the trust store that a listener in mode verify uses.
func (l *Lab) storeOf(x listener) string {
	if x.store != "" {
		return x.store
	}
	if x.Listener.TrustStore != "" {
		return ownStore(x.name)
	}
	return labStore
}

// ownStore is the name of a listener's own trust store: at most 32 characters
// (docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTrustStore.html).
func ownStore(listener string) string {
	name := "alblab-of-" + listener
	return name[:min(len(name), 32)]
}

func (l *Lab) trustStoreARN(name string) string {
	return fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:truststore/%s/%s", region, account, name, l.names.id("trust store "+name))
}

// TrustStores implements [awsapi.Account]: the lab's own authorities, and what the Spec gave to single listeners.
func (l *Lab) TrustStores() ([]awsapi.TrustStore, error) {
	lists, err := l.pki.CRLs()
	if err != nil {
		return nil, fmt.Errorf("making revocation lists: %w", err)
	}
	all := []awsapi.TrustStore{{ARN: l.trustStoreARN(labStore), Name: labStore, Bundle: l.pki.TrustStore(), RevocationLists: lists}}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.listeners {
		if x.own.TrustStore == "" {
			continue
		}
		s := awsapi.TrustStore{ARN: l.trustStoreARN(ownStore(x.name)), Name: ownStore(x.name), Listener: x.name, Bundle: []byte(x.own.TrustStore)}
		if x.own.RevocationLists != "" {
			s.RevocationLists = [][]byte{[]byte(x.own.RevocationLists)}
		}
		all = append(all, s)
	}
	return all, nil
}

// ModifyListener implements [awsapi.Account]: another security policy or mode of mutual TLS, from the next handshake on.
func (l *Lab) ModifyListener(name string, c awsapi.Change) error {
	if err := l.modifyListener(name, c); err != nil {
		return err
	}
	if l.evidence != nil {
		l.evidence.note(l.announce())
	}
	return nil
}

func (l *Lab) modifyListener(name string, c awsapi.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.listeners, func(x listener) bool { return x.name == name })
	if i < 0 {
		return fmt.Errorf("modifying listener %q: the lab has no such listener", name)
	}
	x := l.listeners[i]
	served := l.served[name]
	if c.SSLPolicy != nil {
		p, err := policy.ByName(*c.SSLPolicy)
		if err != nil {
			return fmt.Errorf("modifying listener %q: %w", name, err)
		}
		x.policy, x.SSLPolicy, served.Policy = p, p.Name, p
	}
	if c.MTLS != nil {
		if err := l.setMTLS(&x, &served, c.MTLS); err != nil {
			return fmt.Errorf("modifying listener %q: %w", name, err)
		}
	}
	if err := l.balancer.Modify(served); err != nil {
		return err
	}
	l.listeners[i], l.served[name], l.spec.Listeners[name] = x, served, x.Listener
	return nil
}

// setMTLS changes a listener's mutual authentication. The lock is held.
func (l *Lab) setMTLS(x *listener, served *alb.Listener, m *awsapi.MTLS) error {
	if err := oneOf("mode", m.Mode, "", "off", "passthrough", "verify"); err != nil {
		return err
	}
	x.MTLSMode, x.IgnoreClientCertificateExpiry, x.AdvertiseCANames = m.Mode, m.IgnoreExpiry, m.AdvertiseCANames
	x.Listener.TrustStore, x.RevocationLists, x.store = "", "", ""
	served.MTLS, served.IgnoreExpiry, served.AdvertiseCANames, served.TrustStore = alb.Mode(m.Mode), m.IgnoreExpiry, m.AdvertiseCANames, nil
	if served.MTLS != alb.ModeVerify {
		return nil
	}
	switch m.TrustStore {
	case l.trustStoreARN(labStore):
		x.store = labStore
	default:
		j := slices.IndexFunc(l.listeners, func(o listener) bool {
			return o.own.TrustStore != "" && l.trustStoreARN(ownStore(o.name)) == m.TrustStore
		})
		if j < 0 {
			return fmt.Errorf("the lab has no trust store %q", m.TrustStore)
		}
		own := l.listeners[j]
		x.Listener.TrustStore, x.RevocationLists, x.store = own.own.TrustStore, own.own.RevocationLists, ownStore(own.name)
	}
	var err error
	served.TrustStore, err = l.trustStore(x.Listener)
	return err
}

// Evidence implements [awsapi.Account]. With open true it waits for packets that are on their way before it closes the flow log
// windows that still run.
func (l *Lab) Evidence(ctx context.Context, open bool) (*evidence.Bundle, error) {
	if l.evidence == nil {
		return nil, errOff
	}
	if open {
		if err := l.net.Quiesce(ctx); err != nil {
			return nil, fmt.Errorf("waiting for the lab to come to rest: %w", err)
		}
	}
	l.evidence.meter.Flush(l.clock.Now())
	if open {
		l.evidence.meter.Close()
	}
	m, err := l.manifest()
	if err != nil {
		return nil, err
	}
	b, err := l.evidence.bundle(m)
	l.evidence.note(err)
	return b, err
}

// Samples implements [awsapi.Account].
func (l *Lab) Samples(rule string, from, to time.Time, max int) ([]waflog.Record, int64) {
	if l.acl == nil {
		return nil, 0
	}
	samples, population := l.acl.Samples(rule, from, to, l.clock.Now(), max)
	list := make([]waflog.Record, len(samples))
	for i, s := range samples {
		list[i] = s.Record
	}
	return list, population
}
