package scenarios

import (
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/wire"
)

// closedPort: REJECT is the word for what the security group stops
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html).
func closedPort() *Scenario {
	return &Scenario{
		Name: "closed-port",
		Doc:  "A port that the security group leaves closed: REJECT in the flow log, nothing anywhere else",
		Spec: listen(policyTLS13),
		Steps: []Step{{Name: "connect", Action: Probe, Listener: ":8080", Want: ConnWant{
			Signature: "security-group-reject",
			Reject:    true,
			In:        &FlowWant{Packets: Between(1, 8), Bytes: Between(40, 8*sizeSYN), Flags: []int{2}},
		}}},
		Want: Want{Metrics: []Metrics{{}}},
	}
}

func synScan() *Scenario {
	return &Scenario{
		Name:  "syn-scan",
		Doc:   "A half-open scan: SYN, SYN-ACK, RST. ACCEPT in the flow log, and no line in the load balancer's logs",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.RawPackets},
		Steps: []Step{{Name: "syn", Action: SYN, Listener: https, Want: ConnWant{
			Signature: "half-open-scan",
			In:        &FlowWant{Packets: Exactly(2), Bytes: Between(80, 2*sizeSYN), Flags: []int{6}},
			Out:       &FlowWant{Packets: Exactly(1), Bytes: Between(40, sizeSYN), Flags: []int{18}},
		}}},
		Want:    Want{Metrics: []Metrics{{}}},
		Assumed: assume("a half-open connection counts in no metric", FactMetrics),
	}
}

func connectSilent() *Scenario {
	return &Scenario{
		Name:  "connect-silent",
		Doc:   "A client connects and says nothing: the load balancer closes at its idle timeout and logs nothing",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.VirtualClock},
		Steps: []Step{{
			Name: "silence", Listener: https, Profile: &clients.Profile{Name: "silent", Kind: clients.KindSilent},
			Outlast: 61 * time.Second, // the default idle timeout of 60 s
			Want: ConnWant{
				Client:    ClientWant{Stages: []wire.Stage{wire.StageSilent}, Endings: []wire.Ending{wire.EndingFIN}},
				Signature: "connected-no-data",
				In:        &FlowWant{Packets: Between(3, 5), Bytes: Between(164, 300), Flags: []int{3}},
				Out:       &FlowWant{Packets: Between(2, 4), Bytes: Between(112, 250), Flags: []int{19}},
				Capture:   "fin",
			},
		}},
		Want:    Want{Metrics: []Metrics{{"NewConnectionCount": Exactly(1)}, {}}},
		Assumed: assume("silence: FIN at the idle timeout, no line in the connection log, no negotiation error", FactClient, FactFinding, FactFlow, FactConnection, FactMetrics),
	}
}

func plainHTTP() *Scenario {
	return &Scenario{
		Name: "plain-http",
		Doc:  "Plain HTTP sent to the TLS port is reset, with an unmapped line and one negotiation error",
		Spec: listen(policyTLS13),
		Steps: []Step{{
			Name: "http-get", Listener: https,
			Profile: &clients.Profile{Name: "plain-http", Kind: clients.KindRaw, Raw: []byte("GET / HTTP/1.1\r\nHost: lab.example\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n")},
			Want: ConnWant{
				Client:    ClientWant{Stages: []wire.Stage{wire.StageHello}, Endings: []wire.Ending{wire.EndingReset}},
				Signature: "not-tls",
				Refused:   true,
				Line:      &LineWant{Status: "Failed:UnmappedConnectionError"},
			},
		}},
		Want:    Want{Metrics: refusedMetrics(1)},
		Assumed: assume("plain HTTP: reset, an unmapped line in the connection log, one negotiation error", FactClient, FactFinding, FactFlow, FactConnection, FactMetrics),
	}
}
