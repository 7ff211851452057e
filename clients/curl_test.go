package clients

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// needCurl wants the curl whose words we use: version 7.88 with OpenSSL 3.0. Others word some failures differently.
func needCurl(t *testing.T) string {
	t.Helper()
	curl := tooltest.Need(t, "curl")
	out, err := exec.Command(curl, "--version").Output()
	require.NoError(t, err)
	if v := string(out); !strings.HasPrefix(v, "curl 7.88.") || !strings.Contains(v, "OpenSSL/3.0.") {
		t.Skipf("SKIPPED: this curl is not 7.88 with OpenSSL 3.0: %s", strings.SplitN(v, "\n", 2)[0])
	}
	return curl
}

// complaints are the lines that are about a failure.
var complaints = regexp.MustCompile(`^\* (Recv failure|Send failure|OpenSSL|SSL connection timeout|SSL cert|SSL:|Empty reply|HTTP/2 stream|transfer closed|Received HTTP/0\.9|Operation timed|Failed receiving)`)

// normal takes out of curl's lines what varies: OpenSSL's patch release, measured times, the broken pipe of curl's
// own close_notify after the end.
func normal(lines []string) (out []string) {
	release := regexp.MustCompile(`OpenSSL/3\.0\.\d+`)
	ms := regexp.MustCompile(`after \d+ milliseconds`)
	for _, l := range lines {
		l = strings.TrimSpace(l)
		l = release.ReplaceAllString(l, "OpenSSL/3.0")
		l = ms.ReplaceAllString(l, "after N milliseconds")
		if l == "Send failure: Broken pipe" {
			continue
		}
		out = append(out, l)
	}
	return out
}

// realCurl runs curl and returns what it said about the failure, its last line without "curl: (35) ", and its exit code.
func realCurl(t *testing.T, to *net.TCPAddr, scheme string, args ...string) (lines []string, last string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args = append([]string{"-sSv", "-o", os.DevNull, "--noproxy", "*", "--resolve", fmt.Sprintf("%s:%d:127.0.0.1", host, to.Port)}, args...)
	cmd := exec.CommandContext(ctx, needCurl(t), append(args, fmt.Sprintf("%s://%s:%d/", scheme, host, to.Port))...)
	cmd.Env = append(os.Environ(), "SSLKEYLOGFILE=", "HOME="+t.TempDir())
	out, _ := cmd.CombinedOutput()
	for _, l := range strings.Split(string(out), "\n") {
		if complaints.MatchString(l) {
			lines = append(lines, l[2:])
		}
		if strings.HasPrefix(l, "curl: (") {
			last = l[strings.Index(l, ") ")+2:]
		}
	}
	return lines, last, cmd.ProcessState.ExitCode()
}

// TestLikeCurl lets the real curl and our client meet the same servers, and compares words and exit codes.
func TestLikeCurl(t *testing.T) {
	needCurl(t)
	h1 := func(v uint16) *tls.Config { return &tls.Config{MaxVersion: v, NextProtos: []string{"http/1.1"}} }
	h2 := func(v uint16) *tls.Config { return &tls.Config{MaxVersion: v, NextProtos: []string{"h2"}} }
	type test struct {
		name, profile, scheme string
		handle                func(net.Conn)
		args                  []string
		requests              int
	}
	tests := []test{
		{name: "reset", handle: func(c net.Conn) { once(c); reset(c) }},
		{name: "fin", handle: func(c net.Conn) { once(c); shut(c.(*net.TCPConn)) }},
		{name: "http-answer", handle: func(c net.Conn) {
			once(c)
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			shut(c.(*net.TCPConn))
		}},
		{name: "plain-reset", scheme: "http", profile: "plain-http", handle: func(c net.Conn) { once(c); reset(c) }},
		{name: "plain-fin", scheme: "http", profile: "plain-http", handle: func(c net.Conn) { once(c); shut(c.(*net.TCPConn)) }},
		{name: "plain-alert", scheme: "http", profile: "plain-http", handle: alerting(2, 10)},
		{name: "close-notify", handle: alerting(1, 0)},
		{name: "unrecognized-name-warning", handle: alerting(1, 112)},
	}
	for _, d := range []uint8{10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 100, 109, 110, 112, 115, 116, 120, 99} {
		tests = append(tests, test{name: fmt.Sprintf("alert-%d", d), handle: alerting(2, d)})
	}
	for v, name := range map[uint16]string{tls.VersionTLS12: "tls12", tls.VersionTLS13: "tls13"} {
		asking := &tls.Config{MaxVersion: v, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"http/1.1"}}
		tests = append(tests,
			test{name: name + "-certificate-required-alert", handle: askingThenClosing(t, asking), requests: 1},
			test{name: name + "-h1-reset", requests: 1, handle: tlsServer(t, h1(v), func(raw *net.TCPConn, c *tls.Conn) { once(c); reset(raw) })},
			test{name: name + "-h1-fin", requests: 1, handle: tlsServer(t, h1(v), func(raw *net.TCPConn, c *tls.Conn) { once(c); shut(raw) })},
			test{name: name + "-h1-close-notify", requests: 1, handle: tlsServer(t, h1(v), func(raw *net.TCPConn, c *tls.Conn) { once(c); _ = c.CloseWrite(); shut(raw) })},
			test{name: name + "-h1-half", requests: 1, handle: tlsServer(t, h1(v), half(true))},
			test{name: name + "-h1-half-reset", requests: 1, handle: tlsServer(t, h1(v), half(false))},
			test{name: name + "-h1-nonsense", requests: 1, handle: tlsServer(t, h1(v), func(raw *net.TCPConn, c *tls.Conn) { once(c); _, _ = io.WriteString(c, "nonsense\r\n\r\n"); shut(raw) })},
			test{name: name + "-h2-reset", requests: 1, handle: tlsServer(t, h2(v), func(raw *net.TCPConn, c *tls.Conn) { request2(c); reset(raw) })},
			test{name: name + "-h2-fin", requests: 1, handle: tlsServer(t, h2(v), func(raw *net.TCPConn, c *tls.Conn) { request2(c); shut(raw) })},
		)
	}
	tests = append(tests, test{name: "tls12-request-then-reset", handle: cutting(t, tls.VersionTLS12, true), requests: 1},
		test{name: "tls12-request-then-fin", handle: cutting(t, tls.VersionTLS12, false), requests: 1})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := serve(t, tt.handle)
			p := Curl()
			if tt.profile != "" {
				p = profile(t, tt.profile)
			}
			scheme := "https"
			if tt.scheme != "" {
				scheme = tt.scheme
			}
			lines, last, exit := realCurl(t, to, scheme, append(tt.args, "-k")...)
			require.NotZero(t, exit)
			a := call(t, to, Call{Profile: p, Requests: make([]Request, tt.requests)})
			require.Equal(t, normal(lines), normal(a.Lines))
			require.Equal(t, exit, a.Exit)
			require.Equal(t, normal([]string{last}), normal(a.Lines[:1]), "curl repeats its first complaint")
			if a.Outcome.Stage == wire.StageHello && a.Outcome.Ending == wire.EndingReset && scheme == "https" {
				require.Equal(t, fmt.Sprintf("OpenSSL SSL_connect: Connection reset by peer in connection to %s:%d", host, to.Port), a.Words)
			} else {
				require.Equal(t, a.Lines[0], a.Words)
			}
		})
	}
}

func alerting(level, description uint8) func(net.Conn) {
	return func(c net.Conn) {
		once(c)
		_, _ = c.Write(wire.Alert{Level: level, Description: description}.Record(wire.TLS10))
		shut(c.(*net.TCPConn))
	}
}

// half sends half a body, then ends in good order or resets.
func half(good bool) func(*net.TCPConn, *tls.Conn) {
	return func(raw *net.TCPConn, c *tls.Conn) {
		once(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx")
		if !good {
			// The client must have read what came before the RST throws it away, also where others keep the processors busy.
			_ = raw.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, raw)
			reset(raw)
			return
		}
		_ = c.CloseWrite()
		shut(raw)
	}
}

// request2 reads until a HEADERS frame has come: RFC 9113, section 4.1.
func request2(c net.Conn) {
	_, _ = io.ReadFull(c, make([]byte, 24)) // the preface
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		_, _ = io.ReadFull(c, make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2])))
		if head[3] == 1 {
			return
		}
	}
}

// askingThenClosing wants a client certificate, sends its alert and waits for the client's end.
func askingThenClosing(t testing.TB, cfg *tls.Config) func(net.Conn) {
	cert, err := certs.Server("ecdsa")
	require.NoError(t, err)
	cfg.Certificates = []tls.Certificate{cert}
	return func(raw net.Conn) {
		_ = tls.Server(raw, cfg).Handshake()
		shut(raw.(*net.TCPConn))
	}
}

// cutting asks for a certificate as experiment 2's load balancer, and ends the connection when the client has answered.
func cutting(t testing.TB, version uint16, rst bool) func(net.Conn) {
	cert, err := certs.Server("rsa")
	require.NoError(t, err)
	return func(raw net.Conn) {
		cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version, ClientAuth: tls.RequestClientCert}
		cfg.VerifyConnection = func(tls.ConnectionState) error {
			if rst {
				reset(raw)
			} else {
				shut(raw.(*net.TCPConn))
			}
			return io.ErrClosedPipe
		}
		_ = tls.Server(raw, cfg).Handshake()
	}
}

// TestCurlCertificates: what curl says of a server that it does not trust.
func TestCurlCertificates(t *testing.T) {
	needCurl(t)
	other := pki.New("other.example")
	wrongName, err := other.Server("ecdsa")
	require.NoError(t, err)
	ca := func(p *pki.PKI) string {
		path := filepath.Join(t.TempDir(), "ca.pem")
		require.NoError(t, os.WriteFile(path, p.Roots(), 0o600))
		return path
	}
	tests := []struct {
		name  string
		cfg   *tls.Config
		trust *pki.PKI
	}{
		{"unknown", &tls.Config{}, other},
		{"name", &tls.Config{Certificates: []tls.Certificate{wrongName}}, other},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := serve(t, tlsServer(t, tt.cfg, func(raw *net.TCPConn, c *tls.Conn) { _, _ = io.Copy(io.Discard, c) }))
			_, last, exit := realCurl(t, to, "https", "--cacert", ca(tt.trust))
			a := call(t, to, Call{Profile: Curl(), Roots: tt.trust.RootPool(), Requests: []Request{{}}})
			require.Equal(t, last, a.Words)
			require.Equal(t, exit, a.Exit)
			require.Equal(t, 60, exit)
			require.Equal(t, wire.StageHandshake, a.Outcome.Stage)
			require.False(t, a.Outcome.ByPeer)
		})
	}
}

// TestCurlHello compares our hellos with those of the real curl, field by field; only what is random differs.
func TestCurlHello(t *testing.T) {
	needCurl(t)
	tests := []struct {
		name    string
		args    []string
		profile *Profile
	}{
		{"default", nil, Curl()},
		{"http1.1", []string{"--http1.1"}, profile(t, "curl-http1")},
		{"no-alpn", []string{"--no-alpn"}, profile(t, "curl-no-alpn")},
		{"tlsv1.3", []string{"--tlsv1.3"}, profile(t, "tls13-only")},
		{"tls-max-1.2", []string{"--tls-max", "1.2"}, profile(t, "tls12-max")},
		{"tlsv1.2", []string{"--tlsv1.2", "--tls-max", "1.2"}, profile(t, "tls12-only")},
		{"tlsv1.2-and-1.3", []string{"--tlsv1.2"}, like("x", "", func(p *Profile) { p.MinVersion = wire.TLS12 })},
		{"tls-max-1.1", []string{"--tls-max", "1.1"}, like("x", "", func(p *Profile) { p.MaxVersion = wire.TLS11 })},
		{"tlsv1.1", []string{"--tlsv1.1", "--tls-max", "1.1"}, profile(t, "tls11-only")},
		{"tls-max-1.0", []string{"--tls-max", "1.0"}, profile(t, "tls10-only")},
		{"rsa-ciphers", []string{"--tls-max", "1.2", "--ciphers", "AES128-GCM-SHA256:AES128-SHA"},
			like("x", "", func(p *Profile) { p.MaxVersion, p.Suites = wire.TLS12, []wire.Suite{0x009C, 0x002F, scsv} })},
		{"curves", []string{"--curves", "P-256:X25519"},
			like("x", "", func(p *Profile) { p.Groups = []wire.Group{wire.SECP256R1, wire.X25519} })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hellos := make(chan []byte, 2)
			to := serve(t, func(c net.Conn) {
				b := make([]byte, 1<<16)
				n, _ := c.Read(b)
				hellos <- b[:n]
				reset(c)
			})
			_, _, exit := realCurl(t, to, "https", tt.args...)
			require.Equal(t, 35, exit)
			want := <-hellos
			a := call(t, to, Call{Profile: tt.profile})
			require.Equal(t, []byte(a.Hello), <-hellos, "the attempt holds what was sent")
			require.Equal(t, len(want), len(a.Hello))
			require.Equal(t, blank(t, want), blank(t, a.Hello))
		})
	}
}

// blank writes a hello as JSON without what is random: random, session id, key exchange data.
func blank(t *testing.T, b []byte) string {
	h, err := wire.ParseHello(b)
	require.NoError(t, err)
	bodies := map[uint16]string{}
	for _, e := range h.Extensions {
		body, _ := h.ExtensionData(e)
		bodies[e] = fmt.Sprintf("%x", body)
	}
	delete(bodies, wire.ExtKeyShare)
	h.Random, h.SessionID = make([]byte, len(h.Random)), make([]byte, len(h.SessionID))
	for i := range h.KeyShares {
		h.KeyShares[i].Data = make([]byte, len(h.KeyShares[i].Data))
	}
	j, err := json.MarshalIndent(h, "", " ")
	require.NoError(t, err)
	k, err := json.MarshalIndent(bodies, "", " ")
	require.NoError(t, err)
	return string(j) + string(k)
}
