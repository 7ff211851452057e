package scenarios

import (
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// experiment2 is "does a request without a client certificate reach AWS WAF?" (docs/experiments.md). The article names
// version, suite and group, not the policy: the API's default gives them.
func experiment2() *Scenario {
	with := success("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "secp256r1", "h2", "fixed-response")
	with.Client.Versions = []wire.Version{wire.TLS12}
	with.Client.Suites = []wire.Suite{ecdheRSAAES128GCM}
	with.Client.Groups = []wire.Group{wire.SECP256R1}
	with.Client.Body = "alblab ok" // 9 bytes, as in the article
	with.Line.Subject = true

	without := noCertificate("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "secp256r1")
	without.Client.Words = []string{"Recv failure: Connection reset by peer"}
	without.Client.Versions = []wire.Version{wire.TLS12}
	return &Scenario{
		Name:  "experiment-2",
		Doc:   "Does a request without a client certificate reach AWS WAF: mTLS verify, once without, three times with the right certificate",
		Spec:  verifySpec(policy2016),
		Needs: []lab.Capability{lab.Capture},
		Steps: []Step{
			{Name: "curl-without-certificate", Listener: https, Profile: curl(nil), Want: without},
			{Name: "curl-with-certificate", Listener: https, Profile: curl(nil), Cert: pki.KindGoodRSA, Times: 3, Minute: 1, Want: with},
		},
		Want: Want{
			// The article: only these two in the first minute, no HTTP_Fixed_Response_Count.
			Metrics: []Metrics{refusedMetrics(1)[0], responseMetrics(3)},
			WAF:     map[string]int{"ALLOW": 3},
		},
	}
}
