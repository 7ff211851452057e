package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
)

func TestRSAKeys(t *testing.T) {
	moduli := map[string]bool{}
	for _, tt := range []struct{ bits, primes int }{{1024, 2}, {1025, 2}, {2048, 2}, {2048, 4}, {2048, 2}, {1536, 3}} {
		key, err := newRSA(tt.bits, tt.primes)
		require.NoError(t, err)
		require.Equal(t, tt.bits, key.N.BitLen())
		require.Len(t, key.Primes, tt.primes)
		require.NoError(t, key.Validate())
		require.False(t, moduli[key.N.String()], "the same key twice")
		moduli[key.N.String()] = true
		for _, p := range key.Primes {
			require.True(t, p.ProbablyPrime(20))
			require.InDelta(t, tt.bits/tt.primes, p.BitLen(), 1)
		}
		digest := sha256.Sum256([]byte("alblab"))
		for _, opts := range []crypto.SignerOpts{crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}} {
			sig, err := key.Sign(rand.Reader, digest[:], opts)
			require.NoError(t, err)
			if opts == crypto.SHA256 {
				require.NoError(t, rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sig))
			} else {
				require.NoError(t, rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], sig, nil))
			}
		}
		//lint:ignore SA1019 RSA key transport is what old suites do
		plain, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, []byte("premaster"))
		require.NoError(t, err)
		back, err := key.Decrypt(rand.Reader, plain, nil)
		require.NoError(t, err)
		require.Equal(t, "premaster", string(back))
	}
}

// TestRSAKeyByOpenSSL lets somebody else judge: OpenSSL tests the primes and the exponents.
func TestRSAKeyByOpenSSL(t *testing.T) {
	tooltest.Need(t, "openssl")
	key, err := newRSA(2048, 2)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "key.der")
	require.NoError(t, os.WriteFile(name, x509.MarshalPKCS1PrivateKey(key), 0o600))
	out, err := exec.Command("openssl", "rsa", "-inform", "DER", "-in", name, "-check", "-noout").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "RSA key ok")
}

func TestSmallPrimes(t *testing.T) {
	list := smallPrimes(1 << 15)
	require.Len(t, list, 3511) // 3512 primes below 32768, without 2
	for _, p := range list {
		require.True(t, new(big.Int).SetUint64(p).ProbablyPrime(0))
	}
}

// BenchmarkRSAKey compares the search with the standard library's, side by side.
func BenchmarkRSAKey(b *testing.B) {
	for _, m := range []struct {
		name string
		make func() error
	}{
		{"two primes", func() error { _, err := newRSA(2048, 2); return err }},
		{"four primes", func() error { _, err := newRSA(2048, 4); return err }},
		{"crypto/rsa", func() error { _, err := rsa.GenerateKey(rand.Reader, 2048); return err }},
	} {
		b.Run(m.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				require.NoError(b, m.make())
				took = append(took, time.Since(began))
			}
			sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
			b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
		})
	}
}
