package clients

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/net/http2"

	"github.com/alblab/alblab/lab/wire"
)

// curl's exit codes: https://curl.se/docs/manpage.html#EXIT.
const (
	exitOther         = 1 // "unsupported protocol": HTTP/0.9
	exitConnect       = 7
	exitPartial       = 18
	exitTimeout       = 28
	exitSSLConnect    = 35
	exitEmpty         = 52
	exitRecv          = 56
	exitCertificate   = 60
	exitHTTP2Stream   = 92
	exitClientCert    = 98
	opensslVersion    = "OpenSSL/3.0"
	resetWords        = "Recv failure: Connection reset by peer"
	certificateTopics = "SSL certificate problem: "
)

// words says what curl 7.88 with OpenSSL 3.0 would have printed. TestLikeCurl compares them with the real one. Where
// curl's own words depend on whether a RST came before or after its next write ("Send failure", exit 55), they are those
// of the read.
func (s *session) words() {
	a := &s.attempt
	lines, exit := s.curl()
	a.Exit = exit
	if exit == 0 {
		return
	}
	a.Lines = lines
	a.Words = lines[0] // curl's last line repeats what went wrong first
	if a.Outcome.Stage == wire.StageHello && a.Outcome.Ending == wire.EndingReset {
		a.Words = lines[len(lines)-1]
	}
}

func (s *session) curl() (lines []string, exit int) {
	o := &s.attempt.Outcome
	one := func(exit int, format string, args ...any) ([]string, int) {
		return []string{fmt.Sprintf(format, args...)}, exit
	}
	switch {
	case s.plain():
		return s.plainWords()
	case s.certificateError() != nil:
		return one(exitCertificate, "%s", certificateWords(s.certificateError(), s.host()))
	case s.done:
		return s.httpWords()
	case o.Ending == wire.EndingReset:
		return []string{resetWords, "OpenSSL SSL_connect: Connection reset by peer in connection to " + s.place()}, exitSSLConnect
	case o.Ending == wire.EndingAlert:
		return s.alertWords(o.Alert)
	case o.Ending == wire.EndingTimeout:
		return one(exitTimeout, "SSL connection timeout")
	case s.conn.flight.notTLS:
		return one(exitSSLConnect, "%s: error:0A00010B:SSL routines::wrong version number", opensslVersion)
	case o.Ending == wire.EndingFIN:
		return one(exitSSLConnect, "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to %s", s.place())
	case s.err != nil && !errors.Is(s.err, errAnswered):
		return one(exitSSLConnect, "%s: error: %v", opensslVersion, s.err)
	}
	return nil, 0
}

// place is the server as curl names it in errors.
func (s *session) place() string {
	return s.host() + ":" + strconv.Itoa(int(s.attempt.Remote.Port()))
}

// plain reports whether the client did not speak TLS.
func (s *session) plain() bool {
	p := s.call.Profile
	return p.Kind == KindSilent || p.Kind == KindRaw && p.Raw[0] != recordHandshake && !wire.IsSSLv2Hello(p.Raw)
}

// plainWords are those of curl http://HOST:443, and of curl telnet://HOST:443 for one that is silent: that ends well
// when the peer closes.
func (s *session) plainWords() ([]string, int) {
	switch {
	case len(s.attempt.Responses) > 0:
	case s.attempt.Outcome.Ending == wire.EndingReset:
		return []string{resetWords}, exitRecv
	case s.attempt.Outcome.Ending == wire.EndingTimeout:
		return []string{s.timeoutWords()}, exitTimeout
	case s.call.Profile.Kind == KindSilent:
	case s.conn.read.Load() > 0:
		return []string{"Received HTTP/0.9 when not allowed"}, exitOther
	case s.attempt.Outcome.Ending == wire.EndingFIN:
		return []string{"Empty reply from server"}, exitEmpty
	}
	return nil, 0
}

func (s *session) timeoutWords() string {
	return fmt.Sprintf("Operation timed out after %d milliseconds with 0 bytes received", time.Since(s.start).Milliseconds())
}

// httpWords are those for a failure after the handshake.
func (s *session) httpWords() ([]string, int) {
	o := &s.attempt.Outcome
	var body *bodyError
	var stream http2.StreamError
	switch {
	case s.err == nil:
		return nil, 0
	case o.Ending == wire.EndingReset:
		lines := []string{resetWords, "OpenSSL SSL_read: Connection reset by peer, errno 104"}
		if s.h2 {
			lines = append(lines, "Failed receiving HTTP2 data")
		}
		return lines, exitRecv
	case o.Ending == wire.EndingTimeout:
		return []string{s.timeoutWords()}, exitTimeout
	case o.Ending == wire.EndingAlert && o.Alert.Level == wire.AlertFatal:
		return []string{"OpenSSL SSL_read: " + opensslAlert(o.Alert) + ", errno 0"}, exitRecv
	case errors.As(s.err, &stream):
		return []string{fmt.Sprintf("HTTP/2 stream %d was not closed cleanly: %s (err %d)", stream.StreamID, stream.Code, uint32(stream.Code))}, exitHTTP2Stream
	case s.h2:
		return []string{fmt.Sprintf("HTTP/2 stream %d was not closed cleanly before end of the underlying stream", 1+2*len(s.attempt.Responses))}, exitPartial
	case errors.As(s.err, &body) && body.missing > 0:
		return []string{fmt.Sprintf("transfer closed with %d bytes remaining to read", body.missing)}, exitPartial
	case errors.Is(s.err, io.EOF):
		return []string{"Empty reply from server"}, exitEmpty
	}
	return []string{"Received HTTP/0.9 when not allowed"}, exitOther
}

// alertWords are those for an alert within the handshake.
func (s *session) alertWords(a *wire.Alert) ([]string, int) {
	switch {
	case a.Level != wire.AlertFatal && a.Description == wire.AlertCloseNotify:
		return []string{"OpenSSL SSL_connect: SSL_ERROR_ZERO_RETURN in connection to " + s.place()}, exitSSLConnect
	case a.Level != wire.AlertFatal: // OpenSSL passes over other warnings and sees the end of the stream
		return []string{"OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to " + s.place()}, exitSSLConnect
	case a.Description == wire.AlertCertificateExpired: // curl takes it for its own verdict
		return []string{"SSL certificate verification failed"}, exitCertificate
	case a.Description == wire.AlertCertificateRequired:
		return []string{opensslAlert(a)}, exitClientCert
	}
	return []string{opensslAlert(a)}, exitSSLConnect
}

// certificateWords are curl's for a server certificate that the client does not take.
func certificateWords(err error, host string) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("SSL: no alternative certificate subject name matches target host name '%s'", host)
	case errors.As(err, &unknown):
		if c := unknown.Cert; c != nil && bytes.Equal(c.RawIssuer, c.RawSubject) {
			return certificateTopics + "self-signed certificate"
		}
		return certificateTopics + "unable to get local issuer certificate"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return certificateTopics + "certificate has expired"
	}
	return certificateTopics + err.Error()
}
