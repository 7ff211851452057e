package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/wire"
)

func serverCertificateDistrusted() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: ServerCertificateDistrusted,
		Doc: "The client does not accept the listener's certificate and says so in an alert: a wrong name, a missing intermediate, a CA " +
			"that it does not know, dates. The load balancer counts it as a negotiation error all the same. Below TLS 1.3 a " +
			"capture shows the alert; in TLS 1.3 only that an alert ended the handshake.",
		Stage: analyzers.StageClosedByOther,
		Needs: captured,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(ServerCertificateDistrusted) {
					return f, false
				}
				message := "the client answered the server's certificate with an alert, which TLS 1.3 encrypts: it probably does not accept the " +
					"certificate; look at its name, dates and chain"
				if a := viewOf(c).clientAlert; a != nil {
					message = "the client ended the handshake with the alert " + a.Name() + alertMeans(*a)
				}
				return byReading(r, message), true
			})
		},
	}
}

// distrusts says whether an alert complains of the server's certificate. RFC 8446, section 6.2.
func distrusts(a *wire.Alert) bool {
	if a == nil {
		return false
	}
	switch a.Description {
	case 42, 43, 44, 45, 46, 48: // bad, unsupported, revoked, expired, unknown certificate; unknown CA
		return true
	}
	return false
}
