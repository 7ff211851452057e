package alb

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/pki"
)

func attribute(value string, oid ...int) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}}
}

// TestNames: RFC 2253, section 5, and AWS's sample of a subject.
func TestNames(t *testing.T) {
	tests := []struct {
		name pkix.RDNSequence
		want string
	}{
		{pkix.RDNSequence{attribute("US", 2, 5, 4, 6), attribute("Washington", 2, 5, 4, 8), attribute("Seattle", 2, 5, 4, 7),
			attribute("endEntity", 2, 5, 4, 10), attribute("amazondomains.com", 2, 5, 4, 3)},
			"CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US"},
		{pkix.RDNSequence{attribute("GB", 2, 5, 4, 6), attribute("Sue, Grabbit and Runn", 2, 5, 4, 10), attribute("L. Eagle", 2, 5, 4, 3)},
			`CN=L. Eagle,O=Sue\, Grabbit and Runn,C=GB`},
		{pkix.RDNSequence{attribute("GB", 2, 5, 4, 6), attribute("Test", 2, 5, 4, 10), attribute("Before\rAfter", 2, 5, 4, 3)}, `CN=Before\0DAfter,O=Test,C=GB`},
		{pkix.RDNSequence{attribute(" #a ", 2, 5, 4, 3)}, `CN=\ #a\ `},
		{pkix.RDNSequence{attribute("#a", 2, 5, 4, 3)}, `CN=\#a`},
		{pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "Sales"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "J. Smith"}}}, "OU=Sales+CN=J. Smith"},
		{pkix.RDNSequence{attribute("net", 0, 9, 2342, 19200300, 100, 1, 25), attribute("x", 0, 9, 2342, 19200300, 100, 1, 1)}, "UID=x,DC=net"},
		{nil, ""},
	}
	for _, tt := range tests {
		raw, err := asn1.Marshal(tt.name)
		require.NoError(t, err)
		require.Equal(t, tt.want, nameString(raw))
	}
	require.Empty(t, nameString([]byte{1, 2, 3}))
}

func TestSerials(t *testing.T) {
	for want, n := range map[string]int64{"02": 2, "03A5B1": 0x3a5b1, "00": 0} { // 03A5B1: AWS's sample of the header
		require.Equal(t, want, serialString(&x509.Certificate{SerialNumber: big.NewInt(n)}))
	}
}

// TestNamesAreOpenSSLs compares the name of a certificate with what OpenSSL makes of it.
func TestNamesAreOpenSSLs(t *testing.T) {
	leaf := clientCert(t, pki.KindGoodRSA).Leaf
	file := filepath.Join(t.TempDir(), "c.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), 0o600))
	out, _ := runTool(t, "openssl", "x509", "-in", file, "-noout", "-subject", "-serial", "-nameopt", "RFC2253")
	require.Equal(t, "subject="+subjectString(leaf)+"\nserial="+serialString(leaf)+"\n", strings.ReplaceAll(out, "subject= ", "subject="))
}

func TestWithPort(t *testing.T) {
	for host, want := range map[string]string{"a.example": "a.example:443", "a.example:8443": "a.example:443", "192.0.2.1": "192.0.2.1:443",
		"[2001:db8::1]": "[2001:db8::1]:443", "[2001:db8::1]:80": "[2001:db8::1]:443", "2001:db8::1": "[2001:db8::1]:443", "": ":443"} {
		require.Equal(t, want, withPort(host, 443))
	}
}
