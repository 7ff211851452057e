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
				message := fmt.Sprintf("the client's first bytes are not TLS: %s; it takes port %d for something else", quote(first), c.Server.Port())
				if isHTTP(first) {
					message = fmt.Sprintf("the client sent plain HTTP to the TLS port %d (%q): its URL must begin with https://", c.Server.Port(), firstLine(first))
				}
				return byReading(r, message), true
			})
		},
	}
}

// quote shows text as text and all else in hex.
func quote(b []byte) string {
	b = b[:min(len(b), 40)]
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\r' && c != '\n' && c != '\t' {
			return fmt.Sprintf("%x", b)
		}
	}
	return fmt.Sprintf("%q", b)
}
