package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/policy"
)

// byPolicy is the analyzer of one reason for which a security policy refuses a hello.
func byPolicy(name string, reason policy.Reason, doc string) *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: name,
		Doc: doc + " Needs the capture, which shows what the client offered, and the listener's security policy; without either the " +
			"finding is " + RefusedFirstFlight + ".",
		Stage: analyzers.StageFirstFlight,
		Needs: captured,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (analyzers.Finding, bool) { return refusedBy(p, c, r, reason) })
		},
	}
}

// refusedBy makes a finding where the load balancer refused the captured hello and its policy does so for this reason.
func refusedBy(p *analyzers.Pass, c *correlate.Conn, r reading, reason policy.Reason) (f analyzers.Finding, ok bool) {
	if !r.fit(RefusedFirstFlight) {
		return f, false
	}
	d, ok := p.Decide(c)
	if !ok || d.Outcome != policy.Refused || d.Reason != reason {
		return f, false
	}
	f = analyzers.Finding{
		Stage: analyzers.StageFirstFlight, Certainty: analyzers.Certain, Message: p.Detail(c, d), Decision: &d, Explanation: p.Explain(c, d),
	}
	if r.sure != analyzers.Certain {
		f.Certainty = r.sure
	}
	return f, true
}
