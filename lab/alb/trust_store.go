package alb

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// TrustStore is what a listener in verify mode trusts: CA certificates and revocation lists. It does not change.
type TrustStore struct {
	roots *x509.CertPool                    // ageless copies
	crls  map[string][]*x509.RevocationList // by the issuer's raw name
	real  map[[32]byte]*x509.Certificate    // by fingerprint: the roots as they are
}

// Limits of a trust store (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
const (
	maxCACertificates = 25
	maxCASize         = 16 << 10
	maxCRLs           = 30
)

// NewTrustStore reads a CA bundle in PEM and certificate revocation lists, each in PEM or DER.
func NewTrustStore(bundle []byte, crls ...[]byte) (*TrustStore, error) {
	ts := &TrustStore{roots: x509.NewCertPool(), crls: map[string][]*x509.RevocationList{}, real: map[[32]byte]*x509.Certificate{}}
	n := 0
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(bytes.TrimSpace(rest)) > 0 && n == 0 {
				return nil, errors.New("reading trust store: no PEM block")
			}
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("reading trust store: PEM block of type %q, CERTIFICATE is allowed", block.Type)
		}
		n++
		if len(block.Bytes) > maxCASize {
			return nil, fmt.Errorf("reading trust store: certificate %d has %d bytes, %d are allowed", n, len(block.Bytes), maxCASize)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading trust store: certificate %d: %w", n, err)
		}
		a := ageless(c)
		ts.roots.AddCert(a)
		ts.real[fingerprint(c)] = c
	}
	switch {
	case n == 0:
		return nil, errors.New("reading trust store: no certificate")
	case n > maxCACertificates:
		return nil, fmt.Errorf("reading trust store: %d certificates, %d are allowed", n, maxCACertificates)
	case len(crls) > maxCRLs:
		return nil, fmt.Errorf("reading trust store: %d revocation lists, %d are allowed", len(crls), maxCRLs)
	}
	for i, der := range crls {
		if block, _ := pem.Decode(der); block != nil {
			der = block.Bytes
		}
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("reading trust store: revocation list %d: %w", i+1, err)
		}
		k := string(l.RawIssuer)
		ts.crls[k] = append(ts.crls[k], l)
	}
	return ts, nil
}

// ageless returns a copy of c that is valid at any time, so that a path can be found first and its dates be judged after.
// Signatures are over the bytes, which stay.
func ageless(c *x509.Certificate) *x509.Certificate {
	a := *c
	a.NotBefore = time.Time{}
	a.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return &a
}
