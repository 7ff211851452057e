package alb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// vendorHeaders reads AWS's example of the headers to the target.
func vendorHeaders(t testing.TB) map[string]string {
	b, err := os.ReadFile("testdata/mtls-headers.txt")
	require.NoError(t, err)
	h := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		require.True(t, ok, line)
		h[name] = value
	}
	require.Len(t, h, 6)
	return h
}

// name makes a distinguished name of "C=US", "O=..." in the order of the certificate.
func name(t testing.TB, attributes ...string) pkix.Name {
	var n pkix.Name
	for _, a := range attributes {
		typ, value, _ := strings.Cut(a, "=")
		var field *[]string
		switch typ {
		case "C":
			field = &n.Country
		case "ST":
			field = &n.Province
		case "L":
			field = &n.Locality
		case "O":
			field = &n.Organization
		case "OU":
			field = &n.OrganizationalUnit
		case "CN":
			n.CommonName = value
			continue
		}
		require.NotNil(t, field, a)
		*field = []string{value}
	}
	return n
}

func at(t testing.TB, s string) time.Time {
	v, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return v
}

// client issues a client certificate.
func (m *maker) client(serial uint64, subject pkix.Name, notBefore, notAfter time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(m.t, err)
	c := m.sign(&x509.Certificate{SerialNumber: new(big.Int).SetUint64(serial), Subject: subject, NotBefore: notBefore, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, m.cert, &key.PublicKey)
	return tls.Certificate{Certificate: [][]byte{c.Raw, m.cert.Raw}, PrivateKey: key, Leaf: c}
}

// TestVendorHeaders: a certificate with the names, the number and the dates of AWS's example gives AWS's headers, byte by
// byte. Of the certificates, which the example leaves out for the most part, the beginning, the seams and the escapes.
func TestVendorHeaders(t *testing.T) {
	want := vendorHeaders(t)
	ca := newMaker(t, name(t, "C=US", "ST=Washington", "L=Seattle", "O=mTLS", "OU=rootCA", "CN=rootcamtls.com"))
	cert := ca.client(0x03A5B1, name(t, "C=US", "ST=Washington", "O=mTLS", "OU=client-3", "CN=client_.com"),
		at(t, "2023-09-21T01:50:17Z"), at(t, "2024-09-20T01:50:17Z"))
	ts, err := NewTrustStore(ca.pem())
	require.NoError(t, err)
	for _, mode := range []Mode{ModePassthrough, ModeVerify} {
		target := newTarget(t, nil)
		b := start(t, Listener{MTLS: mode, TrustStore: ts, IgnoreExpiry: true, Action: Action{Type: ActionForward}}, target.config)
		cfg := clientConfig()
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		conn := b.dial(t)
		_, err = exchangeOver(tls.Client(conn, cfg), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		conn.Close()
		b.wait(t)
		got := map[string]string{}
		for k, v := range target.last(t).Header {
			if strings.HasPrefix(k, mtlsPrefix) {
				got[k] = v[0]
			}
		}
		if mode == ModePassthrough {
			require.Len(t, got, 1)
			checkPEMHeader(t, got[mtlsPrefix], want[mtlsPrefix], cert.Certificate...)
			continue
		}
		require.Len(t, got, 5)
		for k, v := range got {
			if k == mtlsPrefix+"-Leaf" {
				checkPEMHeader(t, v, want[k], cert.Certificate[0])
				continue
			}
			require.Equal(t, want[k], v, k)
		}
	}
}

// checkPEMHeader compares with the PEM, blanks and line ends escaped and nothing else: + = / are AWS's safe characters, which
// its example of passthrough mode contradicts with %3D. Whoever reads the header must take both.
func checkPEMHeader(t testing.TB, got, vendor string, ders ...[]byte) {
	var text strings.Builder
	for _, der := range ders {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	require.Equal(t, strings.NewReplacer(" ", "%20", "\n", "%0A").Replace(text.String()), got)
	begin, end := "-----BEGIN%20CERTIFICATE-----%0AMII", "%0A-----END%20CERTIFICATE-----%0A"
	require.True(t, strings.HasPrefix(vendor, begin) && strings.HasPrefix(got, "-----BEGIN%20CERTIFICATE-----%0AMI"))
	require.True(t, strings.HasSuffix(vendor, end) && strings.HasSuffix(got, end))
	if len(ders) == 2 {
		seam := "%0A-----END%20CERTIFICATE-----%0A-----BEGIN%20CERTIFICATE-----%0A"
		require.Contains(t, vendor, seam)
		require.Contains(t, got, seam)
	}
	require.Equal(t, ders, decodePEMHeader(t, got))
	quirky := strings.ReplaceAll(got, "=", "%3D") // as in the example
	require.Equal(t, ders, decodePEMHeader(t, quirky))
}

// TestVendorConnectionLine: the connection log's sample of a refused certificate, from its cipher to its reason
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html).
func TestVendorConnectionLine(t *testing.T) {
	const sample = `443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 - "CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US" ` +
		`NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Failed:ClientCertUntrusted TID_`
	stranger := newMaker(t, pkix.Name{CommonName: "stranger"})
	cert := stranger.client(0xFEF257372D5C14D4, name(t, "C=US", "ST=Washington", "L=Seattle", "O=endEntity", "CN=amazondomains.com"),
		at(t, "2023-09-21T22:43:21Z"), at(t, "2026-06-17T22:43:21Z"))
	b := start(t, Listener{MTLS: ModeVerify, TrustStore: testTrustStore(t), Certificates: []tls.Certificate{serverCert(t, "rsa")}}, nil)
	cfg := clientConfig()
	cfg.MaxVersion = tls.VersionTLS12
	cfg.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	conn := b.dial(t)
	require.Error(t, tls.Client(conn, cfg).Handshake())
	conn.Close()
	b.wait(t)
	require.Contains(t, string(b.memory.conns), " "+sample)
}

// TestCANamesOnTheWire reads the CertificateRequest of TLS 1.2 (RFC 5246, section 7.4.4).
func TestCANamesOnTheWire(t *testing.T) {
	ts := testTrustStore(t)
	for _, advertise := range []bool{false, true} {
		b := start(t, Listener{MTLS: ModeVerify, TrustStore: ts, AdvertiseCANames: advertise}, nil)
		tap := &tapConn{Conn: b.dial(t)}
		cfg := clientConfig()
		cfg.MaxVersion = tls.VersionTLS12
		require.Error(t, tls.Client(tap, cfg).Handshake())
		b.wait(t)
		body := tap.message(t, 13)
		body = body[1+int(body[0]):]                                       // certificate types
		body = body[2+int(binary.BigEndian.Uint16(body)):]                 // signature algorithms
		require.EqualValues(t, len(body)-2, binary.BigEndian.Uint16(body)) // the rest is names
		var names []string
		for body = body[2:]; len(body) > 0; {
			n := int(binary.BigEndian.Uint16(body))
			names, body = append(names, nameString(body[2:2+n])), body[2+n:]
		}
		if !advertise {
			require.Empty(t, names)
			continue
		}
		require.Equal(t, []string{"CN=alblab client root,O=alblab test", "CN=alblab client root P-384,O=alblab test"}, names)
	}
}

// message returns the body of the first handshake message of a type that came in plain.
func (c *tapConn) message(t testing.TB, typ byte) []byte {
	var msgs []byte
	for b := c.got; len(b) > 5 && b[0] == recordHandshake; {
		n := int(b[3])<<8 | int(b[4])
		msgs, b = append(msgs, b[5:5+n]...), b[5+n:]
	}
	for len(msgs) >= 4 {
		n := int(msgs[1])<<16 | int(msgs[2])<<8 | int(msgs[3])
		if msgs[0] == typ {
			return msgs[4 : 4+n]
		}
		msgs = msgs[4+n:]
	}
	t.Fatalf("no handshake message %d", typ)
	return nil
}

// sClient runs openssl s_client with a request on its input, until the server closes.
func (b *bench) sClient(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, tooltest.Need(t, "openssl"),
		append([]string{"s_client", "-connect", b.addr, "-servername", testHost, "-ign_eof"}, args...)...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	out, _ := cmd.CombinedOutput() // a reset makes it fail
	return string(out)
}

// clientFiles writes a kind's chain and key for programs.
func clientFiles(t testing.TB, kinds ...pki.Kind) *pki.Files {
	files, err := authority.WriteFiles(t.TempDir(), kinds...)
	require.NoError(t, err)
	return files
}

// TestOpenSSLSeesCANames: an independent client reads the same names, in TLS 1.3's extension too (RFC 8446, section 4.2.4).
func TestOpenSSLSeesCANames(t *testing.T) {
	for _, flag := range []string{"-tls1_2", "-tls1_3"} {
		for _, advertise := range []bool{false, true} {
			b := start(t, Listener{MTLS: ModeVerify, TrustStore: testTrustStore(t), AdvertiseCANames: advertise}, nil)
			files := clientFiles(t, pki.KindGoodECDSA).Certs[pki.KindGoodECDSA]
			out := b.sClient(t, flag, "-cert", files[0], "-key", files[1])
			require.Equal(t, "Success", b.wait(t).Verify)
			if !advertise {
				require.Contains(t, out, "No client certificate CA names sent")
				continue
			}
			_, list, found := strings.Cut(out, "Acceptable client certificate CA names\n")
			require.True(t, found, out)
			lines := strings.SplitN(list, "\n", 3)
			for i, l := range lines[:2] {
				lines[i] = strings.ReplaceAll(l, " = ", "=") // OpenSSL before 3.2
			}
			require.Equal(t, []string{"O=alblab test, CN=alblab client root", "O=alblab test, CN=alblab client root P-384"}, lines[:2])
		}
	}
}

// TestOpenSSLSessions: with mutual TLS off the load balancer gives tickets that resume, under TLS 1.2 and 1.3; with mutual TLS
// there is none, and a ticket of the other listener is good for nothing
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html).
func TestOpenSSLSessions(t *testing.T) {
	files := clientFiles(t, pki.KindGoodECDSA).Certs[pki.KindGoodECDSA]
	for _, flag := range []string{"-tls1_2", "-tls1_3"} {
		for _, mode := range []Mode{ModeOff, ModePassthrough, ModeVerify} {
			b := start(t, Listener{MTLS: mode, TrustStore: testTrustStore(t)}, nil)
			session := filepath.Join(t.TempDir(), "session.pem")
			ticket := map[string]string{"-tls1_2": "TLS session ticket:", "-tls1_3": "Post-Handshake New Session Ticket arrived"}[flag]
			out := b.sClient(t, flag, "-cert", files[0], "-key", files[1], "-sess_out", session)
			require.False(t, b.wait(t).Resumed)
			if mode != ModeOff {
				require.NotContains(t, out, ticket, "%s %s", flag, mode)
				off := start(t, Listener{}, nil)
				off.sClient(t, flag, "-sess_out", session)
				off.wait(t)
			} else {
				require.Contains(t, out, ticket, "%s %s", flag, mode)
			}
			out = b.sClient(t, flag, "-cert", files[0], "-key", files[1], "-sess_in", session)
			c := b.wait(t)
			require.Equal(t, mode == ModeOff, c.Resumed, "%s %s", flag, mode)
			require.Equal(t, mode == ModeOff, strings.Contains(out, "Reused, TLSv1."), "%s %s", flag, mode)
			lines := b.requests(t)
			require.Len(t, lines, 2)
			require.Equal(t, mode == ModeOff, lines[1].ChosenCertARN == "session-reused")
		}
	}
}

// TestCurlClientCertificates: curl with certificates of several kinds meets what the table says. What curl sees is one of
// a set, for under TLS 1.3 it has finished before the load balancer judges; the connection log decides.
func TestCurlClientCertificates(t *testing.T) {
	kinds := []pki.Kind{pki.KindGoodRSA, pki.KindGoodECDSA, pki.KindGoodP384, pki.KindGoodIntermediate, pki.KindGoodDeep, pki.KindNoIntermediate,
		pki.KindUntrusted, pki.KindSelfSigned, pki.KindExpired, pki.KindNotYetValid, pki.KindWrongPurpose, pki.KindDeepChain,
		pki.KindRevoked, pki.KindRevokedStale, pki.KindNameConstraints, pki.KindNotCA, pki.KindV1}
	files := clientFiles(t, kinds...)
	b := start(t, Listener{MTLS: ModeVerify, TrustStore: testTrustStore(t)}, nil)
	n := 0
	for _, k := range pki.Kinds() {
		if !slices.Contains(kinds, k.Kind) {
			continue
		}
		for _, v := range []wire.Version{wire.TLS12, wire.TLS13} {
			t.Run(string(k.Kind)+"/"+v.String(), func(t *testing.T) {
				tls := strings.TrimPrefix(v.String(), "TLSv")
				out, exit := b.curl(t, "--tlsv"+tls, "--tls-max", tls, "--cert", files.Certs[k.Kind][0], "--key", files.Certs[k.Kind][1], "https://"+testHost+"/")
				c := b.wait(t)
				if k.Code == "" {
					require.Zero(t, exit, out)
					require.Equal(t, "alblab ok", out)
					require.Equal(t, "Success", c.Verify)
					return
				}
				require.Equal(t, "Failed:"+k.Code, c.Verify)
				if v == wire.TLS12 {
					require.Equal(t, 35, exit, out)
					require.Contains(t, strings.ToLower(out), "reset by peer")
				} else {
					require.Contains(t, []int{35, 56, 55, 52, 16}, exit, out)
				}
			})
			n++
		}
	}
	require.Equal(t, 2*len(kinds), n)
}

// TestWhenTheClientLearns: under TLS 1.2 a refused client never completes its handshake; under TLS 1.3 it has, and learns of
// the refusal when it reads (RFC 8446, section 4.4.2.4, and figure 1: the client's certificate is the last thing sent).
func TestWhenTheClientLearns(t *testing.T) {
	for _, k := range []pki.Kind{pki.KindNone, pki.KindUntrusted, pki.KindWrongKey} {
		for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			b := start(t, Listener{MTLS: ModeVerify, TrustStore: testTrustStore(t)}, nil)
			cfg := clientConfig()
			cfg.MinVersion, cfg.MaxVersion = v, v
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return clientCert(t, k), nil }
			conn := b.dial(t)
			client := tls.Client(conn, cfg)
			err := client.Handshake()
			if v == tls.VersionTLS13 {
				require.NoError(t, err, "the client thinks the handshake complete")
				_, err = client.Read(make([]byte, 1))
			}
			require.ErrorIs(t, err, syscall.ECONNRESET)
			conn.Close()
			require.True(t, strings.HasPrefix(b.wait(t).Verify, "Failed:"), "the server's side decides")
			require.Equal(t, failedMetrics(1), b.metrics())
			require.Empty(t, b.requests(t))
			require.Empty(t, b.waf(t))
		}
	}
}
