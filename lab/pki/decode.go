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
	var err error
	if c.PrivateKey, err = decodeKey(key); err != nil {
		return c, err
	}
	if leaf, err := x509.ParseCertificate(c.Certificate[0]); err == nil {
		c.Leaf = leaf
	}
	return c, nil
}

// decodeKey reads the first private key of PEM: PKCS #8, or what "openssl genrsa -traditional" and "openssl ecparam" write.
func decodeKey(text []byte) (key any, err error) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return nil, errors.New("no private key in PEM")
		}
		switch b.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(b.Bytes)
		default:
			continue // "EC PARAMETERS", or the certificate, where both are in one file
		}
		if err != nil {
			return nil, fmt.Errorf("private key: %w", err)
		}
		return key, nil
	}
}

func decodeCertificate(text []byte) (*x509.Certificate, error) {
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, errors.New("no certificate in PEM")
	}
	return x509.ParseCertificate(b.Bytes)
}
