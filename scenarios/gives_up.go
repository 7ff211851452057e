package scenarios

import (
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/wire"
)

// assumedFailure: AWS says that the metric counts sessions that were not established, whoever failed to, and of the line's
// status that it is for everything else
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html,
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html).
func assumedFailure() []Assumption {
	return assume("a client that ends the handshake itself leaves an unmapped line and one negotiation error, and the load balancer closes with a FIN",
		FactFinding, FactFlow, FactConnection, FactMetrics)
}

func serverDistrusted() *Scenario {
	want := func(version string) ConnWant {
		return ConnWant{
			Client:    ClientWant{Stages: []wire.Stage{wire.StageHandshake}, Exit: []int{60}},
			Signature: "server-certificate-distrusted",
			Line:      &LineWant{Status: "Failed:UnmappedConnectionError", Version: version, AnyCipher: true},
		}
	}
	return &Scenario{
		Name: "server-distrusted",
		Doc:  "A client that does not know the CA of the server's certificate ends the handshake with its own alert: it looks like a refusal and is none",
		Spec: listen(policyTLS13),
		Steps: []Step{
			{Name: "tls12", Listener: https, Profile: curl(max12), Distrust: true, Want: want("TLSv1.2")},
			{Name: "tls13", Listener: https, Profile: curl(only13), Distrust: true, Want: want("TLSv1.3")},
		},
		Want:    Want{Metrics: refusedMetrics(2)},
		Assumed: assumedFailure(),
	}
}

func clientGivesUp() *Scenario {
	want := func(version string, in, out []int) ConnWant {
		w := ConnWant{
			Signature: "closed-by-client",
			In:        &FlowWant{Packets: Between(3, 8), Bytes: Between(150, 2000), Flags: in},
			Out:       &FlowWant{Packets: Between(1, 8), Bytes: Between(60, 5000), Flags: out},
			Line:      &LineWant{Status: "Failed:UnmappedConnectionError", Version: version, AnyCipher: true},
		}
		return w
	}
	quit := func(name string, when clients.Quit, cut int, by wire.Ending, w ConnWant) Step {
		return Step{Name: name, Listener: https, Profile: curl(max12), Manner: &clients.Manner{Quit: when, Cut: cut, By: by}, Want: w}
	}
	return &Scenario{
		Name: "client-gives-up",
		Doc:  "Clients that leave in the middle of the handshake, by FIN or by reset, within the hello or after the load balancer's flight",
		Spec: listen(policyTLS13),
		Steps: []Step{
			quit("half-hello-fin", clients.QuitHello, 100, wire.EndingFIN, want("", []int{3}, []int{19})),
			quit("flight-fin", clients.QuitFlight, 0, wire.EndingFIN, want("TLSv1.2", []int{3}, []int{19})),
			quit("flight-reset", clients.QuitFlight, 0, wire.EndingReset, want("TLSv1.2", []int{6}, []int{18})),
		},
		Want:    Want{Metrics: refusedMetrics(3)},
		Assumed: assumedFailure(),
	}
}

func clientFallsSilent() *Scenario {
	want := func(version string) ConnWant {
		return ConnWant{
			Signature: "handshake-timeout",
			In:        &FlowWant{Packets: Between(4, 8), Bytes: Between(250, 2000), Flags: []int{3}},
			Out:       &FlowWant{Packets: Between(3, 8), Bytes: Between(160, 5000), Flags: []int{19}},
			Line:      &LineWant{Status: "Failed:UnmappedConnectionError", Version: version, AnyCipher: true},
			Capture:   "fin",
		}
	}
	return &Scenario{
		Name:  "client-falls-silent",
		Doc:   "Clients that stop within the hello, or after the load balancer's flight, until the idle timeout: the load balancer closes, and refuses nothing",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.VirtualClock},
		Steps: []Step{
			{Name: "half-hello", Listener: https, Profile: curl(max12), Outlast: 70 * time.Second,
				Manner: &clients.Manner{Quit: clients.QuitHello, Cut: 100, By: wire.EndingTimeout}, Want: want("")},
			{Name: "after-flight", Listener: https, Profile: curl(max12), Outlast: 70 * time.Second, Minute: 2,
				Manner: &clients.Manner{Quit: clients.QuitFlight, By: wire.EndingTimeout}, Want: want("TLSv1.2")},
		},
		Assumed: assume("the handshake ends by a FIN at the idle timeout, with an unmapped line", FactClient, FactFinding, FactFlow, FactConnection),
	}
}

func idleTimeout() *Scenario {
	w := success("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "x25519", "http/1.1", "fixed-response")
	w.Client = ClientWant{Stages: []wire.Stage{wire.StageRequest}}
	w.In, w.Out = nil, nil // the late request is answered by a reset, in a window of its own
	w.Access, w.Capture = nil, ""
	w.Line.AnyCipher = true
	return &Scenario{
		Name:  "idle-timeout",
		Doc:   "A client sends its request after the load balancer's idle timeout: its connection is gone, which looks like a refusal to the client; the handshake was good",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.VirtualClock},
		Steps: []Step{{
			Name: "late-request", Listener: https, Profile: curl(both(max12, http1)), Outlast: 90 * time.Second,
			Manner: &clients.Manner{Waits: []clients.Wait{{Before: 3, For: 70 * time.Second}}}, Want: w,
		}},
	}
}
