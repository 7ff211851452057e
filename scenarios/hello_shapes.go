package scenarios

import (
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/wire"
)

// inPieces is a refused hello whose pieces make more packets than its length does.
func inPieces(signature string) ConnWant {
	w := refused(signature)
	w.Refused = false
	w.In = &FlowWant{Packets: Between(4, 20), Bytes: Between(300, 3000), Flags: []int{2}}
	w.Out = &FlowWant{Packets: Between(3, 20), Bytes: Between(164, 1500), Flags: []int{22}}
	return w
}

// uncompared does not compare the captured hello with what the client's library made: its records are others.
func uncompared(w ConnWant) ConnWant {
	w.Capture = ""
	return w
}

func splitHello() *Scenario {
	good := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "fixed-response")
	return &Scenario{
		Name: "split-hello",
		Doc:  "A hello in many segments, and one in many records: what is agreed, and what is refused, does not depend on it",
		Spec: listen(policyTLS13),
		Steps: []Step{
			{Name: "segments", Listener: https, Profile: curl(only13), Manner: &clients.Manner{Segment: 60}, Want: good},
			{Name: "records", Listener: https, Profile: curl(only13), Manner: &clients.Manner{Record: 40}, Want: uncompared(good)},
			{Name: "refused-segments", Listener: https, Profile: curl(max11), Manner: &clients.Manner{Segment: 40}, Want: inPieces("no-common-version")},
			{Name: "refused-records", Listener: https, Profile: curl(max11), Manner: &clients.Manner{Record: 40}, Want: func() ConnWant {
				w := inPieces("no-common-version")
				w.In.Packets = Between(3, 20)
				return uncompared(w)
			}()},
		},
	}
}

func helloTooLarge() *Scenario {
	// The header of a hello of 70,000 bytes, and the first record of it.
	raw := append([]byte{22, 3, 1, 0x40, 0, 1, 0x01, 0x11, 0x70, 3, 3}, make([]byte, 16384-6)...)
	w := refused("hello-too-large")
	w.Client.Exit = nil
	w.Refused = false
	w.Capture = ""
	w.In = &FlowWant{Packets: Between(3, 40), Bytes: Between(500, 20000), Flags: []int{2}}
	w.Out = &FlowWant{Packets: Between(2, 40), Bytes: Between(100, 3000), Flags: []int{22}}
	return &Scenario{
		Name: "hello-too-large",
		Doc:  "A hello that says it is longer than 64 K, the limit of a TLS message, is refused before it is all there",
		Spec: listen(policyTLS13),
		Steps: []Step{{Name: "70000-bytes", Listener: https, Want: w,
			Profile: &clients.Profile{Name: "too-large", Doc: "a hello of 70,000 bytes", Kind: clients.KindRaw, Raw: raw}}},
		Want:    Want{Metrics: refusedMetrics(1)},
		Assumed: assume("a hello beyond the limit is refused like any other, with an unmapped line", FactClient, FactFinding, FactFlow, FactConnection, FactMetrics),
	}
}

func slowHello() *Scenario {
	good := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "fixed-response")
	return &Scenario{
		Name:  "slow-hello",
		Doc:   "A hello that takes seconds is read; one that is not whole at the idle timeout ends like silence",
		Spec:  listen(policyTLS13),
		Needs: []lab.Capability{lab.VirtualClock},
		Steps: []Step{
			{Name: "seconds", Listener: https, Profile: curl(only13), Manner: &clients.Manner{Segment: 100, Pause: 2 * time.Second}, Outlast: time.Minute, Want: good},
			{Name: "refused-after-seconds", Listener: https, Profile: curl(max11), Manner: &clients.Manner{Segment: 50, Pause: 2 * time.Second},
				Minute: 1, Outlast: time.Minute, Want: inPieces("no-common-version")},
			{Name: "too-slow", Listener: https, Profile: curl(max11), Manner: &clients.Manner{Segment: 20, Pause: 15 * time.Second},
				Minute: 2, Outlast: 150 * time.Second, Want: ConnWant{
					Signature: "handshake-timeout",
					Line:      &LineWant{Status: "Failed:UnmappedConnectionError"},
				}},
		},
		Assumed: assume("the time for the handshake is the idle timeout, counted from the beginning", FactClient, FactFinding, FactFlow, FactConnection),
	}
}

func garbageBytes() *Scenario {
	raw := make([]byte, 300)
	for i := range raw {
		raw[i] = byte(37 * (i + 1)) // begins with 0x25, which is no record of TLS
	}
	return &Scenario{
		Name: "garbage",
		Doc:  "Bytes that are no protocol at all are refused at the first of them",
		Spec: listen(policyTLS13),
		Steps: []Step{{
			Name: "bytes", Listener: https, Profile: &clients.Profile{Name: "garbage", Doc: "no protocol", Kind: clients.KindRaw, Raw: raw},
			Want: ConnWant{
				Client:    ClientWant{Stages: []wire.Stage{wire.StageHello}, Endings: []wire.Ending{wire.EndingReset}},
				Signature: "not-tls",
				Refused:   true,
				Line:      &LineWant{Status: "Failed:UnmappedConnectionError"},
			},
		}},
		Want:    Want{Metrics: refusedMetrics(1)},
		Assumed: assume("what is no TLS is refused like a hello that cannot be agreed with", FactClient, FactFinding, FactFlow, FactConnection, FactMetrics),
	}
}

// fallbackSCSV is TLS_FALLBACK_SCSV, which says that a client tries again with less than it can (RFC 7507).
const fallbackSCSV wire.Suite = 0x5600

func fallbackRefused() *Scenario {
	retry := func(p *clients.Profile) {
		p.MaxVersion, p.Suites, p.ALPN = wire.TLS12, []wire.Suite{ecdheRSAAES128GCM, rsaAES128GCM, fallbackSCSV}, []string{"http/1.1"}
	}
	good := success("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "secp256r1", "http/1.1", "fixed-response")
	return &Scenario{
		Name: "fallback-scsv",
		Doc:  "TLS_FALLBACK_SCSV: a client that came back with TLS 1.2 is refused where 1.3 is spoken, and accepted where 1.2 is the best there is",
		Spec: lab.Spec{Listeners: map[string]lab.Listener{
			https:   {SSLPolicy: policyTLS13, Certificate: "rsa"},
			"tls12": {SSLPolicy: policyFS12Res, Certificate: "rsa"},
		}},
		Steps: []Step{
			{Name: "inappropriate", Listener: https, Profile: curl(retry), Want: refused("inappropriate-fallback")},
			{Name: "appropriate", Listener: "tls12", Profile: curl(retry), Want: good},
		},
	}
}
