package main

import (
	"testing"
)

func opensslClient() realClient {
	return realClient{
		program: "openssl",
		input:   "GET /openssl HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n",
		cases:   append(opensslTLSCases(), opensslCertificateCases()...),
		call: func(t *testing.T, program, input string, args []string) realOutput {
			return runProgram(t, program, input, append([]string{"s_client", "-ign_eof", "-servername", "localhost", "-verify_return_error"}, args...))
		},
	}
}

func opensslArgs(more ...string) []string {
	return append(more, "-connect", "localhost:{port}", "-CAfile", "{ca}")
}

// resetWrite are the words of s_client where a reset comes in the handshake, resetRead where it comes after: in TLS 1.3
// a client has finished before its certificate is looked at. 104 is ECONNRESET on Linux, 54 on macOS.
const (
	resetWrite = `write:errno=(104|54)\b`
	resetRead  = `read:errno=(104|54)\b`
	okHTTP1    = `(?s)HTTP/1\.1 200 OK\r\n.*alblab ok`
)

func opensslTLSCases() []realCase {
	hrr := accepted("TLSv1.3", "https", 1)
	hrr.cipher, hrr.group = "TLS_AES_256_GCM_SHA384", "secp384r1"
	tls12 := accepted("TLSv1.2", "https", 1)
	tls12.group = "x25519"
	alerted := noCert("TLSv1.3")
	alerted.signature = "closed-by-client"
	return []realCase{
		{
			name: "tls13", listener: offering(modern), args: opensslArgs("-alpn", "http/1.1"),
			says: []string{`New, TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256`, `Server Temp Key: X25519`, `ALPN protocol: http/1\.1`, `Verification: OK`, okHTTP1},
			want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "tls12", listener: offering(modern), args: opensslArgs("-tls1_2"),
			says: []string{`New, TLSv1\.2, Cipher is ECDHE-RSA-AES128-GCM-SHA256`, `Server Temp Key: X25519`, `Peer signature type: RSA-PSS`, okHTTP1},
			want: tls12,
		}, {
			name: "tls10", listener: offering(legacy), args: opensslArgs("-tls1", "-cipher", "DEFAULT@SECLEVEL=0"),
			says: []string{`Protocol *: TLSv1\n`, `Cipher *: ECDHE-RSA-AES128-SHA\n`, okHTTP1}, want: accepted("TLSv1", "https", 1),
		}, {
			// The first key share is of a group that the policy lacks: HelloRetryRequest (RFC 8446, section 4.1.4).
			name: "retry", listener: strict(), args: opensslArgs("-groups", "X25519:P-384", "-msg"),
			says: []string{`New, TLSv1\.3, Cipher is TLS_AES_256_GCM_SHA384`, `Server Temp Key: ECDH, (P-384|secp384r1)`, `(?s)(ServerHello\b.*){2}`, okHTTP1}, want: hrr,
		}, {
			name: "tls11-refused", listener: offering(fs12), args: opensslArgs("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), fail: true,
			says: []string{resetWrite, `Cipher is \(NONE\)`}, want: refusedFirst("no-common-version"),
		}, {
			name: "suite-refused", listener: offering(modern), args: opensslArgs("-tls1_2", "-cipher", "AES256-GCM-SHA384"), fail: true,
			says: []string{resetWrite}, want: refusedFirst("no-common-suite"),
		}, {
			// The RSA certificate cannot sign as the client wants; the load balancer goes on with one that it can (RFC 8446,
			// section 4.4.2.2), and the client refuses.
			name: "scheme-alert", listener: offering(modern), args: opensslArgs("-tls1_3", "-sigalgs", "ECDSA+SHA256"), fail: true,
			says: []string{`wrong signature type`}, want: alerted,
		}, {
			// A client that fell back though the server knows TLS 1.3 (RFC 7507).
			name: "fallback-refused", listener: offering(modern), args: opensslArgs("-tls1_2", "-fallback_scsv"), fail: true,
			says: []string{resetWrite}, want: refusedFirst("inappropriate-fallback"),
		},
	}
}

func opensslCertificateCases() []realCase {
	names := verify(modern)
	names.AdvertiseCANames = true
	return []realCase{
		{
			name: "mtls12-none", listener: verify(fs12), args: opensslArgs("-tls1_2"), fail: true,
			says: []string{resetWrite, `Verification: OK`}, want: noCert("TLSv1.2"),
		}, {
			name: "mtls13-none", listener: verify(modern), args: opensslArgs("-tls1_3"), fail: true,
			says: []string{resetRead, `Verification: OK`, `No client certificate CA names sent`}, want: noCert("TLSv1.3"),
		}, {
			name: "mtls13-rsa", listener: names, args: opensslArgs("-cert", "{rsa}", "-key", "{rsa-key}"),
			says: []string{`Acceptable client certificate CA names\n.*alblab client root`, okHTTP1}, want: accepted("TLSv1.3", "https", 1),
		}, {
			name: "mtls12-ecdsa", listener: verify(fs12), args: opensslArgs("-cert", "{ecdsa}", "-key", "{ecdsa-key}"),
			says: []string{`New, TLSv1\.2, Cipher is ECDHE-RSA-AES128-GCM-SHA256`, okHTTP1}, want: accepted("TLSv1.2", "https", 1),
		}, {
			name: "mtls12-expired", listener: verify(fs12), args: opensslArgs("-cert", "{expired}", "-key", "{expired-key}"), fail: true,
			says: []string{resetWrite}, want: badCert("TLSv1.2", "ClientCertExpired"),
		},
	}
}
