package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func clientCertificateMissing() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: ClientCertificateMissing,
		Doc: "The listener demands a client certificate (mutual TLS, verify) and the client sent none. Under TLS 1.2 a capture shows " +
			"the empty Certificate message. Under TLS 1.3 it is encrypted; then the listener's mode, the connection log's " +
			"Failed:UnmappedConnectionError and a reset after the load balancer's flight make it likely.",
		Stage: analyzers.StageRefusedLater,
		Needs: connection,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(ClientCertificateMissing) {
					return f, false
				}
				message := "the client sent no certificate to a listener that demands one"
				if r.sure != analyzers.Certain || len(r.fits) > 1 {
					message = "the listener demands a client certificate, and the connection ended after the load balancer's flight: the client probably sent none, or one that the load balancer cannot read"
				}
				return byReading(r, message+"; give the client a certificate of a CA in the trust store"), true
			})
		},
	}
}
