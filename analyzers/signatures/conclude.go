package signatures

import (
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
)

// Kinds of evidence that signatures need one of.
var (
	anyLog     = []evidence.Kind{evidence.KindFlow, evidence.KindConnection, evidence.KindAccess, evidence.KindCapture}
	connection = []evidence.Kind{evidence.KindFlow, evidence.KindConnection, evidence.KindCapture}
	packets    = []evidence.Kind{evidence.KindFlow, evidence.KindCapture}
	captured   = []evidence.Kind{evidence.KindCapture}
)

// each reports a finding for every connection that match recognises.
func each(p *analyzers.Pass, match func(c *correlate.Conn, r reading) (analyzers.Finding, bool)) error {
	for c := range p.Conns {
		r := read(c, p.Listener(c), p.Result.SkipData > 0)
		f, ok := match(c, r)
		if !ok {
			continue
		}
		f.Notes = append(f.Notes, notes(c)...)
		if f.Basis == "" {
			f.Basis = r.words(c)
		}
		if err := p.Report(c, f); err != nil {
			return err
		}
	}
	return nil
}

// byReading makes a finding of a reading: its stage and what else fits.
func byReading(r reading, message string) analyzers.Finding {
	sure := r.sure
	if len(r.fits) > 1 && sure == analyzers.Certain {
		sure = analyzers.Likely // of the stage it is certain, not of the cause
	}
	return analyzers.Finding{Stage: r.stage, Certainty: sure, Causes: r.fits, Message: message}
}

// offerWords tells an offer in a line: the versions, and how many suites.
func offerWords(o *analyzers.Offer) string {
	if o == nil {
		return ""
	}
	w := "it offers " + strings.Join(o.Versions, ", ")
	if len(o.Versions) == 1 {
		w += " at most"
	}
	const most = 4
	suites := o.Suites
	if len(suites) > most {
		suites = suites[:most]
	}
	w += ", " + strings.Join(suites, ", ")
	if more := len(o.Suites) - len(suites); more > 0 {
		w += plural(more, ", and %d suite more", ", and %d suites more")
	}
	return w
}

// notes are facts that stand beside any finding.
func notes(c *correlate.Conn) []string {
	var out []string
	if c.Rejected.Records > 0 && c.HasFlow() {
		out = append(out, "packets after the end of the connection were rejected ("+flowWords(c.Rejected)+"): flow logs say REJECT then, it is no block")
	}
	if c.RejectedOut.Records > 0 && c.Out.Records > 0 {
		out = append(out, "packets of the load balancer to the client were rejected ("+flowWords(c.RejectedOut)+"): look at the network ACL's outbound rules for ephemeral ports")
	}
	if p := c.Capture; p != nil && p.FromClient.Retransmitted+p.FromServer.Retransmitted > 0 {
		out = append(out, plural(int(p.FromClient.Retransmitted+p.FromServer.Retransmitted), "%d segment came twice", "%d segments came twice")+
			": the path loses packets, or doubles them")
	}
	if c.Shared {
		out = append(out, "the client used its port twice within one flow-log window: the figures are of both connections")
	}
	if c.WAFCount > 0 && c.Requests == 0 && c.Client.Port() != 0 {
		out = append(out, plural(c.WAFCount, "%d WAF record, and no access-log line", "%d WAF records, and no access-log line"))
	}
	return out
}
