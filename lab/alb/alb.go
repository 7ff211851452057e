// Package alb is an Application Load Balancer in this process, as far as its clients, its targets and its logs can see
// it: HTTPS listeners with security policies, mutual TLS, a web ACL, HTTP/1.1 and h2, a fixed response or a target, and
// the connection log, access log, WAF log and metrics that AWS would deliver.
//
// Start with [New] and [LoadBalancer.Serve]. It knows net.Conn and nothing of the network below.
//
// Each connection's ClientHello is read and decided (package policy) before a TLS engine sees a byte of it; the engine is
// then allowed nothing but that decision. Not modelled: TLS towards targets, choice among certificates by SNI, more rules
// than a listener's default action, session ids without tickets.
package alb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/waflog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/waf"
)

// Config describes a load balancer.
type Config struct {
	Name        string // app/<name>/<16 hex>
	Account     string // account id, for the WAF log
	Region      string
	Host        string // DNS name, for the access-log line of a request that names no host; "" is the node's address
	Listeners   []Listener
	IdleTimeout time.Duration // 0: 60 s, as AWS has it
	WireProfile string        // how a handshake is refused: ProfileReset (default) or ProfileAlertClose
	Clock       Clock         // required
	Recorder    Recorder      // nil records nothing
	ACL         *waf.ACL      // nil: no web ACL
	// DialTarget connects to the target of a listener that forwards. nil: the target group has no registered target.
	DialTarget func(ctx context.Context, node Node) (net.Conn, error)
	Seed       uint64 // trace ids follow from it
	// CertificateFaults makes listeners in verify mode refuse good client certificates: the common name of the subject, and
	// the reason, ClientCertRejected or ClientCertCrlProcessingError. No certificate is known to provoke these from outside.
	CertificateFaults map[string]string
	Observe           func(*Connection) // each ended connection; may be nil; must not keep the pointer
}

// The wire profiles.
const (
	// ProfileReset answers a refused handshake with an ACK and a RST, no alert (experiments 1 and 2).
	ProfileReset = "reset"
	// ProfileAlertClose answers with a fatal protocol_version alert where no version is shared and a close_notify
	// otherwise, then FIN, as s2n-tls does by default (github.com/aws/s2n-tls, tls/s2n_alerts.c).
	ProfileAlertClose = "alert-close"
)

// Listener is one HTTPS listener.
type Listener struct {
	Name         string
	Port         uint16
	Policy       *policy.Policy
	Certificates []tls.Certificate // the default one first; at least one, or Promised
	// Promised stands in place of Certificates, if those are not made yet: a handshake that needs one waits for it.
	Promised []Promise
	// CertificateARNs goes with Certificates, for the access log; may be shorter.
	CertificateARNs  []string
	MTLS             Mode
	TrustStore       *TrustStore // required for ModeVerify
	IgnoreExpiry     bool        // IgnoreClientCertificateExpiry
	AdvertiseCANames bool        // AdvertiseTrustStoreCaNames
	Action           Action
}

// Promise is a server certificate that may still be in the making.
type Promise struct {
	Cert policy.Cert // what decisions depend on; it must be true of what Get returns
	Get  func() (tls.Certificate, error)
}

// Mode is a listener's mode of mutual TLS, in the words of the API.
type Mode string

// The modes. The zero value is off.
const (
	ModeOff         Mode = "off"
	ModePassthrough Mode = "passthrough"
	ModeVerify      Mode = "verify"
)

// Action is a listener's default action. The zero value is a fixed response of 200 without a body.
type Action struct {
	Type           string // ActionFixedResponse (default) or ActionForward
	StatusCode     int    // fixed response; 0: 200
	ContentType    string // fixed response; "": text/plain
	MessageBody    string // fixed response
	TargetGroupARN string // forward, for the access log
}

// The types of actions.
const (
	ActionFixedResponse = "fixed-response"
	ActionForward       = "forward"
)

// Node is the load balancer in one zone.
type Node struct {
	Zone    string     // us-east-1a
	Private netip.Addr // the network interface's address
	Public  string     // the node's address in log lines; "" is Private
}

func (n Node) logAddr() string {
	if n.Public != "" {
		return n.Public
	}
	return n.Private.String()
}

// Clock tells the time and calls back later, on the wall or on a virtual one.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once, d from now. stop reports whether it came before the call.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Recorder takes the evidence at the moment when it arises. Its methods are called from several goroutines and must not
// keep the pointers.
type Recorder interface {
	Connection(*connlog.Record)
	Access(*accesslog.Record)
	WAF(*waflog.Record)
	// Count adds v to a metric of the namespace AWS/ApplicationELB in a zone.
	Count(name, zone string, v float64)
}

// nothing is the Recorder for none.
type nothing struct{}

func (nothing) Connection(*connlog.Record)    {}
func (nothing) Access(*accesslog.Record)      {}
func (nothing) WAF(*waflog.Record)            {}
func (nothing) Count(string, string, float64) {}

func (c *Config) check() error {
	if c.Clock == nil {
		return errors.New("load balancer: no clock")
	}
	switch c.WireProfile {
	case "", ProfileReset, ProfileAlertClose:
	default:
		return fmt.Errorf("load balancer: unknown wire profile %q (reset, alert-close)", c.WireProfile)
	}
	if c.IdleTimeout < 0 {
		return fmt.Errorf("load balancer: idle timeout %v is negative", c.IdleTimeout)
	}
	for name, code := range c.CertificateFaults {
		if code != codeRejected && code != codeCRLProcessing {
			return fmt.Errorf("load balancer: certificate fault of %q: unknown reason %q (%s, %s)", name, code, codeRejected, codeCRLProcessing)
		}
	}
	seen := map[string]bool{}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if seen[l.Name] {
			return fmt.Errorf("load balancer: two listeners named %q", l.Name)
		}
		seen[l.Name] = true
		if err := l.check(); err != nil {
			return fmt.Errorf("listener %q: %w", l.Name, err)
		}
	}
	return nil
}

func (l *Listener) check() error {
	if l.Policy == nil {
		return errors.New("no security policy")
	}
	switch {
	case len(l.Certificates) == 0 && len(l.Promised) == 0:
		return errors.New("no certificate")
	case len(l.Certificates) > 0 && len(l.Promised) > 0:
		return errors.New("both certificates and promised ones")
	}
	switch l.MTLS {
	case "", ModeOff, ModePassthrough:
	case ModeVerify:
		if l.TrustStore == nil {
			return errors.New("mutual TLS mode verify needs a trust store")
		}
	default:
		return fmt.Errorf("unknown mutual TLS mode %q (off, passthrough, verify)", l.MTLS)
	}
	switch l.Action.Type {
	case "", ActionFixedResponse:
		// API_FixedResponseActionConfig: status 2XX, 4XX or 5XX, body of at most 1024 characters.
		if s := l.Action.StatusCode; s != 0 && s/100 != 2 && s/100 != 4 && s/100 != 5 {
			return fmt.Errorf("fixed response: status code %d is not 2XX, 4XX or 5XX", s)
		}
		if n := len([]rune(l.Action.MessageBody)); n > 1024 {
			return fmt.Errorf("fixed response: body of %d characters, 1024 are allowed", n)
		}
	case ActionForward:
	default:
		return fmt.Errorf("unknown action %q (fixed-response, forward)", l.Action.Type)
	}
	return nil
}
