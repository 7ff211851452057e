package alb

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// failedMetrics is experiment 2's table: a connection that fails in its handshake moves these two and nothing else.
func failedMetrics(n float64) map[string]float64 {
	return map[string]float64{"NewConnectionCount": n, "ClientTLSNegotiationErrorCount": n}
}

// tls11 is experiment 1's client.
func tls11() *tls.Config {
	c := clientConfig()
	c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return c
}

func TestRefusedHelloIsReset(t *testing.T) {
	b := start(t, Listener{Policy: mustPolicy(t, "FS-1-2-Res-2020-10")}, nil)
	tap := &tapConn{Conn: b.dial(t)}
	err := tls.Client(tap, tls11()).Handshake()
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Empty(t, tap.got, "not a byte is answered")
	c := b.wait(t)
	require.Equal(t, policy.ReasonNoCommonVersion, c.Decision.Reason)
	require.Equal(t, wire.Outcome{Stage: wire.StageHello, Ending: wire.EndingReset}, c.Outcome)
	require.Equal(t, "Failed:UnmappedConnectionError", c.Verify)
	require.Equal(t, failedMetrics(1), b.metrics())
	require.Empty(t, b.access)
	require.Len(t, b.connections(t), 1)
	client := tap.LocalAddr().(*net.TCPAddr)
	require.Equal(t, "2026-01-01T00:00:00.000000Z 127.0.0.1 "+itoa(client.Port)+` 443 - - - "-" - - Failed:UnmappedConnectionError `+
		c.TraceID+" - "+testName+" 198.51.100.10\n", string(b.conns))
	require.Regexp(t, `^TID_[0-9a-f]{32}$`, c.TraceID)
}

func TestAlertClose(t *testing.T) {
	tests := []struct {
		name   string
		policy string
		client func() *tls.Config
		want   []byte
	}{
		{"no common version", "FS-1-2-Res-2020-10", tls11, []byte{21, 3, 2, 0, 2, 2, 70}},
		{"no common suite", "FS-1-2-Res-2020-10", func() *tls.Config {
			c := clientConfig()
			c.MaxVersion = tls.VersionTLS12
			c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
			return c
		}, []byte{21, 3, 3, 0, 2, 1, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t, Listener{Policy: mustPolicy(t, tt.policy)}, func(c *Config) { c.WireProfile = ProfileAlertClose })
			conn := b.dial(t)
			tap := &tapConn{Conn: conn}
			require.Error(t, tls.Client(tap, tt.client()).Handshake())
			rest, err := io.ReadAll(tap)
			require.NoError(t, err, "a FIN, no RST")
			require.Empty(t, rest)
			require.Equal(t, tt.want, tap.got)
			conn.Close()
			c := b.wait(t)
			require.Equal(t, wire.EndingAlert, c.Outcome.Ending)
			require.Equal(t, failedMetrics(1), b.metrics())
			require.Len(t, b.connections(t), 1)
		})
	}
}

func TestWhatIsNoHello(t *testing.T) {
	tests := []struct {
		name, send string
		notTLS     bool
	}{
		{"plain http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
		{"garbage", "\x00\x01\x02\x03\x04\x05\x06\x07", true},
		{"ssh", "SSH-2.0-OpenSSH_9.2\r\n", true},
		{"alert", "\x15\x03\x01\x00\x02\x02\x28", false},
		{"damaged hello", "\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03\x00\x00", false},
		{"endless hello", "\x16\x03\x01\x40\x00\x01\xff\xff\xff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t, Listener{}, nil)
			conn := b.dial(t)
			_, err := io.WriteString(conn, tt.send)
			require.NoError(t, err)
			n, err := conn.Read(make([]byte, 1))
			require.Zero(t, n)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			c := b.wait(t)
			require.Equal(t, tt.notTLS, c.NotTLS)
			require.Equal(t, tt.notTLS, c.Decision.Reason != policy.ReasonMalformed)
			require.Equal(t, failedMetrics(1), b.metrics())
			require.Len(t, b.connections(t), 1)
		})
	}
}

// TestSilence: a client that sends nothing gets a FIN at the idle timeout, and leaves no line.
func TestSilence(t *testing.T) {
	b := start(t, Listener{}, nil)
	conn := b.dial(t)
	b.until(t, "NewConnectionCount", 1)
	b.clock.Advance(59 * time.Second)
	select {
	case <-b.ended:
		require.Fail(t, "ended before the idle timeout")
	default:
	}
	b.clock.Advance(time.Second)
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	conn.Close()
	c := b.wait(t)
	require.Equal(t, wire.Outcome{Stage: wire.StageSilent, Ending: wire.EndingTimeout, Detail: c.Outcome.Detail}, c.Outcome)
	require.Equal(t, time.Minute, c.End.Sub(c.Start))
	require.Empty(t, b.conns)
	require.Equal(t, map[string]float64{"NewConnectionCount": 1}, b.metrics())
}

// until waits for a metric to reach a value.
func (b *bench) until(t testing.TB, name string, v float64) {
	require.Eventually(t, func() bool { return b.metrics()[name] >= v }, 30*time.Second, time.Millisecond, name)
}

func TestClientGoesBeforeItsHello(t *testing.T) {
	b := start(t, Listener{}, nil)
	b.dial(t).Close()
	c := b.wait(t)
	require.True(t, c.Outcome.ByPeer)
	require.Empty(t, b.conns)
	require.Equal(t, map[string]float64{"NewConnectionCount": 1}, b.metrics())

	half := b.dial(t)
	_, err := half.Write([]byte{22, 3, 1, 1, 0, 1})
	require.NoError(t, err)
	half.Close()
	b.wait(t)
	require.Len(t, b.connections(t), 1, "half a hello is a failed negotiation")
	require.Equal(t, 1.0, b.metrics()["ClientTLSNegotiationErrorCount"])
}

// TestDripFeed: a hello sent a byte at a time does not hold a connection open.
func TestDripFeed(t *testing.T) {
	b := start(t, Listener{}, nil)
	conn := b.dial(t)
	b.until(t, "NewConnectionCount", 1)
	for _, x := range []byte{22, 3, 1, 1, 0, 1} {
		_, err := conn.Write([]byte{x})
		require.NoError(t, err)
		b.clock.Advance(10 * time.Second)
	}
	_, err := conn.Read(make([]byte, 1))
	require.True(t, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET), "%v", err)
	conn.Close()
	require.Equal(t, wire.EndingTimeout, b.wait(t).Outcome.Ending)
}

// TestClientRefusesTheServersCertificate: the metric's definition names this cause.
func TestClientRefusesTheServersCertificate(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b := start(t, Listener{}, nil)
		cfg := &tls.Config{ServerName: testHost, MinVersion: v, MaxVersion: v} // trusts nobody
		conn := b.dial(t)
		require.Error(t, tls.Client(conn, cfg).Handshake())
		conn.Close()
		c := b.wait(t)
		require.Equal(t, wire.StageHandshake, c.Outcome.Stage)
		require.True(t, c.Outcome.ByPeer)
		require.Equal(t, failedMetrics(1), b.metrics())
		r := b.connections(t)
		require.Len(t, r, 1)
		require.Equal(t, "Failed:UnmappedConnectionError", r[0].VerifyStatus)
		require.Equal(t, tls.VersionName(v), "TLS "+r[0].TLSProtocol[4:])
		require.Equal(t, time.Duration(-1), r[0].HandshakeLatency)
	}
}

// TestLimitationsLeaveNoEvidence: what the policy accepts and no engine can do is no failure of the client.
func TestLimitationsLeaveNoEvidence(t *testing.T) {
	b := start(t, Listener{Policy: mustPolicy(t, "2016-08"), Certificates: []tls.Certificate{serverCert(t, "rsa")}}, nil)
	// TLS 1.2, ECDHE-RSA-AES128-GCM-SHA256, no extension at all.
	hello := append([]byte{22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3}, make([]byte, 32)...)
	hello = append(hello, 0, 0, 2, 0xc0, 0x2f, 1, 0)
	conn := b.dial(t)
	_, err := conn.Write(hello)
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	c := b.wait(t)
	require.ErrorIs(t, c.Err, ErrCannotCarryOut)
	require.ErrorContains(t, c.Err, "ecdhe-without-groups")
	require.Empty(t, b.conns)
}

func TestSameSeedSameIDs(t *testing.T) {
	ids := func(seed uint64) []string {
		s := newIDSource(seed)
		var out []string
		for _, port := range []uint16{1, 2, 1} {
			c := s.connection(addrPort(&net.TCPAddr{IP: net.IPv4(203, 0, 113, 10), Port: int(port)}), testNode.Private, 443)
			out = append(out, c.conn(), c.request(time.Unix(1700000000, 0), "GET /"), c.request(time.Unix(1700000000, 0), "GET /"))
		}
		return out
	}
	require.Equal(t, ids(1), ids(1))
	seen := map[string]bool{}
	for _, id := range append(ids(1), ids(2)...) {
		require.False(t, seen[id], id)
		seen[id] = true
	}
	require.Regexp(t, `^1-6553f100-[0-9a-f]{24}$`, ids(1)[1])
}
