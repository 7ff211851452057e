package pki

import (
	"bytes"
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
	key, err := p.sharedKey(info.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"alblab test"}, CommonName: commonName(info.Kind)},
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
	c := tlsCertificate(l.cert, l.key, ch.sent...)
	if info.spoil {
		c.Certificate[0] = spoiled(c.Certificate[0])
	}
	return c, nil
}

// commonName is what the subject of a kind's certificate is called.
func commonName(k Kind) string { return "client " + string(k) }

// sharedKey returns the key of a sort that all clients have in common: keys cost more than certificates.
func (p *PKI) sharedKey(kind string) (crypto.Signer, error) {
	return keep(p, "client key "+kind, func() (crypto.Signer, error) { return newKey(kind) })
}

// spoiled is a certificate whose version is no number: the outer structure is whole, so that a TLS message holds it.
func spoiled(der []byte) []byte {
	b := bytes.Clone(der)
	if i := bytes.Index(b, []byte{0xA0, 3, 2, 1, 2}); i >= 0 { // [0] { INTEGER 2 }: RFC 5280, section 4.1
		b[i+2] = 1 // a boolean
	}
	return b
}

func fromRoot(p *PKI) (*chain, error) {
	root, err := p.clientRoot()
	return &chain{by: root}, err
}

// fromRoot384 issues by the trust store's second CA.
func fromRoot384(p *PKI) (*chain, error) {
	root, err := p.clientRoot384()
	return &chain{by: root}, err
}

// fromRSA issues by an intermediate CA that has an RSA key.
func fromRSA(p *PKI) (*chain, error) {
	root, err := p.clientRoot()
	if err != nil {
		return nil, err
	}
	by, err := newAuthority(caTemplate("alblab client intermediate RSA"), "rsa2048", root)
	if err != nil {
		return nil, err
	}
	return &chain{by: by, sent: []*x509.Certificate{by.cert}}, nil
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

// fromDeep issues below n CAs, all of which are sent. An Application Load Balancer allows a depth of 4:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html.
func fromDeep(n int) func(*PKI) (*chain, error) {
	return func(p *PKI) (*chain, error) {
		by, err := p.clientRoot()
		if err != nil {
			return nil, err
		}
		c := &chain{}
		for i := range n {
			by, err = newAuthority(caTemplate(fmt.Sprintf("alblab client intermediate %d of %d", i+1, n)), "p256", by)
			if err != nil {
				return nil, err
			}
			c.sent = append([]*x509.Certificate{by.cert}, c.sent...)
		}
		c.by = by
		return c, nil
	}
}

// swapKey gives the client a key that is not the certificate's.
func (p *PKI) swapKey(l *leaf) error {
	key, err := newKey("p256") // not the shared one
	l.key = key
	return err
}
