package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func halfOpenScan() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: HalfOpenScan,
		Doc: "A port scan: a SYN, and a reset of the answer instead of a connection. Flags 6 of the client, no data. Not a TLS failure: " +
			"no line in the load balancer's logs, no metric.",
		Stage: analyzers.StageNoData,
		Needs: packets,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(HalfOpenScan) {
					return f, false
				}
				return byReading(r, "the client asked whether the port is open and connected no further"), true
			})
		},
	}
}
