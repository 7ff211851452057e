package clients

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/alblab/alblab/lab/wire"
)

// web is an HTTP server of the standard library with TLS.
func web(t testing.TB, cfg *tls.Config, h http.HandlerFunc) *net.TCPAddr {
	t.Helper()
	cert, err := certs.Server("ecdsa")
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(h)
	cfg.Certificates = []tls.Certificate{cert}
	if cfg.NextProtos == nil {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	s.EnableHTTP2 = true
	s.TLS = cfg
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr)
}

// TestRequests carries out requests over both protocols, several on one connection.
func TestRequests(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	to := web(t, &tls.Config{}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, fmt.Sprintf("%s %s %s %s %s %q %v", r.Proto, r.Method, r.RequestURI, r.Host, r.UserAgent(), r.Header.Get("X-Forwarded-For"), r.RemoteAddr))
		mu.Unlock()
		w.Header().Set("Server", "test")
		w.WriteHeader(201)
		_, _ = io.WriteString(w, "body of "+r.URL.Path)
	})
	for _, tt := range []struct{ profile, proto string }{{"curl", "HTTP/2.0"}, {"curl-http1", "HTTP/1.1"}, {"tls12-only", "HTTP/2.0"}, {"curl-no-alpn", "HTTP/1.1"}, {"pq-p256", "HTTP/2.0"}} {
		t.Run(tt.profile, func(t *testing.T) {
			seen = nil
			a := call(t, to, Call{Profile: profile(t, tt.profile), Roots: certs.RootPool(), Requests: []Request{
				{}, {Method: "POST", Path: "/a?b=c"}, {Path: "/z", Header: http.Header{"X-Forwarded-For": {"192.0.2.66"}, "User-Agent": {"other"}}},
			}})
			require.Equal(t, wire.StageResponse, a.Outcome.Stage)
			require.Zero(t, a.Exit)
			require.Empty(t, a.Words)
			require.Empty(t, a.Outcome.Ending)
			at := fmt.Sprintf("%s:%d", host, to.Port)
			from := a.Local.String()
			require.Equal(t, []string{
				fmt.Sprintf(`%s GET / %s curl/7.88.1 "" %s`, tt.proto, at, from),
				fmt.Sprintf(`%s POST /a?b=c %s curl/7.88.1 "" %s`, tt.proto, at, from),
				fmt.Sprintf(`%s GET /z %s other "192.0.2.66" %s`, tt.proto, at, from),
			}, seen)
			require.Len(t, a.Responses, 3)
			for i, path := range []string{"/", "/a", "/z"} {
				r := a.Responses[i]
				require.Equal(t, tt.proto, r.Proto)
				require.Equal(t, 201, r.Status)
				require.Equal(t, "test", r.Header.Get("Server"))
				require.Equal(t, "body of "+path, r.Body)
				require.Equal(t, int64(len(r.Body)), r.Length)
			}
		})
	}
}

func TestLongBody(t *testing.T) {
	to := web(t, &tls.Config{}, func(w http.ResponseWriter, r *http.Request) {
		for range 100 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<12))
		}
	})
	for _, name := range []string{"curl", "curl-http1"} {
		a := call(t, to, Call{Profile: profile(t, name), Requests: []Request{{}, {}}})
		require.Len(t, a.Responses, 2)
		require.Len(t, a.Responses[0].Body, maxBody)
		require.Equal(t, int64(100<<12), a.Responses[1].Length)
	}
}

func TestBadPath(t *testing.T) {
	to := web(t, &tls.Config{}, func(http.ResponseWriter, *http.Request) {})
	for _, name := range []string{"curl", "curl-http1"} {
		_, err := tryCall(t, to, Call{Profile: profile(t, name), Requests: []Request{{Path: "no slash"}}})
		require.ErrorContains(t, err, `request path "no slash"`)
	}
}

// TestInterim passes over 1xx responses, and a server that closes early is told.
func TestInterim(t *testing.T) {
	to := serve(t, tlsServer(t, &tls.Config{}, func(raw *net.TCPConn, c *tls.Conn) {
		once(c)
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		_ = c.CloseWrite()
		shut(raw)
	}))
	a := call(t, to, Call{Profile: Curl(), Requests: []Request{{}, {}}})
	require.Len(t, a.Responses, 1)
	require.Equal(t, 204, a.Responses[0].Status)
	require.Equal(t, 52, a.Exit)
}

func TestStreamReset(t *testing.T) {
	to := serve(t, tlsServer(t, &tls.Config{NextProtos: []string{"h2"}}, func(raw *net.TCPConn, c *tls.Conn) {
		f := http2.NewFramer(c, c)
		_ = f.WriteSettings()
		request2(c)
		_ = f.WriteRSTStream(1, http2.ErrCodeInternal)
		shut(raw)
	}))
	a := call(t, to, Call{Profile: Curl(), Requests: []Request{{}}})
	require.Equal(t, wire.StageRequest, a.Outcome.Stage)
	require.Equal(t, "HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR (err 2)", a.Words)
	require.Equal(t, 92, a.Exit)
}

// TestClientCertificate under both versions: asked or not, sent or not, refused or taken.
func TestClientCertificate(t *testing.T) {
	good, err := certs.Client("good-rsa")
	require.NoError(t, err)
	untrusted, err := certs.Client("untrusted")
	require.NoError(t, err)
	pool := certs.RootPool()
	pool.AppendCertsFromPEM(certs.TrustStore())
	versions := map[string]uint16{"tls12-only": tls.VersionTLS12, "tls13-only": tls.VersionTLS13, "pq-p384": tls.VersionTLS13}
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			var got []int
			handler := func(w http.ResponseWriter, r *http.Request) { got = append(got, len(r.TLS.PeerCertificates)) }
			p := profile(t, name)
			do := func(auth tls.ClientAuthType, cert *tls.Certificate) Attempt {
				got = nil
				to := web(t, &tls.Config{ClientAuth: auth, ClientCAs: pool, MaxVersion: version}, handler)
				return call(t, to, Call{Profile: p, Certificate: cert, Requests: []Request{{}}})
			}
			a := do(tls.NoClientCert, &good)
			require.False(t, a.CertificateRequested || a.CertificateSent)
			require.Equal(t, wire.StageResponse, a.Outcome.Stage)

			a = do(tls.RequireAndVerifyClientCert, &good)
			require.True(t, a.CertificateRequested && a.CertificateSent)
			require.Equal(t, wire.StageResponse, a.Outcome.Stage)
			require.Equal(t, []int{1}, got)

			for _, none := range []*tls.Certificate{nil, {}} {
				a = do(tls.RequestClientCert, none)
				require.True(t, a.CertificateRequested)
				require.False(t, a.CertificateSent)
				require.Equal(t, []int{0}, got)
			}
			// The server names other authorities; the certificate is sent all the same, as curl does.
			a = do(tls.RequireAndVerifyClientCert, &untrusted)
			require.True(t, a.CertificateSent)
			require.Empty(t, got)
			require.Contains(t, []wire.Ending{wire.EndingAlert, wire.EndingReset}, a.Outcome.Ending) // the server's close may overtake its alert
			stage, exit := wire.StageHandshake, 35
			if version == tls.VersionTLS13 {
				stage, exit = wire.StageRequest, 56
			}
			require.Equal(t, stage, a.Outcome.Stage)
			require.Equal(t, exit, a.Exit)

			a = do(tls.RequireAndVerifyClientCert, nil)
			require.Equal(t, stage, a.Outcome.Stage)
		})
	}
}

// TestUnusableCertificate: a client without a scheme that its key can sign with sends none.
func TestUnusableCertificate(t *testing.T) {
	rsa, err := certs.Client("good-rsa")
	require.NoError(t, err)
	to := web(t, &tls.Config{ClientAuth: tls.RequestClientCert}, func(http.ResponseWriter, *http.Request) {})
	p := profile(t, "tls12-only")
	a := call(t, to, Call{Profile: p, Certificate: &rsa, Requests: []Request{{}}})
	require.True(t, a.CertificateSent)
	key, err := certs.Client("ed25519")
	require.NoError(t, err)
	to = web(t, &tls.Config{ClientAuth: tls.RequestClientCert, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10, NextProtos: []string{"http/1.1"}},
		func(http.ResponseWriter, *http.Request) {})
	a = call(t, to, Call{Profile: profile(t, "tls11-only"), Certificate: &key, Requests: []Request{{}}})
	require.True(t, a.CertificateRequested)
	require.False(t, a.CertificateSent)
	require.Equal(t, wire.StageResponse, a.Outcome.Stage)
}

// TestRefusedInTheSilence: TLS 1.3 refuses a certificate after the client's handshake; without a request the client
// still learns of it.
func TestRefusedInTheSilence(t *testing.T) {
	to := serve(t, cutting(t, tls.VersionTLS13, true))
	a := call(t, to, Call{Profile: Curl()})
	require.Equal(t, wire.StageRequest, a.Outcome.Stage)
	require.Equal(t, wire.EndingReset, a.Outcome.Ending)
	require.True(t, a.Outcome.ByPeer)
	require.Equal(t, 56, a.Exit)
}

// TestExperiment2: curl without a certificate under TLS 1.2 meets a RST after it answered CertificateRequest.
func TestExperiment2(t *testing.T) {
	to := serve(t, cutting(t, tls.VersionTLS12, true))
	a := call(t, to, Call{Profile: Curl(), Requests: []Request{{}}})
	require.True(t, a.CertificateRequested)
	require.False(t, a.CertificateSent)
	require.Equal(t, wire.Outcome{
		Stage: wire.StageHandshake, Version: wire.TLS12, Suite: 0xC02F, Group: wire.X25519,
		Ending: wire.EndingReset, ByPeer: true, Detail: "connection reset by peer",
	}, a.Outcome)
	require.Equal(t, "Recv failure: Connection reset by peer", a.Words)
	require.Equal(t, 35, a.Exit)
}
