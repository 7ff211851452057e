package scenarios

import (
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

func tls12HTTP1() *Scenario {
	return completes("tls-1-2-http-1-1", "TLS 1.2 and HTTP/1.1: a handshake completes and is logged everywhere",
		both(max12, http1), ecdheRSAAES128GCM, success("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "x25519", "http/1.1", "fixed-response"))
}

func tls12H2() *Scenario {
	return completes("tls-1-2-h2", "TLS 1.2 and HTTP/2: the same, with the access log's type h2",
		max12, ecdheRSAAES128GCM, success("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "x25519", "h2", "fixed-response"))
}

func tls13HTTP1() *Scenario {
	return completes("tls-1-3-http-1-1", "TLS 1.3 and HTTP/1.1",
		http1, aes128GCM13, success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "http/1.1", "fixed-response"))
}

func tls13H2() *Scenario {
	return completes("tls-1-3-h2", "TLS 1.3 and HTTP/2",
		nil, aes128GCM13, success("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "h2", "fixed-response"))
}

// completes is a scenario of one good client and two requests on its connection.
func completes(name, doc string, change func(*clients.Profile), suite wire.Suite, w ConnWant) *Scenario {
	w.Client.Suites = []wire.Suite{suite}
	w.Client.Groups = []wire.Group{wire.X25519}
	w.Client.Body = "alblab ok"
	return &Scenario{
		Name:  name,
		Doc:   doc,
		Spec:  listen(policyTLS13),
		Steps: []Step{{Name: "curl", Listener: https, Profile: curl(change), Requests: 2, Want: w}},
	}
}
