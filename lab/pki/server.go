package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// serverKey is a parsed key of Server.
type serverKey struct {
	key  string // as newKey takes it
	hash int    // of the signature in the certificate: 256, 384, 512
}

func (k serverKey) rsa() bool { return strings.HasPrefix(k.key, "rsa") }

// parseServerKey reads "rsa", "rsa:3072:sha384", "ecdsa", "ecdsa:p384". RSA 2048 and P-256, and SHA-256 are the
// defaults; a larger curve brings the hash of its size.
func parseServerKey(s string) (serverKey, error) {
	parts := strings.Split(strings.ToLower(s), ":")
	k := serverKey{hash: 256}
	bad := func(what string) (serverKey, error) {
		return serverKey{}, fmt.Errorf("server certificate %q: %s", s, what)
	}
	switch parts[0] {
	case "rsa":
		k.key = "rsa2048"
	case "ecdsa":
		k.key = "p256"
	default:
		return bad("want rsa[:BITS][:HASH] or ecdsa[:CURVE][:HASH], as in rsa:3072:sha384")
	}
	rest := parts[1:]
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "sha") {
		size := rest[0]
		rest = rest[1:]
		if k.rsa() {
			bits, err := strconv.Atoi(size)
			if err != nil || bits < 1024 || bits > 8192 {
				return bad("an RSA key has 1024 to 8192 bits")
			}
			k.key = "rsa" + size
		} else {
			curves := []string{"p256", "p384", "p521"}
			i := slices.Index(curves, strings.ReplaceAll(size, "-", ""))
			if i < 0 {
				return bad("the curves are p256, p384, p521")
			}
			k.key, k.hash = curves[i], []int{256, 384, 512}[i]
		}
	}
	if len(rest) > 0 {
		i := slices.Index([]string{"sha256", "sha384", "sha512"}, rest[0])
		if i < 0 || len(rest) > 1 {
			return bad("the hashes are sha256, sha384, sha512")
		}
		k.hash = []int{256, 384, 512}[i]
	}
	return k, nil
}

// Server returns a server certificate. The key is "rsa" (2048 bits), "rsa:3072", "rsa:3072:sha384", "ecdsa" (P-256),
// "ecdsa:p384", "ecdsa:p384:sha384"; the hash is that of the signature in the certificate. An RSA certificate is signed
// by an RSA intermediate that the chain contains, an ECDSA one by a root of its own curve.
func (p *PKI) Server(key string) (tls.Certificate, error) {
	k, err := parseServerKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return keep(p, fmt.Sprintf("server %s sha%d", k.key, k.hash), func() (tls.Certificate, error) { return p.newServer(k) })
}

// ServerLater is Server for those who cannot wait for an RSA key: the error is of what was asked for, and get makes the
// certificate when it is first called.
func (p *PKI) ServerLater(key string) (get func() (tls.Certificate, error), err error) {
	if _, err := parseServerKey(key); err != nil {
		return nil, err
	}
	return func() (tls.Certificate, error) { return p.Server(key) }, nil
}

func (p *PKI) newServer(k serverKey) (tls.Certificate, error) {
	// Two RSA keys are wanted; what one search leaves idle the other uses.
	type made struct {
		key crypto.Signer
		err error
	}
	leafKey := make(chan made, 1)
	go func() {
		key, err := newKey(k.key)
		leafKey <- made{key, err}
	}()
	by, err := p.serverIssuer(k)
	leaf := <-leafKey
	if err != nil {
		return tls.Certificate{}, err
	}
	if leaf.err != nil {
		return tls.Certificate{}, leaf.err
	}
	t := p.serverTemplate()
	t.SignatureAlgorithm = signatureAlgorithm(k.rsa(), k.hash)
	if k.rsa() { // for the suites with RSA key transport
		t.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	cert, err := issue(t, leaf.key, by)
	if err != nil {
		return tls.Certificate{}, err
	}
	if k.rsa() {
		return tlsCertificate(cert, leaf.key, by.cert), nil
	}
	return tlsCertificate(cert, leaf.key), nil
}

func (p *PKI) serverTemplate() *x509.Certificate {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: p.host},
		DNSNames:    []string{p.host, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if strings.Contains(p.host, ".") { // a wildcard needs two labels after it, or clients refuse it
		t.DNSNames = append(t.DNSNames, "*."+p.host)
	}
	for _, a := range p.addrs {
		t.IPAddresses = append(t.IPAddresses, net.IP(a.Unmap().AsSlice()))
	}
	return t
}

func signatureAlgorithm(rsa bool, hash int) x509.SignatureAlgorithm {
	if rsa {
		return map[int]x509.SignatureAlgorithm{256: x509.SHA256WithRSA, 384: x509.SHA384WithRSA, 512: x509.SHA512WithRSA}[hash]
	}
	return map[int]x509.SignatureAlgorithm{256: x509.ECDSAWithSHA256, 384: x509.ECDSAWithSHA384, 512: x509.ECDSAWithSHA512}[hash]
}

// serverIssuer is the CA that signs a server certificate of this kind.
func (p *PKI) serverIssuer(k serverKey) (*authority, error) {
	root := p.serverRoot384
	if k.hash == 256 && k.key != "p384" && k.key != "p521" {
		root = p.serverRoot256
	}
	if !k.rsa() {
		return root()
	}
	return keep(p, "server rsa issuer "+strconv.FormatBool(k.hash == 256), func() (*authority, error) {
		by, err := root()
		if err != nil {
			return nil, err
		}
		key, err := keep(p, "server rsa issuer key", func() (*rsa.PrivateKey, error) { return newRSA(2048, 4) })
		if err != nil {
			return nil, err
		}
		t := caTemplate("alblab RSA 2048 server CA")
		t.MaxPathLenZero = true
		cert, err := issue(t, key, by)
		return &authority{cert, key}, err
	})
}
