package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// certificateV1 is an X.509 certificate of version 1 (RFC 5280, section 4.1): no version field, no extensions. The
// standard library only makes version 3.
type certificateV1 struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

type tbsV1 struct {
	Serial    *big.Int
	Algorithm pkix.AlgorithmIdentifier
	Issuer    asn1.RawValue
	Validity  struct{ NotBefore, NotAfter time.Time }
	Subject   asn1.RawValue
	Key       asn1.RawValue
}

// makeV1 replaces the certificate by one of version 1 with the same contents.
func (p *PKI) makeV1(l *leaf) error {
	ecdsaWithSHA256 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}} // RFC 5758
	tbs := tbsV1{
		Serial:    l.cert.SerialNumber,
		Algorithm: ecdsaWithSHA256,
		Issuer:    asn1.RawValue{FullBytes: l.by.cert.RawSubject},
		Subject:   asn1.RawValue{FullBytes: l.cert.RawSubject},
		Key:       asn1.RawValue{FullBytes: l.cert.RawSubjectPublicKeyInfo},
	}
	tbs.Validity.NotBefore, tbs.Validity.NotAfter = l.cert.NotBefore, l.cert.NotAfter
	body, err := asn1.Marshal(tbs)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	sig, err := l.by.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	der, err := asn1.Marshal(certificateV1{
		TBS:       asn1.RawValue{FullBytes: body},
		Algorithm: ecdsaWithSHA256,
		Signature: asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)},
	})
	if err != nil {
		return err
	}
	l.cert, err = x509.ParseCertificate(der)
	return err
}
