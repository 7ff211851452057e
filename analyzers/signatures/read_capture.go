package signatures

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// readCapture reads what the packets show. It returns nothing where they do not show enough, so that the logs are asked.
func readCapture(c *correlate.Conn, l analyzers.Listener) reading {
	v := viewOf(c)
	p := c.Capture
	if p.FromClient.Lost && p.Hello == nil && p.HelloErr == nil && len(p.NotTLS) == 0 || p.FromServer.Lost && p.ServerHello == nil || p.Handshake == capture.HandshakeUnseen && p.Hello == nil {
		return reading{} // the packets that matter are missing
	}
	switch {
	case v.clientBytes == 0:
		return v.readSilence()
	case len(v.first) > 0:
		return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Certain, fits: []string{NotTLS}, by: byPackets}
	case !v.serverHello:
		return v.readUnanswered()
	case v.version < wire.TLS13:
		return v.readTLS12(l)
	}
	return v.readTLS13(c, l)
}

// readSilence reads a connection without data of the client.
func (v *view) readSilence() reading {
	switch {
	case !v.answered:
		return reading{}
	case !v.acked:
		return reading{stage: analyzers.StageNoData, sure: analyzers.Certain, fits: halfOpenFits, by: byPackets}
	case v.ended == capture.SideServer && v.reset: // not the idle timeout: it answers what came in a strange order
		return reading{stage: analyzers.StageNoData, sure: analyzers.Certain, fits: closedAtOnce, by: byPackets}
	}
	if v.ended == capture.SideServer && v.clientReset { // who answers a FIN so has been gone before: its own end was lost
		return reading{stage: analyzers.StageNoData, sure: analyzers.Certain, fits: closedIdle, by: byPackets}
	}
	signature := ConnectedNoData
	if v.ended == capture.SideClient {
		signature = ConnectAndClose
	}
	return reading{stage: analyzers.StageNoData, sure: analyzers.Certain, fits: []string{signature}, by: byPackets}
}

// timedOut is the reading of a client that fell silent.
func (v *view) timedOut(by basis) reading {
	if v.clientReset { // who answers a FIN so has been gone before: its own end was lost
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: silentByClient, by: by}
	}
	return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: []string{HandshakeTimeout}, by: by}
}

// readUnanswered reads a hello without a ServerHello.
func (v *view) readUnanswered() reading {
	switch {
	case v.ended == capture.SideServer && v.tooLarge:
		return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Certain, fits: []string{HelloTooLarge}, by: byPackets}
	case v.ended == capture.SideServer && v.damage != "":
		return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Certain, fits: []string{MalformedHello}, by: byPackets}
	case v.silent:
		return v.timedOut(byPackets)
	case v.ended == capture.SideServer && v.incomplete:
		return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Likely, fits: []string{RefusedFirstFlight}, by: byPackets}
	case v.ended == capture.SideServer:
		return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Certain, fits: refusedByPolicy, by: byPackets}
	case v.ended == capture.SideClient:
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: []string{ClosedByClient}, by: byPackets}
	}
	return reading{}
}

// readTLS12 reads a handshake below TLS 1.3: all but the last messages are in clear.
func (v *view) readTLS12(l analyzers.Listener) reading {
	switch {
	case v.finished && v.lost && v.serverReset && v.ended == capture.SideServer:
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Certain, fits: completedOrAgain, by: byPackets}
	case v.finished && v.version < wire.TLS13:
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Certain, fits: justCompleted, by: byPackets}
	case v.ended == capture.SideClient && distrusts(v.clientAlert):
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: []string{ServerCertificateDistrusted}, by: byPackets}
	case v.leftUnheard:
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: leftUnheard, by: byPackets, show: "a ServerHello, data of the client that did not come, then "}
	case v.ended == capture.SideClient:
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: []string{ClosedByClient}, by: byPackets}
	case v.ended != capture.SideServer:
		return reading{}
	case v.silent:
		return v.timedOut(byPackets)
	case !v.reset && v.serverAlert == nil: // who refuses sends a reset, or an alert before its FIN; a slow path may use up the time
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: append(slices.Clone(silentByClient), RefusedLater), by: byPackets}
	case v.certRequest && v.certificate == capture.CertificateEmpty && l.MTLS != "passthrough":
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Certain, fits: []string{ClientCertificateMissing}, by: byPackets,
			show: "a CertificateRequest, an empty Certificate, then "}
	case v.certRequest && v.certificate == capture.CertificateSent:
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Certain, fits: []string{RefusedLater, ClientCertificateRefused}, by: byPackets,
			show: "the client's Certificate, then "}
	}
	return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Certain, fits: []string{RefusedLater}, by: byPackets}
}

// readTLS13 reads a handshake of TLS 1.3, which is encrypted after the ServerHello: only who spoke last can be seen. A client
// without a certificate thinks the handshake complete, and is reset.
func (v *view) readTLS13(c *correlate.Conn, l analyzers.Listener) reading {
	failed := c.ConnLog != nil && strings.HasPrefix(c.ConnLog.VerifyStatus, "Failed:")
	by := byPackets
	if failed {
		by |= byLine
	}
	switch {
	case v.ended == capture.SideClient && distrusts(v.clientAlert): // OpenSSL's has no keys yet to encrypt it with
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: []string{ServerCertificateDistrusted}, by: by}
	case v.sealed:
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: []string{ServerCertificateDistrusted, ClosedByClient}, by: by,
			show: "an encrypted alert of the client and no Finished, then "}
	case v.silent && !v.flight:
		return v.timedOut(by)
	case v.ended == capture.SideServer && !v.flight:
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Certain, fits: []string{RefusedLater}, by: by}
	case failed && v.flight && (v.ended == capture.SideServer || v.serverReset || l.MTLS == "verify"): // it may have closed behind its flight
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Certain, fits: later(l, false), by: by, show: "the client's flight, then "}
	case v.leftUnheard && !v.flight:
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: leftUnheard, by: by, show: "a ServerHello, data of the client that did not come, then "}
	case v.ended == capture.SideClient && failed, v.ended == capture.SideClient && !v.flight: // its alert may be encrypted
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Certain, fits: []string{ClosedByClient}, by: by}
	case failed:
		return reading{}
	case v.ended == capture.SideServer && v.reset:
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Likely, fits: append(later(l, false), Completed), by: by,
			show: "the client's flight, then "}
	case v.spoke:
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Likely, fits: []string{Completed, ClosedByClient}, by: by}
	case v.ended == capture.SideClient:
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: []string{ClosedByClient, Completed}, by: byPackets}
	}
	return reading{}
}

// words tells what the packets show.
func (v *view) words() string {
	var w string
	switch {
	case v.clientBytes == 0 && !v.acked:
		return "the packets show no more than SYN and SYN-ACK"
	case v.clientBytes == 0:
		w = "the packets show a TCP connection without data"
	case len(v.first) > 0:
		w = fmt.Sprintf("the packets show %d bytes of the client that are not TLS", v.clientBytes)
	case v.incomplete:
		w = "the packets show the beginning of a hello"
	case v.noHello:
		w = "the packets show the client's first bytes, which are no hello"
	case !v.serverHello:
		w = "the packets show a hello"
	case v.finished && v.version < wire.TLS13:
		w = "the packets show the load balancer's Finished"
	case v.spoke:
		w = "the packets show encrypted data of the client after the handshake"
	default:
		w = "the packets show a ServerHello"
		w += " of " + v.version.String()
	}
	if v.ended == capture.SideNone {
		return w
	}
	return w + ", then " + v.end()
}

// end tells who ended the connection, and how.
func (v *view) end() string {
	who, alert := "the load balancer", v.serverAlert
	if v.ended == capture.SideClient {
		who, alert = "the client", v.clientAlert
	}
	how := "FIN"
	if v.reset {
		how = "a reset"
	}
	if alert != nil {
		return fmt.Sprintf("the alert %s and %s of %s", alert.Name(), how, who)
	}
	return how + " of " + who
}
