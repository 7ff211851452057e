package signatures

import (
	"fmt"
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func handshakeTimeout() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: HandshakeTimeout,
		Doc: "The client fell silent in the middle of the handshake, its hello unfinished or the load balancer's flight unanswered, until " +
			"the load balancer closed the connection: a client that hangs or is gone, a path that loses its packets, a hello sent too " +
			"slowly. The load balancer refused nothing.",
		Stage: analyzers.StageClosedByOther,
		Needs: connection,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(HandshakeTimeout) {
					return f, false
				}
				message := "the client fell silent before the handshake was complete, and the load balancer closed the connection"
				if d := c.End.Sub(c.Start); d >= patience {
					message += fmt.Sprintf(" after %s", d.Round(time.Second))
				}
				return byReading(r, message), true
			})
		},
	}
}

// patience is less than a load balancer waits for a silent client, and more than it takes to refuse one. Assumption: nobody
// sets an idle timeout of less than 5 s; 1 s could be.
const patience = 5 * time.Second
