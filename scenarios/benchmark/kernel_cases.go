package benchmark

import (
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
)

// kernelCase is what a program that we did not write does, and what becomes of it.
type kernelCase struct {
	name     string
	args     []string // the program's, first its name; {ip}, {host} (in brackets if need be), {port}, {source}, {ca}, {dir}, {times}, {six} are filled in
	listener lab.Listener
	stage    analyzers.Stage
	cause    string
	clear    bool
	code     int  // exit code: 0, 1 for any but 0, -1 for any
	conns    int  // connections that the load balancer accepts; 0: one; -1: any number, and some may be left unused
	raw      bool // its packets never make a connection, so it needs a wire that shows them
	once     bool // takes long, so it is done once where others are done several times
	good     bool // on good paths alone: data may be lost before the client's own reset, and whether there was any nobody could say
	waits    bool // it does nothing until the load balancer's idle timeout
	kind     pki.Kind
	byReset  bool // the client's own reset is the last packet, sent once: on a bad path it may be lost
}

// Policies of the listeners.
const (
	policyModern = "ELBSecurityPolicy-TLS13-1-2-2021-06"
	policyFS12   = "ELBSecurityPolicy-FS-1-2-Res-2020-10"
	policyOnly13 = "ELBSecurityPolicy-TLS13-1-3-2021-06"
	policyStrict = "ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07"
	policyOld    = "ELBSecurityPolicy-TLS13-1-0-2021-06"
)

func offering(policy string) lab.Listener { return lab.Listener{SSLPolicy: policy, Certificate: "rsa"} }
func verifying(policy string) lab.Listener {
	return lab.Listener{SSLPolicy: policy, Certificate: "ecdsa", MTLSMode: "verify"}
}

// kernelCases lists all of them. Labels follow from what the programs are told to do and, where a policy refuses, from tables that
// package policy holds against other implementations; the programs' exit codes check them.
func kernelCases() []kernelCase {
	var all []kernelCase
	for _, list := range [][]kernelCase{refusedCases(), refusedLaterCases(), completedCases(), leavingCases(), silentCases()} {
		all = append(all, list...)
	}
	return all
}

// python is the client that behaves as it is told, in several connections at once.
func python(manner string) []string {
	return []string{"python3", "{dir}/kernel_client.py", manner, "{ip}", "{port}", "{ca}", "{times}"}
}

func curlArgs(more ...string) []string {
	return append(append([]string{"curl", "--silent", "--show-error", "--output", "/dev/null", "--max-time", "40"}, more...), "--cacert", "{ca}", "https://{host}:{port}/")
}

func opensslArgs(more ...string) []string {
	return append([]string{"openssl", "s_client", "-connect", "{host}:{port}", "-CAfile", "{ca}", "-verify_return_error"}, more...)
}

func gnutlsArgs(priority string, more ...string) []string {
	return append(append([]string{"gnutls-cli", "--x509cafile", "{ca}", "--priority", priority, "--port", "{port}"}, more...), "{ip}")
}

// node runs Node's https once; then it may fail or not.
func node(options string) []string {
	return []string{"node", "-e", `require('https').get({host: '{ip}', port: {port}, agent: false, ca: require('fs').readFileSync('{ca}'), ` + options +
		`}, r => r.resume()).on('error', () => process.exit(1))`}
}

func java(protocol, suite string) []string {
	return []string{"java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Djdk.tls.client.cipherSuites=" + suite, "-Djdk.tls.client.protocols=" + protocol, "-Djavax.net.ssl.trustStore={dir}/trust.p12", "-Djavax.net.ssl.trustStorePassword=alblab", "-cp", "{dir}", "KernelClient", "https://{host}:{port}/"}
}

// chromium is the browser without its window. It opens connections ahead, tries again what was refused, and some of what it opens
// it does not use; it exits with 0 whatever it saw.
func chromium(name string, more ...string) []string {
	args := []string{"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {ip}",
		"--user-data-dir={dir}/" + name}
	return append(append(args, more...), "--dump-dom", "https://{host}:{port}/")
}

func refusedCases() []kernelCase {
	is := func(name string, l lab.Listener, cause string, args ...string) kernelCase {
		return kernelCase{name: name, listener: l, stage: analyzers.StageFirstFlight, cause: cause, clear: true, args: args, code: 1}
	}
	const (
		version  = signatures.NoCommonVersion
		suite    = signatures.NoCommonSuite
		group    = signatures.NoCommonGroup
		fallback = signatures.InappropriateFallback
	)
	modern, fs12, only13 := offering(policyModern), offering(policyFS12), offering(policyOnly13)
	strict := lab.Listener{SSLPolicy: policyStrict, Certificate: "ecdsa:p384:sha384"}
	lax := "DEFAULT@SECLEVEL=0"
	all := []kernelCase{
		is("curl-tls11", fs12, version, curlArgs("--tls-max", "1.1")...),
		is("curl-tls11-lax", modern, version, curlArgs("--tls-max", "1.1", "--ciphers", lax, "--http1.1")...),
		is("curl-tls12", only13, version, curlArgs("--tls-max", "1.2")...),
		is("curl-suite", fs12, suite, curlArgs("--tls-max", "1.2", "--ciphers", "AES128-SHA")...),
		is("curl-group", strict, group, curlArgs("--curves", "X25519:P-256")...),
		is("curl-plain", modern, signatures.NotTLS, "curl", "--silent", "--max-time", "40", "http://{host}:{port}/"),
		is("openssl-tls11", fs12, version, opensslArgs("-tls1_1", "-cipher", lax)...),
		is("openssl-tls10", modern, version, opensslArgs("-tls1", "-cipher", lax)...),
		is("openssl-suite", modern, suite, opensslArgs("-tls1_2", "-cipher", "CAMELLIA256-SHA:AES256-CCM8")...),
		is("openssl-group", modern, group, opensslArgs("-tls1_3", "-groups", "X448")...),
		is("openssl-ffdhe", modern, group, opensslArgs("-tls1_3", "-groups", "ffdhe3072:ffdhe2048")...),
		is("openssl-fallback", modern, fallback, opensslArgs("-tls1_2", "-fallback_scsv")...),
		is("openssl-scheme", lab.Listener{SSLPolicy: policyStrict, Certificate: "ecdsa"}, signatures.NoCommonSignatureScheme, opensslArgs("-tls1_3", "-groups", "P-384", "-sigalgs", "ECDSA+SHA256:RSA-PSS+SHA256")...),
		is("gnutls-tls11", fs12, version, gnutlsArgs("NORMAL:-VERS-ALL:+VERS-TLS1.1")...),
		is("gnutls-suite", modern, suite, gnutlsArgs("NONE:+VERS-TLS1.2:+RSA:+CAMELLIA-128-CBC:+SHA1:+SIGN-ALL:+GROUP-ALL")...),
		is("gnutls-group", modern, group, gnutlsArgs("NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE4096")...),
		is("wget-tls11", fs12, version, "wget", "--tries=1", "--timeout=40", "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", "--ca-certificate={ca}", "-qO", "/dev/null", "https://{host}:{port}/"),
		is("socat-tls11", fs12, version, "socat", "-u", "OPENSSL:{host}:{port},cafile={ca},openssl-max-proto-version=TLS1.1,cipher="+lax, "STDOUT"),
		is("python-tls11", fs12, version, python("refused:1.1")...),
		is("python-tls12", only13, version, python("refused:1.2")...),
		is("python-pieces", fs12, version, python("pieces:1.1")...),
		is("python-http", modern, signatures.NotTLS, python("text:http")...),
		is("python-smtp", fs12, signatures.NotTLS, python("text:smtp")...),
		is("python-long", fs12, signatures.NotTLS, python("text:long")...),
		is("ncat-http", fs12, signatures.NotTLS, "sh", "-c", `printf 'GET / HTTP/1.0\r\n\r\n' | ncat {ip} {port}`),
		is("nc-garbage", modern, signatures.NotTLS, "sh", "-c", `printf 'hello?\n' | nc -q 5 {ip} {port}`),
		is("nc-close-half", modern, signatures.NotTLS, "sh", "-c", `head -c 3000 /dev/zero | tr '\0' z | nc -N {ip} {port}`),
		is("ssh", modern, signatures.NotTLS, "ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-p", "{port}", "nobody@{ip}"),
		is("ab-tls11", fs12, version, "ab", "-q", "-n", "1", "-f", "TLS1.1", "-Z", lax, "https://{host}:{port}/"), // and another connection, unused
		is("node-tls11", fs12, version, node(`minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0'`)...),
		is("node-suite", modern, suite, node(`maxVersion: 'TLSv1.2', ciphers: 'CAMELLIA128-SHA'`)...),
		is("java-tls12", only13, version, java("TLSv1.2", "")...),
		is("java-suite", modern, suite, java("TLSv1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384")...),
		is("chromium-tls12", only13, version, chromium("chromium-tls12", "--ssl-version-max=tls1.2")...),
		is("chromium-tls13", fs12, suite, chromium("chromium-tls13", "--ssl-version-min=tls1.3")...), // where TLS 1.3 is not known, its version is read as 1.2
	}
	for i := range all {
		switch c := &all[i]; c.args[0] {
		case "python3":
			c.code = 0
		case "sh":
			c.code = -1
		case "ab":
			c.code, c.conns = -1, -1
		case "chromium":
			c.code, c.conns, c.once = -1, -1, true
		case "java":
			c.conns, c.once = -1, true // it tries again, at times
		}
	}
	return all
}

func refusedLaterCases() []kernelCase {
	var all []kernelCase
	for _, v := range []string{"1.2", "1.3"} {
		o := "-tls1_" + v[2:]
		missing := kernelCase{listener: verifying(policyModern), stage: analyzers.StageRefusedLater, cause: signatures.ClientCertificateMissing, clear: v == "1.2", code: 1}
		for name, args := range map[string][]string{
			"curl-missing-": curlArgs("--tls-max", v), "openssl-missing-": opensslArgs(o, "-ign_eof"), "gnutls-missing-": gnutlsArgs("NORMAL:-VERS-ALL:+VERS-TLS" + v),
			"python-missing-": python("get:" + v),
		} {
			c := missing
			c.name, c.args = name+v, args
			if name == "gnutls-missing-" {
				c.code = -1 // in TLS 1.3 it has finished before it is refused
			}
			all = append(all, c)
		}
		for _, kind := range kernelKinds() {
			files := "{dir}/client-" + string(kind)
			c := missing
			c.cause, c.clear, c.kind = signatures.ClientCertificateRefused, false, kind
			c.name, c.args = "curl-"+string(kind)+"-"+v, curlArgs("--tls-max", v, "--cert", files+".pem", "--key", files+"-key.pem")
			all = append(all, c)
			if kind == pki.KindDeepChain {
				continue // of a file s_client sends the first certificate alone
			}
			c.name, c.args = "openssl-"+string(kind)+"-"+v, opensslArgs(o, "-ign_eof", "-cert", files+".pem", "-key", files+"-key.pem")
			all = append(all, c)
		}
	}
	return all
}

// kernelKinds are the bad client certificates that the programs send.
func kernelKinds() []pki.Kind {
	return []pki.Kind{
		pki.KindExpired, pki.KindUntrusted, pki.KindNotYetValid, pki.KindWrongPurpose, pki.KindSelfSigned,
		pki.KindRevoked, pki.KindDeepChain, pki.KindEd25519, pki.KindRejected,
	}
}

// logged is the connection log's code of the case's certificate, where it has one of its own.
func (c *kernelCase) logged() string {
	for _, k := range pki.Kinds() {
		if k.Kind == c.kind && k.Code != pki.CodeUnmapped {
			return k.Code
		}
	}
	return ""
}

func completedCases() []kernelCase {
	is := func(name string, tls12 bool, l lab.Listener, args ...string) kernelCase {
		return kernelCase{name: name, listener: l, stage: analyzers.StageCompleted, cause: signatures.Completed, clear: tls12, args: args}
	}
	good := []string{"--cert", "{dir}/client-good-ecdsa.pem", "--key", "{dir}/client-good-ecdsa-key.pem"}
	modern, fs12 := offering(policyModern), offering(policyFS12)
	all := []kernelCase{
		is("curl-h2", false, modern, curlArgs()...),
		is("curl-http1", false, modern, curlArgs("--http1.1")...),
		is("curl-12", true, fs12, curlArgs()...),
		is("curl-10", true, offering(policyOld), curlArgs("--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0")...),
		is("curl-mtls", false, verifying(policyModern), curlArgs(good...)...),
		is("curl-mtls-12", true, verifying(policyFS12), curlArgs(good...)...),
		is("openssl-13", false, modern, opensslArgs("-tls1_3")...),
		is("openssl-12", true, modern, opensslArgs("-tls1_2")...),
		is("gnutls-13", false, modern, gnutlsArgs("NORMAL")...),
		is("gnutls-12", true, modern, gnutlsArgs("NORMAL:-VERS-TLS1.3")...),
		is("wget", false, modern, "wget", "--tries=1", "-qO", "/dev/null", "--ca-certificate={ca}", "https://{host}:{port}/"),
		// It looks at the certificate when the handshake is over.
		is("wget-distrust", false, modern, "wget", "--tries=1", "-qO", "/dev/null", "https://{host}:{port}/"),
		is("ab", false, modern, "ab", "-q", "-n", "4", "-c", "2", "https://{host}:{port}/"),
		is("ab-keepalive", false, modern, "ab", "-q", "-k", "-n", "20", "-c", "2", "https://{host}:{port}/"),
		is("ncat", false, modern, "sh", "-c", `printf 'GET / HTTP/1.0\r\n\r\n' | ncat --ssl {ip} {port}`),
		is("socat", false, modern, "sh", "-c", `printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 5 - 'OPENSSL:{host}:{port},cafile={ca}'`),
		is("python-get-12", true, modern, python("get:1.2")...),
		is("python-get-13", false, modern, python("get:1.3")...),
		is("python-twice", true, fs12, python("get:1.2/twice")...),
		is("python-reset-12", true, fs12, python("get:1.2/reset")...),
		is("python-reset-13", false, modern, python("get:1.3/reset")...),
		is("python-session-12", true, fs12, python("session:1.2")...),
		is("python-session-13", false, modern, python("session:1.3")...),
		is("python-unwrap", true, modern, python("session:1.2/unwrap")...), // the load balancer answers its close_notify with a FIN alone
		is("python-idle", true, modern, python("idle:1.2")...),
		is("node-13", false, modern, node(``)...),
		is("node-12", true, fs12, node(``)...),
		is("java", false, modern, java("TLSv1.3", "")...),
		is("java-12", true, fs12, java("TLSv1.2", "")...),
		is("chromium", false, modern, chromium("chromium", "--ignore-certificate-errors")...),
		is("chromium-12", true, fs12, chromium("chromium-12", "--ignore-certificate-errors")...),
		// Requests that never end, of which each gets a little further every second.
		is("slowhttptest", false, modern, "slowhttptest", "-c", "4", "-r", "4", "-H", "-i", "1", "-l", "4", "-p", "3", "-u", "https://{host}:{port}/"),
	}
	for i := range all {
		c := &all[i]
		c.waits = c.name == "python-idle"
		switch c.args[0] {
		case "ab":
			c.conns = -1 // it makes one more than it needs, at times
		case "chromium", "slowhttptest":
			c.code, c.conns, c.once = -1, -1, true
		case "java":
			c.once = true
		case "openssl", "gnutls-cli", "sh", "wget":
			c.code = -1 // they close at once, as their input has ended
		}
		c.byReset = strings.HasSuffix(c.args[2], "/reset") || strings.HasPrefix(c.args[2], "session:") // with tickets unread
		if c.name == "python-unwrap" {
			c.code = 1
		}
	}
	return all
}

// leavingCases are clients that end it themselves.
func leavingCases() []kernelCase {
	is := func(name, cause string, clear bool, l lab.Listener, args ...string) kernelCase {
		return kernelCase{name: name, listener: l, stage: analyzers.StageClosedByOther, cause: cause, clear: clear, args: args, code: 1}
	}
	modern, fs12 := offering(policyModern), offering(policyFS12)
	const distrust, closed, timeout = signatures.ServerCertificateDistrusted, signatures.ClosedByClient, signatures.HandshakeTimeout
	all := []kernelCase{
		is("curl-distrust-12", distrust, true, modern, "curl", "--silent", "--max-time", "40", "--tls-max", "1.2", "https://{host}:{port}/"),
		is("curl-distrust-13", distrust, false, modern, "curl", "--silent", "--max-time", "40", "https://{host}:{port}/"),
		is("openssl-distrust-12", distrust, true, fs12, "openssl", "s_client", "-connect", "{host}:{port}", "-verify_return_error"),
		is("openssl-distrust-13", distrust, false, modern, "openssl", "s_client", "-connect", "{host}:{port}", "-verify_return_error"),
		is("gnutls-distrust-12", distrust, true, fs12, "gnutls-cli", "--port", "{port}", "{ip}"),
		is("python-distrust-12", distrust, true, fs12, python("distrust:1.2")...),
		is("python-distrust-13", distrust, false, modern, python("distrust:1.3")...),
		is("half-fin", closed, true, modern, python("half:fin")...),
		is("half-reset", closed, true, fs12, python("half:reset")...),
		is("half-silent", timeout, true, modern, python("half:wait")...),
		is("flight-fin-12", closed, true, modern, python("flight:fin/1.2")...),
		is("flight-fin-13", closed, true, modern, python("flight:fin/1.3")...),
		is("flight-reset-12", closed, true, fs12, python("flight:reset/1.2")...),
		is("flight-reset-13", closed, true, modern, python("flight:reset/1.3")...),
		is("flight-reset-mtls", closed, true, verifying(policyModern), python("flight:reset/1.2")...),
		is("flight-silent-12", timeout, true, modern, python("flight:wait/1.2")...),
		is("flight-silent-13", timeout, true, modern, python("flight:wait/1.3")...),
	}
	for i := range all {
		c := &all[i]
		if c.args[0] == "python3" {
			c.code = 0
		}
		c.waits, c.good = c.cause == timeout, c.name == "half-reset"
		c.byReset = strings.Contains(c.name, "reset") || c.cause == distrust // who leaves with data unread resets
	}
	return all
}

// silentCases are clients that never say anything.
func silentCases() []kernelCase {
	is := func(name string, stage analyzers.Stage, cause string, args ...string) kernelCase {
		return kernelCase{name: name, listener: offering(policyModern), stage: stage, cause: cause, clear: true, args: args}
	}
	const none, blocked = analyzers.StageNoData, analyzers.StageBlocked
	const closes, waits, half = signatures.ConnectAndClose, signatures.ConnectedNoData, signatures.HalfOpenScan
	all := []kernelCase{
		is("nc-z", none, closes, "nc", "-z", "{ip}", "{port}"),
		is("socat-close", none, closes, "socat", "-u", "/dev/null", "TCP:{host}:{port}"),
		is("python-close", none, closes, python("connect:fin")...),
		is("python-reset", none, closes, python("connect:reset")...),
		is("nmap-connect", none, closes, "nmap", "{six}", "-n", "-Pn", "-sT", "-p", "{port}", "--unprivileged", "{ip}"),
		is("nc-wait", none, waits, "nc", "-d", "{ip}", "{port}"),
		is("python-wait", none, waits, python("connect:wait")...),
		is("nmap-syn", none, half, "nmap", "{six}", "-n", "-Pn", "-sS", "-p", "{port}", "--max-retries", "0", "-e", "clients", "--send-ip", "-S", "{source}", "{ip}"),
		is("hping3-syn", none, half, "hping3", "-q", "-S", "-c", "1", "-p", "{port}", "-I", "clients", "{ip}"),
		is("nc-closed", blocked, signatures.SecurityGroupReject, "nc", "-z", "-w", "1", "{ip}", "9"),
	}
	for i := range all {
		c := &all[i]
		c.waits = c.cause == waits
		c.raw = c.cause == half || c.stage == blocked
		c.clear = c.cause != half // a client that resets while its ACK is lost looks the same
		c.byReset = c.name == "python-reset" || c.name == "nmap-connect"
		if c.raw && c.stage == blocked {
			c.code = 1
		}
	}
	return all
}
