package pki

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Names of what [PKI.Save] writes besides WriteFiles' files.
const (
	trustStoreFile = "client-ca.pem"
	crlFile        = "client-ca.crl.pem"
)

// Save writes what a lab elsewhere needs, and what its clients need, into a folder of mode 0700: WriteFiles' files of these
// kinds, the trust store (client-ca.pem) with its revocation lists (client-ca.crl.pem), and for each server key
// server-KEY.pem, server-KEY-chain.pem and server-KEY-key.pem, colons of the key as hyphens. The CAs' own keys are written
// nowhere. An ECDSA certificate has no chain.
func (p *PKI) Save(dir string, servers []string, kinds ...Kind) error {
	if _, err := p.WriteFiles(dir, kinds...); err != nil {
		return err
	}
	for _, key := range servers {
		if err := p.saveServer(dir, key); err != nil {
			return err
		}
	}
	lists, err := p.CRLs()
	if err != nil {
		return err
	}
	if err := writePrivate(filepath.Join(dir, crlFile), bytes.Join(lists, nil)); err != nil {
		return err
	}
	return writePrivate(filepath.Join(dir, trustStoreFile), p.TrustStore())
}

// ServerFiles are the names in the folder of [PKI.Save] of a server key's certificate, chain and private key.
func ServerFiles(key string) (cert, chain, private string) {
	name := "server-" + strings.ReplaceAll(key, ":", "-")
	return name + ".pem", name + "-chain.pem", name + "-key.pem"
}

func (p *PKI) saveServer(dir, key string) error {
	c, err := p.Server(key)
	if err != nil {
		return err
	}
	text, private, err := EncodePEM(c)
	if err != nil {
		return err
	}
	// ACM takes the leaf and the rest of the chain apart.
	end := []byte("-----END CERTIFICATE-----\n")
	at := bytes.Index(text, end) + len(end)
	certName, chainName, keyName := ServerFiles(key)
	if len(text) > at {
		if err := writePrivate(filepath.Join(dir, chainName), text[at:]); err != nil {
			return err
		}
	}
	if err := writePrivate(filepath.Join(dir, certName), text[:at]); err != nil {
		return err
	}
	return writePrivate(filepath.Join(dir, keyName), private)
}

// Load reads a folder that [PKI.Save] or [PKI.WriteFiles] wrote: the PKI then has the roots and client certificates that lie
// there, and the host of the first server certificate. What is not there it makes anew, of CAs that nobody knows: Has says
// which kinds are there.
func Load(dir string) (*PKI, error) {
	roots, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(roots) {
		return nil, fmt.Errorf("reading certificates: %s has none", filepath.Join(dir, "ca.pem"))
	}
	p := New(hostIn(dir))
	p.loaded = map[Kind]bool{}
	p.roots = roots
	for _, info := range Kinds() {
		base := filepath.Join(dir, "client-"+string(info.Kind))
		c, err := LoadPair(base+".pem", base+"-key.pem")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the client certificate %s: %w", info.Kind, err)
		}
		o := &once{value: c}
		o.Do(func() {})
		p.made["client "+string(info.Kind)] = o
		p.loaded[info.Kind] = true
	}
	return p, nil
}

// Has reports whether clients can have a certificate of the kind that the lab's trust store knows, or ought to refuse.
func (p *PKI) Has(k Kind) bool { return p.loaded == nil || k == KindNone || p.loaded[k] }

// LoadPair reads a certificate, with its chain, and its private key from PEM files, also bad ones: tls.X509KeyPair refuses those that
// are damaged or do not fit. Leaf is nil where the certificate cannot be parsed.
func LoadPair(certFile, keyFile string) (tls.Certificate, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyText, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return decodePair(text, keyText)
}

// Fits reports whether a certificate's private key belongs to it; of one that cannot be parsed nobody can tell: false.
func Fits(c *tls.Certificate) bool {
	if c.Leaf == nil {
		return false
	}
	key, ok := c.PrivateKey.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.Leaf.PublicKey)
}

// hostIn is the name that a server certificate of the folder is for, "" if there is none.
func hostIn(dir string) string {
	names, _ := filepath.Glob(filepath.Join(dir, "server-*.pem")) // the pattern is good
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if c, err := decodeCertificate(text); err == nil && len(c.DNSNames) > 0 && !c.IsCA {
			return c.DNSNames[0]
		}
	}
	return ""
}
