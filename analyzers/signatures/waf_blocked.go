package signatures

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
)

func wafBlocked() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: WAFBlocked,
		Doc: "The handshake was good and AWS WAF blocked a request: a WAF record with action BLOCK, or an access-log line with " +
			"status 403 whose actions_executed end in waf. It is no TLS failure.",
		Stage: analyzers.StageCompleted,
		Needs: []evidence.Kind{evidence.KindWAF, evidence.KindAccess},
		Helps: []evidence.Kind{evidence.KindWAF},
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, _ reading) (f analyzers.Finding, ok bool) {
				refused := wafLines(c)
				n := max(c.Blocked, refused)
				if n == 0 {
					return f, false
				}
				f.Certainty, f.Basis = analyzers.Certain, blockedBasis(c, refused)
				f.Message = fmt.Sprintf("the handshake was good; AWS WAF blocked %d of %s", n, plural(max(c.Requests, c.WAFCount), "%d request", "%d requests"))
				if rule := blockingRule(c); rule != "" {
					f.Message += " by rule " + rule
				}
				if c.Blocked > 0 && c.Requests > 0 && refused == 0 {
					f.Notes = append(f.Notes, "the access log has no 403 by waf for the blocked request")
				}
				if c.Blocked == 0 && p.Has(evidence.KindWAF) {
					f.Notes = append(f.Notes, "the WAF log has no BLOCK record for it: a log filter may have dropped it")
				}
				return f, true
			})
		},
	}
}

// blockedBasis says which logs tell of the block.
func blockedBasis(c *correlate.Conn, refused int) string {
	var w []string
	if c.Blocked > 0 {
		w = append(w, plural(c.Blocked, "the WAF log has %d BLOCK record", "the WAF log has %d BLOCK records"))
	}
	if refused > 0 {
		w = append(w, plural(refused, "the access log has %d request refused with 403 by waf", "the access log has %d requests refused with 403 by waf"))
	}
	return strings.Join(w, "; ")
}

// wafLines counts the kept requests that WAF rejected: status 403 and waf the last action (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html, actions_executed).
func wafLines(c *correlate.Conn) (n int) {
	for _, a := range c.Access {
		if a.ELBStatusCode == 403 && (a.ActionsExecuted == "waf" || strings.HasSuffix(a.ActionsExecuted, ",waf")) {
			n++
		}
	}
	return n
}

func blockingRule(c *correlate.Conn) string {
	for _, w := range c.WAF {
		if w.Action == "BLOCK" {
			return w.TerminatingRuleID
		}
	}
	return ""
}
