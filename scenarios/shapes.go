package scenarios

import (
	"net/netip"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/wire"
)

// The policies that scenarios use.
const (
	policyFS12Res  = "ELBSecurityPolicy-FS-1-2-Res-2020-10"       // TLS 1.2 only; experiment 1's
	policy2016     = "ELBSecurityPolicy-2016-08"                  // TLS 1.0 to 1.2; the API's default
	policyTLS13    = "ELBSecurityPolicy-TLS13-1-2-2021-06"        // TLS 1.2 and 1.3
	policyTLS13Res = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"    // the same, forward secret AEAD suites only
	policyPQ       = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09" // with hybrid groups
	policyFIPS     = "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04"   // TLS 1.3 only, no X25519
)

// https is the name of a scenario's listener where it has but one.
const https = "https"

// listen is a Spec of one listener with an RSA certificate, so that suites have one right answer.
func listen(policy string) lab.Spec {
	return lab.Spec{Listeners: map[string]lab.Listener{https: {SSLPolicy: policy, Certificate: "rsa"}}}
}

// Suites by the names that IANA gives them.
const (
	rsaAES128GCM      wire.Suite = 0x009C // TLS_RSA_WITH_AES_128_GCM_SHA256
	rsaAES128SHA      wire.Suite = 0x002F // TLS_RSA_WITH_AES_128_CBC_SHA
	aes128GCM13       wire.Suite = 0x1301 // TLS_AES_128_GCM_SHA256
	ecdheRSAAES128SHA wire.Suite = 0xC013 // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
	ecdheRSAAES128GCM wire.Suite = 0xC02F // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
)

// curl is curl 7.88 with OpenSSL 3 as Debian ships it, and a change to it.
func curl(change func(*clients.Profile)) *clients.Profile {
	p := clients.Curl()
	if change != nil {
		change(p)
	}
	return p
}

// Changes to a profile.

func max11(p *clients.Profile)  { p.MinVersion, p.MaxVersion = wire.TLS10, wire.TLS11 }
func only10(p *clients.Profile) { p.MinVersion, p.MaxVersion = wire.TLS10, wire.TLS10 }
func max12(p *clients.Profile)  { p.MaxVersion = wire.TLS12 }
func only13(p *clients.Profile) { p.MinVersion, p.MaxVersion = wire.TLS13, wire.TLS13 }
func http1(p *clients.Profile)  { p.ALPN = []string{"http/1.1"} }

// both makes several changes.
func both(changes ...func(*clients.Profile)) func(*clients.Profile) {
	return func(p *clients.Profile) {
		for _, c := range changes {
			c(p)
		}
	}
}

// resetWords are curl's words for a reset during the handshake, by version of OpenSSL and curl.
var resetWords = []string{
	"OpenSSL SSL_connect: Connection reset by peer in connection to <host>:<port>",
	"Recv failure: Connection reset by peer",
}

// refused is what a hello leaves behind that the load balancer answers with a reset: sources: experiment 1, and for the
// line https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html.
func refused(signature string) ConnWant {
	return ConnWant{
		Client: ClientWant{
			Stages: []wire.Stage{wire.StageHello}, Endings: []wire.Ending{wire.EndingReset}, Exit: []int{35},
		},
		Signature: signature,
		Refused:   true,
		Line:      &LineWant{Status: "Failed:UnmappedConnectionError"},
		Capture:   "hello, then reset",
	}
}

// refusedMetrics are those of n refused connections and nothing else: experiment 2 names both and says that there are no
// others.
func refusedMetrics(n int64) []Metrics {
	return []Metrics{{"NewConnectionCount": Exactly(n), "ClientTLSNegotiationErrorCount": Exactly(n)}}
}

// responseMetrics are those of n connections with one request and a fixed response each, and nothing else
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html:
// RequestCount counts requests for which a target was chosen).
func responseMetrics(n int64) Metrics {
	return Metrics{
		"NewConnectionCount": Exactly(n), "HTTP_Fixed_Response_Count": Exactly(n), "ProcessedBytes": AtLeast(n),
		"ActiveConnectionCount": Between(1, n),
	}
}

// success is what n requests leave behind that got the fixed response, or the target's answer for "forward".
func success(version, cipher, group, alpn, actions string) ConnWant {
	typ := "https"
	if alpn == "h2" {
		typ = "h2"
	}
	w := ConnWant{
		Client: ClientWant{
			Stages: []wire.Stage{wire.StageResponse}, ALPN: []string{alpn}, Status: []int{200}, Exit: []int{0},
		},
		Signature: "completed",
		// Experiment 1: flags 3 and 19. Packets and bytes vary with acknowledgements and certificates.
		In:      &FlowWant{Packets: Between(6, 30), Bytes: Between(700, 5000), Flags: []int{3}},
		Out:     &FlowWant{Packets: Between(5, 30), Bytes: Between(1200, 12000), Flags: []int{19}},
		Line:    &LineWant{Status: "Success", Version: version, Cipher: cipher, KeyExchange: group},
		Access:  &AccessWant{Type: typ, Status: 200, Version: version, Cipher: cipher, Actions: actions},
		Capture: "fin",
	}
	if actions == "fixed-response" {
		w.Client.Server = "awselb/2.0"
	}
	return w
}

// web is the web ACL of experiment 2 with a rule that blocks one forwarded address.
func web() *lab.WAF {
	return &lab.WAF{IPReputation: true, BlockForwardedIPs: []netip.Prefix{netip.PrefixFrom(blockedAddress, 32)}}
}

// blockedAddress is the address that the web ACL's rule blocks (RFC 5737).
var blockedAddress = netip.AddrFrom4([4]byte{192, 0, 2, 66})
