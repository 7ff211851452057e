// Package signatures names what can happen to a connection at a load balancer, one signature a file.
//
// Start with [All], the list for analyzers.Run. Its order is the precedence: each connection has exactly one finding, by the
// first signature that recognises it; further facts stand in the finding's notes.
//
// What the evidence shows of a connection's course is read once, in [read]: a capture is believed first, then the load
// balancer's own logs, then the flow log. A signature adds the cause. Where the evidence cannot separate causes the finding
// lists them all; the flow log alone never names one.
package signatures

import "github.com/alblab/alblab/analyzers"

// Names of the signatures.
const (
	Completed                = "completed"
	NoCommonVersion          = "no-common-version"
	NoCommonSuite            = "no-common-suite"
	NoCommonGroup            = "no-common-group"
	NoCommonSignatureScheme  = "no-common-signature-scheme"
	InappropriateFallback    = "inappropriate-fallback"
	MalformedHello           = "malformed-hello"
	RefusedFirstFlight       = "refused-first-flight"
	ClientCertificateMissing = "client-certificate-missing"
	ClientCertificateRefused = "client-certificate-refused"
	RefusedLater             = "refused-later"
	WAFBlocked               = "waf-blocked"
	NotTLS                   = "not-tls"
	ConnectedNoData          = "connected-no-data"
	HalfOpenScan             = "half-open-scan"
	SecurityGroupReject      = "security-group-reject"
	ClosedByClient           = "closed-by-client"

	ConnectAndClose             = "connect-and-close"
	PortScan                    = "port-scan"
	HelloTooLarge               = "hello-too-large"
	ServerCertificateDistrusted = "server-certificate-distrusted"
	HandshakeTimeout            = "handshake-timeout"
	RenegotiationAttempted      = "renegotiation-attempted"
)

// All returns every signature, in the order of precedence.
func All() []*analyzers.Analyzer {
	return []*analyzers.Analyzer{
		portScan(),
		securityGroupReject(),
		wafBlocked(),
		clientCertificateRefused(),
		completed(),
		halfOpenScan(),
		connectedNoData(),
		connectAndClose(),
		notTLS(),
		helloTooLarge(),
		malformedHello(),
		inappropriateFallback(),
		noCommonVersion(),
		noCommonSuite(),
		noCommonGroup(),
		noCommonSignatureScheme(),
		clientCertificateMissing(),
		serverCertificateDistrusted(),
		renegotiationAttempted(),
		handshakeTimeout(),
		closedByClient(),
		refusedLater(),
		refusedFirstFlight(),
	}
}
