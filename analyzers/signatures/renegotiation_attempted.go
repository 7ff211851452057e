package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence/capture"
)

func renegotiationAttempted() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: RenegotiationAttempted,
		Doc: "The client asked for another handshake within its session, which an Application Load Balancer does not support: it ends " +
			"the connection. A capture shows the handshake record behind the handshake; without one a flow log with tcp-flags " +
			"shows at most that the load balancer reset a session, and a line Success alone is of a handshake that was completed.",
		Stage: analyzers.StageCompleted,
		Needs: captured,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(RenegotiationAttempted) {
					return f, false
				}
				message := "the client asked for another handshake (renegotiation), which the load balancer does not support"
				if v := viewOf(c); v.ended == capture.SideServer {
					message += ", and was refused: TLS 1.3 has none, so let the client speak it, or switch renegotiation off there"
				}
				return byReading(r, message), true
			})
		},
	}
}

// asksAgain reads the packets of a session within which the client asked for another handshake.
func asksAgain(c *correlate.Conn) (r reading, ok bool) {
	if c.Capture == nil || c.Plain {
		return r, false
	}
	v := viewOf(c)
	if !v.again {
		return r, false
	}
	return reading{stage: analyzers.StageCompleted, sure: analyzers.Certain, fits: justRenegotiation, by: byPackets,
		show: "a handshake record of the client within the session, then "}, true
}

// sessionEnded adds what may have ended a session that logs call good: where the load balancer reset it, and did not close
// it first, the client may have asked for another handshake; so it may where the load balancer's record was skipped and the
// client's shows no end. Without tcp-flags nothing is known of the end.
func sessionEnded(c *correlate.Conn, r reading, gaps bool) reading {
	if gaps && !c.HasFlow() && c.Capture == nil && !c.Plain { // both records were skipped
		r.fits = completedOrAgain
		return r
	}
	if !c.HasFlow() || c.Shared || c.Plain || c.Capture != nil && !c.Capture.FromClient.Lost {
		return r
	}
	in, out := c.In.Records > 0 && c.In.Flags >= 0, c.Out.Records > 0 && c.Out.Flags >= 0
	reset := out && c.Out.Flags&(flagRST|flagFIN) == flagRST
	open := c.Out.Records == 0 && in && c.In.Flags&(flagRST|flagFIN) == 0
	if reset || open {
		r.fits = completedOrAgain
		r.by |= byFlow
	}
	return r
}

var (
	justRenegotiation = []string{RenegotiationAttempted}
	completedOrAgain  = []string{Completed, RenegotiationAttempted}
)
