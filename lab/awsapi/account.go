package awsapi

import (
	"context"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// Account is the lab that the API speaks for. The embedded lab meets it. All methods may be called from several goroutines.
type Account interface {
	// Identity says what the lab's parts are called. It does not change.
	Identity() Identity
	// Now is the lab's clock, by which evidence is delivered.
	Now() time.Time
	// Listeners are the listeners as they are now, in the order of their names.
	Listeners() []Listener
	// ModifyListener changes a listener for the next handshake.
	ModifyListener(name string, c Change) error
	// TrustStores are the trust stores that a listener in mode verify can use.
	TrustStores() ([]TrustStore, error)
	// Evidence is what the lab has left behind so far. Flow log windows that have passed are closed; with open true, also those
	// that have not, so that all is in it that has happened. Captures are in it if the lab keeps any.
	Evidence(ctx context.Context, open bool) (*evidence.Bundle, error)
	// Samples are requests that a rule of the web ACL decided, the latest first, at most max, and how many there were.
	Samples(rule string, from, to time.Time, max int) (list []waflog.Record, population int64)
}

// Identity names the parts of a lab as AWS does.
type Identity struct {
	RunID         string    // value of the tag alblab:run
	Account       string    // twelve digits
	Region        string    // us-east-1
	Created       time.Time // when it was built
	LoadBalancer  string    // app/<name>/<16 hex>
	DNSName       string
	VPC           string
	SecurityGroup string
	Nodes         []Node
	WebACL        string // its ARN, "" if there is none
	WAF           *lab.WAF
	TargetGroup   string // targetgroup/<name>/<16 hex>
	Target        netip.AddrPort
	AllowedCIDRs  []string // who may connect
	IdleTimeout   int      // seconds
	FlowFormat    string   // "${version} ${account-id} ..."
	Mirrored      bool     // the lab keeps packets
	MirrorAddr    netip.Addr
	Roots         []byte // PEM of the authority of the server certificates
}

// Node is the load balancer in one zone.
type Node struct {
	Interface string // eni-...
	Subnet    string
	Zone      string // us-east-1a
	ZoneID    string // use1-az1
	MAC       string
	Private   netip.Addr
	Public    netip.Addr
	IPv6      netip.Addr
}

// Listener is one listener as it is now.
type Listener struct {
	lab.Listener        // SSLPolicy is the full name, MTLSMode never empty
	Name         string // in the Spec
	ID           string // the last part of its ARN
	RuleID       string // of its default rule
	Certificates []string
	TrustStore   string // ARN, in mode verify
}

// Change is what ModifyListener changes; nil leaves a thing as it is.
type Change struct {
	SSLPolicy *string // full name
	MTLS      *MTLS
}

// MTLS is a listener's mutual authentication.
type MTLS struct {
	Mode             string // off, passthrough or verify
	TrustStore       string // ARN, with verify
	IgnoreExpiry     bool
	AdvertiseCANames bool
}

// TrustStore is the authorities and revocation lists of client certificates.
type TrustStore struct {
	ARN             string
	Name            string
	Listener        string   // the listener whose own it is; "": the lab's
	Bundle          []byte   // PEM
	RevocationLists [][]byte // PEM
}
