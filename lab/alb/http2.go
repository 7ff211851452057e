package alb

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/alblab/alblab/lab/evidence/waflog"
)

// maxStreams is how many requests a client may have open at once on a connection
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html).
const maxStreams = 128

// serveHTTP2 lets net/http speak h2 over the engine. The server is of this connection alone, so that its Shutdown, which
// sends GOAWAY, ends nothing else.
func (c *conn) serveHTTP2() {
	w := &h2Conn{c: c, over: make(chan struct{})}
	late := &lateBodies{of: map[*http.ResponseController]bool{}}
	srv := &http.Server{
		Handler:        http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serveStream(w, r, late) }),
		Protocols:      new(http.Protocols),
		MaxHeaderBytes: 4 * maxHeaderBytes, // beyond that net/http ends the connection; below checkFields answers
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:       log.New(io.Discard, "", 0), // its complaints are about clients; panics do not come here
	}
	srv.Protocols.SetUnencryptedHTTP2(true) // the engine has taken the encryption off
	c.t.setIdle(func() {
		late.end()
		go srv.Shutdown(c.lb.ctx)
	})
	srv.Serve(&oneConn{conn: w, addr: c.t.LocalAddr()})
	<-w.over
	c.finish(w.ended())
}

// h2Conn is the decrypted connection as net/http sees it. Closing it ends no more than net/http's use of it.
type h2Conn struct {
	c       *conn
	reading sync.Mutex
	once    sync.Once
	over    chan struct{}

	mu  sync.Mutex
	err error
}

func (w *h2Conn) Read(b []byte) (int, error) {
	w.reading.Lock()
	defer w.reading.Unlock()
	select {
	case <-w.over:
		return 0, net.ErrClosed
	default:
	}
	n, err := w.c.eng.Read(b)
	if err != nil {
		w.mu.Lock()
		if w.err == nil {
			w.err = err
		}
		w.mu.Unlock()
	}
	return n, err
}

func (w *h2Conn) Write(b []byte) (int, error) { return w.c.eng.Write(b) }

// ended waits until the last Read has returned, and returns what ended the client's side, nil if the load balancer closed
// first.
func (w *h2Conn) ended() error {
	w.reading.Lock()
	defer w.reading.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil && isTimeout(w.err) && !w.c.t.isForced() {
		return nil
	}
	return w.err
}

func (w *h2Conn) Close() error {
	w.once.Do(func() {
		close(w.over)
		w.c.t.SetReadDeadline(past)
	})
	return nil
}

func (w *h2Conn) LocalAddr() net.Addr                { return w.c.t.LocalAddr() }
func (w *h2Conn) RemoteAddr() net.Addr               { return w.c.t.RemoteAddr() }
func (w *h2Conn) SetDeadline(time.Time) error        { return nil } // the load balancer's own timers count
func (w *h2Conn) SetReadDeadline(time.Time) error    { return nil }
func (w *h2Conn) SetWriteDeadline(t time.Time) error { return nil }

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conn net.Conn
	addr net.Addr
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	c := l.conn
	l.conn = nil
	return c, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.addr }

// lateBodies are the requests in hand, whose bodies may still be to come.
type lateBodies struct {
	mu sync.Mutex
	of map[*http.ResponseController]bool
}

// add puts a request in, until gone is called.
func (l *lateBodies) add(w http.ResponseWriter) (gone func()) {
	rc := http.NewResponseController(w)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[rc] = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.of, rc)
	}
}

// end lets those who wait for the rest of a body wait no more.
func (l *lateBodies) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rc := range l.of {
		rc.SetReadDeadline(past)
	}
}

// serveStream answers one request.
func (c *conn) serveStream(w http.ResponseWriter, r *http.Request, late *lateBodies) {
	defer func() {
		// net/http would write a handler's panic to its log and go on.
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			stack := debug.Stack()
			go func() { panic("alb: " + errorText(p) + "\n" + string(stack)) }()
			select {}
		}
	}()
	c.t.work()
	defer c.t.rest()
	defer late.add(w)()
	x := c.newExchange(r, "HTTP/2.0", h2Headers(r))
	body := &requestBody{body: r.Body, t: c.t, length: r.ContentLength}
	r.Body = body
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var resp *response
	if status := checkFields(r); status != 0 {
		resp = x.page(status)
	} else {
		resp = x.answer(ctx)
	}
	if ctx.Err() != nil && resp.own {
		x.received = headersSize(h2RequestFields(r)) + body.frames()
		x.finish(460, true, 0)
		return
	}
	body.discard(maxLateBody)
	if body.timedOut() { // as in HTTP/1.1: the client's body did not come within the idle timeout
		resp.discard()
		resp = x.page(http.StatusRequestTimeout)
	}
	status := resp.status
	if resp.tunnel != nil { // a target cannot upgrade h2
		resp.tunnel.Close()
		resp = x.page(http.StatusBadGateway)
		status = resp.status
	}
	h := w.Header()
	for k, v := range resp.header {
		h[k] = v
	}
	if resp.length >= 0 && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.FormatInt(resp.length, 10))
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // nothing is to be guessed
	}
	sent := headersSize(responseFields(status, h))
	w.WriteHeader(status)
	var err error
	if resp.body != nil {
		out := &flushWriter{w: w}
		if !resp.own {
			out.rc = http.NewResponseController(w)
		}
		if r.Method != http.MethodHead {
			_, err = io.Copy(out, resp.body)
		}
		resp.body.Close()
		sent += dataSize(out.n)
	}
	x.received = headersSize(h2RequestFields(r)) + body.frames()
	x.finish(status, resp.own, sent)
	if err != nil {
		panic(http.ErrAbortHandler) // resets the stream
	}
}

// checkFields refuses what is larger than the limits of a head: it returns the status, 0 if all is well. Assumption: they are the
// same in HTTP/2, since AWS's page ties them to no version, and so are the answers.
func checkFields(r *http.Request) int {
	if len(r.Method)+len(r.RequestURI)+len("  HTTP/2.0") > maxRequestLine {
		return http.StatusRequestURITooLong
	}
	total := 0
	for name, values := range r.Header {
		for _, v := range values {
			n := len(name) + len(": ") + len(v)
			if total += n; n > maxHeaderLine || total > maxHeaderBytes {
				return http.StatusBadRequest
			}
		}
	}
	return 0
}

func errorText(p any) string {
	switch p := p.(type) {
	case error:
		return p.Error()
	case string:
		return p
	}
	return "panic"
}

// frameHeader is the size of an h2 frame's head, maxFrame what a frame holds at most (RFC 9113, sections 4.1 and 4.2).
const (
	frameHeader = 9
	maxFrame    = 16 << 10
)

// maxLateBody is how much of a body that nobody wants is read before the response. Assumption: an ALB does so too. A response may
// come before the end of its request (RFC 9113, section 8.1), but some clients, curl 7.88 for one, take the RST_STREAM with NO_ERROR
// that net/http sends behind it for a failure, and give up the response too.
const maxLateBody = 256 << 20

// dataSize is the size of n bytes in full DATA frames: into how many pieces a target's response came is chance.
func dataSize(n int64) int64 { return n + frameHeader*((n+maxFrame-1)/maxFrame) }

type flushWriter struct {
	w  io.Writer
	rc *http.ResponseController // nil: no flushing
	n  int64
}

func (f *flushWriter) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	f.n += int64(n)
	if err == nil && f.rc != nil {
		err = f.rc.Flush()
	}
	return n, err
}

// h2Headers lists the request's fields in h2's lower case, the order by name: net/http does not keep the client's.
func h2Headers(r *http.Request) []waflog.Header {
	out := []waflog.Header{{Name: "host", Value: r.Host}}
	for _, f := range sortedFields(r.Header) {
		out = append(out, waflog.Header{Name: f.Name, Value: f.Value})
	}
	return out
}

func sortedFields(h http.Header) []hpack.HeaderField {
	var out []hpack.HeaderField
	for k, vs := range h {
		for _, v := range vs {
			out = append(out, hpack.HeaderField{Name: strings.ToLower(k), Value: v})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func h2RequestFields(r *http.Request) []hpack.HeaderField {
	return append([]hpack.HeaderField{
		{Name: ":method", Value: r.Method}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: r.Host}, {Name: ":path", Value: r.RequestURI},
	}, sortedFields(r.Header)...)
}

func responseFields(status int, h http.Header) []hpack.HeaderField {
	return append([]hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(status)}}, sortedFields(h)...)
}

// headersSize is the size of a HEADERS frame with these fields on a fresh connection. Assumption: received_bytes and
// sent_bytes of h2 count frames; AWS says "in bytes" and no more.
func headersSize(fields []hpack.HeaderField) int64 {
	var n counter
	e := hpack.NewEncoder(&n)
	for _, f := range fields {
		e.WriteField(f)
	}
	return frameHeader + int64(n)
}

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }
