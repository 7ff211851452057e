package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/policy"
)

func malformedHello() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: MalformedHello,
		Doc: "The client's hello breaks the rules of TLS, or another record of TLS (an alert, say) came in its place, so that no policy " +
			"would accept it. Needs the capture: it shows the hello, and at which byte it is wrong.",
		Stage: analyzers.StageFirstFlight,
		Needs: captured,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if r.fit(MalformedHello) {
					v := viewOf(c)
					if v.noHello {
						return byReading(r, "the client's first bytes are no hello: "+v.damage), true
					}
					return byReading(r, "the hello is malformed: "+v.damage), true
				}
				return refusedBy(p, c, r, policy.ReasonMalformed)
			})
		},
	}
}
