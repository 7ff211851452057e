package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alblab/alblab/lab"
)

// chromiumClient is the browser without its window. What it prints is the page, its errors, and what its network log
// says of each TLS session.
func chromiumClient() realClient {
	return realClient{
		program: "chromium",
		cases:   chromiumCases(),
		call: func(t *testing.T, program, _ string, args []string) realOutput {
			dir := t.TempDir()
			log := filepath.Join(dir, "netlog.json")
			out := runProgram(t, program, "", append([]string{
				"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
				"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--ignore-certificate-errors",
				"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost", // nothing else is called
				"--user-data-dir=" + filepath.Join(dir, "profile"), "--log-net-log=" + log, "--dump-dom",
			}, args...))
			b, _ := os.ReadFile(log) // not there if the browser did not start: then nothing matches
			sessions := regexp.MustCompile(`"params":\{("cipher_suite":[^}]*)\}`).FindAllStringSubmatch(string(b), -1)
			for _, s := range sessions {
				out.text += "session: " + strings.ReplaceAll(s[1], `"`, "") + "\n"
			}
			return out
		},
	}
}

// protocolPage is a page on which the browser itself writes over which protocol it came.
var protocolPage = lab.Action{
	Type: "fixed-response", StatusCode: 200, ContentType: "text/html",
	MessageBody: `<p>alblab</p><script>document.write("came over " + performance.getEntriesByType("navigation")[0].nextHopProtocol)</script>`,
}

func chromiumCases() []realCase {
	// It opens connections ahead, and when it ends some of them are in their handshakes.
	ends := func(w realWant) realWant {
		w = anyNumber(w)
		w.also = "closed-by-client"
		return w
	}
	// Chromium opens connections ahead, asks for an icon, and tries again what was reset.
	pq := ends(accepted("TLSv1.3", "h2", 1))
	pq.group = "X25519MLKEM768"
	asked := anyNumber(noCert("TLSv1.3"))
	asked.also = "closed-by-client" // it hangs up to ask the user for a certificate, then comes back without
	return []realCase{
		{
			// 0x1301 and X25519MLKEM768 (0x11EC) as Chromium's numbers.
			name: "h2-pq", listener: lab.Listener{SSLPolicy: "TLS13-1-2-Res-PQ-2025-09", DefaultAction: protocolPage}, args: []string{"{url}"},
			says: []string{`came over h2<`, `session: .*cipher_suite:4865,.*key_exchange_group:4588,.*next_proto:h2,.*version:TLS 1\.3`}, want: pq,
		}, {
			// 0xC02F and secp256r1 (23).
			name: "http1", listener: lab.Listener{SSLPolicy: fs12, DefaultAction: protocolPage}, args: []string{"--disable-http2", "{url}"},
			says: []string{`came over http/1\.1<`, `session: .*cipher_suite:49199,.*key_exchange_group:23,.*version:TLS 1\.2`}, want: ends(accepted("TLSv1.2", "https", 1)),
		}, {
			// -101 is ERR_CONNECTION_RESET. A server that ends at TLS 1.2 does not read supported_versions and looks for a
			// suite: only TLS 1.3's are offered.
			name: "refused", listener: offering(fs12), args: []string{"--ssl-version-min=tls1.3", "{url}"},
			says: []string{`net_error -101|ERR_CONNECTION_RESET`}, want: anyNumber(refusedFirst("no-common-suite")),
		}, {
			name: "mtls13-none", listener: verify(modern), args: []string{"{url}"},
			says: []string{`net::ERR_(SOCKET_NOT_CONNECTED|CONNECTION_RESET|CONNECTION_CLOSED|BAD_SSL_CLIENT_AUTH_CERT)`}, want: asked,
		},
	}
}
