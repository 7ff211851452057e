package alb

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// engine is one TLS connection of crypto/tls or of uTLS.
type engine interface {
	io.ReadWriter
	Handshake() error
	CloseWrite() error // sends close_notify
	negotiated() negotiated
}

// negotiated is what an engine agreed on with the client. group is 0 where the engine does not tell.
type negotiated struct {
	version wire.Version
	suite   wire.Suite
	group   wire.Group
	alpn    string
	resumed bool
}

// engineKey is what makes two connections use the same configuration.
type engineKey struct {
	node     netip.Addr // session tickets are good at one address only
	decision policy.Decision
	max      wire.Version
	alpn     string
}

// engineConfig makes engines that can do nothing but one decision. Lists with a single entry are the only way to get a
// policy's order out of engines that have an order of their own.
type engineConfig struct {
	std *tls.Config
	cbc *cbcConfig // instead of std
}

// certsSeen is called with the client's certificates, once, before the client's Finished is read; never for a resumed
// session. TLS 1.2 clients have not yet been sent the load balancer's Finished then.
type certsSeen func(chain []*x509.Certificate)

// engineFor returns the configuration for a decision, made on first use. It waits for the server certificate if that is
// still being made.
func (lb *LoadBalancer) engineFor(ln *listener, node Node, h *wire.ClientHello, d policy.Decision, alpn string) (*engineConfig, error) {
	d.Outcome = policy.Negotiated // a HelloRetryRequest needs nothing but the group that the client sent no share of
	k := engineKey{node.Private, d, canaryVersion(ln.Policy, h, d), alpn}
	if e, ok := ln.engines.Load(k); ok {
		return e.(*engineConfig), nil
	}
	cert, err := ln.served[d.Cert]()
	if err != nil {
		return nil, err
	}
	var e engineConfig
	if needsUTLS(d) {
		e.cbc = newCBCConfig(lb, ln, node, k, cert)
	} else {
		e.std = newStdConfig(lb, ln, node, k, cert.Certificate)
	}
	made, _ := ln.engines.LoadOrStore(k, &e)
	return made.(*engineConfig), nil
}

// canaryVersion is the highest version that an engine may believe in, so that it puts RFC 8446's downgrade sentinel
// (section 4.1.3) into its random where the policy knows more than the client. It is the decided version where believing
// in more would change what the engine negotiates.
func canaryVersion(p *policy.Policy, h *wire.ClientHello, d policy.Decision) wire.Version {
	highest := d.Version
	if n := len(p.Versions); n > 0 {
		highest = max(highest, p.Versions[n-1])
	}
	offers := func(v wire.Version) bool {
		if h.HasSupportedVersions {
			return slices.Contains(h.SupportedVersions, v)
		}
		return v <= h.LegacyVersion && v < wire.TLS13
	}
	for v := d.Version + 1; v <= highest; v++ {
		if offers(v) {
			return d.Version
		}
	}
	return highest
}

func newStdConfig(lb *LoadBalancer, ln *listener, node Node, k engineKey, cert tls.Certificate) *tls.Config {
	d := k.decision
	if d.Scheme != 0 {
		cert.SupportedSignatureAlgorithms = []tls.SignatureScheme{tls.SignatureScheme(d.Scheme)}
	}
	cfg := &tls.Config{
		Certificates:           []tls.Certificate{cert},
		MinVersion:             uint16(d.Version),
		MaxVersion:             uint16(k.max),
		Time:                   lb.cfg.Clock.Now,
		SessionTicketsDisabled: ln.MTLS != ModeOff,
	}
	if d.Group != 0 {
		cfg.CurvePreferences = []tls.CurveID{tls.CurveID(d.Group)}
	}
	if d.Version < wire.TLS13 {
		cfg.CipherSuites = []uint16{uint16(d.Suite)}
	}
	cfg.GetConfigForClient = func(chi *tls.ClientHelloInfo) (*tls.Config, error) {
		if t, ok := chi.Conn.(*transport); ok {
			narrow(t, chi.CipherSuites, chi.SignatureSchemes, &d)
		}
		return nil, nil
	}
	if k.alpn != "" {
		cfg.NextProtos = []string{k.alpn}
	}
	if ln.MTLS != ModeOff {
		cfg.ClientAuth = tls.RequestClientCert
		if ln.MTLS == ModeVerify && ln.AdvertiseCANames {
			cfg.ClientCAs = ln.TrustStore.roots
		}
	}
	cfg.SetSessionTicketKeys([][32]byte{lb.ticketKey(ln, node, "crypto/tls")})
	return cfg
}

// start makes an engine on a connection. seen may be nil.
func (e *engineConfig) start(t *transport, seen certsSeen) engine {
	if e.cbc != nil {
		return e.cbc.start(t, seen)
	}
	cfg := e.std
	if seen != nil {
		cfg = cfg.Clone()
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			seen(cs.PeerCertificates)
			return nil
		}
	}
	return &stdEngine{tls.Server(t, cfg)}
}

type stdEngine struct{ *tls.Conn }

func (e *stdEngine) negotiated() negotiated {
	s := e.ConnectionState()
	return negotiated{
		version: wire.Version(s.Version),
		suite:   wire.Suite(s.CipherSuite),
		group:   wire.Group(s.CurveID),
		alpn:    s.NegotiatedProtocol,
		resumed: s.DidResume,
	}
}

// check compares what an engine did with what was decided.
func (n negotiated) check(d policy.Decision, alpn string) error {
	switch {
	case n.version != d.Version:
		return fmt.Errorf("engine negotiated %v, decided was %v", n.version, d.Version)
	case n.suite != d.Suite:
		return fmt.Errorf("engine negotiated %v, decided was %v", n.suite, d.Suite)
	case n.group != d.Group && n.group != 0 && !(n.resumed && n.version < wire.TLS13):
		return fmt.Errorf("engine negotiated group %v, decided was %v", n.group, d.Group)
	case n.alpn != alpn:
		return fmt.Errorf("engine negotiated protocol %q, decided was %q", n.alpn, alpn)
	}
	return nil
}
