package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func connectAndClose() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: ConnectAndClose,
		Doc: "The client connected and closed the connection itself without a byte: health checks by TCP, scanners that connect, " +
			"browsers that connect in advance. Not a refusal: there was no hello. Few packets, as a refusal has, but no data; " +
			"the published filter packets<5 takes it for one.",
		Stage: analyzers.StageNoData,
		Needs: packets,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(ConnectAndClose) {
					return f, false
				}
				return byReading(r, "the client connected and closed without sending data, as health checks by TCP do"), true
			})
		},
	}
}
