package alb

import (
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// Connection is what became of one connection, for people and for tests of the lab itself. Analyzers do not see it.
type Connection struct {
	Start, End time.Time
	Client     netip.AddrPort
	Node       Node
	Listener   string
	Port       uint16
	TraceID    string            // conn_trace_id
	Hello      *wire.ClientHello // nil if none came, or none that could be read
	HelloBytes []byte            // what was read of the client until the hello was whole; never more than the limit
	NotTLS     bool              // the first bytes are no TLS record
	Decision   policy.Decision   // of the policy; the zero value if there is no Hello
	Outcome    wire.Outcome      // as the load balancer saw it
	Resumed    bool              // a session was resumed
	// Verify is the connection log's tls_verify_status: "Success", "Failed:<code>", "" if no line was written.
	Verify   string
	Requests int   // answered
	In, Out  int64 // bytes within TCP
	// Err is set when the load balancer, not the client, is at fault: it wraps ErrCannotCarryOut, or tells how the
	// engine strayed from the decision.
	Err error
}
