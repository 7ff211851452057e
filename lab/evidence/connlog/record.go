// Package connlog reads and writes the connection log of an Application Load Balancer: one line for each attempt to
// connect, whether it came to a session or not.
//
// Start with [Records]; [Record.AppendText] is the way back.
package connlog

import (
	"net/netip"
	"time"
)

// Record is one line (source: docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html).
// Texts are "" where the log has "-". Fields are substrings of one copy of the line, so a record may be kept.
type Record struct {
	Line             int // position in the input, from 1; not part of the record
	Time             time.Time
	ClientIP         netip.Addr
	ClientPort       uint16
	ListenerPort     uint16
	TLSProtocol      string        // TLSv1.2
	TLSCipher        string        // OpenSSL's name
	HandshakeLatency time.Duration // -1 where the log has "-"
	LeafSubject      string        // RFC 2253, with its backslash escapes as the log has them
	LeafNotBefore    time.Time     // zero where the log has "-"
	LeafNotAfter     time.Time
	LeafSerial       string // upper-case hex
	VerifyStatus     string // "Success", "Failed:<code>", ""
	ConnTraceID      string // TID_<32 hex>
	KeyExchange      string // group name; "" also in lines written before the field existed
	ELB              string // app/<name>/<id>
	NodeIP           string

	// Partial says that the line has the seven columns of [PartialColumns] alone: who connected, and to which port, is not known.
	Partial bool
}
