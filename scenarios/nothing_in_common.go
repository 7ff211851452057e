package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

func noCommonSuite() *Scenario {
	rsaOnly := curl(both(max12, func(p *clients.Profile) { p.Suites = []wire.Suite{rsaAES128GCM, rsaAES128SHA} }))
	return &Scenario{
		Name:  "no-common-suite",
		Doc:   "A client that offers only suites without forward secrecy is refused by a policy that has none of them",
		Spec:  listen(policyTLS13Res),
		Steps: []Step{{Name: "rsa-key-exchange-only", Listener: https, Profile: rsaOnly, Want: refused("no-common-suite")}},
		Want:  Want{Metrics: refusedMetrics(1)},
	}
}

func noCommonGroup() *Scenario {
	x25519Only := curl(both(only13, func(p *clients.Profile) {
		p.Groups, p.KeyShares = []wire.Group{wire.X25519}, []wire.Group{wire.X25519}
	}))
	return &Scenario{
		Name:  "no-common-group",
		Doc:   "A client that knows X25519 alone is refused by a FIPS policy, which has only NIST curves",
		Spec:  listen(policyFIPS),
		Steps: []Step{{Name: "x25519-only", Listener: https, Profile: x25519Only, Want: refused("no-common-group")}},
		Want:  Want{Metrics: refusedMetrics(1)},
	}
}
