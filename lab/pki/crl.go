package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// CRL returns a certificate revocation list of the first CA in the trust store, as PEM: it lists the certificate of
// KindRevoked.
func (p *PKI) CRL() ([]byte, error) { return p.crl("crl", p.clientRoot, KindRevoked, notAfter) }

// OldCRL returns a list of the trust store's other CA that should have been replaced in 2021: it lists the certificate of
// KindRevokedStale.
func (p *PKI) OldCRL() ([]byte, error) {
	return p.crl("old crl", p.clientRoot384, KindRevokedStale, time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC))
}

// CRLs returns the lists that belong to the trust store.
func (p *PKI) CRLs() ([][]byte, error) {
	current, err := p.CRL()
	if err != nil {
		return nil, err
	}
	old, err := p.OldCRL()
	return [][]byte{current, old}, err
}

// crl makes a list with one certificate in it.
func (p *PKI) crl(name string, issuer func() (*authority, error), kind Kind, nextUpdate time.Time) ([]byte, error) {
	return keep(p, name, func() ([]byte, error) {
		by, err := issuer()
		if err != nil {
			return nil, err
		}
		revoked, err := p.Client(kind)
		if err != nil {
			return nil, err
		}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number:     big.NewInt(1),
			ThisUpdate: notBefore,
			NextUpdate: nextUpdate,
			RevokedCertificateEntries: []x509.RevocationListEntry{{
				SerialNumber: revoked.Leaf.SerialNumber, RevocationTime: notBefore, ReasonCode: 1, // keyCompromise
			}},
		}, by.cert, by.key)
		if err != nil {
			return nil, fmt.Errorf("issuing a revocation list: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
	})
}
