package aws

import (
	"context"
	"net/http"
	"net/netip"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
)

// passesWAF makes one request before anything is waited for. AWS does not publish its IP reputation list, so that only an answer tells
// whether this machine is on it; and where requests are blocked, the canaries are, and no scenario can pass.
func (l *Lab) passesWAF(ctx context.Context) error {
	if l.c.Outputs.WAF == nil {
		return nil
	}
	listener := l.order()[0]
	r, err := l.request(ctx, listener, netip.Addr{}, l.nextPath("hello"), true)
	if err != nil || r.status != http.StatusForbidden || r.byListener(l.actions[listener]) {
		return nil // what else may be wrong is found where it matters
	}
	if out, err := l.clients.WAF.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: &l.c.Outputs.LoadBalancerARN}); err == nil &&
		out.WebACL != nil && out.WebACL.DefaultAction != nil && out.WebACL.DefaultAction.Block != nil {
		return problem("build the lab with a web ACL that allows what no rule blocks", "the web ACL blocks this machine's requests (403): its default action is to block")
	}
	return problem("run from another network, or build the lab with ip_reputation = false in waf; its log names the rule",
		"the web ACL blocks this machine (403): its address may be on AWS's IP reputation list")
}

// byListener reports whether it is the listener's own answer and not the web ACL's: the fixed response that is configured, or one of the
// target's, whose Server header is not the load balancer's. The lab's web ACL answers with AWS WAF's own page, the rules have no
// custom response.
func (r *reply) byListener(actions []elbtypes.Action) bool {
	for _, a := range actions {
		switch f := a.FixedResponseConfig; {
		case a.Type == elbtypes.ActionTypeEnumForward:
			return r.server != "" && r.server != "awselb/2.0"
		case f != nil:
			return sdk.ToString(f.StatusCode) == "403" && sdk.ToString(f.MessageBody) == r.body
		}
	}
	return false
}
