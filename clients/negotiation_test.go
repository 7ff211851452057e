package clients

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// TestNegotiated: the Attempt tells what was agreed, for a client that completes and for one that only listens.
func TestNegotiated(t *testing.T) {
	tests := []struct {
		name    string
		profile string
		server  *tls.Config
		key     string
		want    wire.Outcome
		retry   bool
	}{
		{"tls13", "curl", &tls.Config{}, "ecdsa", wire.Outcome{Version: wire.TLS13, Suite: 0x1301, Group: wire.X25519}, false},
		{"tls12", "curl", &tls.Config{MaxVersion: tls.VersionTLS12}, "rsa", wire.Outcome{Version: wire.TLS12, Suite: 0xC02F, Group: wire.X25519}, false},
		{"tls11", "tls11-max", &tls.Config{}, "rsa", wire.Outcome{Version: wire.TLS11, Suite: 0xC013, Group: wire.X25519}, false},
		{"tls10", "tls10-only", &tls.Config{}, "ecdsa", wire.Outcome{Version: wire.TLS10, Suite: 0xC009, Group: wire.X25519}, false},
		{"p384", "tls12-only", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP384}}, "rsa", wire.Outcome{Version: wire.TLS12, Suite: 0xC02F, Group: wire.SECP384R1}, false},
		{"rsa-key-exchange", "rsa-key-exchange-only", &tls.Config{CipherSuites: []uint16{0x009C}}, "rsa", wire.Outcome{Version: wire.TLS12, Suite: 0x009C}, false},
		{"3des", "3des-only", &tls.Config{CipherSuites: []uint16{0x000A}}, "rsa", wire.Outcome{Version: wire.TLS12, Suite: 0x000A}, false},
		{"chacha", "chacha-only", &tls.Config{}, "ecdsa", wire.Outcome{Version: wire.TLS12, Suite: 0xCCA9, Group: wire.X25519}, false},
		{"retry", "retry", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, "ecdsa", wire.Outcome{Version: wire.TLS13, Suite: 0x1301, Group: wire.SECP256R1}, true},
		{"pq", "pq", &tls.Config{}, "ecdsa", wire.Outcome{Version: wire.TLS13, Suite: 0x1301, Group: wire.X25519MLKEM768}, false},
		{"pq-only", "pq-only", &tls.Config{}, "ecdsa", wire.Outcome{Version: wire.TLS13, Suite: 0x1301, Group: wire.X25519MLKEM768}, false},
		{"pq-to-x25519", "pq", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519}}, "ecdsa", wire.Outcome{Version: wire.TLS13, Suite: 0x1301, Group: wire.X25519}, false},
		{"pq-p256", "pq-p256", &tls.Config{}, "ecdsa", wire.Outcome{Version: wire.TLS13, Suite: 0x1301, Group: wire.SecP256r1MLKEM768}, false},
		{"pq-p384", "pq-p384", &tls.Config{}, "ecdsa", wire.Outcome{Version: wire.TLS13, Suite: 0x1301, Group: wire.SecP384r1MLKEM1024}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert, err := certs.Server(tt.key)
			require.NoError(t, err)
			cfg := tt.server.Clone()
			cfg.Certificates, cfg.NextProtos = []tls.Certificate{cert}, []string{"http/1.1"}
			to := serve(t, tlsServer(t, cfg, func(raw *net.TCPConn, c *tls.Conn) { shut(raw) }))
			p := profile(t, tt.profile)
			a := call(t, to, Call{Profile: p, Roots: certs.RootPool()})
			tt.want.Stage, tt.want.ALPN = wire.StageRequest, "http/1.1"
			require.Equal(t, tt.want, a.Outcome)
			require.Equal(t, tt.retry, a.HelloRetry)
			require.Zero(t, a.Exit)

			raw, err := Recorded("recorded", a.Hello)
			require.NoError(t, err)
			b := call(t, to, Call{Profile: raw})
			tt.want.Stage = wire.StageHandshake
			if tt.want.Version == wire.TLS13 {
				tt.want.ALPN = "" // encrypted
			}
			if tt.retry { // it completes nothing, a second hello neither
				tt.want.Stage = wire.StageHello
			}
			require.Equal(t, tt.want, b.Outcome)
			require.Equal(t, tt.retry, b.HelloRetry)
			require.Zero(t, b.Exit)
		})
	}
}

// TestSecondShare: the server chooses a share that is not the first.
func TestSecondShare(t *testing.T) {
	p := Curl()
	p.Groups = []wire.Group{wire.X25519, wire.SECP256R1, wire.SECP384R1}
	p.KeyShares = p.Groups
	for _, g := range []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384} {
		to := serve(t, tlsServer(t, &tls.Config{CurvePreferences: []tls.CurveID{g}}, func(raw *net.TCPConn, c *tls.Conn) { shut(raw) }))
		a := call(t, to, Call{Profile: p})
		require.Equal(t, wire.StageRequest, a.Outcome.Stage)
		require.Equal(t, wire.Group(g), a.Outcome.Group)
		require.False(t, a.HelloRetry)
	}
}

// sServer starts openssl s_server and returns its address.
func sServer(t *testing.T, key string, args ...string) *net.TCPAddr {
	t.Helper()
	openssl := tooltest.Need(t, "openssl")
	dir := t.TempDir()
	cert, err := certs.Server(key)
	require.NoError(t, err)
	chain, private, err := pki.EncodePEM(cert)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cert.pem"), chain, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key.pem"), private, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-cert_chain", "cert.pem",
		"-key", "key.pem", "-www"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			to, err := net.ResolveTCPAddr("tcp", addr)
			require.NoError(t, err)
			go func() { // until the server ends
				for lines.Scan() {
				}
			}()
			return to
		}
	}
	t.Fatal("openssl s_server did not start")
	return nil
}

// TestOpenSSLServer meets a server that is not Go's.
func TestOpenSSLServer(t *testing.T) {
	noETM := func(p *Profile) *Profile { p.Omit = []uint16{extEncryptThenMAC}; return p }
	tests := []struct {
		name string
		key  string
		args []string
		p    *Profile
		want wire.Outcome
	}{
		{"tls13", "ecdsa", nil, Curl(), wire.Outcome{Version: wire.TLS13, Suite: 0x1302, Group: wire.X25519}},
		{"tls12", "rsa", []string{"-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"}, Curl(), wire.Outcome{Version: wire.TLS12, Suite: 0xC030, Group: wire.X25519}},
		{"tls12-sha384", "rsa", []string{"-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"}, noETM(profile(t, "cbc-sha384-only")), wire.Outcome{Version: wire.TLS12, Suite: 0xC028, Group: wire.X25519}},
		{"tls12-sha384-ecdsa", "ecdsa", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"}, noETM(profile(t, "cbc-sha384-only")), wire.Outcome{Version: wire.TLS12, Suite: 0xC024, Group: wire.X25519}},
		{"tls12-003d", "rsa", []string{"-tls1_2", "-cipher", "AES256-SHA256"}, noETM(profile(t, "rsa-key-exchange-only")), wire.Outcome{Version: wire.TLS12, Suite: 0x003D}},
		{"tls11", "rsa", []string{"-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"}, noETM(profile(t, "tls11-max")), wire.Outcome{Version: wire.TLS11, Suite: 0xC014, Group: wire.X25519}},
		{"tls10", "ecdsa", []string{"-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"}, noETM(profile(t, "tls10-only")), wire.Outcome{Version: wire.TLS10, Suite: 0xC00A, Group: wire.X25519}},
		{"retry", "ecdsa", []string{"-groups", "P-384"}, profile(t, "retry"), wire.Outcome{Version: wire.TLS13, Suite: 0x1302, Group: wire.SECP384R1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := call(t, sServer(t, tt.key, tt.args...), Call{Profile: tt.p, Roots: certs.RootPool(), Requests: []Request{{}}})
			tt.want.Stage = wire.StageResponse
			require.Equal(t, tt.want, a.Outcome, "%v", a.Words)
			require.Equal(t, 200, a.Responses[0].Status)
			require.Contains(t, a.Responses[0].Body, "s_server")
		})
	}
}

// TestIncapable: what this client offers but cannot do is an error of the client, not a result.
func TestIncapable(t *testing.T) {
	tests := []struct {
		name string
		key  string
		args []string
		p    *Profile
		want string
	}{
		{"etm", "rsa", []string{"-tls1_2", "-cipher", "AES128-SHA"}, profile(t, "rsa-key-exchange-only"), "encrypt-then-MAC, which uTLS lacks"},
		{"dhe", "rsa", []string{"-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"}, profile(t, "dhe-only"), "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384, which this client offers but cannot do"},
		{"x448", "ecdsa", []string{"-groups", "X448"}, profile(t, "odd-groups-only"), "the group x448, which this client offers but cannot do"},
		{"retry-x448", "ecdsa", []string{"-groups", "X448"}, Curl(), "asks for a key share of x448"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := sServer(t, tt.key, tt.args...)
			a, err := tryCall(t, to, Call{Profile: tt.p, Requests: []Request{{}}})
			require.ErrorContains(t, err, tt.want)
			require.NotEmpty(t, a.Hello)
			// The client that completes nothing tells what the server chose.
			raw, err := Recorded("raw", a.Hello)
			require.NoError(t, err)
			require.Zero(t, call(t, to, Call{Profile: raw}).Exit)
		})
	}
}

func benchmark(b *testing.B, handle func(net.Conn), c Call) {
	to := serve(b, handle)
	b.ReportAllocs()
	for b.Loop() {
		conn, err := net.DialTCP("tcp", nil, to)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Do(b.Context(), conn, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	p, err := ByName("tls11-max")
	require.NoError(b, err)
	b.Run("refused", func(b *testing.B) {
		benchmark(b, func(c net.Conn) { once(c); reset(c) }, Call{Profile: p, ServerName: host})
	})
	raw, err := Recorded("raw", call(b, serve(b, func(c net.Conn) { once(c); reset(c) }), Call{Profile: p}).Hello)
	require.NoError(b, err)
	b.Run("refused-raw", func(b *testing.B) {
		benchmark(b, func(c net.Conn) { once(c); reset(c) }, Call{Profile: raw, ServerName: host})
	})
	answer := func(raw *net.TCPConn, c *tls.Conn) {
		once(c)
		_, _ = fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nalblab ok")
		_ = c.CloseWrite()
		shut(raw)
	}
	b.Run("completed", func(b *testing.B) {
		benchmark(b, tlsServer(b, &tls.Config{NextProtos: []string{"http/1.1"}}, answer), Call{Profile: Curl(), ServerName: host, Requests: []Request{{}}})
	})
	b.Run("completed-verified", func(b *testing.B) {
		benchmark(b, tlsServer(b, &tls.Config{NextProtos: []string{"http/1.1"}}, answer),
			Call{Profile: Curl(), ServerName: host, Roots: certs.RootPool(), Requests: []Request{{}}})
	})
}
