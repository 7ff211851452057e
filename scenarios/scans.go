package scenarios

import (
	"fmt"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/wire"
)

func portScan() *Scenario {
	s := &Scenario{
		Name:  "port-scan",
		Doc:   "One address tries six ports that the security group keeps closed: REJECT for each, and one finding for what they are together",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.RawPackets, lab.SecondAddress},
		Want:  Want{Metrics: []Metrics{{}}},
	}
	for _, port := range []int{22, 80, 3306, 3389, 5432, 8080} {
		s.Steps = append(s.Steps, Step{
			Name: fmt.Sprintf("port-%d", port), Action: SYN, Listener: fmt.Sprintf(":%d", port), From: lab.Vantage{Client: 9},
			Want: ConnWant{Signature: "port-scan", Reject: true, In: &FlowWant{Packets: Exactly(1), Bytes: Between(40, sizeSYN), Flags: []int{2}}},
		})
	}
	return s
}

func healthCheck() *Scenario {
	want := func(in, out *FlowWant) ConnWant { return ConnWant{Signature: "connect-and-close", In: in, Out: out} }
	return &Scenario{
		Name: "health-check",
		Doc:  "Health checks by TCP connect and close: as few packets as a refusal, which the published filter takes them for, and no data",
		Spec: listen(policyTLS13),
		Steps: []Step{
			{Name: "fin", Listener: https, Profile: curl(nil), Manner: &clients.Manner{Quit: clients.QuitConnect},
				Want: want(&FlowWant{Packets: Between(3, 5), Bytes: Between(164, 300), Flags: []int{3}}, &FlowWant{Packets: Between(2, 4), Bytes: Between(112, 250), Flags: []int{19}})},
			{Name: "reset", Listener: https, Profile: curl(nil), Manner: &clients.Manner{Quit: clients.QuitConnect, By: wire.EndingReset},
				Want: want(&FlowWant{Packets: Exactly(3), Bytes: Between(150, 200), Flags: []int{6}}, &FlowWant{Packets: Exactly(1), Bytes: Exactly(60), Flags: []int{18}})},
		},
		Want:    Want{Metrics: []Metrics{{"NewConnectionCount": Exactly(2)}}},
		Assumed: assume("a client that leaves without a byte leaves no line and no negotiation error", FactConnection, FactMetrics, FactFinding),
	}
}
