package alb

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForward(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		target := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Server", "nginx")
			w.Header().Set("X-Custom", "yes")
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(201)
			io.WriteString(w, "hello from the target"+string(body))
		})
		b := start(t, Listener{Name: "other", Port: 8443, Action: Action{Type: ActionForward}}, target.config)
		client := b.httpsClient(t, h2)
		for range 2 {
			r, err := http.NewRequest("PUT", "https://"+testHost+"/p?q", strings.NewReader("!"))
			require.NoError(t, err)
			r.Header = http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Port": {"1"}, "X-Amzn-Trace-Id": {"Root=1-5759e988-bd862e3fe1be46a994272793;App=x"},
				"Te": {"trailers"}}
			resp, err := client.Do(r)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, "hello from the target!", string(body))
			require.Equal(t, []string{"nginx", "yes"}, []string{resp.Header.Get("Server"), resp.Header.Get("X-Custom")})
		}
		require.NoError(t, b.hangUp(t, client).Err)
		got := target.last(t)
		require.Equal(t, "HTTP/1.1", got.Proto)
		require.Equal(t, "/p?q", got.RequestURI)
		require.Equal(t, testHost+":8443", got.Host)
		require.Equal(t, []string{"192.0.2.7, 127.0.0.1", "https", "8443", ""},
			[]string{got.Header.Get("X-Forwarded-For"), got.Header.Get("X-Forwarded-Proto"), got.Header.Get("X-Forwarded-Port"), got.Header.Get("Te")})
		require.Regexp(t, `^Self=1-6955b900-[0-9a-f]{24};Root=1-5759e988-bd862e3fe1be46a994272793;App=x$`, got.Header.Get("X-Amzn-Trace-Id"))
		lines := b.requests(t)
		require.Len(t, lines, 2)
		r := lines[1]
		at := target.srv.Listener.Addr().String()
		require.Equal(t, []string{at, at, "201", "forward", got.Header.Get("X-Amzn-Trace-Id")}, []string{r.Target, r.TargetPortList, r.TargetStatusCodeList, r.ActionsExecuted, r.TraceID})
		require.Equal(t, []int{201, 201}, []int{r.ELBStatusCode, r.TargetStatusCode})
		require.Contains(t, r.TargetGroupARN, "targetgroup/")
		require.Zero(t, r.TargetProcessingTime)
		m := b.metrics()
		delete(m, "ProcessedBytes")
		require.Equal(t, target.seen[0].RemoteAddr, target.seen[1].RemoteAddr, "one connection to the target")
		require.Equal(t, map[string]float64{"NewConnectionCount": 2, "ActiveConnectionCount": 2, "RequestCount": 2, "HTTPCode_Target_2XX_Count": 2}, m)
	}
}

// TestChunked: a body of unknown length, passed on as it comes.
func TestChunked(t *testing.T) {
	more := make(chan bool)
	target := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		<-more
		io.WriteString(w, "two")
	})
	b := start(t, Listener{Action: Action{Type: ActionForward}}, target.config)
	conn := b.dial(t)
	client := tls.Client(conn, clientConfig())
	_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	br := bufio.NewReader(client)
	resp, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"chunked"}, resp.TransferEncoding)
	one := make([]byte, 3)
	_, err = io.ReadFull(resp.Body, one)
	require.NoError(t, err)
	more <- true
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "onetwo", string(one)+string(rest))
	require.Len(t, b.requests(t), 1, "the line is there before the last chunk")
	conn.Close()
	b.wait(t)

	// An HTTP/1.0 client gets the end of the connection as the end of the body.
	conn = b.dial(t)
	go func() { more <- true }()
	got, err := exchangeOver(tls.Client(conn, clientConfig()), "GET / HTTP/1.0\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(got, "\r\n\r\nonetwo"), got)
	conn.Close()
	b.wait(t)
}

// TestTargetFailures: load-balancer-troubleshooting.html's 502, 503 and 504.
func TestTargetFailures(t *testing.T) {
	hang := make(chan bool)
	defer close(hang)
	nothing := func(context.Context, Node) (net.Conn, error) { return nil, os.ErrDeadlineExceeded }
	refused := func(context.Context, Node) (net.Conn, error) { return nil, errors.New("connection refused") }
	silent := func(ctx context.Context, _ Node) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	answering := func(answer string) func(context.Context, Node) (net.Conn, error) {
		return func(context.Context, Node) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				http.ReadRequest(bufio.NewReader(there))
				if answer == "hang" {
					<-hang
				}
				io.WriteString(there, answer)
				there.Close()
			}()
			return here, nil
		}
	}
	tests := []struct {
		name    string
		dial    func(context.Context, Node) (net.Conn, error)
		want    int
		advance time.Duration
	}{
		{"no target", nil, 503, 0},
		{"refused", refused, 502, 0},
		{"timed out", nothing, 504, 0},
		{"silent network", silent, 504, 10 * time.Second},
		{"silent target", answering("hang"), 504, time.Minute},
		{"broken off", answering(""), 502, 0},
		{"nonsense", answering("nonsense\r\n\r\n"), 502, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dialed := make(chan bool, 1)
			b := start(t, Listener{Action: Action{Type: ActionForward}}, func(c *Config) {
				if tt.dial == nil {
					dialed <- true
					return
				}
				c.DialTarget = func(ctx context.Context, n Node) (net.Conn, error) {
					dialed <- true
					return tt.dial(ctx, n)
				}
			})
			conn := b.dial(t)
			got := make(chan string)
			go func() {
				s, _ := exchangeOver(tls.Client(conn, clientConfig()), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				conn.Close()
				got <- s
			}()
			<-dialed
			b.clock.Advance(tt.advance)
			answer := <-got
			require.True(t, strings.HasPrefix(answer, "HTTP/1.1 "+itoa(tt.want)+" "), answer)
			require.Contains(t, answer, "Server: awselb/2.0\r\n")
			b.wait(t)
			lines := b.requests(t)
			require.Len(t, lines, 1)
			require.Equal(t, tt.want, lines[0].ELBStatusCode)
			require.Equal(t, -1, lines[0].TargetStatusCode)
			m := b.metrics()
			require.Equal(t, 1.0, m["HTTPCode_ELB_5XX_Count"])
			require.Equal(t, 1.0, m["HTTPCode_ELB_"+itoa(tt.want)+"_Count"])
		})
	}
}

// TestClientGoesBeforeTheAnswer is 460.
func TestClientGoesBeforeTheAnswer(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		asked, answer := make(chan bool, 1), make(chan bool)
		target := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
			asked <- true
			<-answer
		})
		b := start(t, Listener{Action: Action{Type: ActionForward}}, target.config)
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-asked; cancel() }()
		r, err := http.NewRequestWithContext(ctx, "GET", "https://"+testHost+"/", nil)
		require.NoError(t, err)
		client := b.httpsClient(t, h2)
		_, err = client.Do(r)
		require.ErrorIs(t, err, context.Canceled)
		require.Eventually(t, func() bool { return len(b.requests(t)) == 1 }, 10*time.Second, time.Millisecond)
		require.Equal(t, 460, b.requests(t)[0].ELBStatusCode)
		close(answer)
		b.hangUp(t, client)
		require.Equal(t, 1.0, b.metrics()["HTTPCode_ELB_4XX_Count"])
	}
}

// TestWebSocket: an upgraded connection is relayed, and logged when it ends.
func TestWebSocket(t *testing.T) {
	target := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(r.Header.Get("Connection"), "Upgrade") {
			w.WriteHeader(400)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		line, _ := rw.ReadString('\n')
		io.WriteString(conn, "echo "+line)
	})
	b := start(t, Listener{Action: Action{Type: ActionForward}}, target.config)
	conn := b.dial(t)
	client := tls.Client(conn, clientConfig())
	_, err := io.WriteString(client, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	require.NoError(t, err)
	br := bufio.NewReader(client)
	resp, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	require.Equal(t, 101, resp.StatusCode)
	require.Empty(t, b.requests(t))
	_, err = io.WriteString(client, "hi\n")
	require.NoError(t, err)
	echo, err := io.ReadAll(br)
	require.NoError(t, err)
	require.Equal(t, "echo hi\n", string(echo))
	conn.Close()
	b.wait(t)
	lines := b.requests(t)
	require.Len(t, lines, 1)
	require.Equal(t, "wss", lines[0].Type)
	require.Equal(t, []int{101, 101}, []int{lines[0].ELBStatusCode, lines[0].TargetStatusCode})
}

// TestTrace is the page on request tracing, case by case.
func TestTrace(t *testing.T) {
	tests := []struct{ sent, header, root string }{
		{"", "Root=ID", "ID"},
		{"Root=1-a", "Self=ID;Root=1-a", "1-a"},
		{"Self=1-b;Root=1-a", "Self=ID;Root=1-a", "1-a"},
		{"Root=1-a;CalledFrom=app", "Self=ID;Root=1-a;CalledFrom=app", "1-a"},
		{"CalledFrom=app", "Root=ID;CalledFrom=app", "ID"},
	}
	for _, tt := range tests {
		h := http.Header{}
		if tt.sent != "" {
			h.Set("X-Amzn-Trace-Id", tt.sent)
		}
		require.Equal(t, trace{tt.header, tt.root}, newTrace(h, "ID"), tt.sent)
	}
}

// TestTargetAnswersEarly: a target that does not wait for the body. The response passes; the connection cannot be kept.
func TestTargetAnswersEarly(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b := start(t, Listener{Action: Action{Type: ActionForward}}, func(c *Config) {
			c.DialTarget = func(context.Context, Node) (net.Conn, error) {
				here, there := net.Pipe()
				go func() {
					http.ReadRequest(bufio.NewReader(there))
					io.WriteString(there, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n")
					io.Copy(io.Discard, there)
				}()
				return here, nil
			}
		})
		read, write := io.Pipe()
		r, err := http.NewRequest("POST", "https://"+testHost+"/", read)
		require.NoError(t, err)
		client := b.httpsClient(t, h2)
		resp, err := client.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, []string{"413", "no\n"}, []string{itoa(resp.StatusCode), string(body)})
		write.Close()
		if !h2 {
			require.NoError(t, b.wait(t).Err)
		}
		lines := b.requests(t)
		require.Len(t, lines, 1)
		require.Equal(t, []int{413, 413}, []int{lines[0].ELBStatusCode, lines[0].TargetStatusCode})
	}
}
