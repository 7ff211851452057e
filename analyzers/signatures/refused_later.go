package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func refusedLater() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: RefusedLater,
		Doc: "The load balancer answered the hello and then ended the connection before the handshake was complete, and the evidence " +
			"does not show why.",
		Stage: analyzers.StageRefusedLater,
		Needs: connection,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(RefusedLater) {
					return f, false
				}
				message := "the connection ended after the load balancer's first flight, before the handshake was complete"
				if p.Listener(c).MTLS == "" {
					message += "; say which mTLS mode the listener has, to narrow it down"
				}
				return byReading(r, message), true
			})
		},
	}
}
