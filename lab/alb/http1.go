package alb

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
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
	total atomic.Int64
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
	h.total.Add(int64(n))
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
	body := &requestBody{body: req.Body, t: c.t, length: req.ContentLength}
	if req.ProtoAtLeast(1, 1) && httpguts.HeaderValuesContainsToken(req.Header["Expect"], "100-continue") {
		body.begin = h.sayContinue
	}
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
	if !body.returned() {
		received = func() int64 { return h.in.total.Load() - before }
	}
	keep := body.discard(maxUnreadBody) && !req.Close
	x.received = received()
	switch {
	case errors.Is(context.Cause(ctx), errClientGone) && resp.own:
		// 460: the client closed before the load balancer could answer (load-balancer-troubleshooting.html).
		resp.discard()
		x.finish(460, true, 0)
		h.over(io.EOF)
		return false
	case body.timedOut():
		// 408: the client's body did not come within the idle timeout (same page).
		c.t.SetDeadline(time.Time{})
		resp.discard()
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
func (h *http1) consumed() int64 { return h.in.total.Load() - int64(h.br.Buffered()) }

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
