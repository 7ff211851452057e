package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
)

// leaf is a client certificate in the making.
type leaf struct {
	cert *x509.Certificate
	key  crypto.Signer
	by   *authority
}

func (p *PKI) newClient(info KindInfo) (tls.Certificate, error) {
	c, err := p.buildClient(info)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("client certificate %s: %w", info.Kind, err)
	}
	return c, nil
}

func (p *PKI) buildClient(info KindInfo) (tls.Certificate, error) {
	ch, err := info.issuer(p)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := newKey(info.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"alblab test"}, CommonName: "client " + string(info.Kind)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if info.change != nil {
		info.change(t)
	}
	cert, err := issue(t, key, ch.by)
	if err != nil {
		return tls.Certificate{}, err
	}
	l := &leaf{cert, key, ch.by}
	if info.finish != nil {
		if err := info.finish(p, l); err != nil {
			return tls.Certificate{}, err
		}
	}
	return tlsCertificate(l.cert, l.key, ch.sent...), nil
}

func fromRoot(p *PKI) (*chain, error) {
	root, err := p.clientRoot()
	return &chain{by: root}, err
}

func fromUntrusted(p *PKI) (*chain, error) {
	root, err := p.untrustedRoot()
	return &chain{by: root}, err
}

func fromSelf(*PKI) (*chain, error) { return &chain{}, nil }

func fromIntermediate(send bool) func(*PKI) (*chain, error) {
	return func(p *PKI) (*chain, error) {
		by, err := p.clientIntermediate()
		if err != nil {
			return nil, err
		}
		c := &chain{by: by}
		if send {
			c.sent = []*x509.Certificate{by.cert}
		}
		return c, nil
	}
}

// below makes a CA under the client root and sends its certificate along.
func below(p *PKI, t *x509.Certificate) (*chain, error) {
	root, err := p.clientRoot()
	if err != nil {
		return nil, err
	}
	by, err := newAuthority(t, "p256", root)
	if err != nil {
		return nil, err
	}
	return &chain{by: by, sent: []*x509.Certificate{by.cert}}, nil
}

// fromNotCA issues by a trusted certificate whose basic constraints say that it is no CA (RFC 5280, section 4.2.1.9).
func fromNotCA(p *PKI) (*chain, error) {
	t := caTemplate("alblab end entity that issues")
	t.IsCA = false
	return below(p, t)
}

// fromConstrained issues by a CA that may only vouch for names below inside.example (RFC 5280, section 4.2.1.10).
func fromConstrained(p *PKI) (*chain, error) {
	t := caTemplate("alblab constrained CA")
	t.PermittedDNSDomainsCritical = true
	t.PermittedDNSDomains = []string{"inside.example"}
	return below(p, t)
}

// fromDeep issues below five CAs. An Application Load Balancer allows a depth of 4:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html.
func fromDeep(p *PKI) (*chain, error) {
	by, err := p.clientRoot()
	if err != nil {
		return nil, err
	}
	c := &chain{}
	for i := range 5 {
		by, err = newAuthority(caTemplate(fmt.Sprintf("alblab client intermediate %d of 5", i+1)), "p256", by)
		if err != nil {
			return nil, err
		}
		c.sent = append([]*x509.Certificate{by.cert}, c.sent...)
	}
	c.by = by
	return c, nil
}

// swapKey gives the client a key that is not the certificate's.
func (p *PKI) swapKey(l *leaf) error {
	key, err := newKey("p256")
	l.key = key
	return err
}
