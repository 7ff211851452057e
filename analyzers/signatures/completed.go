package signatures

import (
	"fmt"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func completed() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: Completed,
		Doc: "The handshake was completed: the connection log says Success, or the access log has requests, or the capture shows " +
			"the load balancer's Finished. From a flow log alone by the amounts of data, which does not prove it.",
		Stage: analyzers.StageCompleted,
		Needs: anyLog,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(Completed) {
					return f, false
				}
				return byReading(r, completedWords(c, r)), true
			})
		},
	}
}

func completedWords(c *correlate.Conn, r reading) string {
	version, cipher := "", ""
	switch {
	case c.ConnLog != nil && c.ConnLog.TLSProtocol != "":
		version, cipher = c.ConnLog.TLSProtocol, c.ConnLog.TLSCipher
	case len(c.Access) > 0:
		version, cipher = c.Access[0].SSLProtocol, c.Access[0].SSLCipher
	}
	switch {
	case version == "" && (c.ConnLog != nil || c.Requests > 0):
		return "no TLS: the listener is plain HTTP, " + requests(c.Requests)
	case version != "":
		return fmt.Sprintf("%s with %s, %s", version, cipher, requests(c.Requests))
	}
	return "a session was made"
}

func requests(n int) string {
	if n == 0 {
		return "no request in the access log"
	}
	return plural(n, "%d request", "%d requests")
}
