package signatures

import (
	"fmt"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func notTLS() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: NotTLS,
		Doc: "The client spoke something else than TLS, such as plain HTTP, to a TLS port. Only a capture shows it; in flow and connection " +
			"logs it looks like any refused hello.",
		Stage: analyzers.StageFirstFlight,
		Needs: captured,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(NotTLS) {
					return f, false
				}
				first := viewOf(c).first
				message := fmt.Sprintf("the client's first bytes are not TLS: %q; it speaks to port %d as if it were plain", first, c.Server.Port())
				if isHTTP(first) {
					message = fmt.Sprintf("the client sent plain HTTP to the TLS port %d (%q): its URL must begin with https://", c.Server.Port(), firstLine(first))
				}
				return byReading(r, message), true
			})
		},
	}
}
