package signatures

import (
	"bytes"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/wire"
)

// side is one end of a connection.
type side uint8

const (
	nobody side = iota
	theClient
	theServer
)

// view is what a capture shows of a connection, as far as signatures ask.
type view struct {
	syn, answered bool // a SYN, and the SYN-ACK to it
	acked         bool // the client completed the TCP handshake
	clientBytes   int64
	serverBytes   int64
	first         []byte // the client's first bytes
	notTLS        bool
	damage        string // why the hello cannot be read, "" if it can or is not complete
	incomplete    bool   // the hello began and did not end
	serverHello   bool
	retry         bool // the answer was a HelloRetryRequest only
	version       wire.Version
	certRequest   bool
	certEmpty     bool // the client's Certificate message is empty; below TLS 1.3
	certSent      bool // it is there and not empty
	clientAlert   *wire.Alert
	serverAlert   *wire.Alert
	serverDone    bool // ChangeCipherSpec of a server below TLS 1.3: it has verified everything
	clientFlight  bool // TLS 1.3: the client sent encrypted records
	serverAfter   bool // TLS 1.3: the server sent encrypted records after those
	ended         side // who ended the connection first: FIN, RST or a fatal alert
	reset         bool // by RST
}

// readable methods of HTTP, as a client that takes a TLS port for a plain one begins.
var methods = []string{"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "DELETE ", "PATCH ", "CONNECT ", "TRACE ", "PRI * HTTP/2"}

func isHTTP(first []byte) bool {
	for _, m := range methods {
		if bytes.HasPrefix(first, []byte(m)) {
			return true
		}
	}
	return false
}

func firstLine(b []byte) string {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		b = b[:i]
	}
	return string(b[:min(len(b), 60)])
}

// viewOf reads a connection's capture; of none it returns the zero view.
func viewOf(c *correlate.Conn) view {
	return view{}
}
