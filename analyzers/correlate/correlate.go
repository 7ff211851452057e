// Package correlate joins the records that a load balancer leaves in its several logs into connections.
//
// Start with [Read] for a bundle, or with [NewBuilder] for records that are at hand. It judges nothing: what a connection
// means is said by the packages analyzers and analyzers/signatures.
//
// Joins, each by hash and then by time, so that the work grows with the number of records (n log n at worst, within one
// group of equal ports):
//
//   - flow-log records by their five-tuple, both directions and all windows summed; a port that was used again gives a
//     second connection;
//   - captured conversations by the same five-tuple;
//   - connection-log lines by client address, client port and listener port, and the time;
//   - access-log lines by conn_trace_id, and where there is none by client address, client port, listener port and time;
//   - WAF records by request id, which is the root of the access line's trace id.
//
// The client's own view of its port is never used: address translation changes it on the way. What stands in the logs is
// the port that reached the load balancer, the same in all of them.
package correlate

import (
	"net/netip"
	"slices"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// Flow is what the flow log says of one direction of a connection, all its records summed. The zero value means that the
// flow log says nothing of it.
type Flow struct {
	Records        int
	Packets, Bytes int64
	Flags          int   // tcp-flags of all records, OR-ed; -1 if the format lacks them
	Start, End     int64 // Unix seconds of the first and the last packet
}

// Conn is one connection, or one attempt to make one: everything that the evidence says of it.
type Conn struct {
	// Client has port 0 where only a WAF record names the client, and is the zero AddrPort where the log has no address: what has
	// none is joined by trace id and request id alone. Server's address is the zero Addr where neither flow
	// log nor capture shows it; its port is the listener's, 0 if unknown.
	Client, Server netip.AddrPort
	Start, End     time.Time // of what is known of it; flow logs give whole seconds

	In, Out     Flow // accepted: client to load balancer, load balancer to client
	Rejected    Flow // client to load balancer, action REJECT
	RejectedOut Flow // load balancer to client, action REJECT: a network ACL without a rule for the way back
	// Shared says that the flow records cover another connection of the same ports too: both fell into one window.
	Shared bool
	// Plain says that the listener speaks plain HTTP: how a TLS handshake went cannot be told of it.
	Plain bool

	ConnLog  *connlog.Record     // nil if there is none
	Access   []*accesslog.Record // the first of them, by time; at most Options.KeepRequests
	Requests int                 // all access-log lines
	WAF      []*waflog.Record    // those that are kept, as with Access
	WAFCount int                 // all WAF records
	Blocked  int                 // WAF records with action BLOCK
	Capture  *capture.Conversation

	// Where the parts come from, for citations; the zero Ref where there is no such part.
	ConnLogRef, CaptureRef evidence.Ref
	FlowRefs               []evidence.Ref // the first 16, client's side first
	AccessRefs             []evidence.Ref // one for each of Access
	WAFRefs                []evidence.Ref // one for each of WAF

	Index int // in Result.Conns or Result.Targets
}

// HasFlow says whether the flow log has accepted records of the connection.
func (c *Conn) HasFlow() bool { return c.In.Records+c.Out.Records > 0 }

// Refs returns the records that were joined here, of requests and flow records those that are kept, each once.
func (c *Conn) Refs() []evidence.Ref {
	refs := make([]evidence.Ref, 0, len(c.FlowRefs)+len(c.AccessRefs)+len(c.WAFRefs)+2)
	refs = append(refs, c.FlowRefs...)
	if c.ConnLogRef.Line > 0 {
		refs = append(refs, c.ConnLogRef)
	}
	if p := c.Capture; p != nil { // the hello, or the first frame, and the frame that ended the connection
		refs = append(refs, c.CaptureRef)
		if p.EndFrame > c.CaptureRef.Line {
			refs = append(refs, evidence.Ref{File: c.CaptureRef.File, Line: p.EndFrame})
		}
	}
	refs = append(refs, c.AccessRefs...)
	for _, r := range c.WAFRefs { // several sampled requests can stand in one line
		if !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	return refs
}

// Result is what was read and joined.
type Result struct {
	Conns   []*Conn // clients' connections, in order of start, client, server
	Targets []*Conn // connections of the load balancer to its targets

	Loads []Load // what was read, file by file

	// Problems are damaged records, the first of them (Options.KeepProblems), *evidence.ParseError. What holds records and is damaged, such
	// as gzip, comes first: it explains the others.
	Problems     []error
	ProblemCount int

	OtherFlows int // flow records of other traffic: other protocols, other ports
	// OtherPorts are the ports that most TCP records among them belong to, at most 3. It is empty where the load balancer's addresses were
	// given, or its own logs show its ports: other traffic is not its own then.
	OtherPorts []PortCount
	SkipData   int // flow-log windows in which records were dropped (SKIPDATA): absence of a flow proves nothing
	Duplicates int // records that were there twice
	Overflow   int // records that were not joined because Options.MaxConns was reached
	// PartialLines are lines of the connection log that have some columns alone, as a query leaves them: no client, port or trace id.
	PartialLines int

	ListenerPorts []uint16     // as used: given, or learned from the logs; those that speak TLS
	PlainPorts    []uint16     // those of plain HTTP: by the logs, and 80 unless it speaks TLS
	Addresses     []netip.Addr // the load balancer's addresses, given or learned
	NoFlags       bool         // there are flow records, and none has tcp-flags

	Metrics Metrics
	Usage   map[Usage]*Count // TLS in use by client, from the access log
}

// Usage is a client's use of a protocol version and suite. Version and Cipher are "" for requests without TLS.
type Usage struct {
	Client          netip.Addr
	Version, Cipher string
}

// Count counts what a Usage covers.
type Count struct {
	Requests    int64 // access-log lines
	Connections int64 // successful connection-log lines
}

// PortCount is a server's port and the number of flow records of it.
type PortCount struct {
	Port    uint16
	Records int
}

// Load says how much of one file was read.
type Load struct {
	File     string
	Kind     evidence.Kind
	Records  int
	Problems int
	// Headerless is the number of fields in the first line of a flow log that has no header row and whose format nobody gave: it was read
	// in the default format, which has 14. 0 for all else.
	Headerless int
	Damaged    bool // not records alone: what holds them, such as gzip
}

// Metrics holds the sums of the load balancer's metrics that can be held against connections.
type Metrics struct {
	// Complete says that the evidence holds every metric that was published, as a bundle of the lab does: one that is not
	// in Sums was 0. Otherwise nothing is known of it.
	Complete bool
	Sums     map[string]float64 // by metric name; of the whole load balancer, each data point once
	Ref      map[string]evidence.Ref
}

// Options for reading and joining. Nil means the zero value.
type Options struct {
	// ListenerPorts are the ports that the load balancer speaks TLS on. Empty: those that the connection and access logs
	// show with TLS, and 443 if there are none.
	ListenerPorts []uint16
	// Addresses are the load balancer's own, as flow logs show them. Empty: those that listener ports were reached at.
	Addresses []netip.Addr
	// LoadBalancer, as app/<name>/<id>, selects the metrics of one load balancer.
	LoadBalancer string
	// IdleTimeout is the load balancer's: records of the same ports that lie further apart belong to two connections.
	// 0 means 60 s, the default of an Application Load Balancer.
	IdleTimeout time.Duration
	// FlowFormat is the flow log's format for files that have no header row, "" the default format.
	FlowFormat string

	MaxConns     int // most connections and most flow tuples that are held; 0 means 2,000,000
	KeepRequests int // requests kept for each connection, 0 means 16
	KeepProblems int // problems kept, 0 means 100
}
