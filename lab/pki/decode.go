package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// decodePair is the way back from [EncodePEM]. Whether certificate and key fit, or the certificate can be parsed at all, is not
// looked at: some kinds are bad on purpose.
func decodePair(text, key []byte) (tls.Certificate, error) {
	var c tls.Certificate
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if b.Type == "CERTIFICATE" {
			c.Certificate = append(c.Certificate, b.Bytes)
		}
	}
	if len(c.Certificate) == 0 {
		return c, errors.New("no certificate in PEM")
	}
	b, _ := pem.Decode(key)
	if b == nil {
		return c, errors.New("no private key in PEM")
	}
	var err error
	if c.PrivateKey, err = x509.ParsePKCS8PrivateKey(b.Bytes); err != nil {
		return c, fmt.Errorf("private key: %w", err)
	}
	if leaf, err := x509.ParseCertificate(c.Certificate[0]); err == nil {
		c.Leaf = leaf
	}
	return c, nil
}

func decodeCertificate(text []byte) (*x509.Certificate, error) {
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, errors.New("no certificate in PEM")
	}
	return x509.ParseCertificate(b.Bytes)
}
