package main

import (
	"path/filepath"
	"regexp"
	"testing"
)

// nodeClient is Node's https and http2, all cases at once in one process of testdata/clients/client.js.
func nodeClient() realClient {
	return realClient{
		program: "node",
		cases:   append(nodeTLSCases(), nodeCertificateCases()...),
		batch: func(t *testing.T, program string, args [][]string) map[string]realOutput {
			script := filepath.Join("testdata", "clients", "client.js")
			return batchLines(t, program, script, args, regexp.MustCompile(`"name":"([^"]+)"`), regexp.MustCompile(`"error":`))
		},
	}
}

// okNode is the line of a call that went well; the session's version and suite are Node's own words.
func okNode(protocol, suite, alpn, statuses string) []string {
	return []string{
		`"protocol":"` + protocol + `"`, `"cipher":"` + suite + `"`, `"alpn":"` + alpn + `"`, `"statuses":\[` + statuses + `\]`,
		`"bodies":\["alblab ok"`, `"server":"awselb/2\.0"`,
	}
}

// nodeReset is a reset in the handshake. nodeLate is one after it, where Node may find it when it writes, and its HTTP/2
// session may end without naming an error.
var (
	nodeReset = []string{`"code":"ECONNRESET"`}
	nodeLate  = []string{`"code":"(ECONNRESET|EPIPE|CLOSED)"`}
)

func nodeTLSCases() []realCase {
	old := []string{"min=TLSv1", "max=TLSv1.1", "ciphers=DEFAULT:@SECLEVEL=0"}
	return []realCase{
		{
			name: "http1", listener: offering(modern),
			says: okNode(`TLSv1\.3`, "TLS_AES_128_GCM_SHA256", `http/1\.1`, "200"), want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "h2", listener: offering(modern), args: []string{"http=2", "requests=3"},
			says: okNode(`TLSv1\.3`, "TLS_AES_128_GCM_SHA256", "h2", "200,200,200"), want: accepted("TLSv1.3", "h2", 3),
		}, {
			name: "h2-tls12", listener: offering(fs12), args: []string{"http=2"},
			says: okNode(`TLSv1\.2`, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "h2", "200"), want: accepted("TLSv1.2", "h2", 1),
		}, {
			name: "tls11", listener: offering(legacy), args: old,
			says: okNode(`TLSv1\.1`, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", `http/1\.1`, "200"), want: accepted("TLSv1.1", "https", 1),
		}, {
			name: "tls11-refused", listener: offering(fs12), args: old, fail: true,
			says: nodeReset, want: refusedFirst("no-common-version"),
		}, {
			name: "h2-refused", listener: offering(only13), args: []string{"http=2", "max=TLSv1.2"}, fail: true,
			says: nodeReset, want: refusedFirst("no-common-version"),
		}, {
			name: "suite-refused", listener: offering(fs12), args: []string{"max=TLSv1.2", "ciphers=AES128-GCM-SHA256"}, fail: true,
			says: nodeReset, want: refusedFirst("no-common-suite"),
		},
	}
}

func nodeCertificateCases() []realCase {
	return []realCase{
		{
			name: "mtls12-none", listener: verify(fs12), fail: true,
			says: nodeReset, want: noCert("TLSv1.2"),
		}, {
			name: "mtls13-none-h2", listener: verify(modern), args: []string{"http=2"}, fail: true,
			says: nodeLate, want: noCert("TLSv1.3"),
		}, {
			name: "mtls12-ecdsa", listener: verify(fs12), args: []string{"cert={ecdsa}", "key={ecdsa-key}"},
			says: okNode(`TLSv1\.2`, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", `http/1\.1`, "200"), want: accepted("TLSv1.2", "https", 1),
		}, {
			name: "mtls13-rsa-h2", listener: verify(modern), args: []string{"http=2", "cert={rsa}", "key={rsa-key}"},
			says: okNode(`TLSv1\.3`, "TLS_AES_128_GCM_SHA256", "h2", "200"), want: accepted("TLSv1.3", "h2", 1),
		}, {
			name: "mtls13-untrusted", listener: verify(modern), args: []string{"cert={untrusted}", "key={untrusted-key}"}, fail: true,
			says: nodeLate, want: badCert("TLSv1.3", "ClientCertUntrusted"),
		},
	}
}
