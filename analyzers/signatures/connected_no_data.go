package signatures

import (
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func connectedNoData() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: ConnectedNoData,
		Doc: "The client connected and sent nothing: health checks by TCP, connections kept for later, scanners. The load balancer " +
			"closes at its idle timeout. Not a refusal: there was no hello.",
		Stage: analyzers.StageNoData,
		Needs: connection,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(ConnectedNoData) {
					return f, false
				}
				message := "the client connected and sent no data"
				if d := c.End.Sub(c.Start); d >= 2*time.Second {
					message += "; the connection was open for " + d.Round(time.Second).String()
				}
				return byReading(r, message), true
			})
		},
	}
}
