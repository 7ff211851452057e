package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

// hybrid offers X25519MLKEM768 first, with a share of it: its hello takes two segments.
func hybrid(p *clients.Profile) {
	p.Groups = []wire.Group{wire.X25519MLKEM768, wire.X25519, wire.SECP256R1}
	p.KeyShares = []wire.Group{wire.X25519MLKEM768, wire.X25519}
}

func postQuantumAccepted() *Scenario {
	w := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768", "h2", "fixed-response")
	w.Client.Groups = []wire.Group{wire.X25519MLKEM768}
	w.In.Packets.Min++ // the hello's second segment
	w.In.Bytes = Between(2000, 6000)
	return &Scenario{
		Name:  "post-quantum-accepted",
		Doc:   "A post-quantum hello, two segments long, is accepted, and the connection log names the hybrid group",
		Spec:  listen(policyPQ),
		Steps: []Step{{Name: "hybrid", Listener: https, Profile: curl(hybrid), Want: w}},
	}
}

// postQuantumRefused shows that a refusal need not be three packets: the count follows from the hello's length.
func postQuantumRefused() *Scenario {
	only := curl(both(only13, func(p *clients.Profile) {
		p.Groups = []wire.Group{wire.X25519MLKEM768}
		p.HelloLen = 1700 // as long as a browser's
	}))
	return &Scenario{
		Name:  "post-quantum-refused",
		Doc:   "A client that insists on a post-quantum group is refused by a policy without one: a packet more than in experiment 1",
		Spec:  listen(policyTLS13),
		Steps: []Step{{Name: "hybrid-only", Listener: https, Profile: only, Want: refused("no-common-group")}},
		Want:  Want{Metrics: refusedMetrics(1)},
	}
}
