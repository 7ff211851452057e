package signatures

import (
	"fmt"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
)

func securityGroupReject() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: SecurityGroupReject,
		Doc: "A security group or network ACL rejected the connection: the flow log has REJECT records of it and no ACCEPT. " +
			"TLS was never spoken, and no log of the load balancer has a line.",
		Stage: analyzers.StageBlocked,
		Needs: []evidence.Kind{evidence.KindFlow},
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, _ reading) (f analyzers.Finding, ok bool) {
				if c.ConnLog != nil || c.Requests > 0 || c.Out.Records > 0 {
					return f, false
				}
				f.Certainty, f.Cites = analyzers.Certain, c.FlowRefs
				if c.RejectedOut.Records > 0 {
					f.Message = "the network rejected the load balancer's answers: a network ACL has no outbound rule for the client's port, " +
						"as security groups let answers pass"
					f.Basis = "flow log: REJECT, " + flowWords(c.RejectedOut) + " out"
					return f, true
				}
				if !rejected(c) {
					return f, false
				}
				f.Message = fmt.Sprintf("the network rejected the client's packets to port %d: no rule of a security group or network ACL lets it in",
					c.Server.Port())
				f.Basis = "flow log: REJECT, " + flowWords(c.Rejected) + " in"
				return f, true
			})
		},
	}
}
