// Package accesslog reads and writes the access log of an Application Load Balancer: one line for each request. A
// connection whose TLS handshake failed has none.
//
// Start with [Records]; [Record.AppendText] is the way back.
package accesslog

import (
	"net/netip"
	"time"
)

// Record is one line, one request (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html). Texts are "" where the log
// has "-"; numbers are -1. Fields are substrings of one copy of the line, so a record may be kept; quoted ones stand here
// without their escapes.
type Record struct {
	Line                   int    // position in the input, from 1; not part of the record
	Type                   string // http, https, h2, grpcs, ws, wss
	Time                   time.Time
	ELB                    string
	Client                 netip.AddrPort
	Target                 string        // address:port
	RequestProcessingTime  time.Duration // -1 where the log has -1
	TargetProcessingTime   time.Duration
	ResponseProcessingTime time.Duration
	ELBStatusCode          int
	TargetStatusCode       int
	ReceivedBytes          int64
	SentBytes              int64
	Request                string // "GET https://host:443/ HTTP/2.0"
	UserAgent              string
	SSLCipher              string // OpenSSL's name
	SSLProtocol            string
	TargetGroupARN         string
	TraceID                string // Root=1-...
	DomainName             string // SNI
	ChosenCertARN          string
	MatchedRulePriority    string
	RequestCreationTime    time.Time
	ActionsExecuted        string
	RedirectURL            string
	ErrorReason            string
	TargetPortList         string
	TargetStatusCodeList   string
	Classification         string
	ClassificationReason   string
	ConnTraceID            string
	TransformedHost        string
	TransformedURI         string
	RequestTransformStatus string
	NodeIP                 string
}
