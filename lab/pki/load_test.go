package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSaveAndLoad: another process has the same certificates, the bad ones among them, and no key of a CA.
func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	p := New("lab.alblab.example")
	kinds := []Kind{KindGoodECDSA, KindExpired, KindMalformed, KindWrongKey, KindV1, KindEd25519}
	require.NoError(t, p.Save(dir, []string{"ecdsa", "ecdsa:p384:sha384"}, kinds...))
	q, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, p.Roots(), q.Roots())
	require.Equal(t, "lab.alblab.example", q.Host())
	for _, k := range kinds {
		a, err := p.Client(k)
		require.NoError(t, err)
		b, err := q.Client(k)
		require.NoError(t, err)
		require.Equal(t, a.Certificate, b.Certificate, k)
		require.Equal(t, a.PrivateKey, b.PrivateKey, k)
		require.True(t, q.Has(k))
	}
	require.False(t, q.Has(KindGoodRSA))
	require.True(t, p.Has(KindGoodRSA))

	cert, chain, key := ServerFiles("ecdsa:p384:sha384")
	require.Equal(t, "server-ecdsa-p384-sha384.pem", cert)
	require.NoFileExists(t, filepath.Join(dir, chain), "a root signs it")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, cert), filepath.Join(dir, key))
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: q.RootPool(), DNSName: "lab.alblab.example"})
	require.NoError(t, err)

	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		b, _ := pem.Decode(text)
		require.NotNil(t, b, f)
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("nothing"), 0o600))
	_, err = Load(dir)
	require.ErrorContains(t, err, "has none")

	require.NoError(t, New("a.example").Save(dir, nil, KindGoodECDSA))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "client-good-ecdsa-key.pem"), []byte("nothing"), 0o600))
	_, err = Load(dir)
	require.ErrorContains(t, err, "client certificate good-ecdsa: no private key in PEM")
}

func FuzzDecodePair(f *testing.F) {
	c, err := New("a.example").Client(KindGoodECDSA)
	require.NoError(f, err)
	text, key, err := EncodePEM(c)
	require.NoError(f, err)
	f.Add(text, key)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), key)
	f.Fuzz(func(t *testing.T, text, key []byte) {
		if c, err := decodePair(text, key); err == nil && (len(c.Certificate) == 0 || c.PrivateKey == nil) {
			t.Fatal("half a certificate")
		}
	})
}
