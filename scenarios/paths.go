package scenarios

import (
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
)

func windowEdge() *Scenario {
	w := inPieces("no-common-version")
	return &Scenario{
		Name:  "window-edge",
		Doc:   "A handshake across the end of a flow-log window: two records in each direction, of which neither looks like a refusal, and one connection",
		Spec:  listen(policyFS12Res),
		Needs: []lab.Capability{lab.VirtualClock},
		Steps: []Step{{
			Name: "across", Listener: https, Profile: curl(max11), Outlast: 70 * time.Second, Want: w, // begins at second 5 of its minute
			Manner: &clients.Manner{Waits: []clients.Wait{{Before: 1, For: 54 * time.Second}}, Segment: 60, Pause: 700 * time.Millisecond},
		}},
	}
}

func badPath() *Scenario {
	good := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "fixed-response")
	good.In, good.Out, good.Capture = nil, nil, ""
	bad := refused("no-common-version")
	bad.Refused = false
	bad.In = &FlowWant{Packets: Between(3, 8), Bytes: Between(300, 1200), Flags: []int{2}}
	bad.Out = &FlowWant{Packets: Between(3, 8), Bytes: Between(164, 600), Flags: []int{22}}
	bad.Capture = ""
	step := func(name string, tls13 bool, l lab.Link) Step {
		st := Step{Name: name, Listener: https, From: lab.Vantage{Client: 7}, Link: l, Outlast: 50 * time.Second, Profile: curl(max11), Want: bad}
		if tls13 {
			st.Profile, st.Want = curl(only13), good
		}
		return st
	}
	s := &Scenario{
		Name:  "bad-path",
		Doc:   "Packets are lost, doubled, delayed and overtaken on the way: more of them are seen, and what happened stays what it was",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.LinkFaults, lab.SecondAddress, lab.VirtualClock},
		Steps: []Step{
			step("syn-ack-lost", false, lab.Link{LoseOut: []int{1}}),
			step("hello-lost", false, lab.Link{LoseIn: []int{3}}),
			step("all-doubled", false, lab.Link{Duplicate: 1}),
			step("delayed", false, lab.Link{Delay: 150 * time.Millisecond}),
			step("session-flight-lost", true, lab.Link{LoseOut: []int{3}}),
			step("session-overtaken", true, lab.Link{Reorder: 0.3, Late: 30 * time.Millisecond, Seed: 1}),
			step("session-lossy", true, lab.Link{Loss: 0.1, Seed: 2}),
		},
	}
	for i := range s.Steps {
		s.Steps[i].Minute = i
	}
	return s
}

func oneAddress() *Scenario {
	nat := lab.Vantage{Client: 8}
	good := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "fixed-response")
	step := func(name string, p *clients.Profile, w ConnWant) Step {
		return Step{Name: name, Listener: https, From: nat, Profile: p, Times: 2, Want: w}
	}
	return &Scenario{
		Name:  "one-address",
		Doc:   "Different clients behind one address translation: each connection is judged for itself, by its port",
		Spec:  listen(policyTLS13Res),
		Needs: []lab.Capability{lab.SecondAddress},
		Steps: []Step{
			step("old", curl(max11), refused("no-common-version")),
			step("new", curl(only13), good),
			step("older", curl(only10), refused("no-common-version")),
			step("weak", curl(func(p *clients.Profile) { max12(p); p.Suites = nil; p.Suites = append(p.Suites, rsaAES128SHA) }), refused("no-common-suite")),
		},
	}
}

// ipv6: the figures for a hello of 164 bytes would be 3 packets of 388 bytes and 3 of 224: 20 more for each packet.
func overIPv6() *Scenario {
	bad := refused("no-common-version")
	bad.Refused = false
	bad.In = &FlowWant{Packets: Exactly(3), Bytes: Between(360, 600), Flags: []int{2}}
	bad.Out = &FlowWant{Packets: Exactly(3), Bytes: Exactly(224), Flags: []int{22}}
	good := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "fixed-response")
	return &Scenario{
		Name:  "ipv6",
		Doc:   "The same over IPv6: headers of 60 bytes instead of 40, and nothing else is different",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.IPv6},
		Steps: []Step{
			{Name: "refused", Listener: https, From: lab.Vantage{IPv6: true}, Profile: curl(max11), Want: bad},
			{Name: "accepted", Listener: https, From: lab.Vantage{IPv6: true}, Profile: curl(only13), Want: good},
		},
	}
}
