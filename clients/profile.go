package clients

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// Kind says how a client talks.
type Kind uint8

// The kinds.
const (
	KindTLS    Kind = iota // a TLS handshake, then HTTP
	KindRaw                // sends Raw, completes nothing, and reports what comes back
	KindSilent             // sends nothing and waits
)

func (k Kind) String() string {
	switch k {
	case KindRaw:
		return "raw"
	case KindSilent:
		return "silent"
	}
	return "tls"
}

// Profile is the shape of a client: what it offers. Where a field has its zero value, the client does as curl 7.88 with
// OpenSSL 3 does on Debian 12, whose hellos TestLikeCurl compares with ours. So a Profile of nothing but versions is curl
// with --tlsv1.x and --tls-max.
type Profile struct {
	Name string // kebab-case
	Doc  string // one sentence
	Kind Kind

	MinVersion wire.Version // 0: TLS 1.0
	MaxVersion wire.Version // 0: TLS 1.3
	// Suites are sent in this order, those that nobody knows and signalling values among them. nil: OpenSSL's for the versions.
	Suites []wire.Suite
	// Groups of supported_groups. nil: OpenSSL's for the versions and suites; empty: no extension.
	Groups []wire.Group
	// KeyShares are the groups that a share is sent for, in TLS 1.3. nil: the first group.
	KeyShares []wire.Group
	// Schemes of signature_algorithms. nil: OpenSSL's for the versions; empty: no extension.
	Schemes []wire.Scheme
	ALPN    []string // nil: no extension
	NoSNI   bool
	Omit    []uint16 // types of extensions that are not sent though OpenSSL sends them
	// HelloLen pads the hello to a record of so many bytes, the record's 5 bytes of header included. 0: as it comes.
	HelloLen int

	// Hello is a real client's hello, as whole records or as a message. KindTLS then offers exactly that: its lists, its order of
	// extensions and their contents. Of the call's own are server_name, the random, the session id, GREASE values and key
	// shares; a session to resume is left out. The fields above must be empty.
	Hello []byte

	Raw []byte // what KindRaw sends
}

// Call is one use of a Profile.
type Call struct {
	Profile     *Profile
	ServerName  string           // for SNI, the Host header and curl's words; "" is the remote address, without SNI
	Certificate *tls.Certificate // nil, or one without contents: none
	Roots       *x509.CertPool   // whom to trust; nil does not look at the server's certificate (curl -k)
	Requests    []Request        // one after the other on the connection; none: the handshake is all
	// Wait is how long KindSilent stays and KindRaw waits for an answer, in wall time. 0: until the peer ends it or the
	// context does.
	Wait time.Duration
	// Time and Listener are copied into the Attempt.
	Time     time.Time
	Listener string
}

// Request is one HTTP request.
type Request struct {
	Method string // "": GET
	Path   string // with query; "": /
	Header http.Header
}

// The limits of what an Attempt keeps and a client reads.
const (
	maxBody  = 64 << 10 // bytes of a response body that are kept
	maxRead  = 64 << 20 // bytes on one connection; a peer that sends more is cut off
	maxHello = 1 << 17  // bytes of what the client sent first
)
