package alb

import (
	"errors"
	"io"
	"net/http"
	"strings"
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

func (h *http1) sayContinue() error {
	_, err := io.WriteString(h.c.eng, "HTTP/1.1 100 Continue\r\n\r\n")
	return err
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
