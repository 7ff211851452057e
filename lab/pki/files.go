package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// Files are the paths that WriteFiles wrote.
type Files struct {
	Roots     string             // PEM: trust these to reach the server
	Certs     map[Kind][2]string // certificate chain and private key of each kind, PEM
	Directory string
}

// WriteFiles writes the server's roots and the client certificates of these kinds, with their keys, into a folder, which
// it makes if need be: ca.pem, client-KIND.pem, client-KIND-key.pem. The folder has mode 0700, every file in it 0600.
// Existing files of these names are replaced.
func (p *PKI) WriteFiles(dir string, kinds ...Kind) (*Files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("writing certificates: %w", err)
	}
	f := &Files{Roots: filepath.Join(dir, "ca.pem"), Certs: map[Kind][2]string{}, Directory: dir}
	if err := writePrivate(f.Roots, p.Roots()); err != nil {
		return nil, err
	}
	for _, k := range kinds {
		c, err := p.Client(k)
		if err != nil {
			return nil, err
		}
		if len(c.Certificate) == 0 {
			continue
		}
		chain, key, err := EncodePEM(c)
		if err != nil {
			return nil, err
		}
		paths := [2]string{filepath.Join(dir, "client-"+string(k)+".pem"), filepath.Join(dir, "client-"+string(k)+"-key.pem")}
		if err := writePrivate(paths[0], chain); err != nil {
			return nil, err
		}
		if err := writePrivate(paths[1], key); err != nil {
			return nil, err
		}
		f.Certs[k] = paths
	}
	return f, nil
}

// EncodePEM returns a certificate's chain and its private key (PKCS #8) as PEM.
func EncodePEM(c tls.Certificate) (chain, key []byte, err error) {
	for _, der := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding private key: %w", err)
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// writePrivate writes a file that only its owner may read, also where one with other rights was.
func writePrivate(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".alblab-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing certificates: %w", err)
	}
	_, err = tmp.Write(data)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("writing certificates: %w", err)
	}
	return nil
}
