package alb

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLimitsOverHTTP2: the limits of a request's head are those of HTTP/1.1, and each refusal has its line.
func TestLimitsOverHTTP2(t *testing.T) {
	tests := []struct {
		name   string
		url    int
		header http.Header
		want   int
	}{
		{"as long as it may be", 16<<10 - len("GET / HTTP/2.0"), nil, 200},
		{"long request line", 16<<10 - len("GET / HTTP/2.0") + 1, nil, 414},
		{"very long request line", 100 << 10, nil, 414},
		{"long header line", 0, http.Header{"A": {strings.Repeat("a", 16<<10)}}, 400},
		{"large header", 0, http.Header{"A": slices.Repeat([]string{strings.Repeat("a", 8000)}, 9)}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t, Listener{}, nil)
			client := b.httpsClient(t, true)
			resp, _ := get(t, client, "https://"+testHost+"/"+strings.Repeat("a", tt.url), tt.header)
			require.Equal(t, 2, resp.ProtoMajor)
			require.Equal(t, tt.want, resp.StatusCode)
			b.hangUp(t, client)
			lines := b.requests(t)
			require.Len(t, lines, 1)
			require.Equal(t, tt.want, lines[0].ELBStatusCode)
		})
	}
}

// TestLargeBodyOverHTTP2: a body that nobody wants is read, and counted, and the next request has the same connection.
func TestLargeBodyOverHTTP2(t *testing.T) {
	const size = 5 << 20
	b := start(t, Listener{}, nil)
	client := b.httpsClient(t, true)
	for range 2 {
		resp, err := client.Post("https://"+testHost+"/", "application/octet-stream", bytes.NewReader(make([]byte, size)))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "alblab ok", string(body))
		resp.Body.Close()
	}
	require.Equal(t, 2, b.hangUp(t, client).Requests)
	lines := b.requests(t)
	require.Len(t, lines, 2)
	require.Greater(t, lines[0].ReceivedBytes, int64(size))
}

// TestHalfARequestOverHTTP2: 408 where the client stops within its body, and the connection ends.
func TestHalfARequestOverHTTP2(t *testing.T) {
	b := start(t, Listener{}, nil)
	client := b.httpsClient(t, true)
	body, w := io.Pipe()
	defer w.Close()
	type answer struct {
		resp *http.Response
		err  error
	}
	got := make(chan answer, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err := client.Post("https://"+testHost+"/", "text/plain", body)
		got <- answer{resp, err}
	}()
	_, err := w.Write([]byte("abc"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the load balancer waits for the rest
		b.lb.mu.Lock()
		defer b.lb.mu.Unlock()
		for t := range b.lb.conns {
			t.mu.Lock()
			defer t.mu.Unlock()
			return t.busy > 0 && t.waiting > 0
		}
		return false
	}, 20*time.Second, time.Millisecond)
	b.advanceUntil(t, time.Second, done)
	a := <-got
	require.NoError(t, a.err)
	require.Equal(t, http.StatusRequestTimeout, a.resp.StatusCode)
	a.resp.Body.Close()
	require.NoError(t, b.wait(t).Err)
	lines := b.requests(t)
	require.Len(t, lines, 1)
	require.Equal(t, 408, lines[0].ELBStatusCode)
}
