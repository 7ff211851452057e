package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/pki"
)

// TestNetworkScripts runs commands against servers on loopback, which are not ours: testdata/network/*.txtar. Their addresses
// are in $TLS, $MTLS (wants a client certificate), $PLAIN (HTTP), $CLOSER (FIN at once), $SILENT and $CLOSED (nobody listens);
// $WORK/pki holds their authority and a client certificate.
func TestNetworkScripts(t *testing.T) {
	const dir = "testdata/network"
	cases, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	certs := pki.New("www.example.com")
	server, err := certs.Server("ecdsa")
	require.NoError(t, err)
	store := x509.NewCertPool()
	require.True(t, store.AppendCertsFromPEM(certs.TrustStore()))
	env := map[string]string{
		"TLS":    tlsServer(t, &tls.Config{Certificates: []tls.Certificate{server}}),
		"MTLS":   tlsServer(t, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: store}),
		"PLAIN":  plainServer(t),
		"CLOSER": rawServer(t, func(c net.Conn) { _ = c.Close() }),
		"SILENT": rawServer(t, func(c net.Conn) { t.Cleanup(func() { _ = c.Close() }) }),
		"CLOSED": closedPort(t),
	}
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true, UpdateScripts: *update, Condition: condition,
		Setup: func(e *testscript.Env) error {
			for k, v := range env {
				e.Setenv(k, v)
			}
			_, err := certs.WriteFiles(filepath.Join(e.WorkDir, "pki"), pki.KindGoodECDSA)
			require.NoError(t, err)
			return nil
		}})
}

func tlsServer(t *testing.T, c *tls.Config) string {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") }))
	s.TLS, s.EnableHTTP2 = c, true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func plainServer(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func rawServer(t *testing.T, do func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			do(c)
		}
	}()
	return l.Addr().String()
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
