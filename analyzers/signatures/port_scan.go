package signatures

import (
	"fmt"
	"net/netip"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
)

// scanPorts is the number of closed ports that one address must have tried to be called a scanner. Assumption: a client that
// means well tries one or two (80, 443, 8443).
const scanPorts = 5

func portScan() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: PortScan,
		Doc: "One address tried several ports of the load balancer that a security group or network ACL keeps closed: a port scan. " +
			"What it found open is told by the other signatures.",
		Stage: analyzers.StageBlocked,
		Needs: []evidence.Kind{evidence.KindFlow},
		Run: func(p *analyzers.Pass) error {
			tried := map[netip.Addr]map[uint16]bool{}
			for c := range p.Conns {
				if !rejected(c) {
					continue
				}
				a := c.Client.Addr()
				if tried[a] == nil {
					tried[a] = map[uint16]bool{}
				}
				tried[a][c.Server.Port()] = true
			}
			for c := range p.Conns {
				n := len(tried[c.Client.Addr()])
				if n < scanPorts || !rejected(c) {
					continue
				}
				err := p.Report(c, analyzers.Finding{
					Certainty: analyzers.Certain, Cites: c.FlowRefs,
					Message: fmt.Sprintf("a port scan: the network rejected this client's packets to %d ports", n),
					Basis:   "flow log: REJECT, " + flowWords(c.Rejected) + " in",
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// rejected says whether nothing of a connection came past the network's rules.
func rejected(c *correlate.Conn) bool {
	return c.ConnLog == nil && c.Requests == 0 && c.Rejected.Records > 0 && c.RejectedOut.Records == 0 && !c.HasFlow()
}
