package alb

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/wire"
)

// httpsClient speaks h1 or h2 to the lab.
func (b *bench) httpsClient(t testing.TB, h2 bool) *http.Client {
	tr := &http.Transport{
		TLSClientConfig:    clientConfig(),
		ForceAttemptHTTP2:  h2,
		DisableCompression: true,
		MaxConnsPerHost:    1, // or a second one is made while the first is on its way back
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", b.addr)
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// hangUp closes the client's connection, as soon as net/http takes it for idle, and returns what became of it.
func (b *bench) hangUp(t testing.TB, client *http.Client) Connection {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		client.CloseIdleConnections()
		select {
		case c := <-b.ended:
			return c
		case <-time.After(time.Millisecond):
		}
	}
	require.FailNow(t, "no connection ended")
	return Connection{}
}

func get(t testing.TB, c *http.Client, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	require.NoError(t, err)
	for k, v := range header {
		r.Header[k] = v
	}
	resp, err := c.Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	return resp, string(body)
}

// TestThreeRequests is experiment 2's success, over both versions of HTTP: one connection line, three access-log lines.
func TestThreeRequests(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("h2=", h2), func(t *testing.T) {
			b := start(t, Listener{}, nil)
			client := b.httpsClient(t, h2)
			for range 3 {
				resp, body := get(t, client, "https://"+testHost+"/a?b=c", http.Header{"User-Agent": {"curl/8.5.0"}})
				require.Equal(t, 200, resp.StatusCode)
				require.Equal(t, h2, resp.ProtoMajor == 2)
				require.Equal(t, "awselb/2.0", resp.Header.Get("Server"))
				require.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
				require.Equal(t, "Thu, 01 Jan 2026 00:00:00 GMT", resp.Header.Get("Date"))
				require.EqualValues(t, 9, resp.ContentLength)
				require.Equal(t, "alblab ok", body)
			}
			c := b.hangUp(t, client)
			require.NoError(t, c.Err)
			require.Equal(t, 3, c.Requests)
			require.True(t, c.Outcome.ByPeer)
			require.Equal(t, wire.EndingFIN, c.Outcome.Ending)
			lines := b.requests(t)
			require.Len(t, lines, 3)
			proto, kind := "HTTP/1.1", "https"
			if h2 {
				proto, kind = "HTTP/2.0", "h2"
			}
			seen := map[string]bool{}
			for _, r := range lines {
				require.Equal(t, kind, r.Type)
				require.Equal(t, "GET https://"+testHost+":443/a?b=c "+proto, r.Request)
				require.Equal(t, "curl/8.5.0", r.UserAgent)
				require.Equal(t, []int{200, -1}, []int{r.ELBStatusCode, r.TargetStatusCode})
				require.Equal(t, []string{"fixed-response", "0", "TLSv1.3", "TLS_AES_128_GCM_SHA256", testHost, "arn:rsa", c.TraceID, "198.51.100.10", testName},
					[]string{r.ActionsExecuted, r.MatchedRulePriority, r.SSLProtocol, r.SSLCipher, r.DomainName, r.ChosenCertARN, r.ConnTraceID, r.NodeIP, r.ELB})
				require.Regexp(t, `^Root=1-6955b900-[0-9a-f]{24}$`, r.TraceID)
				require.False(t, seen[r.TraceID])
				seen[r.TraceID] = true
				require.Positive(t, r.ReceivedBytes)
				require.Positive(t, r.SentBytes)
			}
			conns := b.connections(t)
			require.Len(t, conns, 1)
			require.Equal(t, []string{"Success", "TLSv1.3", "x25519"}, []string{conns[0].VerifyStatus, conns[0].TLSProtocol, conns[0].KeyExchange})
			m := b.metrics()
			require.Positive(t, m["ProcessedBytes"])
			delete(m, "ProcessedBytes")
			require.Equal(t, map[string]float64{"NewConnectionCount": 1, "ActiveConnectionCount": 1, "HTTP_Fixed_Response_Count": 3}, m)
			require.Equal(t, map[string]bool{"us-east-1a": true}, b.zones)
		})
	}
}

// TestPublishedSizes: two published lines give the size of a 404 fixed response without a body to an HTTP/1.0 client (162
// bytes) and of the page for a malformed request (272 bytes), and say how such a request is logged.
func TestPublishedSizes(t *testing.T) {
	sample, err := os.ReadFile(filepath.Join("testdata", "alb-access-2026.log"))
	require.NoError(t, err)
	var want []*accesslog.Record
	for r, err := range accesslog.Records(strings.NewReader(string(sample)), &evidence.Options{}) {
		require.NoError(t, err)
		c := *r
		want = append(want, &c)
	}
	require.Len(t, want, 2)
	for i, send := range []string{"GET / HTTP/1.0\r\n\r\n", "nonsense\r\n\r\n"} {
		b := start(t, Listener{Action: Action{StatusCode: 404}}, nil)
		conn := b.dial(t)
		got, err := exchangeOver(tls.Client(conn, clientConfig()), send)
		require.NoError(t, err)
		conn.Close()
		b.wait(t)
		lines := b.requests(t)
		require.Len(t, lines, 1)
		r, w := lines[0], want[i]
		require.EqualValues(t, w.SentBytes, len(got))
		require.Equal(t, w.SentBytes, r.SentBytes)
		require.Equal(t, w.ELBStatusCode, r.ELBStatusCode)
		require.Equal(t, w.ActionsExecuted, r.ActionsExecuted)
		require.Equal(t, w.MatchedRulePriority, r.MatchedRulePriority)
		require.Equal(t, w.Classification, r.Classification)
		require.Equal(t, w.TraceID == "", r.TraceID == "")
		if i == 1 {
			require.Equal(t, "- https://"+testHost+":443- -", r.Request)
			require.Zero(t, r.ReceivedBytes)
			require.Equal(t, "HTTP/1.1 400 Bad Request\r\nServer: awselb/2.0\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/html\r\n"+
				"Content-Length: 122\r\nConnection: close\r\n\r\n<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n"+
				"<center><h1>400 Bad Request</h1></center>\r\n</body>\r\n</html>\r\n", got)
		}
		require.Equal(t, 1.0, b.metrics()["HTTPCode_ELB_4XX_Count"])
	}
}

func TestRefusedRequests(t *testing.T) {
	long := strings.Repeat("a", 20<<10)
	tests := []struct {
		name, send string
		want       int
	}{
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"malformed header", "GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400},
		{"control character", "GET / HTTP/1.1\r\nHost: x\r\nA: b\x01c\r\n\r\n", 400},
		{"long header line", "GET / HTTP/1.1\r\nHost: x\r\nA: " + long + "\r\n\r\n", 400},
		{"large header", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: "+long[:8000]+"\r\n", 10) + "\r\n", 400},
		{"long request line", "GET /" + long + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
		{"http/2 without alpn", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"transfer encoding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"trace", "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405},
		{"many hops", "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + strings.Repeat("192.0.2.1,", 30) + "192.0.2.1\r\nConnection: close\r\n\r\n", 463},
		{"thirty hops", "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + strings.Repeat("192.0.2.1,", 29) + "192.0.2.1\r\nConnection: close\r\n\r\n", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t, Listener{}, nil)
			conn := b.dial(t)
			got, err := exchangeOver(tls.Client(conn, clientConfig()), tt.send)
			require.NoError(t, err)
			conn.Close()
			require.True(t, strings.HasPrefix(got, "HTTP/1.1 "+strconv.Itoa(tt.want)), "%q", got)
			b.wait(t)
			lines := b.requests(t)
			require.Len(t, lines, 1)
			require.Equal(t, tt.want, lines[0].ELBStatusCode)
			require.EqualValues(t, len(got), lines[0].SentBytes)
		})
	}
}

// TestBytesOfAKeptConnection counts two requests on one connection, the first with a body, one of them HEAD.
func TestBytesOfAKeptConnection(t *testing.T) {
	b := start(t, Listener{}, nil)
	conn := b.dial(t)
	client := tls.Client(conn, clientConfig())
	post := "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
	head := "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	got, err := exchangeOver(client, post+head) // pipelined
	require.NoError(t, err)
	conn.Close()
	b.wait(t)
	lines := b.requests(t)
	require.Len(t, lines, 2)
	require.EqualValues(t, []int{len(post), len(head)}, []int{int(lines[0].ReceivedBytes), int(lines[1].ReceivedBytes)})
	require.EqualValues(t, len(got), lines[0].SentBytes+lines[1].SentBytes)
	require.Contains(t, got, "Connection: keep-alive\r\n")
	require.Equal(t, 1, strings.Count(got, "alblab ok"))
	require.EqualValues(t, len(post)+len(head)+len(got), b.metrics()["ProcessedBytes"])
}

func TestExpectContinue(t *testing.T) {
	target := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	b := start(t, Listener{Action: Action{Type: ActionForward}}, target.config)
	conn := b.dial(t)
	client := tls.Client(conn, clientConfig())
	_, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	br := bufio.NewReader(client)
	line, err := br.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	br.ReadString('\n')
	_, err = io.WriteString(client, "hello")
	require.NoError(t, err)
	_, body := readResponse(t, br, "POST")
	require.Equal(t, "hello", body)
	conn.Close()
	b.wait(t)
}

// TestIdleConnection: close_notify and FIN at the idle timeout, counted from the last byte; over h2 a GOAWAY comes first.
func TestIdleConnection(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b := start(t, Listener{}, nil)
		conn := b.dial(t)
		cfg := clientConfig()
		if h2 {
			cfg.NextProtos = []string{"h2"}
		}
		client := tls.Client(conn, cfg)
		var first string
		if h2 {
			_, err := io.WriteString(client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00") // preface, SETTINGS
			require.NoError(t, err)
			buf := make([]byte, 9)
			_, err = io.ReadFull(client, buf)
			require.NoError(t, err)
			require.EqualValues(t, 4, buf[3], "SETTINGS")
			first = string(buf)
		} else {
			_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			buf := make([]byte, 4096)
			n, err := client.Read(buf)
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(string(buf[:n]), "alblab ok"))
		}
		b.clock.Advance(59 * time.Second)
		select {
		case <-b.ended:
			require.Fail(t, "ended before the idle timeout")
		default:
		}
		done := make(chan struct{})
		var rest []byte
		var err error
		go func() {
			defer close(done)
			rest, err = io.ReadAll(client)
			conn.Close()
		}()
		b.advanceUntil(t, time.Second, done) // the last byte may have been counted a little later than it was read
		require.NoError(t, err, "close_notify")
		require.Equal(t, h2, hasFrame(append([]byte(first), rest...), 7), "GOAWAY")
		c := b.wait(t)
		require.NoError(t, c.Err)
		require.False(t, c.Outcome.ByPeer)
	}
}

func hasFrame(b []byte, kind byte) bool {
	for len(b) >= 9 {
		if b[3] == kind {
			return true
		}
		b = b[min(len(b), 9+(int(b[0])<<16|int(b[1])<<8|int(b[2]))):]
	}
	return false
}

// TestHalfARequest: 408 where the client stops within its head or its body.
func TestHalfARequest(t *testing.T) {
	for _, send := range []string{"GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"} {
		b := start(t, Listener{}, nil)
		conn := &recordConn{Conn: b.dial(t)}
		client := tls.Client(conn, clientConfig())
		_, err := io.WriteString(client, send)
		require.NoError(t, err)
		b.arrived(t, len(conn.sent))
		var got []byte
		done := make(chan struct{})
		go func() {
			defer close(done)
			got, _ = io.ReadAll(client)
			conn.Close()
		}()
		b.advanceUntil(t, time.Minute, done)
		require.True(t, strings.HasPrefix(string(got), "HTTP/1.1 408 "), "%q", got)
		b.wait(t)
		lines := b.requests(t)
		require.Len(t, lines, 1)
		require.Equal(t, 408, lines[0].ELBStatusCode)
	}
}

// arrived waits until the load balancer has read n bytes of its one client.
func (b *bench) arrived(t testing.TB, n int) {
	require.Eventually(t, func() bool {
		b.lb.mu.Lock()
		defer b.lb.mu.Unlock()
		for t := range b.lb.conns {
			return t.in.Load() == int64(n)
		}
		return false
	}, 20*time.Second, time.Millisecond)
}

// advanceUntil moves the clock in steps until done.
func (b *bench) advanceUntil(t testing.TB, step time.Duration, done <-chan struct{}) {
	require.Eventually(t, func() bool {
		b.clock.Advance(step)
		select {
		case <-done:
			return true
		default:
			return false
		}
	}, 20*time.Second, 5*time.Millisecond)
}

// TestCloseEndsConnections: Close returns with clients still there, in every state.
func TestCloseEndsConnections(t *testing.T) {
	b := start(t, Listener{}, nil)
	silent := b.dial(t)
	idle := tls.Client(b.dial(t), clientConfig())
	require.NoError(t, idle.Handshake())
	cfg := clientConfig()
	cfg.NextProtos = []string{"h2"}
	h2 := tls.Client(b.dial(t), cfg)
	require.NoError(t, h2.Handshake())
	b.until(t, "ActiveConnectionCount", 2)
	b.until(t, "NewConnectionCount", 3)
	require.NoError(t, b.lb.Close())
	for range 3 {
		require.NoError(t, b.wait(t).Err)
	}
	_, err := silent.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, b.connections(t), 2)
}

// TestALPN: RFC 7301, and what s2n-tls does where nothing is shared.
func TestALPN(t *testing.T) {
	tests := []struct {
		offer []string
		max   wire.Version
		want  string
	}{
		{[]string{"http/1.1", "h2"}, wire.TLS13, "h2"},
		{[]string{"http/1.1"}, wire.TLS13, "http/1.1"},
		{[]string{"spdy/3"}, wire.TLS13, ""},
		{nil, wire.TLS13, ""},
		{[]string{"h2", "http/1.1"}, wire.TLS11, "http/1.1"},
	}
	for _, tt := range tests {
		b := start(t, Listener{Policy: mustPolicy(t, "TLS13-1-0-2021-06")}, nil)
		suites := []wire.Suite{0x1301, 0xc009}
		o := offer{versions: []wire.Version{tt.max}, suites: suites, groups: []wire.Group{wire.SECP256R1}, shares: []wire.Group{wire.SECP256R1},
			schemes: allSchemes(), alpn: tt.offer}
		conn := b.dial(t)
		c, err := o.handshake(conn)
		require.NoError(t, err)
		require.Equal(t, tt.want, c.ConnectionState().NegotiatedProtocol)
		conn.Close()
		require.NoError(t, b.wait(t).Err)
	}
}

// TestResumption: tickets of TLS 1.2 and 1.3 are good at the same node and listener, not at another, and never with
// mutual TLS; a resumed session obeys the decision as any other.
func TestResumption(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b := start(t, Listener{}, nil)
		cfg := clientConfig()
		cfg.MinVersion, cfg.MaxVersion = v, v
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		connect := func() Connection {
			conn := b.dial(t)
			_, err := exchangeOver(tls.Client(conn, cfg), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			require.NoError(t, err)
			conn.Close()
			return b.wait(t)
		}
		require.False(t, connect().Resumed)
		require.True(t, connect().Resumed)
		lines := b.requests(t)
		first := "arn:rsa" // TLS 1.3: by the policy's order of schemes
		if v == tls.VersionTLS12 {
			first = "arn:ecdsa" // by its order of suites
		}
		require.Equal(t, []string{first, "session-reused"}, []string{lines[0].ChosenCertARN, lines[1].ChosenCertARN})
		conns := b.connections(t)
		if v == tls.VersionTLS12 {
			require.Equal(t, []string{"x25519", ""}, []string{conns[0].KeyExchange, conns[1].KeyExchange})
		} else {
			require.Equal(t, []string{"x25519", "x25519"}, []string{conns[0].KeyExchange, conns[1].KeyExchange})
		}
		// Another suite: what the ticket remembers does not count.
		if v == tls.VersionTLS12 {
			cfg.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
			c := connect()
			require.False(t, c.Resumed)
			require.EqualValues(t, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, c.Outcome.Suite)
		}
		// Another node.
		nl, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		other := testNode
		other.Private = other.Private.Next()
		go b.lb.Serve(nl, other, "main")
		cfg.CipherSuites = nil
		b.addr = nl.Addr().String()
		require.False(t, connect().Resumed)

		m := start(t, Listener{MTLS: ModePassthrough}, nil)
		b.addr, b.ended = m.addr, m.ended
		require.False(t, connect().Resumed)
		require.False(t, connect().Resumed)
	}
}

// TestConcurrentStreams has many h2 requests at once on one connection.
func TestConcurrentStreams(t *testing.T) {
	b := start(t, Listener{}, nil)
	client := b.httpsClient(t, true)
	get(t, client, "https://"+testHost+"/", nil)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			resp, body := get(t, client, "https://"+testHost+"/"+strconv.Itoa(i%10), nil)
			require.Equal(t, "alblab ok", body)
			require.Equal(t, 2, resp.ProtoMajor)
		})
	}
	wg.Wait()
	require.Equal(t, 51, b.hangUp(t, client).Requests)
	seen := map[string]bool{}
	for _, r := range b.requests(t) {
		require.False(t, seen[r.TraceID])
		seen[r.TraceID] = true
	}
	require.Len(t, seen, 51)
}
