package alb

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/pki"
)

// maker is a CA that signs what a test needs.
type maker struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newMaker(t testing.TB, name pkix.Name, extra ...pkix.Extension) *maker {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	m := &maker{t: t, key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: name, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), ExtraExtensions: extra,
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	m.cert = m.sign(template, template, &key.PublicKey)
	return m
}

func (m *maker) sign(template, parent *x509.Certificate, pub *ecdsa.PublicKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, m.key)
	require.NoError(m.t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(m.t, err)
	return c
}

func (m *maker) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.cert.Raw})
}

// crl makes a list of these serial numbers, and more made up.
func (m *maker) crl(more int, serials ...*big.Int) []byte {
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Unix(0, 0), NextUpdate: time.Unix(1, 0)}
	for i := range more {
		serials = append(serials, big.NewInt(int64(1)<<40+int64(i)))
	}
	for _, s := range serials {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: time.Unix(0, 0)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, m.cert, m.key)
	require.NoError(m.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// TestTrustStoreErrors: what an account would not take, with the limit that it exceeds
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
func TestTrustStoreErrors(t *testing.T) {
	ca := newMaker(t, pkix.Name{CommonName: "a"})
	one := string(ca.pem())
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	require.NoError(t, err)
	large := newMaker(t, pkix.Name{CommonName: "large"}, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Value: make([]byte, 16<<10)})
	named := newMaker(t, pkix.Name{Organization: []string{strings.Repeat("o", 800)}})
	empty, half := ca.crl(0), ca.crl(maxRevocationEntries/2+1)
	tests := []struct {
		name, bundle string
		crls         [][]byte
		want         string
	}{
		{"empty", "", nil, "no certificate"},
		{"no pem", "hello", nil, "no PEM block"},
		{"key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), nil, `PEM block of type "PRIVATE KEY", CERTIFICATE is allowed`},
		{"no certificate in it", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})), nil, "certificate 1: x509: malformed certificate"},
		{"25", strings.Repeat(one, 25), nil, ""},
		{"26", strings.Repeat(one, 26), nil, "26 certificates, 25 are allowed"},
		{"large", string(large.pem()), nil, "certificate 1 has "},
		{"subjects", strings.Repeat(string(named.pem()), 12), nil, ""},
		{"larger subjects", strings.Repeat(string(named.pem()), 13), nil, "the subjects of the certificates have 10673 bytes together, 10000 are allowed"},
		{"comment", "# the CA\n" + one, nil, ""},
		{"comment with a dash", "# the-CA\n" + one, nil, "line 1 is a comment with a dash, none is allowed"},
		{"words", "the CA\n" + one, nil, "line 1 is neither a certificate nor a comment that starts with #"},
		{"blank line", one + "\n" + one, nil, "is blank, no blank lines are allowed"},
		{"30 lists", one, slicesRepeat(empty, 30), ""},
		{"31 lists", one, slicesRepeat(empty, 31), "31 revocation lists, 30 are allowed"},
		{"entries", one, [][]byte{half}, ""},
		{"too many entries", one, [][]byte{half, empty, half}, "500002 entries in revocation lists 1 to 3, 500000 are allowed"},
		{"large list", one, [][]byte{empty, make([]byte, maxCRLSize+1)}, "revocation list 2 has 52428801 bytes, 52428800 are allowed"},
		{"no list", one, [][]byte{[]byte("nonsense")}, "revocation list 1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewTrustStore([]byte(tt.bundle), tt.crls...)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "reading trust store: ")
			require.ErrorContains(t, err, tt.want)
			if tt.name == "large" {
				require.ErrorContains(t, err, "16384 are allowed")
			}
		})
	}
}

func slicesRepeat(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}

// TestRevocation: a list counts if the certificate's issuer signed it, for every certificate of the path, also past its next
// update, and an entry "remove from list" revokes nothing.
func TestRevocation(t *testing.T) {
	root := newMaker(t, pkix.Name{CommonName: "root"})
	namesake := newMaker(t, pkix.Name{CommonName: "root"})
	middle := newMaker(t, pkix.Name{CommonName: "middle"})
	middle.cert = root.sign(&x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "middle"}, NotAfter: time.Unix(1<<32, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}, root.cert, &middle.key.PublicKey)
	leaf := func(by *maker) *x509.Certificate {
		return by.sign(&x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "leaf"}, NotAfter: time.Unix(1<<32, 0)}, by.cert, &by.key.PublicKey)
	}
	removed := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Unix(0, 0), NextUpdate: time.Unix(1, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(9), RevocationTime: time.Unix(0, 0), ReasonCode: removeFromCRL}}}
	removedDER, err := x509.CreateRevocationList(rand.Reader, removed, root.cert, root.key)
	require.NoError(t, err)
	tests := []struct {
		name  string
		chain []*x509.Certificate
		crls  [][]byte
		want  string
	}{
		{"no list", []*x509.Certificate{leaf(root)}, nil, ""},
		{"listed, past the next update", []*x509.Certificate{leaf(root)}, [][]byte{root.crl(3, big.NewInt(9))}, codeCRLHit},
		{"another serial", []*x509.Certificate{leaf(root)}, [][]byte{root.crl(3, big.NewInt(8))}, ""},
		{"two lists", []*x509.Certificate{leaf(root)}, [][]byte{root.crl(1), root.crl(0, big.NewInt(9))}, codeCRLHit},
		{"signed by a namesake", []*x509.Certificate{leaf(root)}, [][]byte{namesake.crl(0, big.NewInt(9))}, ""},
		{"removed from the list", []*x509.Certificate{leaf(root)}, [][]byte{removedDER}, ""},
		{"listed by the intermediate", []*x509.Certificate{leaf(middle), middle.cert}, [][]byte{middle.crl(0, big.NewInt(9))}, codeCRLHit},
		{"the root lists the leaf's number", []*x509.Certificate{leaf(middle), middle.cert}, [][]byte{root.crl(0, big.NewInt(9))}, ""},
		{"the intermediate is listed", []*x509.Certificate{leaf(middle), middle.cert}, [][]byte{root.crl(0, big.NewInt(7))}, codeCRLHit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ts, err := NewTrustStore(root.pem(), tt.crls...)
			require.NoError(t, err)
			for range 2 { // the second time from what is remembered
				require.Equal(t, tt.want, ts.Verify(tt.chain, VerifyOptions{Now: time.Unix(1<<31, 0)}))
			}
		})
	}
}

// TestIssuerWithoutPurpose: extended key usages of a CA bind what is below it.
func TestIssuerWithoutPurpose(t *testing.T) {
	root := newMaker(t, pkix.Name{CommonName: "root"})
	middle := newMaker(t, pkix.Name{CommonName: "middle"})
	ca := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "middle"}, NotAfter: time.Unix(1<<32, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	middle.cert = root.sign(ca, root.cert, &middle.key.PublicKey)
	leaf := middle.sign(&x509.Certificate{SerialNumber: big.NewInt(9), NotAfter: time.Unix(1<<32, 0)}, middle.cert, &middle.key.PublicKey)
	ts, err := NewTrustStore(root.pem())
	require.NoError(t, err)
	require.Equal(t, codePurposeInvalid, ts.Verify([]*x509.Certificate{leaf, middle.cert}, VerifyOptions{Now: time.Unix(1<<31, 0)}))
}

// FuzzTrustStore: whatever stands in a bundle and a list is read or refused.
func FuzzTrustStore(f *testing.F) {
	ca := newMaker(f, pkix.Name{CommonName: "a"})
	f.Add(ca.pem(), ca.crl(2))
	f.Add(bytes.Repeat(ca.pem(), 2), []byte{0x30, 0})
	f.Add([]byte("# c\n"), []byte{})
	f.Fuzz(func(t *testing.T, bundle, crl []byte) {
		ts, err := NewTrustStore(bundle, crl)
		if err == nil && len(ts.real) == 0 {
			t.Fatal("a trust store without a certificate")
		}
	})
}

// BenchmarkRevocation judges a good certificate against a full trust store: 500,000 revoked ones.
func BenchmarkRevocation(b *testing.B) {
	root := newMaker(b, pkix.Name{CommonName: "root"})
	leaf := root.sign(&x509.Certificate{SerialNumber: big.NewInt(9), NotAfter: time.Unix(1<<32, 0)}, root.cert, &root.key.PublicKey)
	for _, entries := range []int{0, maxRevocationEntries} {
		b.Run(map[bool]string{false: "no-list", true: "500000-revoked"}[entries > 0], func(b *testing.B) {
			ts, err := NewTrustStore(root.pem(), root.crl(entries))
			require.NoError(b, err)
			for b.Loop() {
				if code := ts.Verify([]*x509.Certificate{leaf}, VerifyOptions{Now: time.Unix(1<<31, 0)}); code != "" {
					b.Fatal(code)
				}
			}
		})
	}
}

// TestConfigOfFaults: only the two reasons that nothing else produces can be injected.
func TestConfigOfFaults(t *testing.T) {
	c := Config{Clock: newTestClock(), CertificateFaults: map[string]string{"x": "ClientCertExpired"}}
	_, err := New(c)
	require.EqualError(t, err, `load balancer: certificate fault of "x": unknown reason "ClientCertExpired" (ClientCertRejected, ClientCertCrlProcessingError)`)
	c.CertificateFaults = pki.Faults()
	_, err = New(c)
	require.NoError(t, err)
}
