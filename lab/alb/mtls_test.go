package alb

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

func testTrustStore(t testing.TB) *TrustStore {
	crls, err := authority.CRLs()
	require.NoError(t, err)
	ts, err := NewTrustStore(authority.TrustStore(), crls...)
	require.NoError(t, err)
	return ts
}

func clientCert(t testing.TB, k pki.Kind) *tls.Certificate {
	if k == pki.KindGoodRSA8192 && os.Getenv("ALBLAB_LONG") == "" {
		t.Skip("SKIPPED: an RSA key of 8192 bits takes many seconds; set ALBLAB_LONG=1 to run this test")
	}
	c, err := authority.Client(k)
	require.NoError(t, err)
	return &c
}

// TestMutualTLS is every kind of client certificate, and none, by mode, version and wire profile. The client sends its
// certificate whatever the server asks for, and one request.
func TestMutualTLS(t *testing.T) {
	kinds := append([]pki.KindInfo{{Kind: pki.KindNone, Code: codeUnmapped}}, pki.Kinds()...)
	for _, mode := range []Mode{ModeOff, ModePassthrough, ModeVerify} {
		for _, v := range []wire.Version{wire.TLS12, wire.TLS13} {
			for _, k := range kinds {
				if k.TLS12 && v > wire.TLS12 {
					continue // no client could send it
				}
				t.Run(string(mode)+"/"+v.String()+"/"+string("cert-"+k.Kind), func(t *testing.T) {
					testMutualTLS(t, mode, v, k)
				})
			}
		}
	}
}

func testMutualTLS(t *testing.T, mode Mode, v wire.Version, k pki.KindInfo) {
	b := start(t, Listener{Policy: mustPolicy(t, "TLS13-1-2-Res-2021-06"), MTLS: mode, TrustStore: testTrustStore(t)},
		func(c *Config) { c.CertificateFaults = pki.Faults() })
	cfg := clientConfig()
	cfg.MinVersion, cfg.MaxVersion = uint16(v), uint16(v)
	var leaf *x509.Certificate
	if k.Kind != pki.KindNone {
		cert := clientCert(t, k.Kind)
		leaf = cert.Leaf
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	} else {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), nil }
	}
	want := ""
	if mode == ModeVerify {
		want = k.Code
	}
	if mode == ModePassthrough && (k.Kind == pki.KindWrongKey || k.Kind == pki.KindTooLarge || k.Kind == pki.KindMalformed) {
		want = k.Code // the signature is checked in passthrough mode too, and the engine must read the message
	}
	tap := &tapConn{Conn: b.dial(t)}
	client := tls.Client(tap, cfg)
	err := client.Handshake()
	if err == nil {
		_, err = exchangeOver(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	}
	tap.Close()
	c := b.wait(t)
	require.NoError(t, c.Err)
	lines := b.connections(t)
	require.Len(t, lines, 1)
	r := lines[0]
	if want == "" {
		require.NoError(t, err)
		require.Equal(t, "Success", r.VerifyStatus)
		require.Len(t, b.requests(t), 1)
	} else {
		// Under TLS 1.3 the request may be on its way when the RST comes.
		require.True(t, errors.Is(err, syscall.ECONNRESET) || v == wire.TLS13 && errors.Is(err, syscall.EPIPE), "no alert, no FIN: %v", err)
		require.NotContains(t, err.Error(), "remote error")
		require.Equal(t, "Failed:"+want, r.VerifyStatus)
		require.Equal(t, time.Duration(-1), r.HandshakeLatency)
		require.Equal(t, failedMetrics(1), b.metrics())
		require.Empty(t, b.requests(t))
		require.Equal(t, v.String(), r.TLSProtocol)
	}
	unread := want == codeMaxSize || want != "" && k.Kind == pki.KindMalformed || want == codeUnmapped && k.Kind != pki.KindWrongKey
	if leaf == nil || mode == ModeOff || unread {
		require.Empty(t, r.LeafSubject)
		require.Empty(t, r.LeafSerial)
		return
	}
	require.Contains(t, r.LeafSubject, "CN="+leaf.Subject.CommonName)
	require.Equal(t, strings.ToUpper(hexOf(leaf)), r.LeafSerial)
	require.True(t, leaf.NotBefore.Equal(r.LeafNotBefore))
	require.True(t, leaf.NotAfter.Equal(r.LeafNotAfter))
}

func hexOf(c *x509.Certificate) string {
	s := c.SerialNumber.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}

// exchangeOver sends bytes and reads until the end.
func exchangeOver(c net.Conn, send string) (string, error) {
	if _, err := io.WriteString(c, send); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

// TestNoCertificateOnTheWire is experiment 2's order: Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone;
// the client's flight; then nothing but the RST.
func TestNoCertificateOnTheWire(t *testing.T) {
	b := start(t, Listener{Policy: mustPolicy(t, "TLS13-1-2-Res-2021-06"), MTLS: ModeVerify, TrustStore: testTrustStore(t),
		Certificates: []tls.Certificate{serverCert(t, "rsa")}}, nil)
	cfg := clientConfig()
	cfg.MaxVersion = tls.VersionTLS12
	tap := &tapConn{Conn: b.dial(t)}
	require.ErrorIs(t, tls.Client(tap, cfg).Handshake(), syscall.ECONNRESET)
	b.wait(t)
	require.Equal(t, []byte{2, 11, 12, 13, 14}, tap.messages(t))
}

// messages lists the types of the handshake messages in plain records, and fails on any other record.
func (c *tapConn) messages(t testing.TB) []byte {
	var types, msgs []byte
	for b := c.got; len(b) > 5; {
		n := int(b[3])<<8 | int(b[4])
		require.EqualValues(t, recordHandshake, b[0])
		msgs = append(msgs, b[5:5+n]...)
		b = b[5+n:]
	}
	for len(msgs) >= 4 {
		types = append(types, msgs[0])
		msgs = msgs[4+(int(msgs[1])<<16|int(msgs[2])<<8|int(msgs[3])):]
	}
	return types
}

func TestAlertCloseOfAClientWithoutCertificate(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b := start(t, Listener{Policy: mustPolicy(t, "TLS13-1-2-Res-2021-06"), MTLS: ModeVerify, TrustStore: testTrustStore(t)},
			func(c *Config) { c.WireProfile = ProfileAlertClose })
		cfg := clientConfig()
		cfg.MinVersion, cfg.MaxVersion = v, v
		conn := b.dial(t)
		client := tls.Client(conn, cfg)
		err := client.Handshake()
		if v == tls.VersionTLS13 {
			require.NoError(t, err)
			_, err = client.Read(make([]byte, 1))
		}
		require.ErrorIs(t, err, io.EOF, "close_notify, no RST")
		conn.Close()
		c := b.wait(t)
		require.Equal(t, wire.EndingAlert, c.Outcome.Ending)
		require.Equal(t, failedMetrics(1), b.metrics())
	}
}

func TestIgnoreExpiry(t *testing.T) {
	b := start(t, Listener{MTLS: ModeVerify, TrustStore: testTrustStore(t), IgnoreExpiry: true}, nil)
	cfg := clientConfig()
	cfg.Certificates = []tls.Certificate{*clientCert(t, pki.KindExpired)}
	conn := b.dial(t)
	_, err := exchangeOver(tls.Client(conn, cfg), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	conn.Close()
	require.Equal(t, "Success", b.wait(t).Verify)
}

func TestAdvertisedCANames(t *testing.T) {
	for _, advertise := range []bool{false, true} {
		for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			b := start(t, Listener{MTLS: ModeVerify, TrustStore: testTrustStore(t), AdvertiseCANames: advertise}, nil)
			names := -1
			cfg := clientConfig()
			cfg.MinVersion, cfg.MaxVersion = v, v
			cfg.GetClientCertificate = func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				names = len(i.AcceptableCAs)
				return clientCert(t, pki.KindGoodECDSA), nil
			}
			conn := b.dial(t)
			require.NoError(t, tls.Client(conn, cfg).Handshake())
			conn.Close()
			b.wait(t)
			require.Equal(t, advertise, names > 0)
		}
	}
}

// TestPolicyBindsClientCertificates: the strict policies want P-384 and SHA-384 in certificates.
func TestPolicyBindsClientCertificates(t *testing.T) {
	p := mustPolicy(t, "TLS13-1-3-RFC9151-FIPS-2023-07")
	chain := []*x509.Certificate{clientCert(t, pki.KindGoodECDSA).Leaf}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, codeIncompatible, testTrustStore(t).Verify(chain, VerifyOptions{Now: now, Schemes: p.CertSchemes}))
	require.Empty(t, testTrustStore(t).Verify(chain, VerifyOptions{Now: now}))
}

func parseChain(t testing.TB, k pki.Kind) (chain []*x509.Certificate) {
	for _, der := range clientCert(t, k).Certificate {
		c, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		chain = append(chain, c)
	}
	return chain
}

// TestKindsOfCertificates holds Verify against pki's table without a handshake.
func TestKindsOfCertificates(t *testing.T) {
	ts := testTrustStore(t)
	for _, k := range pki.Kinds() {
		if k.Injected || k.Kind == pki.KindMalformed || k.Kind == pki.KindGoodRSA8192 {
			continue
		}
		chain := parseChain(t, k.Kind)
		got := ts.Verify(chain, VerifyOptions{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
		switch k.Kind {
		case pki.KindEd25519:
			require.Equal(t, codeTypeUnsupported, got) // the handshake makes UnmappedConnectionError of it
		case pki.KindWrongKey:
			require.Empty(t, got) // the certificate is good, the signature is not
		default:
			require.Equal(t, k.Code, got, k.Kind)
		}
	}
}

// TestMTLSHeaders reads what the target gets, by mode. AWS's names and forms:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html.
func TestMTLSHeaders(t *testing.T) {
	cert := clientCert(t, pki.KindGoodIntermediate)
	for _, mode := range []Mode{ModeOff, ModePassthrough, ModeVerify} {
		t.Run(string(mode), func(t *testing.T) {
			target := newTarget(t, nil)
			b := start(t, Listener{MTLS: mode, TrustStore: testTrustStore(t), Action: Action{Type: ActionForward}}, target.config)
			cfg := clientConfig()
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
			conn := b.dial(t)
			_, err := exchangeOver(tls.Client(conn, cfg), "GET / HTTP/1.1\r\nHost: x\r\nX-Amzn-Mtls-Clientcert: forged\r\nX-Amzn-Mtls-Clientcert-Subject: CN=forged\r\nConnection: close\r\n\r\n")
			require.NoError(t, err)
			conn.Close()
			b.wait(t)
			h := target.last(t).Header
			got := map[string]string{}
			for k := range h {
				if strings.HasPrefix(k, "X-Amzn-Mtls") {
					got[strings.TrimPrefix(k, "X-Amzn-Mtls-Clientcert")] = h.Get(k)
				}
			}
			switch mode {
			case ModeOff:
				require.Empty(t, got)
			case ModePassthrough:
				require.Len(t, got, 1)
				require.Equal(t, cert.Certificate, decodePEMHeader(t, got[""]))
			case ModeVerify:
				require.Len(t, got, 5)
				require.Equal(t, strings.ToUpper(hexOf(cert.Leaf)), got["-Serial-Number"])
				require.Equal(t, cert.Leaf.Subject.String(), got["-Subject"])
				require.Equal(t, cert.Leaf.Issuer.String(), got["-Issuer"])
				require.Equal(t, "NotBefore=2020-01-01T00:00:00Z;NotAfter=9999-12-31T23:59:59Z", got["-Validity"])
				require.Equal(t, cert.Certificate[:1], decodePEMHeader(t, got["-Leaf"]))
			}
		})
	}
}

func decodePEMHeader(t testing.TB, s string) [][]byte {
	require.True(t, strings.HasPrefix(s, "-----BEGIN%20CERTIFICATE-----%0AMII"), s)
	text, err := url.PathUnescape(s)
	require.NoError(t, err)
	var out [][]byte
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out
		}
		out = append(out, block.Bytes)
	}
}

func readResponse(t testing.TB, r *bufio.Reader, method string) (*http.Response, string) {
	req, err := http.NewRequest(method, "/", nil)
	require.NoError(t, err)
	resp, err := http.ReadResponse(r, req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}
