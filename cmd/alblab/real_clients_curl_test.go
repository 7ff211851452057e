package main

import (
	"testing"

	"github.com/alblab/alblab/lab"
)

// reset35 are curl's words where the handshake is refused, as experiment 2 quotes them; the number is the exit code.
const reset35 = `curl: \(35\) Recv failure: Connection reset by peer`

func curlClient() realClient {
	return realClient{
		program: "curl",
		cases:   append(curlTLSCases(), curlCertificateCases()...),
		call: func(t *testing.T, program, _ string, args []string) realOutput {
			return runProgram(t, program, "", append([]string{"--silent", "--show-error", "--verbose", "--max-time", "60"}, args...))
		},
	}
}

// curlArgs are the arguments of a case; -w tells the status and the version of HTTP.
func curlArgs(more ...string) []string {
	return append(more, "--cacert", "{ca}", "-w", `\nstatus=%{http_code} http=%{http_version}\n`, "{url}")
}

func curlTLSCases() []realCase {
	ecdsa12 := accepted("TLSv1.2", "h2", 1)
	ecdsa12.cipher = "ECDHE-ECDSA-AES128-GCM-SHA256"
	// Debian's OpenSSL signs no TLS 1.1 key exchange at its usual security level; curl takes the level from the suites.
	lax := []string{"--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"}
	return []realCase{
		{
			name: "http1", listener: offering(modern), args: curlArgs("--http1.1"),
			says: []string{`SSL connection using TLSv1\.3 / TLS_AES_128_GCM_SHA256`, `ALPN: server accepted http/1\.1`, `alblab ok\nstatus=200 http=1\.1\n`, `(?i)server: awselb/2\.0`},
			want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "h2-ecdsa", listener: lab.Listener{SSLPolicy: fs12, Certificate: "ecdsa"}, args: curlArgs(),
			says: []string{`SSL connection using TLSv1\.2 / ECDHE-ECDSA-AES128-GCM-SHA256`, `ALPN: server accepted h2`, `alblab ok\nstatus=200 http=2\n`},
			want: ecdsa12,
		}, {
			name: "tls11", listener: offering(legacy), args: curlArgs(lax...),
			says: []string{`SSL connection using TLSv1\.1 / ECDHE-RSA-AES128-SHA`, `alblab ok\nstatus=200 http=1\.1\n`},
			want: accepted("TLSv1.1", "https", 1),
		}, {
			name: "tls11-refused", listener: offering(fs12), args: curlArgs("--tls-max", "1.1"), exit: 35,
			says: []string{`OpenSSL SSL_connect: Connection reset by peer in connection to localhost:{port}`}, // experiment 1
			want: refusedFirst("no-common-version"),
		}, {
			name: "tls12-refused", listener: offering(only13), args: curlArgs("--tls-max", "1.2"), exit: 35,
			says: []string{`OpenSSL SSL_connect: Connection reset by peer`}, want: refusedFirst("no-common-version"),
		}, {
			name: "suite-refused", listener: offering(fs12), args: curlArgs("--tls-max", "1.2", "--ciphers", "AES128-SHA"), exit: 35,
			says: []string{`OpenSSL SSL_connect: Connection reset by peer`}, want: refusedFirst("no-common-suite"),
		}, {
			name: "group-refused", listener: strict(), args: curlArgs("--curves", "X25519:P-256"), exit: 35,
			says: []string{`OpenSSL SSL_connect: Connection reset by peer`}, want: refusedFirst("no-common-group"),
		},
	}
}

func curlCertificateCases() []realCase {
	// In TLS 1.3 the client has finished before its certificate is looked at. Where nothing takes time the reset may
	// come before curl has sent its request: then sending fails, with exit code 55 or 16 in place of 56.
	late := []string{`Request CERT`, `curl: \((56|55|16)\) (Recv|Send) failure: Connection reset by peer|curl: \((55|16)\) .*(not connected|Broken pipe)`}
	three := curlArgs("--cert", "{rsa}", "--key", "{rsa-key}")
	three = append(three, "{url}/2", "{url}/3")
	passthrough := verify(modern)
	passthrough.MTLSMode, passthrough.DefaultAction.Type = "passthrough", "forward" // the target echoes its headers
	return []realCase{
		{
			name: "mtls12-none", listener: verify(fs12), args: curlArgs(), exit: 35,
			says: []string{`Request CERT`, reset35}, want: noCert("TLSv1.2"), // experiment 2
		}, {
			name: "mtls13-none", listener: verify(modern), args: curlArgs(), fail: true,
			says: late, want: noCert("TLSv1.3"),
		}, {
			name: "mtls12-h2", listener: verify(fs12), args: three, // experiment 2: three requests, over h2
			says: []string{`SSL connection using TLSv1\.2 / ECDHE-RSA-AES128-GCM-SHA256`, `HTTP/2 200`, `(?s)(alblab ok.*){3}`, `status=200 http=2`},
			want: accepted("TLSv1.2", "h2", 3),
		}, {
			name: "mtls13-ecdsa", listener: verify(modern), args: curlArgs("--http1.1", "--cert", "{ecdsa}", "--key", "{ecdsa-key}"),
			says: []string{`alblab ok\nstatus=200 http=1\.1\n`}, want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "mtls13-expired", listener: verify(modern), args: curlArgs("--cert", "{expired}", "--key", "{expired-key}"), fail: true,
			says: late, want: badCert("TLSv1.3", "ClientCertExpired"),
		}, {
			name: "mtls12-untrusted", listener: verify(fs12), args: curlArgs("--cert", "{untrusted}", "--key", "{untrusted-key}"), exit: 35,
			says: []string{reset35}, want: badCert("TLSv1.2", "ClientCertUntrusted"),
		}, {
			name: "passthrough", listener: passthrough, args: curlArgs("--cert", "{untrusted}", "--key", "{untrusted-key}"),
			says: []string{`X-Amzn-Mtls-Clientcert: -----BEGIN%20CERTIFICATE-----`, `status=200 http=2`}, want: accepted("TLSv1.3", "h2", 1),
		}, {
			name: "upload", listener: passthrough, args: curlArgs("--data-binary", "@{upload}"),
			says: []string{`POST /curl-upload`, `status=200 http=2`}, want: accepted("TLSv1.3", "h2", 1),
		}, {
			name: "upload-http1", listener: passthrough, args: curlArgs("--http1.1", "-H", "Expect:", "--data-binary", "@{upload}"),
			says: []string{`POST /curl-upload`, `status=200 http=1\.1`}, want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "passthrough-none", listener: passthrough, args: curlArgs(),
			says: []string{`X-Forwarded-Port: \d+`, `status=200 http=2`}, want: accepted("TLSv1.3", "h2", 1),
		},
	}
}
