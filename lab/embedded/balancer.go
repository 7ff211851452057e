package embedded

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/waf"
)

// startBalancer makes the load balancer and lets each node listen on each port, IPv4 and IPv6.
func (l *Lab) startBalancer(settings lab.Embedded, o *Options) error {
	c := alb.Config{
		Name: l.names.loadBalancer, Account: account, Region: region, Host: l.pki.Host(),
		IdleTimeout: time.Duration(cmp.Or(settings.IdleTimeout, 60)) * time.Second,
		WireProfile: settings.WireProfile,
		Clock:       l.clock,
		Seed:        settings.Seed,

		CertificateFaults: settings.CertificateFaults,

		DialTarget: func(ctx context.Context, n alb.Node) (net.Conn, error) {
			return l.net.Dial(ctx, l.names.ipv4(n.Zone), targetAddr)
		},
		Observe: func(x *alb.Connection) {
			if o.Observe != nil {
				o.Observe(x)
			}
			l.conns.add(-1)
		},
	}
	if l.evidence != nil {
		c.Recorder = l.evidence
	}
	var err error
	if l.spec.WAF != nil {
		if l.acl, err = l.webACL(settings); err != nil {
			return err
		}
		c.ACL = l.acl
	}
	arn := 0
	for _, x := range l.listeners {
		al, err := l.balancerListener(x, &arn)
		if err != nil {
			return fmt.Errorf("listener %s: %w", x.name, err)
		}
		c.Listeners = append(c.Listeners, al)
		l.served[x.name] = al
	}
	if l.balancer, err = alb.New(c); err != nil {
		return err
	}
	for _, n := range l.names.nodes {
		for _, x := range l.listeners {
			for _, addr := range []netip.Addr{n.IPv4, n.IPv6} {
				if err := l.listen(n, x, addr); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (l *Lab) listen(n node, x listener, addr netip.Addr) error {
	at := netip.AddrPortFrom(addr, x.Port)
	var nl net.Listener
	var err error
	if l.attached != nil {
		nl, err = l.attached.Listen(at)
		nl = tracked{nl, l.conns}
	} else {
		nl, err = l.net.Listen(at)
	}
	if err != nil {
		return fmt.Errorf("listening on %s: %w", at, err)
	}
	where := alb.Node{Zone: n.zone, Private: addr, Public: n.public.String()}
	if addr.Is6() {
		where.Public = "" // IPv6 addresses are not translated
	}
	l.serving.Go(func() {
		if err := l.balancer.Serve(nl, where, x.name); err != nil {
			l.logger.Error("serving", "listener", x.name, "node", addr, "error", err)
		}
	})
	return nil
}

func (l *Lab) balancerListener(x listener, arn *int) (alb.Listener, error) {
	al := alb.Listener{
		Name: x.name, Port: x.Port, Policy: x.policy,
		MTLS: alb.Mode(x.MTLSMode), IgnoreExpiry: x.IgnoreClientCertificateExpiry, AdvertiseCANames: x.AdvertiseCANames,
		Action: action(x.DefaultAction),
	}
	for _, key := range x.certs {
		later, err := l.pki.ServerLater(key.String())
		if err != nil {
			return al, fmt.Errorf("making certificate %s: %w", key, err)
		}
		p, err := l.promise(key, later)
		if err != nil {
			return al, fmt.Errorf("making certificate %s: %w", key, err)
		}
		al.Promised = append(al.Promised, p)
		al.CertificateARNs = append(al.CertificateARNs, l.names.certificates(*arn))
		*arn++
	}
	if al.MTLS == alb.ModeVerify {
		var err error
		if al.TrustStore, err = l.trustStore(x.Listener); err != nil {
			return al, err
		}
	}
	return al, nil
}

// promise begins to make a server certificate. An RSA key takes a tenth of a second: on the wall's clock clients need not
// wait for one that they do not use. A virtual clock must not move while somebody waits, so there it is made at once.
func (l *Lab) promise(c policy.Cert, get func() (tls.Certificate, error)) (alb.Promise, error) {
	if l.manual == nil && c.Key == policy.RSA {
		l.serving.Go(func() { _, _ = get() }) // the handshake that needs it reports the error
		return alb.Promise{Cert: c, Get: get}, nil
	}
	_, err := get()
	return alb.Promise{Cert: c, Get: get}, err
}

// trustStore is the listener's own, or the lab's: its client CAs and their revocation lists.
func (l *Lab) trustStore(x lab.Listener) (*alb.TrustStore, error) {
	bundle := []byte(x.TrustStore)
	var lists [][]byte
	if len(bundle) == 0 {
		bundle = l.pki.TrustStore()
		var err error
		if lists, err = l.pki.CRLs(); err != nil {
			return nil, err
		}
	}
	for n, rest := 1, []byte(x.RevocationLists); len(bytes.TrimSpace(rest)) > 0; n++ {
		block, left := pem.Decode(rest)
		if block == nil {
			return nil, fmt.Errorf("revocation_lists: no PEM block after list %d", n-1)
		}
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("revocation_lists: PEM block %d is of type %q, X509 CRL is allowed", n, block.Type)
		}
		lists, rest = append(lists, rest[:len(rest)-len(left)]), left
	}
	return alb.NewTrustStore(bundle, lists...)
}

func action(a lab.Action) alb.Action {
	if a.Type == alb.ActionForward {
		return alb.Action{Type: a.Type, TargetGroupARN: fmt.Sprintf(
			"arn:aws:elasticloadbalancing:%s:%s:%s", region, account, targetGroup)}
	}
	fixed := alb.Action{
		Type: alb.ActionFixedResponse, StatusCode: cmp.Or(a.StatusCode, 200),
		ContentType: cmp.Or(a.ContentType, "text/plain"), MessageBody: a.MessageBody,
	}
	if a == (lab.Action{}) {
		fixed.MessageBody = "alblab ok" // 9 bytes, as in experiment 2
	}
	return fixed
}

func (l *Lab) webACL(settings lab.Embedded) (*waf.ACL, error) {
	w := l.spec.WAF
	return waf.New(waf.Config{
		ARN:             l.names.webACL,
		ReputationGroup: w.IPReputation,
		Reputation:      settings.IPReputation,
		Blocked:         w.BlockForwardedIPs,
		Header:          w.ForwardedIPHeader,
		DefaultBlock:    w.DefaultActionBlock,
	})
}
