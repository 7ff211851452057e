package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// mtlsKinds is a scenario for each kind of client certificate at a listener in verify mode, mtls-verify-KIND, under TLS 1.2
// and TLS 1.3: what pki's table says of the kind must be found. slow chooses the kinds whose keys take seconds to make.
func mtlsKinds(slow bool) []*Scenario {
	var out []*Scenario
	for _, info := range pki.Kinds() {
		if info.Slow == slow {
			out = append(out, mtlsKind(info))
		}
	}
	return out
}

// certVersion is a version that client certificates are tried with, and what a good client negotiates there.
type certVersion struct {
	name, version, cipher string
	change                func(*clients.Profile)
}

var (
	certTLS12 = certVersion{"tls-1-2", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", max12}
	certTLS13 = certVersion{"tls-1-3", "TLSv1.3", "TLS_AES_128_GCM_SHA256", nil}
)

func certVersions(info pki.KindInfo) []certVersion {
	switch {
	case info.TLS12:
		return []certVersion{certTLS12}
	case info.Kind == pki.KindEd25519:
		// The embedded load balancer's library asks for Ed25519 too, so its client sends the certificate. Only under TLS 1.3,
		// which encrypts it, is the evidence that of a client that found its key unwanted and sent none.
		return []certVersion{certTLS13}
	}
	return []certVersion{certTLS12, certTLS13}
}

func mtlsKind(info pki.KindInfo) *Scenario {
	s := &Scenario{Name: "mtls-verify-" + string(info.Kind), Spec: verifySpec(policyTLS13)}
	for _, v := range certVersions(info) {
		st := Step{Name: v.name, Listener: https, Profile: curl(v.change), Cert: info.Kind, Want: certWant(info, v)}
		s.Steps = append(s.Steps, st)
	}
	n := len(s.Steps)
	if info.Code == "" {
		s.Doc = "Accepted: a client certificate " + info.Doc
		s.Want.WAF = map[string]int{"ALLOW": n}
		return s
	}
	s.Doc = "Refused with " + info.Code + ": a client certificate " + info.Doc
	s.Want.Metrics = refusedMetrics(int64(n))
	if info.Assumed {
		s.Assumed = assume(info.Code+" for a certificate "+info.Doc, FactConnection, FactFinding, FactClient)
	}
	if info.Injected {
		s.Needs = []lab.Capability{lab.CertFaults}
		s.Spec.Embedded = &lab.Embedded{CertificateFaults: map[string]string{"client " + string(info.Kind): info.Code}}
	}
	return s
}

// certWant is what one connection with a kind of certificate leaves behind. The load balancer gave its whole flight before it
// read the certificate; under TLS 1.3 the client believes the handshake complete by then and sees the reset at one of several
// moments.
func certWant(info pki.KindInfo, v certVersion) ConnWant {
	if info.Code == "" {
		w := success(v.version, v.cipher, "x25519", "h2", "fixed-response")
		w.Line.Subject = true
		w.In.Packets, w.In.Bytes = Between(6, 40), Between(700, 12000)
		return w
	}
	w := noCertificate(v.version, v.cipher, "x25519")
	w.Line.Status = "Failed:" + info.Code
	w.Line.Subject = true
	w.In = &FlowWant{Packets: Between(4, 16), Bytes: Between(900, 8000), Flags: []int{2}}
	w.Signature = "client-certificate-refused"
	switch info.Kind {
	case pki.KindEd25519:
		w.Signature, w.Line.Subject = "client-certificate-missing", false
	case pki.KindMalformed: // it could not be parsed
		w.Line.Subject = false
	case pki.KindTooLarge: // nor is this one
		w.Line.Subject = false
		w.In = &FlowWant{Packets: Between(40, 120), Bytes: Between(66000, 90000), Flags: []int{2}}
		w.Out = &FlowWant{Packets: Between(6, 80), Bytes: Between(1000, 12000), Flags: []int{22}}
	}
	return w
}

// policyStrict wants P-384 and SHA-384 in the whole chain of client certificates too (RFC 9151).
const policyStrict = "ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07"

// strictSpec is the second and last listener in verify mode that a load balancer may have: it ignores expiry, names its
// authorities and forwards to the lab's target.
func strictSpec() lab.Spec {
	return lab.Spec{
		Listeners: map[string]lab.Listener{https: {
			SSLPolicy: policyStrict, Certificate: "ecdsa:p384:sha384", MTLSMode: "verify",
			IgnoreClientCertificateExpiry: true, AdvertiseCANames: true, DefaultAction: lab.Action{Type: "forward"},
		}},
		WAF: web(),
	}
}

// strict is curl with the group of RFC 9151.
func strict(p *clients.Profile) { p.Groups = []wire.Group{wire.SECP384R1} }

// mtlsIncompatible: a good certificate is refused for what it is signed with.
func mtlsIncompatible() *Scenario {
	info := pki.KindInfo{Kind: pki.KindGoodECDSA, Code: pki.CodeIncompatible}
	w := certWant(info, certVersion{"", "TLSv1.3", "TLS_AES_256_GCM_SHA384", nil})
	w.Line.KeyExchange = "secp384r1"
	return &Scenario{
		Name:    "mtls-verify-incompatible",
		Doc:     "Refused with ClientCertIncompatible: a good certificate signed with SHA-256, where the policy wants SHA-384",
		Spec:    strictSpec(),
		Steps:   []Step{{Name: "sha-256", Listener: https, Profile: curl(strict), Cert: info.Kind, Want: w}},
		Want:    Want{Metrics: refusedMetrics(1)},
		Assumed: assume("the policy's list of certificate signatures binds client certificates", FactConnection, FactFinding, FactClient, FactMetrics),
	}
}

// verifyHeaders are what the target gets of a verified certificate
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html).
func verifyHeaders() map[string]bool {
	return map[string]bool{
		headerClientcert: false, headerClientcert + "-Serial-Number": true, headerClientcert + "-Issuer": true,
		headerClientcert + "-Subject": true, headerClientcert + "-Validity": true, headerClientcert + "-Leaf": true,
	}
}

// strictSuccess is a request of a client with a certificate that the strict listener takes.
func strictSuccess() ConnWant {
	w := success("TLSv1.3", "TLS_AES_256_GCM_SHA384", "secp384r1", "h2", "forward")
	w.Line.Subject = true
	w.Header = verifyHeaders()
	w.Client.CANames = []int{2}
	w.In.Bytes, w.Out.Bytes = Between(700, 12000), Between(1200, 16000)
	return w
}

func mtlsHeaders() *Scenario {
	return &Scenario{
		Name:  "mtls-verify-headers",
		Doc:   "In verify mode the listener names its authorities, and the target gets five headers about the certificate",
		Spec:  strictSpec(),
		Steps: []Step{{Name: "good-certificate", Listener: https, Profile: curl(strict), Cert: pki.KindGoodStrict, Want: strictSuccess()}},
		Want:  Want{WAF: map[string]int{"ALLOW": 1}},
	}
}

func mtlsIgnoreExpiry() *Scenario {
	return &Scenario{
		Name:  "mtls-verify-ignore-expiry",
		Doc:   "A listener that ignores expiry lets an expired certificate pass",
		Spec:  strictSpec(),
		Steps: []Step{{Name: "expired", Listener: https, Profile: curl(strict), Cert: pki.KindExpiredStrict, Want: strictSuccess()}},
		Want:  Want{WAF: map[string]int{"ALLOW": 1}},
	}
}

// passthroughBadCertificates: what verify mode refuses for its contents, passthrough mode hands on.
func passthroughBadCertificates() *Scenario {
	s := &Scenario{
		Name: "mtls-passthrough-bad-certificates",
		Doc:  "In passthrough mode certificates that verify mode refuses for their contents reach the target",
		Spec: passthroughSpec(),
	}
	for _, k := range []pki.Kind{pki.KindExpired, pki.KindNotYetValid, pki.KindSelfSigned, pki.KindWrongPurpose, pki.KindRevoked, pki.KindNotCA, pki.KindDeepChain} {
		w := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "forward")
		w.Header = map[string]bool{headerClientcert: true, headerClientcert + "-Subject": false}
		w.Line.Subject = true
		w.In.Bytes, w.Out.Bytes = Between(700, 12000), Between(1200, 16000)
		s.Steps = append(s.Steps, Step{Name: string(k), Listener: https, Profile: curl(nil), Cert: k, Want: w})
	}
	return s
}
