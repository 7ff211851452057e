package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// request builds what is sent: curl's headers, and those of the call over them.
func (s *session) request(r Request) (*http.Request, error) {
	path := r.Path
	if path == "" {
		path = "/"
	}
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, fmt.Errorf("request path %q: %w", path, err)
	}
	host := s.host()
	if port := s.attempt.Remote.Port(); port != 443 && port != 0 {
		host += ":" + strconv.Itoa(int(port))
	}
	u.Scheme, u.Host = "https", host
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req := (&http.Request{
		Method: method, URL: u, Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {"curl/7.88.1"}, "Accept": {"*/*"}},
	}).WithContext(s.ctx)
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if h := req.Header.Get("Host"); h != "" {
		req.Host = h
		req.Header.Del("Host")
	}
	return req, nil
}

// record reads a response's body and keeps its beginning.
func (s *session) record(resp *http.Response) error {
	defer resp.Body.Close()
	r := Response{Proto: resp.Proto, Status: resp.StatusCode, Header: resp.Header.Clone()}
	var kept bytes.Buffer
	n, err := io.Copy(&kept, io.LimitReader(resp.Body, maxBody))
	r.Length, r.Body = n, kept.String()
	if err == nil {
		n, err = io.Copy(io.Discard, resp.Body)
		r.Length += n
	}
	if err != nil {
		return &bodyError{err, resp.ContentLength - r.Length}
	}
	s.attempt.Responses = append(s.attempt.Responses, r)
	return nil
}

// bodyError says that a response's body broke off.
type bodyError struct {
	err     error
	missing int64 // negative: not known
}

func (e *bodyError) Error() string { return "reading the body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// deadlineForLeaving bounds the wait for the peer's end.
func (s *session) deadlineForLeaving() {
	until := time.Now().Add(graceful)
	if !s.until.IsZero() && s.until.Before(until) {
		until = s.until
	}
	if s.ctx.Err() == nil {
		_ = s.conn.SetDeadline(until)
	}
}

// left takes what ended the connection while the client was leaving it: under TLS 1.3 a refused certificate shows only
// here when there was no request.
func (s *session) left(err error) {
	if s.err != nil || len(s.attempt.Responses) > 0 || timedOut(err) {
		return
	}
	if isReset(err) || isReset(s.conn.ended()) || remoteAlert(err) != nil { // the write may have met the RST first
		s.fail(err)
	}
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() || errors.Is(err, context.DeadlineExceeded)
}
