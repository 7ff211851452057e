package scenarios

import (
	"net/http"

	"github.com/alblab/alblab/lab/wire"
)

// wafBlock shows that a block is no TLS failure: the handshake is good, the answer is 403
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html, actions_executed).
func wafBlock() *Scenario {
	w := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "waf")
	w.Client.Status = []int{403}
	w.Access.Status = 403
	w.Signature = "waf-blocked"
	s := listen(policyTLS13)
	s.WAF = web()
	return &Scenario{
		Name: "waf-block",
		Doc:  "AWS WAF blocks a request by its forwarded address after a good handshake: 403, and one BLOCK record",
		Spec: s,
		Steps: []Step{{
			Name: "forwarded-192.0.2.66", Listener: https, Profile: curl(nil),
			Header: http.Header{"X-Forwarded-For": {blockedAddress.String()}}, Want: w,
		}},
		Want: Want{WAF: map[string]int{"BLOCK": 1}},
	}
}

// wafAbsence is the method by itself: a refused client leaves no WAF record, and the record of a request that was made
// after it proves that the log would have shown one.
func wafAbsence() *Scenario {
	s := listen(policyFS12Res)
	s.WAF = web()
	w := refused("no-common-version")
	w.Client.Versions = []wire.Version{0}
	return &Scenario{
		Name:  "waf-absence-canary",
		Doc:   "A refused handshake never reaches AWS WAF: no record, proven by the record of a canary that came after it",
		Spec:  s,
		Steps: []Step{{Name: "old-client", Listener: https, Profile: curl(max11), Times: 3, Want: w}},
		Want:  Want{WAF: map[string]int{}, Metrics: refusedMetrics(3)},
	}
}
