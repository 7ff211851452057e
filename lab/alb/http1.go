package alb

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/alblab/alblab/lab/evidence/waflog"
	"github.com/alblab/alblab/lab/wire"
)

// Limits of a request's head (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
const (
	maxRequestLine = 16 << 10
	maxHeaderLine  = 16 << 10
	maxHeaderBytes = 64 << 10
	maxUnreadBody  = 256 << 10 // of a body that nobody wants, before the connection is given up
)

var (
	errHeaderTooLarge = errors.New("header too large")
	errClientGone     = errors.New("the client closed the connection")
	errEndOfBody      = errors.New("the end of the connection is the end of the body")
)

// headReader counts what is read and bounds a request's head; it keeps the head's bytes.
type headReader struct {
	r     io.Reader
	total int64
	head  []byte // while left >= 0
	left  int    // -1: no bound
	err   error  // of the last read
}

func (h *headReader) Read(b []byte) (int, error) {
	if h.left == 0 {
		return 0, errHeaderTooLarge
	}
	if h.left > 0 && len(b) > h.left {
		b = b[:h.left]
	}
	n, err := h.r.Read(b)
	h.total += int64(n)
	if h.left > 0 {
		h.left -= n
		h.head = append(h.head, b[:n]...)
	}
	if err != nil {
		h.err = err
	}
	return n, err
}

// http1 is the state of an HTTP/1.1 connection.
type http1 struct {
	c       *conn
	in      *headReader
	br      *bufio.Reader
	bw      *bufio.Writer
	sent    int64      // by the current response
	pending chan error // a read-ahead that waits for the client's next byte, or its end
}

func (c *conn) serveHTTP1() {
	h := &http1{c: c, in: &headReader{r: c.eng, left: -1}}
	h.br = bufio.NewReaderSize(h.in, 4096)
	h.bw = bufio.NewWriterSize(countWriter{c.eng, &h.sent}, 4096)
	for h.next() {
	}
}

type countWriter struct {
	w io.Writer
	n *int64
}

func (c countWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	*c.n += int64(n)
	return n, err
}

// next serves one request. It returns false when the connection has ended.
func (h *http1) next() bool {
	if h.pending != nil {
		err := <-h.pending
		if h.pending = nil; err != nil {
			h.over(err)
			return false
		}
	}
	before := h.consumed()
	req, head, err := h.read()
	if err != nil {
		h.badRequest(err, head)
		return false
	}
	c := h.c
	c.t.work()
	defer c.t.rest()
	x := c.newExchange(req, req.Proto, rawHeaders(head))
	body := &bodyReader{h: h, ReadCloser: req.Body,
		expects: req.ProtoAtLeast(1, 1) && httpguts.HeaderValuesContainsToken(req.Header["Expect"], "100-continue")}
	req.Body = body
	ctx, cancel := context.WithCancelCause(c.lb.ctx)
	defer cancel(nil)
	received := func() int64 { return h.consumed() - before }
	if c.ln.Action.Type == ActionForward && req.ContentLength == 0 && req.Header.Get("Upgrade") == "" {
		n := received()
		received = func() int64 { return n }
		h.watch(cancel)
	}
	resp := x.answer(ctx)
	if resp.tunnel != nil {
		return h.tunnel(x, resp, before)
	}
	keep := !req.Close && h.discard(body)
	x.received = received()
	switch {
	case errors.Is(context.Cause(ctx), errClientGone) && resp.own:
		// 460: the client closed before the load balancer could answer (load-balancer-troubleshooting.html).
		x.finish(460, true, 0)
		h.over(io.EOF)
		return false
	case isTimeout(body.err):
		// 408: the client's body did not come within the idle timeout (same page).
		c.t.SetDeadline(time.Time{})
		resp, keep = x.page(http.StatusRequestTimeout), false
	}
	err = h.write(req, resp, keep, func(sent int64) { x.finish(resp.status, resp.own, sent) })
	if err != nil || !keep {
		h.over(err)
		return false
	}
	return true
}

// watch reads ahead, so that a client that goes before it is answered is noticed.
func (h *http1) watch(cancel context.CancelCauseFunc) {
	h.pending = make(chan error, 1)
	go func(done chan<- error) {
		_, err := h.br.Peek(1)
		if err != nil && !isTimeout(err) {
			cancel(errClientGone)
		}
		done <- err
	}(h.pending)
}

// consumed is how many bytes of the stream requests have used up. It must not be called while a read-ahead waits.
func (h *http1) consumed() int64 { return h.in.total - int64(h.br.Buffered()) }

// read reads a request's head.
func (h *http1) read() (*http.Request, []byte, error) {
	buffered, _ := h.br.Peek(h.br.Buffered())
	h.in.head = append([]byte(nil), buffered...)
	h.in.left = maxHeaderBytes
	req, err := http.ReadRequest(h.br)
	head := h.in.head
	h.in.left, h.in.head = -1, nil
	if err == nil {
		err = checkHead(req, head)
	}
	return req, head, err
}

// headError is a request that gets an answer without being judged.
type headError struct {
	status int
	what   string
}

func (e *headError) Error() string { return e.what }

// checkHead refuses what http.ReadRequest lets pass.
func checkHead(r *http.Request, head []byte) error {
	line, rest, _ := strings.Cut(string(head), "\n")
	if len(line) > maxRequestLine {
		return &headError{http.StatusRequestURITooLong, "request line too long"}
	}
	for l := range strings.Lines(rest) {
		if len(l) > maxHeaderLine {
			return &headError{http.StatusBadRequest, "header line too long"}
		}
		if strings.TrimRight(l, "\r\n") == "" {
			break
		}
	}
	switch {
	case r.ProtoMajor != 1:
		return &headError{http.StatusHTTPVersionNotSupported, "unsupported version"}
	case r.ProtoAtLeast(1, 1) && r.Host == "" && !r.URL.IsAbs():
		return &headError{http.StatusBadRequest, "no host"}
	case !httpguts.ValidHostHeader(r.Host):
		return &headError{http.StatusBadRequest, "malformed host"}
	}
	for name, values := range r.Header {
		for _, v := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(v) {
				return &headError{http.StatusBadRequest, "malformed header"}
			}
		}
	}
	return nil
}

// badRequest answers a request that could not be read, in the form that published lines show: "- https://host:443- -".
func (h *http1) badRequest(err error, head []byte) {
	c := h.c
	var he *headError
	status := http.StatusBadRequest
	switch {
	case errors.As(err, &he):
		status = he.status
	case errors.Is(err, errHeaderTooLarge):
	case strings.Contains(err.Error(), "unsupported transfer encoding"):
		status = http.StatusNotImplemented
	case h.in.err != nil && (len(head) == 0 || !isTimeout(h.in.err)):
		h.over(h.in.err)
		return
	case h.in.err != nil:
		status = http.StatusRequestTimeout // half a request and then silence
		c.t.SetDeadline(time.Time{})
	}
	x := &exchange{c: c}
	created := c.lb.cfg.Clock.Now()
	err = h.write(nil, x.page(status), false, func(sent int64) {
		r := c.accessRecord(status)
		host := c.lb.cfg.Host
		if host == "" {
			host = c.node.logAddr()
		}
		r.Request = "- https://" + withPort(host, c.ln.Port) + "- -"
		r.SentBytes = sent
		r.RequestCreationTime = created
		c.lb.cfg.Recorder.Access(&r)
		x.account(status, true, sent)
	})
	h.over(err)
}

// bodyReader is a request's body; it says 100 Continue before its first byte is waited for.
type bodyReader struct {
	io.ReadCloser
	h       *http1
	expects bool
	err     error // of the last read, but for its end
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.expects {
		b.expects = false
		io.WriteString(b.h.c.eng, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	b.h.c.t.await()
	n, err := b.ReadCloser.Read(p)
	b.h.c.t.arrived()
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// discard reads what is left of a body, so that the next request can be found. It returns false where that is too much, or
// where the client waits for a 100 Continue that it never got.
func (h *http1) discard(b *bodyReader) bool {
	if b.expects {
		return false
	}
	n, err := io.CopyN(io.Discard, b, maxUnreadBody)
	return errors.Is(err, io.EOF) && n < maxUnreadBody
}

// write writes a response. The order of the fields is that of an ALB, as far as published sizes tell. finish is called with
// the response's size before its last byte goes out: whoever has the whole response can count on its evidence.
func (h *http1) write(req *http.Request, r *response, keep bool, finish func(sent int64)) error {
	h.sent = 0
	if r.body != nil {
		defer r.body.Close()
	}
	w := h.bw
	w.WriteString("HTTP/1.1 " + strings.TrimSpace(strconv.Itoa(r.status)+" "+statusText(r.status)) + "\r\n")
	first := []string{"Server", "Date", "Content-Type"}
	if !r.own {
		first = []string{"Date", "Content-Type"}
	}
	writeHeader(w, r.header, first)
	none := r.status == http.StatusNoContent || r.status == http.StatusNotModified
	chunked := false
	switch {
	case none:
	case r.length >= 0:
		w.WriteString("Content-Length: " + strconv.FormatInt(r.length, 10) + "\r\n")
	case req != nil && req.ProtoAtLeast(1, 1):
		chunked = true
		w.WriteString("Transfer-Encoding: chunked\r\n")
	default:
		keep = false
	}
	connection := "close"
	if keep {
		connection = "keep-alive"
	}
	w.WriteString("Connection: " + connection + "\r\n\r\n")
	var err error
	if none = none || r.body == nil || req != nil && req.Method == http.MethodHead; !none {
		err = h.writeBody(r, chunked)
	}
	finish(h.sent + int64(w.Buffered()))
	if e := w.Flush(); err == nil {
		err = e
	}
	if err == nil && r.length < 0 && !chunked && !none {
		return errEndOfBody
	}
	return err
}

// writeBody passes a body on as it comes. What is written last stays in the buffer.
func (h *http1) writeBody(r *response, chunked bool) error {
	var out io.Writer = h.bw
	if chunked {
		cw := httputil.NewChunkedWriter(h.bw)
		if err := h.copyFlushing(cw, r); err != nil {
			return err
		}
		cw.Close()
		_, err := io.WriteString(h.bw, "\r\n")
		return err
	}
	return h.copyFlushing(out, r)
}

func (h *http1) copyFlushing(w io.Writer, r *response) error {
	buf := make([]byte, 16<<10)
	for rest := r.length; ; {
		n, err := r.body.Read(buf)
		if n > 0 {
			if _, e := w.Write(buf[:n]); e != nil {
				return e
			}
			if rest -= int64(n); rest != 0 {
				if e := h.bw.Flush(); e != nil {
					return e
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// writeHeader writes the named fields first and the others in the order of their names.
func writeHeader(w *bufio.Writer, h http.Header, first []string) {
	done := map[string]bool{"Content-Length": true, "Connection": true, "Transfer-Encoding": true}
	for _, k := range first {
		for _, v := range h[k] {
			w.WriteString(k + ": " + v + "\r\n")
		}
		done[k] = true
	}
	h.WriteSubset(w, done)
}

// over ends the connection in order. err is what reading or writing ended with; nil: the load balancer wants the end.
func (h *http1) over(err error) {
	c := h.c
	if h.pending != nil {
		c.t.SetReadDeadline(past)
		<-h.pending
		h.pending = nil
	}
	c.finish(err)
}

// finish ends an established connection: close_notify and FIN, or FIN alone if the client came first with either.
func (c *conn) finish(err error) {
	out := &c.report.Outcome
	c.t.SetDeadline(time.Time{})
	switch {
	case err == nil, errors.Is(err, errEndOfBody):
		out.Ending = wire.EndingFIN
		c.eng.CloseWrite()
	case c.t.isForced() || isTimeout(err):
		out.Ending = wire.EndingTimeout
		c.eng.CloseWrite()
	case isClientEnd(err):
		out.Ending, out.ByPeer = wire.EndingFIN, true
	default:
		out.Ending, out.ByPeer, out.Detail = wire.EndingReset, true, err.Error()
	}
	c.t.closeGracefully()
}

// rawHeaders takes the header fields out of a request's head, as they were sent.
func rawHeaders(head []byte) []waflog.Header {
	_, rest, _ := strings.Cut(string(head), "\n")
	var out []waflog.Header
	for l := range strings.Lines(rest) {
		l = strings.TrimRight(l, "\r\n")
		if l == "" {
			break
		}
		name, value, _ := strings.Cut(l, ":")
		out = append(out, waflog.Header{Name: name, Value: strings.TrimSpace(value)})
	}
	return out
}
