package alb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// listener is a Listener ready to serve.
type listener struct {
	Listener
	certs   policy.CertSet
	served  []func() (servedCert, error) // in the order of certs
	engines sync.Map                     // engineKey -> *engineConfig
}

// servedCert is a server certificate and its leaf, parsed.
type servedCert struct {
	tls.Certificate
	leaf *x509.Certificate
}

func newListener(c *Config, l *Listener) (*listener, error) {
	ln := &listener{Listener: *l}
	if ln.MTLS == "" {
		ln.MTLS = ModeOff
	}
	if ln.Action.Type == "" {
		ln.Action.Type = ActionFixedResponse
	}
	if ln.Action.StatusCode == 0 {
		ln.Action.StatusCode = 200
	}
	for i := range l.Certificates {
		leaf, cert, err := describe(&l.Certificates[i])
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		made := servedCert{l.Certificates[i], leaf}
		ln.served = append(ln.served, func() (servedCert, error) { return made, nil })
		ln.certs = append(ln.certs, cert)
	}
	for _, p := range l.Promised {
		ln.served = append(ln.served, sync.OnceValues(p.keep))
		ln.certs = append(ln.certs, p.Cert)
	}
	return ln, nil
}

// keep waits for the certificate and holds it to what was promised.
func (p Promise) keep() (servedCert, error) {
	c, err := p.Get()
	if err != nil {
		return servedCert{}, fmt.Errorf("making a server certificate: %w", err)
	}
	leaf, cert, err := describe(&c)
	if err == nil && cert != p.Cert {
		err = fmt.Errorf("is %v, promised was %v", cert, p.Cert)
	}
	if err != nil {
		return servedCert{}, fmt.Errorf("server certificate: %w", err)
	}
	return servedCert{c, leaf}, nil
}

// covers reports whether server certificate i is for this name. It must have been used: nobody waits for it here.
func (ln *listener) covers(i int, name string) bool {
	c, err := ln.served[i]()
	return err == nil && c.leaf.VerifyHostname(name) == nil
}

func (ln *listener) certARN(i int) string {
	if i < 0 || i >= len(ln.CertificateARNs) {
		return ""
	}
	return ln.CertificateARNs[i]
}

// describe says of a server certificate what a decision depends on.
func describe(c *tls.Certificate) (*x509.Certificate, policy.Cert, error) {
	if len(c.Certificate) == 0 {
		return nil, policy.Cert{}, errors.New("empty")
	}
	leaf := c.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return nil, policy.Cert{}, err
		}
	}
	p := policy.Cert{Scheme: signedWith(leaf)}
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		p.Key, p.Bits = policy.RSA, k.N.BitLen()
	case *ecdsa.PublicKey:
		p.Key = policy.ECDSA
		switch k.Curve {
		case elliptic.P256():
			p.Curve = wire.SECP256R1
		case elliptic.P384():
			p.Curve = wire.SECP384R1
		case elliptic.P521():
			p.Curve = wire.SECP521R1
		default:
			return nil, p, fmt.Errorf("curve %s is not supported", k.Params().Name)
		}
	default:
		return nil, p, fmt.Errorf("key type %T is not supported", k)
	}
	return leaf, p, nil
}

// signedWith names the algorithm of the signature in a certificate as a TLS signature scheme, 0 if it has none. An ECDSA
// scheme here stands for its hash alone, as in TLS 1.2.
func signedWith(c *x509.Certificate) wire.Scheme {
	switch c.SignatureAlgorithm {
	case x509.SHA1WithRSA:
		return 0x0201
	case x509.SHA256WithRSA:
		return 0x0401
	case x509.SHA384WithRSA:
		return 0x0501
	case x509.SHA512WithRSA:
		return 0x0601
	case x509.SHA256WithRSAPSS:
		return 0x0804
	case x509.SHA384WithRSAPSS:
		return 0x0805
	case x509.SHA512WithRSAPSS:
		return 0x0806
	case x509.ECDSAWithSHA1:
		return 0x0203
	case x509.ECDSAWithSHA256:
		return 0x0403
	case x509.ECDSAWithSHA384:
		return 0x0503
	case x509.ECDSAWithSHA512:
		return 0x0603
	}
	return 0
}
