package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/wire"
)

// publishedPattern is the CloudWatch Logs filter pattern of experiment 1, as it was published.
const publishedPattern = `[version, account, interface, srcaddr, dstaddr, srcport, destport="443", protocol="6", packets<5, bytes, start, end, action="ACCEPT", logstatus]`

// experiment1 is "who causes Client TLS Negotiation Errors, and why?" as it was run with
// curl --tls-max 1.1 -v https://<domain> (docs/experiments.md). Its figures are the article's.
func experiment1() *Scenario {
	old := curl(both(max11, func(p *clients.Profile) { p.HelloLen = 164 })) // 216 bytes with 52 of headers
	failing := refused("no-common-version")
	failing.Client.Words = resetWords
	failing.In = &FlowWant{Packets: Exactly(3), Bytes: Exactly(328), Flags: []int{2}}
	failing.Out = &FlowWant{Packets: Exactly(3), Bytes: Exactly(164), Flags: []int{22}}

	good := success("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "secp256r1", "h2", "fixed-response")
	lax := success("TLSv1.1", "ECDHE-RSA-AES128-SHA", "secp256r1", "http/1.1", "fixed-response") // HTTP/2 needs TLS 1.2: RFC 9113, section 9.2
	lax.Client.Versions = []wire.Version{wire.TLS11}
	return &Scenario{
		Name: "experiment-1",
		Doc:  "Who causes ClientTLSNegotiationErrorCount, and why: curl --tls-max 1.1 against a TLS-1.2-only listener, from client, metric, logs and packets",
		Spec: lab.Spec{Listeners: map[string]lab.Listener{
			https: {Port: 443, SSLPolicy: policyFS12Res, Certificate: "rsa"},
			"lax": {SSLPolicy: policy2016, Certificate: "rsa"},
		}},
		Needs: []lab.Capability{lab.Capture},
		Steps: []Step{
			{Name: "curl-tls-max-1.1", Listener: https, Profile: old, Want: failing},
			{Name: "curl", Listener: https, Profile: curl(nil), Minute: 1, Want: good},
			{Name: "curl-tls-max-1.1-laxer-policy", Listener: "lax", Profile: old, Minute: 1, Want: lax},
		},
		Want: Want{
			Metrics: []Metrics{refusedMetrics(1)[0], responseMetrics(2)},
			Filter:  &Filter{Pattern: publishedPattern, Steps: []string{"curl-tls-max-1.1"}},
		},
	}
}
