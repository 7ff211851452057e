package rollout

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// TestOpenSSL asks an independent server and independent clients: openssl s_server is set up as a policy, openssl s_client
// connects in several ways; what it saw under one policy is a line, and what is claimed of it under another is tried.
func TestOpenSSL(t *testing.T) {
	openssl := tooltest.Need(t, "openssl")
	dir := t.TempDir()
	writeKey(t, dir, "rsa", func() (any, any) {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		return k, &k.PublicKey
	})
	writeKey(t, dir, "ecdsa", func() (any, any) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return k, &k.PublicKey
	})
	clients := map[string][]string{
		"today":           nil,
		"tls 1.3 only":    {"-tls1_3"},
		"tls 1.2 only":    {"-tls1_2"},
		"up to tls 1.1":   {"-no_tls1_3", "-no_tls1_2", "-cipher", "ALL:@SECLEVEL=0"},
		"tls 1.0 only":    {"-tls1", "-cipher", "ALL:@SECLEVEL=0"},
		"cbc alone":       {"-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"},
		"rsa key":         {"-tls1_2", "-cipher", "AES128-GCM-SHA256:AES128-SHA"},
		"p-384 alone":     {"-tls1_2", "-groups", "P-384"},
		"ecdsa alone":     {"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"},
		"chacha and 1.2":  {"-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"},
		"1.3 with aes256": {"-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"},
	}
	names := []string{"TLS13-1-0-2021-06", "TLS13-1-2-2021-06", "TLS13-1-2-Res-2021-06", "TLS13-1-3-2021-06", "FS-1-2-Res-2020-10", "TLS-1-2-2017-01"}
	seen := map[string]map[string]*Seen{} // by policy and client; nil: refused
	for _, name := range names {
		q := question(t, "", name)
		at := serveAs(t, openssl, dir, q.To)
		seen[name] = map[string]*Seen{}
		for who, args := range clients {
			seen[name][who] = connect(t, openssl, at, args)
		}
	}
	count := map[Effect]int{}
	for _, from := range names {
		for _, to := range names {
			q := question(t, from, to)
			for who := range clients {
				if seen[from][who] == nil {
					continue
				}
				claim := q.Line(*seen[from][who])
				count[claim.Effect]++
				require.False(t, claim.Foreign, "%s under %s: %+v", who, from, seen[from][who])
				if connects := seen[to][who] != nil; claim.Effect == Keeps && !connects || claim.Effect == Breaks && connects {
					t.Errorf("%s, %+v under %s, then under %s: claimed %s (%s), openssl connects: %v", who, *seen[from][who], from, to, claim.Effect, claim.Why, connects)
				}
			}
		}
	}
	t.Log(count)
	require.Greater(t, count[Keeps], 50)
	require.Greater(t, count[Breaks], 10)
}

// writeKey writes NAME.pem, a key and a certificate of its own.
func writeKey(t *testing.T, dir, name string, key func() (private, public any)) {
	private, public := key()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".pem"), text, 0o600))
}

// serveAs starts openssl s_server with a policy's versions, suites and groups, in the policy's order.
func serveAs(t *testing.T, openssl, dir string, p *policy.Policy) (at string) {
	var old, tls13, groups []string
	for _, s := range p.Suites {
		if info, _ := s.Info(); info.Min == wire.TLS13 {
			tls13 = append(tls13, s.String())
		} else {
			old = append(old, s.OpenSSL())
		}
	}
	for _, g := range p.Groups {
		groups = append(groups, map[wire.Group]string{wire.X25519: "X25519", wire.SECP256R1: "P-256", wire.SECP384R1: "P-384", wire.SECP521R1: "P-521"}[g])
	}
	args := []string{"s_server", "-www", "-accept", "127.0.0.1:0", "-serverpref", "-groups", strings.Join(groups, ":"),
		"-cert", filepath.Join(dir, "rsa.pem"), "-key", filepath.Join(dir, "rsa.pem"),
		"-dcert", filepath.Join(dir, "ecdsa.pem"), "-dkey", filepath.Join(dir, "ecdsa.pem")}
	if old != nil {
		args = append(args, "-cipher", strings.Join(old, ":")+":@SECLEVEL=0")
	}
	if tls13 != nil {
		args = append(args, "-ciphersuites", strings.Join(tls13, ":"))
	}
	side := newSide(p, nil)
	for v, flag := range map[wire.Version]string{wire.TLS10: "-no_tls1", wire.TLS11: "-no_tls1_1", wire.TLS12: "-no_tls1_2", wire.TLS13: "-no_tls1_3"} {
		if v < side.low || v > side.high {
			args = append(args, flag)
		}
	}
	cmd := exec.CommandContext(t.Context(), openssl, args...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			go func() {
				for lines.Scan() { // so that it never waits for us
				}
			}()
			return address
		}
	}
	t.Fatalf("openssl s_server did not start: %v", args)
	return ""
}

// connect makes one connection, and returns what was negotiated; nil if it was refused.
func connect(t *testing.T, openssl, at string, args []string) *Seen {
	cmd := exec.CommandContext(t.Context(), openssl, append([]string{"s_client", "-brief", "-connect", at}, args...)...)
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("CONNECTION ESTABLISHED")) {
		return nil
	}
	s := &Seen{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Protocol version":
			s.Version, err = wire.ParseVersion(value)
		case "Ciphersuite":
			s.Suite, err = wire.ParseSuite(value)
		case "Server Temp Key":
			for word, g := range map[string]wire.Group{"X25519": wire.X25519, "prime256v1": wire.SECP256R1, "P-256": wire.SECP256R1, "secp384r1": wire.SECP384R1,
				"P-384": wire.SECP384R1, "secp521r1": wire.SECP521R1, "P-521": wire.SECP521R1} {
				if strings.Contains(value, word) {
					s.Group = g
				}
			}
		}
		require.NoError(t, err)
	}
	require.NotZero(t, s.Version, "%s", out)
	require.NotZero(t, s.Suite, "%s", out)
	return s
}
