package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"
)

// The kinds. What each is, and what an Application Load Balancer says of it, stands in the table that Kinds returns.
const (
	KindNone             Kind = "" // no certificate
	KindGoodRSA          Kind = "good-rsa"
	KindGoodRSA3072      Kind = "good-rsa-3072"
	KindGoodRSA4096      Kind = "good-rsa-4096"
	KindGoodRSA8192      Kind = "good-rsa-8192"
	KindGoodRSAPSS       Kind = "good-rsa-pss"
	KindGoodECDSA        Kind = "good-ecdsa"
	KindGoodP384         Kind = "good-p384"
	KindGoodP521         Kind = "good-p521"
	KindGoodStrict       Kind = "good-rfc9151"
	KindGoodIntermediate Kind = "good-intermediate"
	KindGoodDeep         Kind = "good-chain-of-4"
	KindNoIntermediate   Kind = "intermediate-not-sent"
	KindUntrusted        Kind = "untrusted"
	KindSelfSigned       Kind = "self-signed"
	KindNotCA            Kind = "issuer-not-ca"
	KindNameConstraints  Kind = "name-constraints"
	KindExpired          Kind = "expired"
	KindExpiredStrict    Kind = "expired-rfc9151"
	KindNotYetValid      Kind = "not-yet-valid"
	KindWrongPurpose     Kind = "wrong-purpose"
	KindDeepChain        Kind = "chain-too-deep"
	KindTooLarge         Kind = "too-large"
	KindRevoked          Kind = "revoked"
	KindRevokedStale     Kind = "revoked-by-old-list"
	KindRSA1024          Kind = "rsa-1024"
	KindP224             Kind = "ecdsa-p224"
	KindEd25519          Kind = "ed25519"
	KindSHA1             Kind = "sha1"
	KindV1               Kind = "x509-v1"
	KindMalformed        Kind = "malformed"
	KindWrongKey         Kind = "wrong-key"
	KindRejected         Kind = "fault-rejected"
	KindCrlFault         Kind = "fault-crl"
)

// Kinds returns every kind of certificate, KindNone not among them.
func Kinds() []KindInfo {
	return []KindInfo{
		// RSA 2048 to 8192, P-256, P-384, P-521; SHA-256, SHA-384, SHA-512 with RSA, ECDSA or RSASSA-PSS
		// (docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html).
		{Kind: KindGoodRSA, Doc: "RSA 2048 from the CA in the trust store", key: "rsa2048", issuer: fromRoot},
		{Kind: KindGoodRSA3072, Doc: "RSA 3072 from the CA in the trust store", Slow: true, key: "rsa3072", issuer: fromRoot},
		{Kind: KindGoodRSA4096, Doc: "RSA 4096 from the CA in the trust store", Slow: true, key: "rsa4096", issuer: fromRoot},
		{Kind: KindGoodRSA8192, Doc: "RSA 8192, the maximum, from the CA in the trust store", Slow: true, key: "rsa8192", issuer: fromRoot},
		{Kind: KindGoodRSAPSS, Doc: "RSA 2048, signed with RSASSA-PSS by an intermediate CA, which is sent along", Slow: true, key: "rsa2048", issuer: fromRSA,
			change: func(t *x509.Certificate) { t.SignatureAlgorithm = x509.SHA256WithRSAPSS }},
		{Kind: KindGoodECDSA, Doc: "P-256 from the CA in the trust store", key: "p256", issuer: fromRoot},
		{Kind: KindGoodP384, Doc: "P-384 from the CA in the trust store", key: "p384", issuer: fromRoot},
		{Kind: KindGoodP521, Doc: "P-521 from the CA in the trust store", key: "p521", issuer: fromRoot},
		{Kind: KindGoodStrict, Doc: "P-384 and SHA-384 in the whole chain, as the RFC 9151 policies want it", key: "p384", issuer: fromRoot384},
		{Kind: KindGoodIntermediate, Doc: "from an intermediate CA, which is sent along", key: "p256", issuer: fromIntermediate(true)},
		{Kind: KindGoodDeep, Doc: "below three intermediate CAs, all sent: the limit of 4 certificates", key: "p256", issuer: fromDeep(3)},
		// Assumption: the codes of the next five, but for the untrusted one's, by s2n-tls, s2n_x509_validator.c: no path to a trusted CA.
		{Kind: KindNoIntermediate, Doc: "from an intermediate CA, which is not sent", Code: CodeUntrusted, Assumed: true, key: "p256", issuer: fromIntermediate(false)},
		{Kind: KindUntrusted, Doc: "from a CA that is not in the trust store", Code: CodeUntrusted, key: "p256", issuer: fromUntrusted},
		{Kind: KindSelfSigned, Doc: "signed by its own key", Code: CodeUntrusted, Assumed: true, key: "p256", issuer: fromSelf},
		{Kind: KindNotCA, Doc: "from a trusted end-entity certificate that may not issue", Code: CodeUntrusted, Assumed: true, key: "p256", issuer: fromNotCA},
		{Kind: KindNameConstraints, Doc: "for a name that the issuing CA's name constraints exclude", Code: CodeUntrusted, Assumed: true,
			key: "p256", issuer: fromConstrained, change: func(t *x509.Certificate) { t.DNSNames = []string{"client.outside.example"} }},
		{Kind: KindExpired, Doc: "valid until 2021-01-01", Code: CodeExpired, key: "p256", issuer: fromRoot, change: expire},
		{Kind: KindExpiredStrict, Doc: "valid until 2021-01-01, P-384 and SHA-384 in the whole chain", Code: CodeExpired, key: "p384", issuer: fromRoot384, change: expire},
		{Kind: KindNotYetValid, Doc: "valid from 9000-01-01", Code: CodeNotYetValid, key: "p256", issuer: fromRoot,
			change: func(t *x509.Certificate) { t.NotBefore = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{Kind: KindWrongPurpose, Doc: "extended key usage serverAuth only", Code: CodePurposeInvalid, key: "p256", issuer: fromRoot,
			change: func(t *x509.Certificate) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{Kind: KindDeepChain, Doc: "below five intermediate CAs, all sent: deeper than the limit of 4", Code: CodeMaxChainDepth, key: "p256", issuer: fromDeep(5)},
		{Kind: KindTooLarge, Doc: "larger than the limit of a TLS message, 64 K", Code: CodeMaxSize, key: "p256", issuer: fromRoot, change: enlarge},
		{Kind: KindRevoked, Doc: "good, but listed in a revocation list", Code: CodeCrlHit, key: "p256", issuer: fromRoot},
		// Assumption: s2n-tls checks no dates of lists unless asked to.
		{Kind: KindRevokedStale, Doc: "good, but listed in a revocation list that is past its next update", Code: CodeCrlHit, Assumed: true, key: "p256", issuer: fromRoot384},
		// Assumption: outside of the list of supported certificates; which code an ALB gives is unknown.
		{Kind: KindRSA1024, Doc: "RSA 1024: below the minimum of 2048", Code: CodeTypeUnsupported, Assumed: true, key: "rsa1024", issuer: fromRoot},
		{Kind: KindP224, Doc: "P-224: an unsupported curve", Code: CodeTypeUnsupported, Assumed: true, TLS12: true, key: "p224", issuer: fromRoot},
		{Kind: KindSHA1, Doc: "signed with SHA-1", Code: CodeInvalid, Assumed: true, key: "p256", issuer: fromRoot,
			change: func(t *x509.Certificate) { t.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
		{Kind: KindV1, Doc: "X.509 version 1: only version 3 is supported", Code: CodeInvalid, Assumed: true, key: "p256", issuer: fromRoot, finish: (*PKI).makeV1},
		{Kind: KindMalformed, Doc: "a certificate that cannot be parsed", Code: CodeInvalid, key: "p256", issuer: fromRoot, spoil: true},
		// Assumption: a correct client finds no scheme for its key and sends an empty certificate.
		{Kind: KindEd25519, Doc: "Ed25519: an unsupported key", Code: CodeUnmapped, Assumed: true, key: "ed25519", issuer: fromRoot},
		// Assumption: the signature in CertificateVerify fails, which is no certificate error.
		{Kind: KindWrongKey, Doc: "good, but the client signs with another key", Code: CodeUnmapped, Assumed: true, key: "p256", issuer: fromRoot, finish: (*PKI).swapKey},
		{Kind: KindRejected, Doc: "good, but the load balancer is told to reject it", Code: CodeRejected, Injected: true, key: "p256", issuer: fromRoot},
		{Kind: KindCrlFault, Doc: "good, but the load balancer is told that it cannot process a revocation list", Code: CodeCrlProcessing, Injected: true, key: "p256", issuer: fromRoot},
	}
}

func expire(t *x509.Certificate) { t.NotAfter = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC) }

// enlarge makes a certificate larger than a TLS message may be, by a private extension: RFC 5612's enterprise number for
// examples.
func enlarge(t *x509.Certificate) {
	t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{
		Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Value: make([]byte, 64<<10),
	})
}
