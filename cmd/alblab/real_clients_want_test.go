package main

import "github.com/alblab/alblab/lab"

// The policies of the real clients' cases: fs12 is experiment 1's, rfc9151 has the group secp384r1 alone.
const (
	modern  = "TLS13-1-2-2021-06"
	only13  = "TLS13-1-3-2021-06"
	fs12    = "FS-1-2-Res-2020-10"
	rfc9151 = "TLS13-1-2-RFC9151-FIPS-2023-07"
	legacy  = "2016-08"
)

// offering is a listener without client certificates, verify one that demands them.
func offering(policy string) lab.Listener { return lab.Listener{SSLPolicy: policy} }

func verify(policy string) lab.Listener { return lab.Listener{SSLPolicy: policy, MTLSMode: "verify"} }

// strict is a listener that speaks P-384 and nothing else.
func strict() lab.Listener { return lab.Listener{SSLPolicy: rfc9151, Certificate: "ecdsa:p384:sha384"} }

// accepted is the evidence of a connection and its requests. The suite and the group are those that come first in
// TLS13-1-2-2021-06, FS-1-2-Res-2020-10 and 2016-08, in this order, with an RSA certificate.
func accepted(protocol, kind string, requests int) realWant {
	w := realWant{connections: 1, protocol: protocol, kind: kind, requests: requests, signature: "completed"}
	switch protocol {
	case "TLSv1.3":
		w.cipher, w.group = "TLS_AES_128_GCM_SHA256", "x25519"
	case "TLSv1.2":
		w.cipher, w.group = "ECDHE-RSA-AES128-GCM-SHA256", "secp256r1"
	default:
		w.cipher, w.group = "ECDHE-RSA-AES128-SHA", "secp256r1"
	}
	return w
}

// refusedFirst is the evidence of a hello that is refused at once.
func refusedFirst(signature string) realWant {
	return realWant{connections: 1, status: "UnmappedConnectionError", signature: signature}
}

// noCert and badCert are the evidence of a client certificate that is missing, and of one that is refused.
func noCert(protocol string) realWant {
	w := accepted(protocol, "", 0)
	w.status, w.signature = "UnmappedConnectionError", "client-certificate-missing"
	return w
}

func badCert(protocol, status string) realWant {
	w := accepted(protocol, "", 0)
	w.status, w.signature = status, "client-certificate-refused"
	return w
}

// anyNumber is for programs that open connections ahead, or try again.
func anyNumber(w realWant) realWant {
	w.connections = 0
	if w.requests > 0 {
		w.requests = -1
	}
	return w
}
