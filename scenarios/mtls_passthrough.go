package scenarios

import (
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
)

// passthroughSpec is a listener that hands client certificates on to the lab's target unverified.
func passthroughSpec() lab.Spec {
	s := listen(policyTLS13)
	l := s.Listeners[https]
	l.MTLSMode = "passthrough"
	l.DefaultAction.Type = "forward"
	s.Listeners[https] = l
	return s
}

// headerClientcert carries the chain in passthrough mode
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html).
const headerClientcert = "X-Amzn-Mtls-Clientcert"

func passthroughCertificate() *Scenario {
	w := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "forward")
	w.Header = map[string]bool{headerClientcert: true}
	w.Line.Subject = true
	return &Scenario{
		Name:  "mtls-passthrough-certificate",
		Doc:   "In passthrough mode any client certificate, even an untrusted one, reaches the target in a header",
		Spec:  passthroughSpec(),
		Steps: []Step{{Name: "untrusted-certificate", Listener: https, Profile: curl(nil), Cert: pki.KindUntrusted, Want: w}},
	}
}

func passthroughNoCertificate() *Scenario {
	w := success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "forward")
	w.Header = map[string]bool{headerClientcert: false}
	return &Scenario{
		Name:  "mtls-passthrough-no-certificate",
		Doc:   "In passthrough mode a client without a certificate is served, and the target gets no header",
		Spec:  passthroughSpec(),
		Steps: []Step{{Name: "no-certificate", Listener: https, Profile: curl(nil), Want: w}},
		Assumed: assume("passthrough without a certificate: the handshake completes and no header is sent",
			FactClient, FactFinding, FactFlow, FactConnection, FactAccess),
	}
}

// assume makes an assumption about several facts.
func assume(text string, facts ...Fact) []Assumption { return []Assumption{{text, facts}} }
