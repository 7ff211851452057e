package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/wire"
)

func closedByClient() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: ClosedByClient,
		Doc: "The client ended the connection before the handshake was complete, without a word or with an alert that does not speak of " +
			"the server's certificate: it gave up. The load balancer refused nothing.",
		Stage: analyzers.StageClosedByOther,
		Needs: connection,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(ClosedByClient) {
					return f, false
				}
				message := "the client ended the connection before the handshake was complete"
				v := viewOf(c)
				switch a := v.clientAlert; {
				case v.noHello:
					message = "the client ended the connection, and sent no hello"
				case a != nil:
					message = "the client ended the handshake with the alert " + a.Name() + alertMeans(*a)
				}
				return byReading(r, message), true
			})
		},
	}
}

// alertMeans says what a client's alert complains about. RFC 8446, section 6.2.
func alertMeans(a wire.Alert) string {
	switch a.Description {
	case 42, 43, 44, 45, 46:
		return ": it does not accept the server's certificate; look at the name, the dates and the chain of the listener's certificate"
	case 48:
		return ": it does not know the CA of the server's certificate; the chain must be sent, or the client lacks the root"
	case 70:
		return ": it does not accept the version that was agreed"
	case 40, 71, 47:
		return ": it does not accept the parameters that were agreed"
	case 0, 90:
		return ": it gave up"
	}
	return ""
}
