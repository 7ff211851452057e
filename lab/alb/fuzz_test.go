package alb

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/waf"
	"github.com/alblab/alblab/lab/wire"
)

// fuzzBalancer has a listener of each mode of mutual TLS.
func fuzzBalancer(t testing.TB, clock Clock, observe func(*Connection)) *LoadBalancer {
	acl, err := waf.New(waf.Config{ARN: testACL, Blocked: []netip.Prefix{netip.MustParsePrefix("192.0.2.66/32")}})
	require.NoError(t, err)
	cfg := Config{Name: testName, Clock: clock, Recorder: new(memory), ACL: acl, Observe: observe}
	for _, mode := range []Mode{ModeOff, ModePassthrough, ModeVerify} {
		cfg.Listeners = append(cfg.Listeners, Listener{Name: string(mode), Port: 443, Policy: mustPolicy(t, "TLS13-1-0-2021-06"),
			Certificates: []tls.Certificate{serverCert(t, "ecdsa")}, MTLS: mode, TrustStore: testTrustStore(t)})
	}
	lb, err := New(cfg)
	require.NoError(t, err)
	return lb
}

// recordConn keeps what a client writes: the first bytes of a real connection are the best seeds.
type recordConn struct {
	net.Conn
	sent []byte
}

func (c *recordConn) Write(b []byte) (int, error) {
	c.sent = append(c.sent, b...)
	return c.Conn.Write(b)
}

// FuzzServeConn feeds arbitrary bytes to a connection, from its first on.
func FuzzServeConn(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(0))
	f.Add([]byte{0x80, 0x2e, 1, 3, 1, 0, 3, 0, 0, 0, 0x10, 0, 0, 0x2f}, uint8(0))
	for i, max := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		here, there := net.Pipe()
		rec := &recordConn{Conn: here}
		go func() { io.Copy(io.Discard, there) }()
		cfg := clientConfig()
		cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, max
		here.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		tls.Client(rec, cfg).Handshake()
		f.Add(rec.sent, uint8(i))
		// The hello, and then something that is no answer to the server's flight.
		f.Add(append(bytes.Clone(rec.sent), 22, 3, 3, 0, 4, 11, 0, 0, 0), uint8(i))
		f.Add(append(bytes.Clone(rec.sent), 21, 3, 3, 0, 2, 2, 42), uint8(i))
		here.Close()
		there.Close()
	}
	f.Fuzz(func(t *testing.T, data []byte, mode uint8) {
		var ended *Connection
		lb := fuzzBalancer(t, newTestClock(), func(c *Connection) { k := *c; ended = &k })
		here, there := net.Pipe()
		go func() {
			go func() { here.Write(data); here.Close() }()
			io.Copy(io.Discard, here)
		}()
		name := []Mode{ModeOff, ModePassthrough, ModeVerify}[mode%3]
		require.NoError(t, lb.ServeConn(there, testNode, string(name)))
		require.NoError(t, lb.Close())
		require.NotNil(t, ended)
		if ended.Err != nil && !errors.Is(ended.Err, ErrCannotCarryOut) {
			t.Fatalf("the engine strayed from the decision: %v", ended.Err)
		}
		m := lb.cfg.Recorder.(*memory)
		require.Equal(t, m.counts["ClientTLSNegotiationErrorCount"] == 1, len(m.conns) > 0 && bytes.Contains(m.conns, []byte("Failed:")))
	})
}

// FuzzHTTP1 feeds arbitrary bytes to an established connection.
func FuzzHTTP1(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"HEAD http://x/y?z HTTP/1.1\r\nHost: y\r\nX-Forwarded-For: 192.0.2.66\r\nX-Amzn-Trace-Id: Root=1;Self=2\r\n\r\n", "\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd",
		"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: \"q\\\"\x80\xff\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lb := fuzzBalancer(t, newTestClock(), nil)
		here, there := net.Pipe()
		c := &conn{lb: lb, ln: lb.listeners["off"], node: testNode, t: lb.admit(there), start: lb.cfg.Clock.Now()}
		c.client = netip.MustParseAddrPort("203.0.113.10:50000")
		c.ids = lb.ids.connection(c.client, testNode.Private, 443)
		c.id = c.ids.conn()
		c.hello = fuzzHello()
		c.decision = c.ln.Policy.Decide(c.hello, c.ln.certs)
		c.eng = plainEngine{c.t}
		c.t.established(false)
		go func() {
			go func() { here.Write(data); here.Close() }()
			io.Copy(io.Discard, here)
		}()
		c.serveHTTP1()
		lb.release(c.t)
		require.NoError(t, lb.Close())
		m := lb.cfg.Recorder.(*memory)
		require.Len(t, m.requests(t), c.requests)
	})
}

// plainEngine is an engine without TLS.
type plainEngine struct{ *transport }

func (plainEngine) Handshake() error       { return nil }
func (plainEngine) CloseWrite() error      { return nil }
func (plainEngine) negotiated() negotiated { return negotiated{} }

func fuzzHello() *wire.ClientHello {
	return &wire.ClientHello{LegacyVersion: wire.TLS12, Suites: []wire.Suite{0xc02b}, Groups: []wire.Group{wire.SECP256R1}, HasGroups: true,
		Schemes: []wire.Scheme{0x0403}, HasSchemes: true, Compression: []byte{0}}
}
