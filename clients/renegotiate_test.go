package clients_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// TestRenegotiateOpenSSL asks a server that does renegotiate: it reads the second hello and its verify_data, and goes on.
func TestRenegotiateOpenSSL(t *testing.T) {
	openssl := tooltest.Need(t, "openssl")
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	out, err := exec.Command(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=lab.example").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, s := range []wire.Suite{0xC02F, 0xC030, 0xC013, 0xC014, 0xC027, 0xC028, 0x009C, 0x009D, 0x002F, 0x003C, 0x003D} {
		t.Run(s.OpenSSL(), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
			require.NoError(t, err)
			addr := l.Addr().String()
			require.NoError(t, l.Close())
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, openssl, "s_server", "-accept", addr, "-cert", cert, "-key", key, "-client_renegotiation", "-msg",
				"-naccept", "1", "-cipher", "ALL:@SECLEVEL=0")
			stdin, err := cmd.StdinPipe() // at its end the server would leave
			require.NoError(t, err)
			defer stdin.Close()
			said := &output{came: make(chan struct{}, 1)}
			cmd.Stdout, cmd.Stderr = said, said
			require.NoError(t, cmd.Start())
			defer func() { _ = cmd.Wait() }()
			defer cancel()
			said.await(ctx, t, "ACCEPT", 1)
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			p := clients.Curl()
			p.MinVersion, p.MaxVersion, p.ALPN, p.Suites, p.Omit = wire.TLS12, wire.TLS12, nil, []wire.Suite{s, wire.EmptyRenegotiationInfoSCSV}, []uint16{22}
			m := &clients.Manner{Renegotiate: clients.RenegotiateAtOnce}
			done := make(chan error, 1)
			go func() {
				_, err := clients.Do(ctx, m.Conn(conn, nil), clients.Call{Profile: p, ServerName: "lab.example"})
				done <- err
			}()
			said.await(ctx, t, ">>> TLS 1.2, Handshake [length", 1)
			said.await(ctx, t, ", ServerHelloDone", 2)
			require.Equal(t, 2, strings.Count(said.text(), ", ClientHello"))
			require.NoError(t, <-done)
		})
	}
}

func TestRenegotiateCannot(t *testing.T) {
	cert, err := pki.New("lab.example").Server("ecdsa")
	require.NoError(t, err)
	tests := []struct {
		name   string
		how    clients.Renegotiate
		change func(*clients.Profile)
		want   string
	}{
		{"tls 1.3", clients.RenegotiateAtOnce, func(p *clients.Profile) { p.MinVersion = wire.TLS13 }, "the session is not of TLS 1.2"},
		{"h2", clients.RenegotiateLater, func(p *clients.Profile) { p.MaxVersion = wire.TLS12 }, "HTTP/2 forbids another handshake"},
		{"chacha", clients.RenegotiateAtOnce, func(p *clients.Profile) { p.MaxVersion, p.Suites = wire.TLS12, []wire.Suite{0xCCA9} },
			"records of TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 cannot be made here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}})
			require.NoError(t, err)
			defer l.Close()
			go func() {
				c, err := l.Accept()
				if err == nil {
					_, _ = c.Read(make([]byte, 1))
					_ = c.Close()
				}
			}()
			conn, err := net.Dial("tcp", l.Addr().String())
			require.NoError(t, err)
			p := clients.Curl()
			tt.change(p)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			m := &clients.Manner{Renegotiate: tt.how}
			_, err = clients.Do(ctx, m.Conn(conn, nil), clients.Call{Profile: p, ServerName: "lab.example", Requests: []clients.Request{{}}})
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// output is what a program has said so far.
type output struct {
	mu   sync.Mutex
	b    bytes.Buffer
	came chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.came <- struct{}{}:
	default:
	}
	return o.b.Write(b)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await waits until the program has said a word so many times.
func (o *output) await(ctx context.Context, t *testing.T, word string, times int) {
	t.Helper()
	for strings.Count(o.text(), word) < times {
		select {
		case <-o.came:
		case <-ctx.Done():
			require.FailNow(t, "never said "+word, o.text())
		}
	}
}
