package signatures

import (
	"fmt"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/policy"
)

func refusedFirstFlight() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: RefusedFirstFlight,
		Doc: "The load balancer ended the connection upon the client's first data, and the evidence does not show why. In a flow log: " +
			"the client's packets are SYN, ACK and the segments that its hello takes at the path's MSS (one for 216 bytes, two for a " +
			"post-quantum hello), the load balancer's carry an alert at most, and its flags are 22 (reset) or 19 or 23 (alert and close). " +
			"A capture and the listener's policy tell the cause.",
		Stage: analyzers.StageFirstFlight,
		Needs: connection,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(RefusedFirstFlight) {
					return f, false
				}
				f = byReading(r, "")
				if len(r.fits) > 1 && r.sure == analyzers.Certain {
					f.Certainty = analyzers.Certain // the signature claims the stage alone
				}
				f.Offer = analyzers.OfferOf(c)
				f.Message = refusedWords(p, c, r, &f)
				return f, true
			})
		},
	}
}

func refusedWords(p *analyzers.Pass, c *correlate.Conn, r reading, f *analyzers.Finding) string {
	message := "the load balancer refused the client's first data"
	if s := shapeOf(c); c.HasFlow() && !c.Shared && s.refusal() && s.inMin > 0 && f.Offer == nil {
		f.Basis = r.words(c) + fmt.Sprintf("; so its first data is of about %d bytes, ", s.inMin) + plural(int(s.segments), "%d segment", "%d segments")
	}
	if f.Offer == nil && c.Capture != nil {
		return message + ", which was not a whole hello"
	}
	if f.Offer == nil {
		return message + "; only a packet capture shows what it offered"
	}
	message += ": " + offerWords(f.Offer)
	d, ok := p.Decide(c)
	switch {
	case !ok:
		return message + "; which of it the listener lacks follows from its security policy, which is not known here"
	case d.Outcome != policy.Refused:
		f.Decision = &d
		return message + "; the policy given, " + p.Listener(c).Policy.Name + ", accepts this hello: is it really the listener's?"
	default:
		f.Decision, f.Explanation, f.Causes = &d, p.Explain(c, d), nil
		return "the load balancer refused the client's first data: " + p.Detail(c, d)
	}
}
