package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

func tls11Refused() *Scenario {
	return oldRefused("tls-1-1-refused", "A client that offers TLS 1.1 at most is refused by a policy that begins with TLS 1.2", max11)
}

func tls10Refused() *Scenario {
	return oldRefused("tls-1-0-refused", "A client that offers TLS 1.0 alone is refused by a policy that begins with TLS 1.2", only10)
}

func oldRefused(name, doc string, change func(*clients.Profile)) *Scenario {
	return &Scenario{
		Name:  name,
		Doc:   doc,
		Spec:  listen(policyTLS13),
		Steps: []Step{{Name: "old-client", Listener: https, Profile: curl(change), Want: refused("no-common-version")}},
		Want:  Want{Metrics: refusedMetrics(1)},
	}
}

// oldClientAccepted shows how old clients are counted before a policy is tightened: by ssl_protocol in the access log.
func oldClientAccepted() *Scenario {
	w := success("TLSv1.1", "ECDHE-RSA-AES128-SHA", "secp256r1", "http/1.1", "fixed-response") // HTTP/2 needs TLS 1.2: RFC 9113, section 9.2
	w.Client.Versions = []wire.Version{wire.TLS11}
	w.Client.Suites = []wire.Suite{ecdheRSAAES128SHA}
	return &Scenario{
		Name:  "tls-1-1-accepted",
		Doc:   "The same client is accepted under a laxer policy, and the access log shows its version",
		Spec:  listen(policy2016),
		Steps: []Step{{Name: "old-client", Listener: https, Profile: curl(max11), Want: w}},
	}
}
