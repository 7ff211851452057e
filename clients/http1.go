package clients

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
)

// http1 sends the requests one after the other. The last asks the server to close.
func (s *session) http1(c secure) error {
	r := bufio.NewReader(c)
	for i, want := range s.call.Requests {
		req, err := s.request(want)
		if err != nil {
			return err
		}
		last := i == len(s.call.Requests)-1 && s.conn.again == nil
		if last && req.Header.Get("Connection") == "" {
			req.Header.Set("Connection", "close")
		}
		open, err := s.exchange1(c, r, req)
		if err != nil {
			s.fail(err)
			break
		}
		if !open && !last {
			s.fail(io.EOF)
			break
		}
	}
	if s.err == nil && s.conn.again != nil {
		return s.renegotiate(c)
	}
	s.leave(c)
	return nil
}

// exchange1 makes one request and reports whether the connection stays open.
func (s *session) exchange1(c secure, r *bufio.Reader, req *http.Request) (open bool, err error) {
	var b bytes.Buffer // in one record, as curl does
	if err := req.Write(&b); err != nil {
		return false, err
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		// What the peer said before it closed is what counts: an alert, or a response without waiting for the request.
		if _, rerr := r.Peek(1); rerr != nil {
			if remoteAlert(rerr) != nil {
				return false, rerr
			}
			return false, err
		}
	}
	for {
		if _, err := r.Peek(1); err != nil {
			return false, err
		}
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			return false, err
		}
		if resp.StatusCode >= 100 && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			_ = resp.Body.Close()
			continue
		}
		return !resp.Close, s.record(resp)
	}
}
