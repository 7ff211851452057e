// Package lab says what a lab is: the Spec that describes one, the interface that both labs meet, and nothing of how
// they work. The embedded lab is in lab/embedded, the one in an AWS account in lab/aws.
package lab

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Lab is a running load balancer with its evidence. All methods may be called from several goroutines.
type Lab interface {
	// Endpoint says where the lab is and what it can do. It does not change during a lab's life.
	Endpoint() Endpoint
	// Dial makes a TCP connection from a vantage point to a listener, by its name in the Spec, or to a port of the
	// load balancer, as ":8444". The caller closes the connection. A connection that the network refuses or drops is an
	// error that wraps syscall.ECONNREFUSED or os.ErrDeadlineExceeded (or the context's error).
	Dial(ctx context.Context, from Vantage, listener string) (net.Conn, error)
	// Collect waits until all evidence of what happened so far has arrived and returns it.
	Collect(ctx context.Context) (*evidence.Bundle, error)
	// Close ends the lab and frees what it holds. Bundles stay readable.
	Close() error
}

// Timed is a Lab whose time can be read and waited for. The embedded lab's clock is virtual: waiting costs nothing.
type Timed interface {
	Now() time.Time
	// WaitUntil returns when the lab's time is t or later; timers due until then have run.
	WaitUntil(ctx context.Context, t time.Time) error
}

// Scanner is a Lab that can send single packets (Capability RawPackets).
type Scanner interface {
	// SYN sends one SYN to a port and resets what answers: a half-open scan. It reports whether a SYN-ACK came.
	SYN(ctx context.Context, from Vantage, port uint16) (open bool, err error)
}

// Endpoint says where a lab is reached.
type Endpoint struct {
	Kind         string            // "embedded" or "aws"
	LoadBalancer string            // app/<name>/<id>
	Host         string            // DNS name that the server certificate is for
	Addresses    []netip.Addr      // the load balancer's own addresses, as flow logs show them
	Ports        map[string]int    // listener name to port
	Roots        []byte            // PEM of the CA that issued the server certificates
	Policies     map[string]string // listener name to security policy
	Capabilities []Capability
}

// Vantage is a place that a client connects from. The zero value is the first IPv4 client.
type Vantage struct {
	Client int  `json:"client,omitempty"` // which client address; others than 0 need SecondAddress
	IPv6   bool `json:"ipv6,omitempty"`   // needs the capability IPv6
}

// Capability is something a scenario needs and a lab may lack.
type Capability string

// The capabilities.
const (
	RawPackets    Capability = "rawpackets"    // Scanner
	VirtualClock  Capability = "virtualclock"  // waiting costs nothing
	SecondAddress Capability = "secondaddress" // more than one client address
	IPv6          Capability = "ipv6"
	Capture       Capability = "capture"    // packets at the load balancer's interfaces
	LinkFaults    Capability = "linkfaults" // Faulty
	CertFaults    Capability = "certfaults" // lab.Embedded.CertificateFaults
	// ClientCertificates and AnyPort are what scenarios need whose steps have a client certificate or try a port that is no
	// listener's: such scenarios need not name them.
	ClientCertificates Capability = "clientcertificates"
	AnyPort            Capability = "anyport"
)
