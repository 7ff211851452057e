// Package pki mints the lab's certificate authorities and certificates, good and bad, with fresh keys on first use.
//
// Start with [New]. [PKI.Server] gives a load balancer's certificate, [PKI.Client] a client's by [Kind], [PKI.Roots]
// what a client needs to trust the server, and [PKI.TrustStore] what a mutual-TLS listener needs to trust the clients.
// Nothing expires, except the kinds that must have. It is for tests: no key ever belongs on a production server.
package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"sync"
	"time"
)

// The validity of everything that is neither expired nor not yet valid. RFC 5280, section 4.1.2.5: the value for
// certificates without a well-defined end is 9999-12-31T23:59:59Z.
var (
	notBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// PKI holds the authorities and certificates of one lab. All methods may be called from several goroutines; what is
// asked for twice is made once.
type PKI struct {
	host  string
	addrs []netip.Addr

	roots  []byte        // of a PKI that was loaded
	loaded map[Kind]bool // kinds that were; nil for a PKI of this process

	mu   sync.Mutex
	made map[string]*once
}

type once struct {
	sync.Once
	value any
	err   error
}

// New returns a PKI for servers that are reached as host, as any name one label below it, as localhost, and at the
// loopback addresses and addrs. It makes no key yet.
func New(host string, addrs ...netip.Addr) *PKI {
	return &PKI{host: host, addrs: addrs, made: map[string]*once{}}
}

// Host is the name that the server certificates are for.
func (p *PKI) Host() string { return p.host }

// keep returns what build made under this name, and lets one caller build it while the others wait.
func keep[T any](p *PKI, name string, build func() (T, error)) (T, error) {
	p.mu.Lock()
	o := p.made[name]
	if o == nil {
		o = new(once)
		p.made[name] = o
	}
	p.mu.Unlock()
	o.Do(func() { o.value, o.err = build() })
	v, _ := o.value.(T)
	return v, o.err
}

// Roots returns the PEM bundle of the authorities that the server certificates lead to: what curl takes as --cacert.
func (p *PKI) Roots() []byte {
	if p.roots != nil {
		return p.roots
	}
	return bundle(p.serverRoot256, p.serverRoot384)
}

// RootPool is Roots as a pool.
func (p *PKI) RootPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(p.Roots())
	return pool
}

// TrustStore returns the CA bundle for a mutual-TLS listener in verify mode: PEM without blank lines, as AWS asks for
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html).
func (p *PKI) TrustStore() []byte {
	return bundle(p.clientRoot, p.clientRoot384)
}

// bundle needs no error: an ECDSA key and a self-signed certificate cannot fail to be made.
func bundle(authorities ...func() (*authority, error)) []byte {
	var b []byte
	for _, f := range authorities {
		a, err := f()
		if err != nil {
			panic("pki: " + err.Error())
		}
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	return b
}

// tlsCertificate puts a leaf, its key and the certificates sent after it together.
func tlsCertificate(leaf *x509.Certificate, key crypto.Signer, sent ...*x509.Certificate) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for _, s := range sent {
		c.Certificate = append(c.Certificate, s.Raw)
	}
	return c
}
