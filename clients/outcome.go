package clients

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"syscall"

	utls "github.com/refraction-networking/utls"

	"github.com/alblab/alblab/lab/wire"
)

// finish makes the Attempt out of what was seen.
func (s *session) finish() {
	a, f := &s.attempt, &s.conn.flight
	a.Hello = s.conn.hello
	a.HelloRetry = f.retry != nil
	a.CertificateRequested = a.CertificateRequested || f.requested
	a.NotTLS = a.NotTLS || f.notTLS
	o := &a.Outcome
	if f.hello != nil {
		o.Version, o.Suite = f.hello.Version, f.hello.Suite
		if o.ALPN == "" {
			o.ALPN = f.hello.ALPN
		}
	}
	if f.hello == nil && f.retry != nil { // it has chosen them already: RFC 8446, section 4.1.4
		o.Version, o.Suite = f.retry.Version, f.retry.Suite
	}
	if o.Group == 0 {
		o.Group = f.group
	}
	s.plainResponse()
	o.Stage = s.stage()
	s.ending()
	s.words()
}

func (s *session) stage() wire.Stage {
	f := &s.conn.flight
	switch {
	case len(s.attempt.Responses) > 0:
		return wire.StageResponse
	case s.done:
		return wire.StageRequest
	case f.hello != nil:
		return wire.StageHandshake
	case s.call.Profile.Kind == KindSilent:
		return wire.StageSilent
	case s.conn.read.Load() == 0 && timedOut(s.err):
		return wire.StageSilent
	}
	return wire.StageHello
}

// plainResponse takes an answer in plain HTTP.
func (s *session) plainResponse() {
	f := &s.conn.flight
	if s.call.Profile.Kind != KindRaw || !f.notTLS || !bytes.HasPrefix(f.first, []byte("HTTP/")) {
		return
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(f.first)), nil)
	if err != nil {
		return
	}
	body, _ := io.ReadAll(resp.Body) // cut off after 256 bytes
	s.attempt.Responses = append(s.attempt.Responses, Response{
		Proto: resp.Proto, Status: resp.StatusCode, Header: resp.Header, Body: string(body), Length: int64(len(body)),
	})
}

// ending says how the transport ended.
func (s *session) ending() {
	o, f := &s.attempt.Outcome, &s.conn.flight
	if s.err == nil || errors.Is(s.err, errAnswered) {
		return
	}
	cause := s.cause
	o.Detail = detail(s.err, cause)
	switch a := remoteAlert(s.err); {
	case a != nil:
		o.Alert, o.Ending, o.ByPeer = a, wire.EndingAlert, true
		if f.alert != nil && f.alert.Description == a.Description {
			o.Alert = f.alert
		}
	case s.certificateError() != nil:
		// The client refused; the alert that it sent is not the peer's.
	case f.alert != nil && !s.done: // close_notify, which libraries take for the end of the stream, or one sent to KindRaw
		o.Alert, o.Ending, o.ByPeer = f.alert, wire.EndingAlert, true
	case isReset(cause):
		o.Ending, o.ByPeer = wire.EndingReset, true
	case timedOut(s.err) || timedOut(cause):
		o.Ending = wire.EndingTimeout
	case errors.Is(cause, io.EOF):
		o.Ending, o.ByPeer = wire.EndingFIN, true
	case s.done && errors.Is(s.err, io.EOF): // the library read close_notify and no further
		o.Alert, o.Ending, o.ByPeer = &wire.Alert{Level: wire.AlertWarning, Description: wire.AlertCloseNotify}, wire.EndingAlert, true
	}
}

// detail is what the library said. The words of system calls depend on which of them met the end first, and name ports:
// they are told alike.
func detail(err, cause error) string {
	switch {
	case isReset(err), remoteAlert(err) == nil && isReset(cause):
		return "connection reset by peer"
	case timedOut(err):
		return "i/o timeout"
	case errors.Is(err, io.EOF):
		return "EOF"
	}
	return err.Error()
}

// isReset reports whether the peer reset the connection. A write after the RST says "broken pipe". Windows's own numbers,
// WSAECONNRESET and WSAECONNABORTED, are not those of package syscall.
func isReset(err error) bool {
	var number syscall.Errno
	if runtime.GOOS == "windows" && errors.As(err, &number) && (number == 10053 || number == 10054) {
		return true
	}
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

// remoteAlert returns the alert that a TLS library says it received: both wrap their alert type, which they do not
// export, in a net.OpError.
func remoteAlert(err error) *wire.Alert {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return nil
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return nil
	}
	return &wire.Alert{Level: wire.AlertFatal, Description: uint8(v.Uint())}
}

// certificateError returns the client's own refusal of the server's certificate.
func (s *session) certificateError() error {
	var u *utls.CertificateVerificationError
	if errors.As(s.err, &u) {
		return u.Err
	}
	var c *tls.CertificateVerificationError
	if errors.As(s.err, &c) {
		return c.Err
	}
	return nil
}
