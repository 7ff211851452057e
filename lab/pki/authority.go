package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
)

// authority is a CA: a certificate and its key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// newKey makes a key: rsa1024, rsa2048, ..., p224, p256, p384, p521, ed25519.
func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "p224":
		return ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	var bits int
	if _, err := fmt.Sscanf(kind, "rsa%d", &bits); err != nil {
		return nil, fmt.Errorf("unknown key %q", kind)
	}
	return newRSA(bits, 2)
}

// serial is a random positive number of at most 127 bits (RFC 5280, section 4.1.2.2, allows 20 octets).
func serial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return n.Add(n, big.NewInt(1)), nil
}

// issue signs the template for the key; a nil issuer means that it signs itself. Serial number and validity are filled
// in where the template has none.
func issue(t *x509.Certificate, key crypto.Signer, by *authority) (*x509.Certificate, error) {
	if t.SerialNumber == nil {
		n, err := serial()
		if err != nil {
			return nil, err
		}
		t.SerialNumber = n
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = notBefore
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = notAfter
	}
	if by == nil {
		by = &authority{cert: t, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, by.cert, key.Public(), by.key)
	if err != nil {
		return nil, fmt.Errorf("issuing %s: %w", t.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// caTemplate describes a CA certificate.
func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"alblab test"}, CommonName: name},
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
}

// newAuthority makes a CA with a key of its own.
func newAuthority(t *x509.Certificate, keyKind string, by *authority) (*authority, error) {
	key, err := newKey(keyKind)
	if err != nil {
		return nil, err
	}
	cert, err := issue(t, key, by)
	if err != nil {
		return nil, err
	}
	return &authority{cert, key}, nil
}

// The server certificates lead to two roots. Their keys are ECDSA because those cost microseconds where an RSA key costs
// a tenth of a second, and every lab needs them. The P-384 one signs with SHA-384, for policies that bind the whole chain.

func (p *PKI) serverRoot256() (*authority, error) {
	return keep(p, "server root p256", func() (*authority, error) {
		return newAuthority(caTemplate("alblab server root P-256"), "p256", nil)
	})
}

func (p *PKI) serverRoot384() (*authority, error) {
	return keep(p, "server root p384", func() (*authority, error) {
		return newAuthority(caTemplate("alblab server root P-384"), "p384", nil)
	})
}

// clientRoot is the CA in the trust store that issues nearly all.
func (p *PKI) clientRoot() (*authority, error) {
	return keep(p, "client root", func() (*authority, error) {
		return newAuthority(caTemplate("alblab client root"), "p256", nil)
	})
}

// clientRoot384 is the trust store's other CA, for policies that bind the whole chain to SHA-384. Its revocation list is old.
func (p *PKI) clientRoot384() (*authority, error) {
	return keep(p, "client root p384", func() (*authority, error) {
		return newAuthority(caTemplate("alblab client root P-384"), "p384", nil)
	})
}

// clientIntermediate is a CA below clientRoot that is not in the trust store.
func (p *PKI) clientIntermediate() (*authority, error) {
	return keep(p, "client intermediate", func() (*authority, error) {
		root, err := p.clientRoot()
		if err != nil {
			return nil, err
		}
		return newAuthority(caTemplate("alblab client intermediate"), "p256", root)
	})
}

// untrustedRoot is a CA that no trust store holds.
func (p *PKI) untrustedRoot() (*authority, error) {
	return keep(p, "untrusted root", func() (*authority, error) {
		return newAuthority(caTemplate("alblab client root that nobody trusts"), "p256", nil)
	})
}
