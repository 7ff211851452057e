package clients

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// Attempt is what one client did and saw. Its JSON form is a line of a bundle's attempts.jsonl.
type Attempt struct {
	Time     time.Time      `json:"time"`               // when it began, by the lab's clock
	Profile  string         `json:"profile"`            // the profile's name
	Listener string         `json:"listener,omitempty"` // the listener's name in the Spec
	Local    netip.AddrPort `json:"local"`
	Remote   netip.AddrPort `json:"remote"`
	Hello    Hex            `json:"hello"` // all bytes that were sent before an answer came: the records of the ClientHello
	Outcome  wire.Outcome   `json:"outcome"`
	// HelloRetry: the server asked for another key share first.
	HelloRetry bool `json:"hello_retry,omitempty"`
	// NotTLS: the server's first bytes were those of another protocol.
	NotTLS bool `json:"not_tls,omitempty"`
	// CertificateRequested: the server asked for a client certificate, and named these authorities. CertificateSent: one was
	// sent.
	CertificateRequested   bool       `json:"certificate_requested,omitempty"`
	CertificateAuthorities []string   `json:"certificate_authorities,omitempty"`
	CertificateSent        bool       `json:"certificate_sent,omitempty"`
	Responses              []Response `json:"responses,omitempty"`
	// Words is how curl 7.88 with OpenSSL 3 words the failure, "" if there was none: for a hello that was reset its line
	// "OpenSSL SSL_connect: ...", else its last, without "curl: (35) ".
	Words string `json:"words,omitempty"`
	// Lines are all lines that curl -v prints about the failure, without the "* " in front.
	Lines []string `json:"lines,omitempty"`
	Exit  int      `json:"exit"` // curl's exit code
}

// Response is one HTTP response.
type Response struct {
	Proto  string      `json:"proto"` // HTTP/1.1 or HTTP/2.0
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body,omitempty"` // its first 64 KiB
	Length int64       `json:"length"`         // of the whole body in bytes
}

// Hex is bytes that JSON shows as hex.
type Hex []byte

// MarshalText writes lower-case hex.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText reads hex.
func (h *Hex) UnmarshalText(b []byte) error {
	d, err := hex.AppendDecode(nil, b)
	if err != nil {
		return fmt.Errorf("reading hex: %w", err)
	}
	*h = d
	return nil
}
