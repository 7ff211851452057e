// Package analyzers says what happened to each connection, from the evidence that a load balancer leaves.
//
// Start with [Run], which joins a bundle's records and lets analyzers judge the connections; the analyzers themselves are in
// analyzers/signatures. A finding cites the records that it rests on and says how sure it is. Without a security policy
// given no cure is claimed.
package analyzers

import (
	"strings"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
)

// Analyzer recognises one thing that can happen to a connection: a signature.
type Analyzer struct {
	Name string // the signature's name, "no-common-version"
	Doc  string // one paragraph: what it means and what it rests on
	// Stage is how far a connection came that has the signature.
	Stage Stage
	// Needs lists the kinds of evidence of which at least one must be there. Without any the analyzer is skipped, and
	// the report says so.
	Needs []evidence.Kind
	// Helps lists the kinds that make its findings surer or better explained.
	Helps []evidence.Kind
	// Run looks at pass.Conns and reports what it recognises. An error means that the analyzer itself broke.
	Run func(pass *Pass) error
}

// Stage is how far a connection came. It can often be told where the cause cannot.
type Stage string

// The stages.
const (
	StageBlocked       Stage = "blocked"              // a security group or network ACL rejected it
	StageNoData        Stage = "no-data"              // TCP only: the client sent nothing
	StageFirstFlight   Stage = "first-flight-refused" // the load balancer refused the client's first data
	StageRefusedLater  Stage = "refused-later"        // the load balancer ended it after its own first flight
	StageCompleted     Stage = "completed"            // the handshake was completed
	StageClosedByOther Stage = "closed-by-client"     // the client ended it before the handshake was complete
)

// Certainty is how sure a finding is of its signature.
type Certainty string

// The degrees.
const (
	Certain  Certainty = "certain"  // the evidence shows it, or a documented code says it
	Likely   Certainty = "likely"   // the evidence fits this and, of what is known, little else
	Possible Certainty = "possible" // one of several causes that the evidence cannot separate
)

// Finding is what an analyzer says of a connection.
type Finding struct {
	Signature string    // the analyzer's name
	Stage     Stage     // the analyzer's
	Certainty Certainty // of the signature
	// Causes are the signatures that the evidence cannot separate, this one's included where it is one of them, the
	// likeliest first. Empty if there is no other than Signature.
	Causes  []string
	Message string // in words that a person can act on; the same words for the same thing
	Basis   string // what of the evidence it rests on, with the figures
	Conn    *correlate.Conn
	Cites   []evidence.Ref // the records it rests on, never empty
	Notes   []string       // further facts of the connection
	Offer   *Offer         // what the client offered, nil if the evidence does not show it
	// Decision and Explanation are those of the listener's policy; nil without policy or hello.
	Decision    *policy.Decision
	Explanation *policy.Explanation
}

// Failed says whether the finding is of a failure: somebody wanted a session and got none. A client that never sent a byte,
// such as a scanner or a health check, has not failed.
func (f *Finding) Failed() bool { return f.Stage != StageCompleted && f.Stage != StageNoData }

// Cure says in words what would cure a refused hello: the policy with the least change, or what the client lacks. It is ""
// where the policy or the hello is unknown, or nothing is to be cured.
func (f *Finding) Cure() string {
	e := f.Explanation
	if e == nil {
		return ""
	}
	var ways []string
	if gain, ok := strings.CutPrefix(e.Client, "it "); ok {
		ways = append(ways, "the client "+gain)
	}
	for _, c := range e.Certificates {
		ways = append(ways, "add a certificate: "+c)
		break
	}
	if len(e.Cures) > 0 {
		w := "change the listener to " + e.Cures[0].Policy
		if price := e.Cures[0].Price; len(price) > 0 {
			w += " (its price: " + strings.Join(price, "; ") + ")"
		}
		ways = append(ways, w)
	}
	return strings.Join(ways, "; or ")
}

// Offer is what a client's hello offers, by the names of the security policies. GREASE values are left out.
type Offer struct {
	Versions []string `json:"versions,omitempty"`
	Suites   []string `json:"ciphers,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Schemes  []string `json:"signature_schemes,omitempty"`
	SNI      string   `json:"sni,omitempty"`
	ALPN     []string `json:"alpn,omitempty"`
	JA3      string   `json:"ja3,omitempty"`
	JA4      string   `json:"ja4,omitempty"`
	Length   int      `json:"length"` // bytes of the handshake message
}

// Listener is what is known of one listener besides the evidence.
type Listener struct {
	Policy *policy.Policy // nil: unknown, no cure is claimed
	MTLS   string         // off, passthrough, verify; "" if unknown
	Certs  policy.CertSet // of the server; empty: an RSA 2048 and an ECDSA P-256 certificate are assumed
}

// Options for Run. Nil means the zero value.
type Options struct {
	// Listeners by port. Those that the bundle's manifest describes need not be given; what is given wins.
	Listeners map[uint16]Listener
	// IgnoreSpec leaves the manifest's listeners out of account: only what is given is known.
	IgnoreSpec bool
	// Correlate holds the settings for reading and joining; nil takes addresses and ports from the manifest.
	Correlate *correlate.Options
	// Examples is the number of findings kept for each client and signature, 0 means 1000, negative all of them. Counts
	// are exact in any case.
	Examples int
}

// Skipped is an analyzer that lacked evidence.
type Skipped struct {
	Analyzer string          `json:"analyzer"`
	Missing  []evidence.Kind `json:"missing"` // any one of these would do
	Reason   string          `json:"reason"`
}

// Missing is a kind of evidence that is not there, and what it would add.
type Missing struct {
	Kind evidence.Kind `json:"kind"`
	Adds string        `json:"adds"`
}

// Schema is the version of the report's JSON.
const Schema = "alblab.analyze/1"

// Report is what a run of the analyzers found.
type Report struct {
	Schema      string
	Connections int // clients' connections; each has one finding at most
	Undecided   int // connections without a finding: the evidence does not show how they ended
	Targets     int // connections to targets, set apart
	Failures    int
	Findings    []*Finding // in order of start, client, server; Options.Examples of each sort
	Omitted     int        // findings counted but not kept
	Signatures  []Tally    // by signature, in the order of the analyzers
	Clients     []Client   // most failures first, then by address
	TLS         []Usage    // protocol versions and suites in use, most requests first
	Metrics     []MetricFact
	Skipped     []Skipped
	Missing     []Missing
	Files       []correlate.Load
	Problems    []error // the first of the damaged records
	Damaged     int     // all of them
	Notes       []string
	// Result is what the findings rest on.
	Result *correlate.Result
}

// Tally counts connections by signature.
type Tally struct {
	Signature   string `json:"signature"`
	Stage       Stage  `json:"stage"`
	Connections int    `json:"connections"`
}

// Client sums up one client address.
type Client struct {
	Address     string  `json:"address"`
	Connections int     `json:"connections"`
	Failures    int     `json:"failures"`
	Signatures  []Tally `json:"signatures"`
	TLS         []Usage `json:"tls,omitempty"`
}

// Usage counts the use of a protocol version and suite. Share is of the requests with TLS in the same list, or of the
// connections where the access log has none; requests without TLS have no share.
type Usage struct {
	Version     string  `json:"version"` // "" for requests without TLS
	Cipher      string  `json:"cipher"`  // as the log has it, OpenSSL's name
	Requests    int64   `json:"requests"`
	Connections int64   `json:"connections,omitempty"` // successful lines of the connection log
	Share       float64 `json:"share"`                 // 0 to 1
}

// MetricFact holds a metric against what was found.
type MetricFact struct {
	Metric  string  `json:"metric"`
	Sum     float64 `json:"sum"`
	Found   int     `json:"found"` // connections found that should have raised it
	Differs bool    `json:"differs"`
	Words   string  `json:"words"`
}
