package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
)

// Kind names a sort of client certificate, or none.
type Kind string

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
	// TLS12 says that a client can use the certificate's key up to TLS 1.2 only.
	TLS12 bool
	// Slow says that its RSA keys take longer to make than a run of all scenarios should take.
	Slow bool
	// Injected says that the code comes from a fault that the load balancer is told to have: no certificate provokes it.
	Injected bool

	key    string // as newKey takes it
	issuer func(*PKI) (*chain, error)
	change func(*x509.Certificate) // of the template
	finish func(*PKI, *leaf) error // of what was issued
	spoil  bool                    // the leaf's bytes are damaged
}

// chain is an issuer and the certificates that are sent after the leaf.
type chain struct {
	by   *authority // nil: self-signed
	sent []*x509.Certificate
}

// The reasons of the connection log that kinds lead to.
const (
	CodeUntrusted       = "ClientCertUntrusted"
	CodeExpired         = "ClientCertExpired"
	CodeNotYetValid     = "ClientCertNotYetValid"
	CodePurposeInvalid  = "ClientCertPurposeInvalid"
	CodeMaxChainDepth   = "ClientCertMaxChainDepthExceeded"
	CodeMaxSize         = "ClientCertMaxSizeExceeded"
	CodeCrlHit          = "ClientCertCrlHit"
	CodeCrlProcessing   = "ClientCertCrlProcessingError"
	CodeRejected        = "ClientCertRejected"
	CodeIncompatible    = "ClientCertIncompatible" // of good ones, where the security policy binds their signatures
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

// Faults are the codes of the kinds that only fault injection produces, by the common name of the certificate.
func Faults() map[string]string {
	faults := map[string]string{}
	for _, info := range Kinds() {
		if info.Injected {
			faults[commonName(info.Kind)] = info.Code
		}
	}
	return faults
}
