package alb

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/alblab/alblab/lab/evidence/waflog"
)

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

	mu   sync.Mutex
	lent bool  // net/http may read from it for a target
	err  error // of the last read, but for its end
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
		b.mu.Lock()
		b.err = err
		b.mu.Unlock()
	}
	return n, err
}

// lend returns the body as a request to a target has it: closing it only ends the loan.
func (b *bodyReader) lend() io.ReadCloser { b.setLent(true); return lentBody{b} }

func (b *bodyReader) setLent(v bool) { b.mu.Lock(); b.lent = v; b.mu.Unlock() }
func (b *bodyReader) isLent() bool   { b.mu.Lock(); defer b.mu.Unlock(); return b.lent }
func (b *bodyReader) timedOut() bool { b.mu.Lock(); defer b.mu.Unlock(); return isTimeout(b.err) }

type lentBody struct{ *bodyReader }

func (b lentBody) Close() error { b.setLent(false); return nil }

// discard reads what is left of a body, so that the next request can be found. It returns false where that is too much, or
// where the client waits for a 100 Continue that it never got.
func (h *http1) discard(b *bodyReader) bool {
	if b.expects {
		return false
	}
	n, err := io.CopyN(io.Discard, b, maxUnreadBody)
	return errors.Is(err, io.EOF) && n < maxUnreadBody
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
