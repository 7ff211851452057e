package alb

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// The reasons after "Failed:" in a connection log's tls_verify_status that this load balancer gives (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html).
const (
	codeMaxDepth        = "ClientCertMaxChainDepthExceeded"
	codeMaxSize         = "ClientCertMaxSizeExceeded"
	codeCRLHit          = "ClientCertCrlHit"
	codeCRLProcessing   = "ClientCertCrlProcessingError" // by fault injection only
	codeUntrusted       = "ClientCertUntrusted"
	codeNotYetValid     = "ClientCertNotYetValid"
	codeExpired         = "ClientCertExpired"
	codeTypeUnsupported = "ClientCertTypeUnsupported"
	codeInvalid         = "ClientCertInvalid"
	codePurposeInvalid  = "ClientCertPurposeInvalid"
	codeRejected        = "ClientCertRejected" // by fault injection only
	codeIncompatible    = "ClientCertIncompatible"
	codeUnmapped        = "UnmappedConnectionError"
)

// Limits of client certificates (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html and
// mutual-authentication.html).
const (
	maxChainDepth   = 4
	maxMessageBytes = 64 << 10 // of a TLS message: here the client's Certificate
	minClientRSA    = 2048
	maxClientRSA    = 8192
)

// VerifyOptions say how a client's certificates are judged.
type VerifyOptions struct {
	Now          time.Time
	IgnoreExpiry bool          // IgnoreClientCertificateExpiry
	Schemes      []wire.Scheme // signature algorithms that the security policy allows in certificates; empty: all
}

// Verify judges a client's certificates, the leaf first, and returns the reason for the connection log, or "" if they are
// good. Which of several faults is named follows from the order of s2n-tls (s2n_x509_validator.c) and of OpenSSL below it
// (X509_verify_cert): limits, algorithms, a path to a trusted CA, purpose, revocation, dates.
//
// Assumption: that order, and all codes that AWS's page does not tie to a cause: see the comments of the steps.
func (ts *TrustStore) Verify(chain []*x509.Certificate, o VerifyOptions) string {
	if len(chain) == 0 {
		return codeUnmapped
	}
	if code := checkForm(chain, o.Schemes); code != "" {
		return code
	}
	path, code := ts.path(chain)
	if code != "" {
		return code
	}
	if !maySignIn(path) {
		return codePurposeInvalid
	}
	if ts.revoked(path) {
		return codeCRLHit
	}
	if o.IgnoreExpiry {
		return ""
	}
	return checkDates(path, o.Now)
}

// checkForm judges what needs no path. AWS supports X.509 version 3, RSA 2048 to 8192, P-256, P-384, P-521, and SHA-256,
// SHA-384, SHA-512 (mutual-authentication.html). Assumption: the codes for what is outside of that list.
func checkForm(chain []*x509.Certificate, schemes []wire.Scheme) string {
	if tooLarge(chain) {
		return codeMaxSize
	}
	if len(chain) > maxChainDepth {
		return codeMaxDepth
	}
	leaf := chain[0]
	if leaf.Version != 3 {
		return codeInvalid
	}
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minClientRSA || n > maxClientRSA {
			return codeTypeUnsupported
		}
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			return codeTypeUnsupported
		}
	default:
		return codeTypeUnsupported
	}
	for i, c := range chain {
		if i > 0 && bytes.Equal(c.RawSubject, c.RawIssuer) {
			continue // a root that was sent along; nobody relies on its signature
		}
		s := signedWith(c)
		if s == 0 || s>>8 == 0x02 { // SHA-1 and older
			return codeInvalid
		}
		if len(schemes) > 0 && !allowed(schemes, s) {
			return codeIncompatible
		}
	}
	return ""
}

// tooLarge reports whether a Certificate message exceeds the limit of TLS messages: its header, the list's length, and three
// bytes for each certificate (RFC 5246, section 7.4.2; TLS 1.3 adds some bytes).
func tooLarge(chain []*x509.Certificate) bool {
	size := 4 + 3
	for _, c := range chain {
		size += 3 + len(c.Raw)
	}
	return size > maxMessageBytes
}

// allowed reports whether a policy's list has the algorithm of a certificate's signature. An RSASSA-PSS signature in a
// certificate is one algorithm, whichever of TLS's two names for it the list has.
func allowed(schemes []wire.Scheme, s wire.Scheme) bool {
	return slices.Contains(schemes, s) || s>>8 == 0x08 && slices.Contains(schemes, s+5)
}

// path finds a path to the trust store, whatever the dates: names, signatures, CA flags, path lengths, name constraints.
// All of these failures are "no path" (s2n_x509_validator.c maps what it does not name to untrusted).
func (ts *TrustStore) path(chain []*x509.Certificate) ([]*x509.Certificate, string) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(ageless(c))
	}
	paths, err := ageless(chain[0]).Verify(x509.VerifyOptions{
		Roots:         ts.roots,
		Intermediates: between,
		CurrentTime:   time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), // any: the copies are valid always
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, codeUntrusted
	}
	best := paths[0]
	for _, p := range paths[1:] {
		if len(p) < len(best) {
			best = p
		}
	}
	// The chain's depth does not count the trust store's own certificate.
	if len(best)-1 > maxChainDepth {
		return nil, codeMaxDepth
	}
	// Back from the ageless copies to the certificates as they are.
	path := make([]*x509.Certificate, len(best))
	for i, c := range best {
		path[i] = c
		if known, ok := ts.real[fingerprint(c)]; ok {
			path[i] = known
		}
		for _, sent := range chain {
			if sent.Equal(c) {
				path[i] = sent
			}
		}
	}
	return path, ""
}

func fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }

// maySignIn reports whether a path is good for authenticating a client. OpenSSL's check_purpose_ssl_client wants clientAuth
// among the extended key usages, if there are any, of the leaf and of each CA; and of the leaf digitalSignature or
// keyAgreement among the key usages.
func maySignIn(path []*x509.Certificate) bool {
	for _, c := range path {
		if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 &&
			!slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) {
			return false
		}
	}
	u := path[0].KeyUsage
	return u == 0 || u&(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyAgreement) != 0
}

// checkDates judges the path from the trusted end, as OpenSSL's internal_verify does.
func checkDates(path []*x509.Certificate, now time.Time) string {
	for _, c := range slices.Backward(path) {
		if now.Before(c.NotBefore) {
			return codeNotYetValid
		}
		if now.After(c.NotAfter) {
			return codeExpired
		}
	}
	return ""
}
