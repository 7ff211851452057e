package main

import (
	"testing"
)

func gnutlsClient() realClient {
	return realClient{
		program: "gnutls-cli",
		input:   "GET /gnutls HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n",
		cases:   append(gnutlsTLSCases(), gnutlsCertificateCases()...),
		call: func(t *testing.T, program, input string, args []string) realOutput {
			return runProgram(t, program, input, append(args, "localhost"))
		},
	}
}

func gnutlsArgs(more ...string) []string {
	return append(more, "--x509cafile={ca}", "--port={port}")
}

// resetPull are gnutls-cli's words for a connection that is reset, in the handshake or after.
const resetPull = `Error in the pull function`

func gnutlsTLSCases() []realCase {
	return []realCase{
		{
			name: "tls13", listener: offering(modern), args: gnutlsArgs("--alpn=http/1.1"),
			says: []string{`\(TLS1\.3\)-\(ECDHE-X25519\)-\(RSA-PSS-RSAE-SHA256\)-\(AES-128-GCM\)|TLS1\.3.*AES-128-GCM`, `Application protocol: http/1\.1`, `The certificate is trusted`, okHTTP1},
			want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "tls12", listener: offering(fs12), args: gnutlsArgs(),
			says: []string{`TLS1\.2.*ECDHE-SECP256R1.*AES-128-GCM`, okHTTP1}, want: accepted("TLSv1.2", "https", 1),
		}, {
			name: "tls10", listener: offering(legacy), args: gnutlsArgs("--priority=NORMAL:-VERS-ALL:+VERS-TLS1.0"),
			says: []string{`TLS1\.0.*AES-128-CBC`, okHTTP1}, want: accepted("TLSv1", "https", 1),
		}, {
			name: "tls11-refused", listener: offering(fs12), args: gnutlsArgs("--priority=NORMAL:-VERS-ALL:+VERS-TLS1.1"), fail: true,
			says: []string{resetPull}, want: refusedFirst("no-common-version"),
		}, {
			name: "suite-refused", listener: offering(fs12), args: gnutlsArgs("--priority=NORMAL:-VERS-TLS1.3:-CIPHER-ALL:+AES-128-CBC"), fail: true,
			says: []string{resetPull}, want: refusedFirst("no-common-suite"),
		}, {
			name: "group-refused", listener: strict(), args: gnutlsArgs("--priority=NORMAL:-GROUP-SECP384R1"), fail: true,
			says: []string{resetPull}, want: refusedFirst("no-common-group"),
		},
	}
}

func gnutlsCertificateCases() []realCase {
	return []realCase{
		{
			name: "mtls12-none", listener: verify(fs12), args: gnutlsArgs(), fail: true,
			says: []string{`Successfully sent 0 certificate`, resetPull}, want: noCert("TLSv1.2"),
		}, {
			name: "mtls13-none", listener: verify(modern), args: gnutlsArgs(), fail: true,
			says: []string{`Successfully sent 0 certificate`, resetPull}, want: noCert("TLSv1.3"),
		}, {
			name: "mtls12-rsa", listener: verify(fs12), args: gnutlsArgs("--x509certfile={rsa}", "--x509keyfile={rsa-key}"),
			says: []string{`Successfully sent 1 certificate`, okHTTP1}, want: accepted("TLSv1.2", "https", 1),
		}, {
			name: "mtls13-ecdsa", listener: verify(modern), args: gnutlsArgs("--x509certfile={ecdsa}", "--x509keyfile={ecdsa-key}"),
			says: []string{`Successfully sent 1 certificate`, okHTTP1}, want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "mtls13-untrusted", listener: verify(modern), args: gnutlsArgs("--x509certfile={untrusted}", "--x509keyfile={untrusted-key}"), fail: true,
			says: []string{`Successfully sent 1 certificate`, resetPull}, want: badCert("TLSv1.3", "ClientCertUntrusted"),
		},
	}
}
