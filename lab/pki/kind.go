package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Kind names a sort of client certificate, or none.
type Kind string

// The kinds. What each is, and what an Application Load Balancer says of it, stands in the table that Kinds returns.
const (
	KindNone             Kind = "" // no certificate
	KindGoodRSA          Kind = "good-rsa"
	KindGoodECDSA        Kind = "good-ecdsa"
	KindGoodP384         Kind = "good-p384"
	KindGoodP521         Kind = "good-p521"
	KindGoodIntermediate Kind = "good-intermediate"
	KindNoIntermediate   Kind = "intermediate-not-sent"
	KindUntrusted        Kind = "untrusted"
	KindSelfSigned       Kind = "self-signed"
	KindExpired          Kind = "expired"
	KindNotYetValid      Kind = "not-yet-valid"
	KindWrongPurpose     Kind = "wrong-purpose"
	KindDeepChain        Kind = "chain-too-deep"
	KindNotCA            Kind = "issuer-not-ca"
	KindNameConstraints  Kind = "name-constraints"
	KindRevoked          Kind = "revoked"
	KindRSA1024          Kind = "rsa-1024"
	KindSHA1             Kind = "sha1"
	KindV1               Kind = "x509-v1"
	KindEd25519          Kind = "ed25519"
	KindWrongKey         Kind = "wrong-key"
)

// KindInfo is one row of the table of kinds.
type KindInfo struct {
	Kind Kind
	Doc  string
	// Code is the reason in the connection log's verify status, "" for a success, "-" where the handshake is refused
	// or passes for another reason than the certificate's contents. See
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html.
	Code string
	// Assumed says that no source ties this certificate to this code: it follows from s2n-tls's order of checks.
	Assumed bool

	key    string // as newKey takes it
	issuer func(*PKI) (*chain, error)
	change func(*x509.Certificate) // of the template
	finish func(*PKI, *leaf) error // of what was issued
}

// chain is an issuer and the certificates that are sent after the leaf.
type chain struct {
	by   *authority // nil: self-signed
	sent []*x509.Certificate
}

// Kinds returns every kind of certificate, KindNone not among them.
func Kinds() []KindInfo {
	return []KindInfo{
		{Kind: KindGoodRSA, Doc: "RSA 2048 from the CA in the trust store", key: "rsa2048", issuer: fromRoot},
		{Kind: KindGoodECDSA, Doc: "P-256 from the CA in the trust store", key: "p256", issuer: fromRoot},
		{Kind: KindGoodP384, Doc: "P-384 from the CA in the trust store", key: "p384", issuer: fromRoot},
		{Kind: KindGoodP521, Doc: "P-521 from the CA in the trust store", key: "p521", issuer: fromRoot},
		{Kind: KindGoodIntermediate, Doc: "from an intermediate CA, which is sent along", key: "p256", issuer: fromIntermediate(true)},
		// Assumption: the codes of the next four pairs, by s2n-tls, s2n_x509_validator.c: no path to a trusted CA.
		{Kind: KindNoIntermediate, Doc: "from an intermediate CA, which is not sent", Code: CodeUntrusted, Assumed: true, key: "p256", issuer: fromIntermediate(false)},
		{Kind: KindUntrusted, Doc: "from a CA that is not in the trust store", Code: CodeUntrusted, key: "p256", issuer: fromUntrusted},
		{Kind: KindSelfSigned, Doc: "signed by its own key", Code: CodeUntrusted, Assumed: true, key: "p256", issuer: fromSelf},
		{Kind: KindNotCA, Doc: "from a trusted end-entity certificate that may not issue", Code: CodeUntrusted, Assumed: true, key: "p256", issuer: fromNotCA},
		{Kind: KindNameConstraints, Doc: "for a name that the issuing CA's name constraints exclude", Code: CodeUntrusted, Assumed: true,
			key: "p256", issuer: fromConstrained, change: func(t *x509.Certificate) { t.DNSNames = []string{"client.outside.example"} }},
		{Kind: KindExpired, Doc: "valid until 2021-01-01", Code: CodeExpired, key: "p256", issuer: fromRoot,
			change: func(t *x509.Certificate) { t.NotAfter = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{Kind: KindNotYetValid, Doc: "valid from 9000-01-01", Code: CodeNotYetValid, key: "p256", issuer: fromRoot,
			change: func(t *x509.Certificate) { t.NotBefore = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{Kind: KindWrongPurpose, Doc: "extended key usage serverAuth only", Code: CodePurposeInvalid, key: "p256", issuer: fromRoot,
			change: func(t *x509.Certificate) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{Kind: KindDeepChain, Doc: "below five intermediate CAs, all sent: deeper than the limit of 4", Code: CodeMaxChainDepth, key: "p256", issuer: fromDeep},
		{Kind: KindRevoked, Doc: "good, but listed in CRL", Code: CodeCrlHit, key: "p256", issuer: fromRoot},
		// Assumption: outside of the list of supported certificates; which code an ALB gives is unknown.
		{Kind: KindRSA1024, Doc: "RSA 1024: below the minimum of 2048", Code: CodeTypeUnsupported, Assumed: true, key: "rsa1024", issuer: fromRoot},
		{Kind: KindSHA1, Doc: "signed with SHA-1", Code: CodeInvalid, Assumed: true, key: "p256", issuer: fromRoot,
			change: func(t *x509.Certificate) { t.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
		{Kind: KindV1, Doc: "X.509 version 1: only version 3 is supported", Code: CodeInvalid, Assumed: true, key: "p256", issuer: fromRoot, finish: (*PKI).makeV1},
		// Assumption: a correct client finds no scheme for its key and sends an empty certificate.
		{Kind: KindEd25519, Doc: "Ed25519: an unsupported key", Code: CodeUnmapped, Assumed: true, key: "ed25519", issuer: fromRoot},
		// Assumption: the signature in CertificateVerify fails, which is no certificate error.
		{Kind: KindWrongKey, Doc: "good, but the client signs with another key", Code: CodeUnmapped, Assumed: true, key: "p256", issuer: fromRoot, finish: (*PKI).swapKey},
	}
}

// The reasons of the connection log that kinds lead to.
const (
	CodeUntrusted       = "ClientCertUntrusted"
	CodeExpired         = "ClientCertExpired"
	CodeNotYetValid     = "ClientCertNotYetValid"
	CodePurposeInvalid  = "ClientCertPurposeInvalid"
	CodeMaxChainDepth   = "ClientCertMaxChainDepthExceeded"
	CodeCrlHit          = "ClientCertCrlHit"
	CodeTypeUnsupported = "ClientCertTypeUnsupported"
	CodeInvalid         = "ClientCertInvalid"
	CodeUnmapped        = "UnmappedConnectionError"
)

// ParseKind returns the kind of this name; "none" and "" are KindNone.
func ParseKind(name string) (Kind, error) {
	if name == "" || name == "none" {
		return KindNone, nil
	}
	var names []string
	for _, k := range Kinds() {
		if string(k.Kind) == name {
			return k.Kind, nil
		}
		names = append(names, string(k.Kind))
	}
	return "", fmt.Errorf("unknown client certificate %q; there are none, %s", name, strings.Join(names, ", "))
}

// Client returns the client certificate of a kind, with the certificates that the client sends after it. For KindNone
// it returns a Certificate without any.
func (p *PKI) Client(k Kind) (tls.Certificate, error) {
	if k == KindNone {
		return tls.Certificate{}, nil
	}
	for _, info := range Kinds() {
		if info.Kind == k {
			return keep(p, "client "+string(k), func() (tls.Certificate, error) { return p.newClient(info) })
		}
	}
	return tls.Certificate{}, fmt.Errorf("unknown client certificate %q", k)
}
