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
	roots *x509.CertPool                 // ageless copies
	crls  map[string][]*revocationList   // by the issuer's raw name
	real  map[[32]byte]*x509.Certificate // by fingerprint: the roots as they are
}

// Limits of a trust store (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
const (
	maxCACertificates    = 25
	maxCASize            = 16 << 10 // bytes
	maxCASubjects        = 10_000   // "CA certificates subject size". Assumption: the bytes of all names in DER together
	maxCRLs              = 30
	maxCRLSize           = 50 << 20 // bytes, as uploaded
	maxRevocationEntries = 500_000  // of all lists together
)

// NewTrustStore reads a CA bundle in PEM and certificate revocation lists, each in PEM or DER. What an account's trust store
// would not take is an error that names the limit.
func NewTrustStore(bundle []byte, crls ...[]byte) (*TrustStore, error) {
	ts := &TrustStore{roots: x509.NewCertPool(), crls: map[string][]*revocationList{}, real: map[[32]byte]*x509.Certificate{}}
	if err := ts.readCAs(bundle); err != nil {
		return nil, fmt.Errorf("reading trust store: %w", err)
	}
	if err := ts.readCRLs(crls); err != nil {
		return nil, fmt.Errorf("reading trust store: %w", err)
	}
	return ts, nil
}

func (ts *TrustStore) readCAs(bundle []byte) error {
	n, names := 0, 0
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(bytes.TrimSpace(rest)) > 0 && n == 0 {
				return errors.New("no PEM block")
			}
			break
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("PEM block of type %q, CERTIFICATE is allowed", block.Type)
		}
		n++
		if len(block.Bytes) > maxCASize {
			return fmt.Errorf("certificate %d has %d bytes, %d are allowed", n, len(block.Bytes), maxCASize)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", n, err)
		}
		names += len(c.RawSubject)
		ts.roots.AddCert(ageless(c))
		ts.real[fingerprint(c)] = c
	}
	switch {
	case n == 0:
		return errors.New("no certificate")
	case n > maxCACertificates:
		return fmt.Errorf("%d certificates, %d are allowed", n, maxCACertificates)
	case names > maxCASubjects:
		return fmt.Errorf("the subjects of the certificates have %d bytes together, %d are allowed", names, maxCASubjects)
	}
	return checkBundleText(bundle)
}

// checkBundleText refuses what AWS does not take between certificates: blank lines, and comments with a dash
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html).
func checkBundleText(bundle []byte) error {
	n, inside := 0, false
	for line := range bytes.Lines(bundle) {
		n++
		line = bytes.TrimSpace(line)
		switch {
		case bytes.HasPrefix(line, []byte("-----BEGIN ")):
			inside = true
		case bytes.HasPrefix(line, []byte("-----END ")):
			inside = false
		case len(line) == 0:
			return fmt.Errorf("line %d is blank, no blank lines are allowed", n)
		case inside:
		case line[0] != '#':
			return fmt.Errorf("line %d is neither a certificate nor a comment that starts with #", n)
		case bytes.IndexByte(line, '-') >= 0:
			return fmt.Errorf("line %d is a comment with a dash, none is allowed", n)
		}
	}
	return nil
}

// ageless returns a copy of c that is valid at any time, so that a path can be found first and its dates be judged after.
// Signatures are over the bytes, which stay.
func ageless(c *x509.Certificate) *x509.Certificate {
	a := *c
	a.NotBefore = time.Time{}
	a.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return &a
}
