package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
)

// CRL returns a certificate revocation list of the CA in the trust store, as PEM: it lists the certificate of
// KindRevoked.
func (p *PKI) CRL() ([]byte, error) {
	return keep(p, "crl", func() ([]byte, error) {
		root, err := p.clientRoot()
		if err != nil {
			return nil, err
		}
		revoked, err := p.Client(KindRevoked)
		if err != nil {
			return nil, err
		}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number:     big.NewInt(1),
			ThisUpdate: notBefore,
			NextUpdate: notAfter,
			RevokedCertificateEntries: []x509.RevocationListEntry{{
				SerialNumber: revoked.Leaf.SerialNumber, RevocationTime: notBefore, ReasonCode: 1, // keyCompromise
			}},
		}, root.cert, root.key)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
	})
}
