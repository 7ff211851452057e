package main

import (
	"path/filepath"
	"regexp"
	"testing"
)

// javaClient is java.net.http.HttpClient, all cases in one run of testdata/clients/Client.java.
func javaClient() realClient {
	return realClient{
		program: "java",
		cases:   append(javaTLSCases(), javaCertificateCases()...),
		batch: func(t *testing.T, program string, args [][]string) map[string]realOutput {
			source := filepath.Join("testdata", "clients", "Client.java")
			return batchLines(t, program, source, args, regexp.MustCompile(`^(java-\S+)\t`), regexp.MustCompile(`^\S+\terror\t`))
		},
	}
}

func okJava(version, protocol, suite string) []string {
	return []string{`\tok\t` + version + `\t` + protocol + `\t` + suite + `\t200\tawselb/2\.0\talblab ok`}
}

// In the handshake a reset is an SSLHandshakeException; after it, as in TLS 1.3, an IOException of the HTTP client.
var (
	javaRefused = []string{`SSLHandshakeException: Remote host terminated the handshake`, `SocketException: Connection reset`}
	javaReset   = []string{`IOException.*(Connection reset|Broken pipe)`}
)

// HttpClient sends a GET once more if its connection breaks before an answer: hence anyNumber.
func javaTLSCases() []realCase {
	return []realCase{
		{
			name: "http1", listener: offering(modern), args: []string{"http=1"},
			says: okJava("HTTP_1_1", `TLSv1\.3`, "TLS_AES_128_GCM_SHA256"), want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "h2", listener: offering(modern), args: []string{"http=2", "requests=3"},
			says: okJava("HTTP_2", `TLSv1\.3`, "TLS_AES_128_GCM_SHA256"), want: accepted("TLSv1.3", "h2", 3),
		}, {
			name: "h2-tls12", listener: offering(fs12), args: []string{"http=2"},
			says: okJava("HTTP_2", `TLSv1\.2`, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), want: accepted("TLSv1.2", "h2", 1),
		}, {
			name: "tls11", listener: offering(legacy), args: []string{"http=1", "protocols=TLSv1,TLSv1.1"},
			says: okJava("HTTP_1_1", `TLSv1\.1`, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"), want: accepted("TLSv1.1", "https", 1),
		}, {
			name: "tls11-refused", listener: offering(fs12), args: []string{"http=1", "protocols=TLSv1,TLSv1.1"}, fail: true,
			says: javaRefused, want: anyNumber(refusedFirst("no-common-version")),
		}, {
			name: "suite-refused", listener: offering(fs12), fail: true,
			args: []string{"http=2", "protocols=TLSv1.2", "suites=TLS_RSA_WITH_AES_128_GCM_SHA256"},
			says: javaRefused, want: anyNumber(refusedFirst("no-common-suite")),
		},
	}
}

func javaCertificateCases() []realCase {
	return []realCase{
		{
			name: "mtls12-none", listener: verify(fs12), args: []string{"http=1"}, fail: true,
			says: javaRefused, want: anyNumber(noCert("TLSv1.2")),
		}, {
			name: "mtls13-none", listener: verify(modern), args: []string{"http=1"}, fail: true,
			says: javaReset, want: anyNumber(noCert("TLSv1.3")),
		}, {
			name: "mtls12-ecdsa-h2", listener: verify(fs12), args: []string{"http=2", "cert={ecdsa}", "key={ecdsa-key}"},
			says: okJava("HTTP_2", `TLSv1\.2`, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), want: accepted("TLSv1.2", "h2", 1),
		}, {
			name: "mtls13-rsa-h2", listener: verify(modern), args: []string{"http=2", "cert={rsa}", "key={rsa-key}"},
			says: okJava("HTTP_2", `TLSv1\.3`, "TLS_AES_128_GCM_SHA256"), want: accepted("TLSv1.3", "h2", 1),
		},
	}
}
