package alb

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// These tests call the load balancer with clients that we did not write.

func runTool(t testing.TB, name string, args ...string) (out string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, tooltest.Need(t, name), args...)
	cmd.Stdin = strings.NewReader("")
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// curl calls the lab by its name.
func (b *bench) curl(t testing.TB, args ...string) (string, int) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, authority.Roots(), 0o600))
	return runTool(t, "curl", append([]string{"-sS", "--cacert", ca, "--connect-to", "::" + b.addr, "--max-time", "20"}, args...)...)
}

func TestCurl(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"http/1.1", []string{"--http1.1"}, "1.1 200 alblab ok"},
		{"h2", []string{"--http2"}, "2 200 alblab ok"},
		{"tls 1.2", []string{"--tls-max", "1.2"}, "2 200 alblab ok"},
		{"head", []string{"-I", "-o", os.DevNull}, "2 200 "},
		{"three", []string{"-o", os.DevNull, "https://" + testHost + "/", "-o", os.DevNull, "https://" + testHost + "/"}, "2 200 2 200 2 200 alblab ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t, Listener{}, nil)
			args := append([]string{"-w", "%{stderr} %{http_version} %{http_code} ", "https://" + testHost + "/"}, tt.args...)
			out, exit := b.curl(t, args...)
			require.Zero(t, exit, out)
			require.ElementsMatch(t, strings.Fields(tt.want), strings.Fields(out))
			c := b.wait(t)
			require.NoError(t, c.Err)
			require.Equal(t, wire.EndingFIN, c.Outcome.Ending, "closed without a RST")
		})
	}
}

// TestCurlOfExperiment1 sees a RST in answer to its hello.
func TestCurlOfExperiment1(t *testing.T) {
	b := start(t, Listener{Policy: mustPolicy(t, "FS-1-2-Res-2020-10")}, nil)
	out, exit := b.curl(t, "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0", "https://"+testHost+"/")
	require.Equal(t, 35, exit, out)
	require.Contains(t, strings.ToLower(out), "reset by peer")
	require.Equal(t, failedMetrics(1), func() map[string]float64 { b.wait(t); return b.metrics() }())
}

// TestCurlOfExperiment2 has no certificate, and then the right one three times.
func TestCurlOfExperiment2(t *testing.T) {
	b := start(t, Listener{Policy: mustPolicy(t, "TLS13-1-2-2021-06"), MTLS: ModeVerify, TrustStore: testTrustStore(t),
		Certificates: []tls.Certificate{serverCert(t, "rsa")}}, nil)
	out, exit := b.curl(t, "--tls-max", "1.2", "https://"+testHost+"/")
	require.Equal(t, 35, exit, out)
	require.Contains(t, strings.ToLower(out), "reset by peer")
	require.Equal(t, "Failed:UnmappedConnectionError", b.wait(t).Verify)
	// TLS 1.3: the client has finished by then, and finds out when it sends its request (16, 55) or reads the answer (56).
	out, exit = b.curl(t, "https://"+testHost+"/")
	require.Contains(t, []int{16, 35, 55, 56}, exit, out)
	require.Regexp(t, `(?i)reset by peer|not connected|broken pipe`, out)
	b.wait(t)
	files, err := authority.WriteFiles(t.TempDir(), pki.KindGoodRSA)
	require.NoError(t, err)
	for range 3 {
		out, exit = b.curl(t, "--tls-max", "1.2", "--cert", files.Certs[pki.KindGoodRSA][0], "--key", files.Certs[pki.KindGoodRSA][1], "https://"+testHost+"/")
		require.Zero(t, exit, out)
		require.Equal(t, "alblab ok", out)
		b.wait(t)
	}
	lines := b.requests(t)
	require.Len(t, lines, 3)
	require.Equal(t, []string{"h2", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"}, []string{lines[0].Type, lines[0].SSLProtocol, lines[0].SSLCipher})
}

// TestOpenSSLEverySuite offers each suite alone, as OpenSSL names it, at each version of a policy that has nearly all.
func TestOpenSSLEverySuite(t *testing.T) {
	openssl := tooltest.Need(t, "openssl")
	listed, err := exec.Command(openssl, "ciphers", "ALL:@SECLEVEL=0").Output()
	require.NoError(t, err)
	b := start(t, Listener{Policy: mustPolicy(t, "TLS13-1-0-2021-06")}, nil)
	p := mustPolicy(t, "TLS13-1-0-2021-06")
	done := 0
	for _, s := range p.Suites {
		info, _ := s.Info()
		for _, v := range p.Versions {
			if v < info.Min || v > info.Max {
				continue
			}
			flag := map[wire.Version]string{wire.TLS10: "-tls1", wire.TLS11: "-tls1_1", wire.TLS12: "-tls1_2", wire.TLS13: "-tls1_3"}[v]
			args := []string{"s_client", "-connect", b.addr, "-servername", testHost, flag, "-cipher", s.OpenSSL() + ":@SECLEVEL=0"}
			if v == wire.TLS13 {
				args = []string{"s_client", "-connect", b.addr, "-servername", testHost, flag, "-ciphersuites", s.OpenSSL()}
			} else if !bytes.Contains(listed, []byte(s.OpenSSL())) {
				t.Logf("SKIPPED: this openssl lacks %s", s.OpenSSL())
				continue
			}
			out, _ := runTool(t, "openssl", args...)
			require.Contains(t, out, ", Cipher is "+s.OpenSSL(), "%v %v", v, s)
			require.NoError(t, b.wait(t).Err)
			done++
		}
	}
	require.Greater(t, done, 20)
}

// TestOpenSSLScheme reads which signature OpenSSL saw.
func TestOpenSSLScheme(t *testing.T) {
	for _, tt := range []struct{ cert, flag, sigalgs, want string }{
		{"rsa", "-tls1_2", "rsa_pkcs1_sha512:rsa_pss_rsae_sha384", "SHA384 RSA-PSS"},
		{"rsa", "-tls1_2", "rsa_pkcs1_sha512:rsa_pkcs1_sha256", "SHA256 RSA"},
		{"rsa", "-tls1_3", "rsa_pss_rsae_sha512:rsa_pss_rsae_sha256", "SHA256 RSA-PSS"},
		{"ecdsa", "-tls1_3", "ecdsa_secp521r1_sha512:ecdsa_secp256r1_sha256", "SHA256 ECDSA"},
		{"ecdsa", "-tls1_2", "ecdsa_secp521r1_sha512:ecdsa_secp384r1_sha384", "SHA384 ECDSA"},
	} {
		b := start(t, Listener{Certificates: []tls.Certificate{serverCert(t, tt.cert)}}, nil)
		out, _ := runTool(t, "openssl", "s_client", "-connect", b.addr, "-servername", testHost, tt.flag, "-sigalgs", tt.sigalgs)
		hash, kind, _ := strings.Cut(tt.want, " ")
		require.Contains(t, out, "Peer signing digest: "+hash+"\n", "%+v", tt)
		require.Contains(t, out, "Peer signature type: "+kind+"\n", "%+v", tt)
		require.NoError(t, b.wait(t).Err)
	}
}

// TestOpenSSLResumption reconnects with a ticket.
func TestOpenSSLResumption(t *testing.T) {
	b := start(t, Listener{Policy: mustPolicy(t, "2016-08")}, nil)
	out, _ := runTool(t, "openssl", "s_client", "-connect", b.addr, "-servername", testHost, "-reconnect", "-tls1_2")
	require.Equal(t, 5, strings.Count(out, "Reused, TLSv1.2"), out)
}

// TestGnuTLS speaks to the lab by a third library.
func TestGnuTLS(t *testing.T) {
	b := start(t, Listener{}, nil)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, authority.Roots(), 0o600))
	host, port, err := net.SplitHostPort(b.addr)
	require.NoError(t, err)
	out, exit := runTool(t, "gnutls-cli", "--x509cafile", ca, "--sni-hostname", testHost, "--verify-hostname", testHost, "-p", port, host)
	require.Zero(t, exit, out)
	require.Contains(t, out, "Handshake was completed")
	require.NoError(t, b.wait(t).Err)
}
