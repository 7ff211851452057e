package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// served is a running serve command.
type served struct {
	lines chan string
	stop  context.CancelFunc
	code  chan int
	errs  *bytes.Buffer
	url   string
	ca    string
	all   []string
}

// serve starts the command and waits for its banner.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	s := &served{lines: make(chan string, 1000), stop: cancel, code: make(chan int, 1), errs: &bytes.Buffer{}}
	go func() {
		defer close(s.lines)
		sc := bufio.NewScanner(r)
		for sc.Scan() {
			s.lines <- sc.Text()
		}
	}()
	go func() {
		s.code <- run(ctx, append([]string{"serve"}, args...), strings.NewReader(""), w, s.errs)
		w.Close()
	}()
	var once sync.Once
	t.Cleanup(func() { once.Do(cancel) })
	s.url = s.find(t, `https://\S+/`)
	s.ca = s.find(t, `--cacert (\S+)`)
	s.find(t, `^Ctrl-C`)
	return s
}

// find waits for a line that matches and returns the match, or its first group.
func (s *served) find(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	match := func(line string) (string, bool) {
		m := re.FindStringSubmatch(line)
		if m == nil {
			return "", false
		}
		return m[len(m)-1], true
	}
	for _, line := range s.all {
		if m, ok := match(line); ok {
			return m
		}
	}
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				require.Fail(t, "the output ended", "waiting for %s; errors: %s; output:\n%s", pattern, s.errs, strings.Join(s.all, "\n"))
			}
			s.all = append(s.all, line)
			if m, ok := match(line); ok {
				return m
			}
		case <-timeout:
			require.Fail(t, "no such line", "waiting for %s; output:\n%s", pattern, strings.Join(s.all, "\n"))
		}
	}
}

// end stops the command and returns its exit code.
func (s *served) end(t *testing.T) int {
	t.Helper()
	s.stop()
	select {
	case code := <-s.code:
		for line := range s.lines {
			s.all = append(s.all, line)
		}
		return code
	case <-time.After(20 * time.Second):
		require.Fail(t, "serve does not end")
		return -1
	}
}

func (s *served) client(t *testing.T, c *tls.Config) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(s.ca)
	require.NoError(t, err)
	c.RootCAs = x509.NewCertPool()
	require.True(t, c.RootCAs.AppendCertsFromPEM(pem))
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func TestServe(t *testing.T) {
	s := startServe(t, "--listen", "127.0.0.1:0", "--policy", "FS-1-2-Res-2020-10")
	res, err := s.client(t, &tls.Config{}).Get(s.url)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "alblab ok", string(body))
	require.Equal(t, "awselb/2.0", res.Header.Get("Server"))
	s.find(t, `203\.0\.113\.10:\d+ https: offers up to TLSv1\.\d.*; TLSv1\.2 ECDHE-\S+ .*completed, 1 request$`)

	_, err = s.client(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Get(s.url)
	require.ErrorContains(t, err, "reset by peer")
	s.find(t, `offers up to TLSv1\.1.* refused: no-common-version; cure: ELBSecurityPolicy-`)

	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		distrustful := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: version, RootCAs: x509.NewCertPool()}}}
		_, err = distrustful.Get(s.url)
		require.Error(t, err)
	}
	s.find(t, `, then the client ended it: alert bad_certificate; cure: let the client trust the authority`)

	dir := filepath.Dir(s.ca)
	info, err := os.Stat(s.ca)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	keys, err := filepath.Glob(filepath.Join(dir, "client-*"))
	require.NoError(t, err)
	require.Empty(t, keys, "nobody asks for a client certificate")
	require.Equal(t, exitDone, s.end(t), s.errs)
	require.Empty(t, s.errs.String())
	s.find(t, `^flow  \d+ \S+ eni-\S+ 203\.0\.113\.10 10\.0\.\d\.10 \d+ 443 6 \d+ \d+ \d+ \d+ ACCEPT OK 2$`)
	require.NoDirExists(t, dir, "the temporary keys are taken away")
}

func TestServeVerify(t *testing.T) {
	out := filepath.Join(t.TempDir(), "bundle")
	s := startServe(t, "--listen", "127.0.0.1:0", "--mtls", "verify", "--out", out)
	_, err := s.client(t, &tls.Config{}).Get(s.url)
	require.Error(t, err)
	s.find(t, `then refused: UnmappedConnectionError; cure: a client certificate`)
	cert, err := tls.LoadX509KeyPair(s.find(t, `--cert (\S+)`), s.find(t, `--key (\S+)`))
	require.NoError(t, err)
	res, err := s.client(t, &tls.Config{Certificates: []tls.Certificate{cert}}).Get(s.url)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	s.find(t, `completed, 1 request$`)
	require.Equal(t, exitDone, s.end(t), s.errs)
	for _, kind := range []string{"good-rsa", "good-ecdsa", "expired", "untrusted"} {
		info, err := os.Stat(filepath.Join(out, "pki", "client-"+kind+"-key.pem"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

	// What is kept is a bundle that analyze reads.
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"analyze", out}, nil, &stdout, &stderr), stderr.String())
	require.Contains(t, stdout.String(), "client-certificate-missing")
	require.FileExists(t, filepath.Join(out, "capture.pcap"))
}

// TestServeCertificate: the certificates are those that were asked for.
func TestServeCertificate(t *testing.T) {
	s := startServe(t, "--listen", "127.0.0.1:0", "--cert", "ecdsa:p384")
	res, err := s.client(t, &tls.Config{}).Get(s.url)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, x509.ECDSA, res.TLS.PeerCertificates[0].PublicKeyAlgorithm)
	_, err = s.client(t, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}).Get(s.url)
	require.Error(t, err)
	s.find(t, `refused: no-common-suite; cure: .*an additional certificate rsa`)
	require.Equal(t, exitDone, s.end(t), s.errs)
}

// TestServeCurl is experiment 1 by hand: curl's own words, and its exit code.
func TestServeCurl(t *testing.T) {
	curl := tooltest.Need(t, "curl")
	s := startServe(t, "--listen", "127.0.0.1:0", "--policy", "FS-1-2-Res-2020-10")
	out, err := exec.CommandContext(t.Context(), curl, "--silent", "--show-error", "--cacert", s.ca, s.url).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "alblab ok", string(out))
	out, err = exec.CommandContext(t.Context(), curl, "--cacert", s.ca, "--tls-max", "1.1", "-v", s.url).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 35, exit.ExitCode(), "%s", out)
	require.Contains(t, string(out), "Connection reset by peer")
	require.Equal(t, exitDone, s.end(t), s.errs)
}

// TestServeBusyPortMakesNothing: the next try may have the same --out.
func TestServeBusyPortMakesNothing(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	for _, flag := range []string{"--listen", "--aws-api"} {
		out := filepath.Join(t.TempDir(), "out")
		args := []string{"serve", "--out", out, "--listen", "127.0.0.1:0", flag, busy.Addr().String()}
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitError, run(t.Context(), args, strings.NewReader(""), &stdout, &stderr))
		require.Contains(t, stderr.String(), "address already in use")
		require.Empty(t, stdout.String())
		left, err := os.ReadDir(out)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestServeErrors(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte("{\n \"listeners\": {},\n \"wafs\": 1}\n"), 0o600))
	cutShort := filepath.Join(dir, "cut.json")
	require.NoError(t, os.WriteFile(cutShort, []byte("{\n \"listeners\": {\n"), 0o600))
	empty := filepath.Join(dir, "empty.json")
	require.NoError(t, os.WriteFile(empty, []byte("{}"), 0o600))
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"busy port", []string{"--listen", busy.Addr().String()}, []string{"another program has the port", "hint: choose another"}},
		{"not loopback", []string{"--listen", "0.0.0.0:8443"}, []string{"other machines could reach", "--allow-remote"}},
		{"no address", []string{"--listen", "8443"}, []string{"--listen 8443", "hint: "}},
		{"unknown policy", []string{"--policy", "TLS13-1-2-2021-60"}, []string{"did you mean ELBSecurityPolicy-TLS13-1-2-2021-06"}},
		{"unknown certificate", []string{"--cert", "dsa"}, []string{`certificate "dsa"`, "hint: certificates are rsa, ecdsa"}},
		{"spec and certificate", []string{"--spec", bad, "--cert", "rsa"}, []string{"leave out --policy, --cert and --mtls"}},
		{"unknown mode", []string{"--mtls", "on"}, []string{"--mtls is off, verify or passthrough"}},
		{"capture", []string{"--capture", "some"}, []string{"--capture is full, hello or off"}},
		{"spec and policy", []string{"--spec", bad, "--policy", "2016-08"}, []string{"leave out --policy"}},
		{"no spec", []string{"--spec", filepath.Join(dir, "none")}, []string{"no file"}},
		{"unknown field", []string{"--spec", bad}, []string{"bad.json:", `unknown field "wafs"`}},
		{"cut spec", []string{"--spec", cutShort}, []string{"cut.json:", "the file ends in the middle"}},
		{"empty spec", []string{"--spec", empty}, []string{"no listeners"}},
		{"folder not empty", []string{"--out", dir}, []string{"is not empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitError, run(t.Context(), append([]string{"serve"}, tt.args...), nil, &stdout, &stderr))
			require.Empty(t, stdout.String())
			for _, w := range tt.want {
				require.Contains(t, stderr.String(), w)
			}
			require.True(t, strings.HasPrefix(stderr.String(), "alblab: error: "), stderr.String())
		})
	}
}
