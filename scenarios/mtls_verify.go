package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// verifySpec is a listener that verifies client certificates, behind a web ACL.
func verifySpec(policy string) lab.Spec {
	s := listen(policy)
	l := s.Listeners[https]
	l.MTLSMode = "verify"
	s.Listeners[https] = l
	s.WAF = web()
	return s
}

// noCertificate is what a client leaves behind that has no certificate where one is verified: experiment 2. The
// load balancer gave its whole first flight, so the reset comes after the client's Finished (TLS 1.2) or after the
// client thinks the handshake complete (TLS 1.3): there the request may be under way, and curl's exit code varies.
func noCertificate(version, cipher, group string) ConnWant {
	w := ConnWant{
		Client: ClientWant{
			Stages: []wire.Stage{wire.StageHandshake}, Endings: []wire.Ending{wire.EndingReset}, Exit: []int{35},
		},
		Signature: "client-certificate-missing",
		In:        &FlowWant{Packets: Between(4, 12), Bytes: Between(500, 4000), Flags: []int{2}},
		Out:       &FlowWant{Packets: Between(4, 12), Bytes: Between(1000, 8000), Flags: []int{22}},
		Line:      &LineWant{Status: "Failed:UnmappedConnectionError", Version: version, Cipher: cipher, KeyExchange: group},
		Capture:   "hello, then reset",
	}
	if version == "TLSv1.3" {
		w.Client.Stages = []wire.Stage{wire.StageHandshake, wire.StageRequest}
		w.Client.Exit = []int{35, 56, 16, 55, 52}
	}
	return w
}

func mtlsNoCertificateTLS12() *Scenario {
	return withoutCertificate("mtls-verify-no-certificate-tls-1-2",
		"Under TLS 1.2 a client without a certificate is reset after its Finished, and WAF sees nothing", max12,
		noCertificate("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "x25519"))
}

func mtlsNoCertificateTLS13() *Scenario {
	return withoutCertificate("mtls-verify-no-certificate-tls-1-3",
		"Under TLS 1.3 the client thinks the handshake complete and is reset then; WAF sees nothing", nil,
		noCertificate("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519"))
}

func withoutCertificate(name, doc string, change func(*clients.Profile), w ConnWant) *Scenario {
	return &Scenario{
		Name:  name,
		Doc:   doc,
		Spec:  verifySpec(policyTLS13),
		Steps: []Step{{Name: "no-certificate", Listener: https, Profile: curl(change), Want: w}},
		Want:  Want{Metrics: refusedMetrics(1)},
	}
}

func mtlsRightCertificate() *Scenario {
	w := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "fixed-response")
	w.Line.Subject = true
	return &Scenario{
		Name:  "mtls-verify-right-certificate",
		Doc:   "With the right certificate three requests pass, and WAF has three ALLOW records",
		Spec:  verifySpec(policyTLS13),
		Steps: []Step{{Name: "good-certificate", Listener: https, Profile: curl(nil), Cert: pki.KindGoodECDSA, Times: 3, Want: w}},
		Want:  Want{WAF: map[string]int{"ALLOW": 3}},
	}
}
