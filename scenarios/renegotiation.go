package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

func renegotiation() *Scenario {
	w := success("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "x25519", "http/1.1", "fixed-response")
	w.Signature = "renegotiation-attempted"
	w.Capture = "hello, then reset"
	w.In = &FlowWant{Packets: Between(5, 30), Bytes: Between(500, 5000), Flags: []int{2}}
	w.Out = &FlowWant{Packets: Between(4, 30), Bytes: Between(1200, 12000), Flags: []int{22}}
	ends := []wire.Ending{wire.EndingReset}
	answered := w
	answered.Client = ClientWant{Stages: []wire.Stage{wire.StageResponse}, Endings: ends, Status: []int{200}, Server: "awselb/2.0"}
	w.Client = ClientWant{Stages: []wire.Stage{wire.StageRequest}, Endings: ends}
	w.Access = nil
	ask := func(name string, how clients.Renegotiate, w ConnWant) Step {
		return Step{Name: name, Listener: https, Profile: curl(both(max12, http1)), Manner: &clients.Manner{Renegotiate: how}, Want: w}
	}
	metrics := responseMetrics(1)
	metrics["NewConnectionCount"], metrics["ActiveConnectionCount"] = Exactly(3), Between(1, 3)
	return &Scenario{
		Name: "renegotiation",
		Doc:  "A client asks for another handshake within its session, at once, after a response, or without the session's keys: the load balancer ends the connection, and counts no negotiation error",
		Spec: listen(policyTLS13),
		Steps: []Step{
			ask("at-once", clients.RenegotiateAtOnce, w),
			ask("after-response", clients.RenegotiateLater, answered),
			ask("in-clear", clients.RenegotiateInClear, w),
		},
		Want: Want{Metrics: []Metrics{metrics}},
		// That it is not supported is documented (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html).
		Assumed: assume("an attempt to renegotiate is answered by a reset, and the session stays a success in log and metrics",
			FactClient, FactFinding, FactFlow, FactConnection, FactMetrics, FactCapture),
	}
}
