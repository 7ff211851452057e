package scenarios

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence/capture"
)

// question is something that only a load balancer in an account can settle. A step of a scenario asks it; a run in an account
// prints the answer. embedded is what the embedded lab does today, and so what is assumed: a test keeps it true.
type question struct {
	text           string
	scenario, step string
	embedded       string
	answer         func(j *judgement, p *pair) string
}

// questions is all of them. Those that the lab itself answers (delivery times, mirror sessions, unnamed tokens of the access log,
// how long a listener's change takes) are in lab/aws.
func questions() []question {
	all := []question{
		{"columns of the connection log for a protocol mismatch", "tls-1-1-refused", "old-client",
			"protocol -, cipher -, key exchange -, Failed:UnmappedConnectionError", lineColumns},
		{"columns of the connection log for a cipher mismatch", "no-common-suite", "rsa-key-exchange-only",
			"protocol -, cipher -, key exchange -, Failed:UnmappedConnectionError", lineColumns},
		{"whether a bare TCP connect writes a connection-log line or raises ClientTLSNegotiationErrorCount", "health-check", "fin",
			"no line, ClientTLSNegotiationErrorCount 0", bareConnect},
		{"passthrough listener, no client certificate", "mtls-passthrough-no-certificate", "no-certificate",
			"the handshake completes, Success", handshakeCompletes},
		{"whether AWS WAF comes before fixed-response (actions_executed)", "experiment-2", "curl-with-certificate", "waf,fixed-response", actionsExecuted},
		{"movement of NewConnectionCount for a failed handshake", "tls-1-1-refused", "old-client", "1 for 1 connection", newConnections},
		{"the flow log's aggregation window at the load balancer's interfaces", "experiment-2", "curl-with-certificate", "records of at most 60 s", window},
	}
	for _, w := range []struct{ what, scenario, step, embedded string }{
		{"no common version", "tls-1-1-refused", "old-client", "hello, then reset, at once, without an alert; tcp-flags 2 in, 22 out"},
		{"no common suite", "no-common-suite", "rsa-key-exchange-only", "hello, then reset, at once, without an alert; tcp-flags 2 in, 22 out"},
		{"no common group", "no-common-group", "x25519-only", "hello, then reset, at once, without an alert; tcp-flags 2 in, 22 out"},
		{"no client certificate, TLS 1.2", "mtls-verify-no-certificate-tls-1-2", "", "hello, then reset, at once, without an alert; tcp-flags 2 in, 22 out"},
		{"no client certificate, TLS 1.3", "mtls-verify-no-certificate-tls-1-3", "", "hello, then reset, at once, without an alert; tcp-flags 2 in, 22 out"},
		{"an untrusted client certificate", "mtls-verify-untrusted", "", "hello, then reset, at once, without an alert; tcp-flags 2 in, 22 out"},
		{"the client distrusts the server's certificate", "server-distrusted", "tls12", "fin, alert of the client; tcp-flags 3 in, 19 out"},
		{"plain HTTP on the TLS port", "plain-http", "", "reset without a hello, at once, without an alert; tcp-flags 2 in, 22 out"},
	} {
		all = append(all, question{"alert, FIN or RST, and flags: " + w.what, w.scenario, w.step, w.embedded, onTheWire})
	}
	for _, w := range []struct{ kind, embedded string }{
		{"rsa-1024", "Failed:ClientCertTypeUnsupported"}, {"ecdsa-p224", "Failed:ClientCertTypeUnsupported"}, {"sha1", "Failed:ClientCertInvalid"},
		{"x509-v1", "Failed:ClientCertInvalid"}, {"ed25519", "Failed:UnmappedConnectionError"}, {"too-large", "Failed:ClientCertMaxSizeExceeded"},
		{"intermediate-not-sent", "Failed:ClientCertUntrusted"}, {"wrong-purpose", "Failed:ClientCertPurposeInvalid"},
		{"wrong-key", "Failed:UnmappedConnectionError"}, {"malformed", "Failed:ClientCertInvalid"}, {"revoked-by-old-list", "Failed:ClientCertCrlHit"},
	} {
		all = append(all, question{"tls_verify_status of a client certificate: " + w.kind, "mtls-verify-" + w.kind, "", w.embedded, verifyStatus})
	}
	return all
}

// answers are those that the scenario at hand gives.
func (j *judgement) answers() []Answer {
	var all []Answer
	for _, q := range questions() {
		if q.scenario != j.scenario.Name {
			continue
		}
		for i := range j.pairs {
			p := &j.pairs[i]
			if p.canary || p.conn == nil || q.step != "" && p.step.Name != q.step {
				continue
			}
			all = append(all, Answer{Question: q.text, Answer: q.answer(j, p), Embedded: q.embedded})
			break
		}
	}
	return all
}

func lineColumns(_ *judgement, p *pair) string {
	l := p.conn.ConnLog
	if l == nil {
		return "no line"
	}
	return fmt.Sprintf("protocol %s, cipher %s, key exchange %s, %s", cmp.Or(l.TLSProtocol, "-"), cmp.Or(l.TLSCipher, "-"), cmp.Or(l.KeyExchange, "-"), l.VerifyStatus)
}

func bareConnect(j *judgement, p *pair) string {
	line := "no line"
	if p.conn.ConnLog != nil {
		line = "a line, " + cmp.Or(p.conn.ConnLog.VerifyStatus, "-")
	}
	return fmt.Sprintf("%s, ClientTLSNegotiationErrorCount %v", line, j.metrics.minute(j.slot.start, 0)["ClientTLSNegotiationErrorCount"].sum)
}

func handshakeCompletes(_ *judgement, p *pair) string {
	verb := "does not complete"
	if len(p.Attempt.Responses) > 0 {
		verb = "completes"
	}
	return fmt.Sprintf("the handshake %s, %s", verb, verifyStatus(nil, p))
}

func actionsExecuted(_ *judgement, p *pair) string {
	if len(p.conn.Access) == 0 {
		return "no access-log line"
	}
	return p.conn.Access[0].ActionsExecuted
}

func newConnections(j *judgement, _ *pair) string {
	made := 0
	for i := range j.pairs {
		if at := j.pairs[i].Attempt.Time; !j.pairs[i].canary && at.Sub(j.slot.start).Minutes() < 1 {
			made++
		}
	}
	s := fmt.Sprintf("%v for %d connection", j.metrics.minute(j.slot.start, 0)["NewConnectionCount"].sum, made)
	if made != 1 {
		s += "s"
	}
	return s
}

func window(_ *judgement, p *pair) string {
	longest := max(p.conn.In.End-p.conn.In.Start, p.conn.Out.End-p.conn.Out.Start)
	if longest <= 60 {
		return "records of at most 60 s"
	}
	return fmt.Sprintf("a record of %d s", longest)
}

func verifyStatus(_ *judgement, p *pair) string {
	if p.conn.ConnLog == nil {
		return "no line"
	}
	return cmp.Or(p.conn.ConnLog.VerifyStatus, "-")
}

// patience is how long the load balancer waited after the client's last data: s2n-tls waits for 10 to 30 s after an error, unless the
// application does the waiting (its usage guide, "blinding").
func patience(d time.Duration) string {
	if d < time.Second {
		return "at once"
	}
	return fmt.Sprintf("after %.0f s", d.Seconds())
}

// onTheWire says how the load balancer ended the connection: from the packets if there are any, and the flow log's flags.
func onTheWire(_ *judgement, p *pair) string {
	var words []string
	if c := p.conn.Capture; c != nil {
		words = append(words, ending(p.conn))
		a, by := c.Alert()
		ofClient := a != nil && by != capture.SideServer // then it is the client who ended it, whoever's FIN came first
		if !ofClient && c.EndedBy == capture.SideServer && !c.FromClient.DataEnd.IsZero() {
			words = append(words, patience(c.Ended.Sub(c.FromClient.DataEnd)))
		}
		switch {
		case a == nil:
			words = append(words, "without an alert")
		case by == capture.SideServer:
			words = append(words, "alert "+a.String()+" of the load balancer")
		default:
			words = append(words, "alert of the client")
		}
	} else {
		words = append(words, "no packets")
	}
	return fmt.Sprintf("%s; tcp-flags %d in, %d out", strings.Join(words, ", "), p.conn.In.Flags, p.conn.Out.Flags)
}
