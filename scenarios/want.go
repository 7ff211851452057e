package scenarios

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/lab/wire"
)

// Want is what a scenario as a whole must leave behind, beyond its single connections.
type Want struct {
	// Metrics, by minute of the slot: exactly these metrics of the load balancer have data. A nil entry is not
	// judged; no entries at all let the scenario share its slot with others.
	Metrics []Metrics
	// WAF counts the web ACL's records by action (ALLOW, BLOCK), the canary's not among them. Judged whenever the
	// scenario's Spec has a web ACL.
	WAF map[string]int
	// Filter is a pattern that must find exactly some steps' connections in the flow log.
	Filter *Filter
}

// Metrics are sums over one minute by metric name.
type Metrics map[string]Range

// Filter is a CloudWatch Logs filter pattern over the default flow-log format, and the steps that it must find.
type Filter struct {
	Pattern string
	Steps   []string
}

// ConnWant is what one connection must leave behind.
type ConnWant struct {
	Client    ClientWant
	Signature string // the one finding of the analyzers
	// In is the client to load balancer direction. A nil flow is not judged.
	In, Out *FlowWant
	// Refused: the flow records are those of a hello that is answered by a reset, computed from the hello's length.
	Refused bool
	Reject  bool        // the flow records say REJECT and there are none of the other direction
	Line    *LineWant   // the connection log's line, nil: there must be none
	Access  *AccessWant // of each of its access-log lines, nil: there must be none
	// Header that must have reached the target, as name -> present. Judged on the target's echo in the response.
	Header map[string]bool
	// Capture is how the packets end: "hello, then reset", "fin", ...; "" is not judged.
	Capture string
}

// ClientWant is what the client must have seen: lists are sets of accepted values, empty ones are not judged.
type ClientWant struct {
	Stages   []wire.Stage
	Endings  []wire.Ending
	Versions []wire.Version
	Suites   []wire.Suite
	Groups   []wire.Group
	ALPN     []string
	Status   []int // of each response
	Body     string
	Server   string   // header of each response
	Words    []string // what curl would have said, with "<host>" and "<port>" for what was called
	Exit     []int    // curl's exit code
	CANames  []int    // how many authorities the server named when it asked for a certificate
}

// FlowWant is what the flow records of one direction must add up to.
type FlowWant struct {
	Packets, Bytes Range
	Flags          []int // accepted values of tcp-flags, each record's OR-ed
}

// LineWant is what the connection log must say.
type LineWant struct {
	Status      string // Success, Failed:...
	Version     string // TLSv1.2; "" is "-"
	Cipher      string // OpenSSL's name; "" is "-"
	KeyExchange string
	AnyCipher   bool // cipher and key exchange are not judged
	Subject     bool // the step's client certificate stands there: subject, serial number and dates
}

// AccessWant is what each access-log line must say.
type AccessWant struct {
	Type    string // https, h2
	Status  int
	Version string
	Cipher  string
	Actions string // actions_executed, without the "waf," of a web ACL that lets the request pass
}

// Range is an inclusive range of whole numbers. The zero value is exactly 0.
type Range struct{ Min, Max int64 }

// Exactly is the range of one number.
func Exactly(n int64) Range { return Range{n, n} }

// Between is the range from a to b.
func Between(a, b int64) Range { return Range{a, b} }

// AtLeast is the range without an upper end.
func AtLeast(n int64) Range { return Range{n, 1<<63 - 1} }

// Has reports whether n lies in the range.
func (r Range) Has(n int64) bool { return n >= r.Min && n <= r.Max }

// String returns "3", "3-5" or "3 or more".
func (r Range) String() string {
	switch {
	case r.Min == r.Max:
		return fmt.Sprint(r.Min)
	case r.Max == 1<<63-1:
		return fmt.Sprintf("%d or more", r.Min)
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}

// joinSet says "a", "a or b" for a set of accepted values.
func joinSet[T any](vs []T) string {
	ws := make([]string, len(vs))
	for i, v := range vs {
		if s := fmt.Sprint(v); s == "" {
			ws[i] = "none"
		} else {
			ws[i] = s
		}
	}
	return strings.Join(ws, " or ")
}
