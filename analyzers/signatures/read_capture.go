package signatures

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/wire"
)

// readCapture reads what the packets show. It returns nothing where they do not show enough, so that the logs are asked.
func readCapture(c *correlate.Conn, l analyzers.Listener) reading {
	v := viewOf(c)
	switch {
	case v.clientBytes == 0:
		return v.readSilence()
	case v.notTLS:
		return reading{analyzers.StageFirstFlight, analyzers.Certain, []string{NotTLS}, v.words()}
	case v.damage != "" && v.ended == theServer && !v.serverHello:
		return reading{analyzers.StageFirstFlight, analyzers.Certain, []string{MalformedHello}, v.words()}
	case !v.serverHello || v.retry && v.serverAlert != nil:
		return v.readUnanswered()
	case v.version != 0 && v.version < wire.TLS13:
		return v.readTLS12(l)
	}
	return v.readTLS13(c, l)
}

// readSilence reads a connection without data of the client.
func (v *view) readSilence() reading {
	switch {
	case !v.syn || !v.answered:
		return reading{}
	case !v.acked:
		return reading{analyzers.StageNoData, analyzers.Certain, []string{HalfOpenScan}, v.words()}
	}
	return reading{analyzers.StageNoData, analyzers.Certain, []string{ConnectedNoData}, v.words()}
}

// readUnanswered reads a hello without a ServerHello.
func (v *view) readUnanswered() reading {
	switch v.ended {
	case theServer:
		if v.incomplete {
			return reading{analyzers.StageFirstFlight, analyzers.Likely, []string{RefusedFirstFlight}, v.words() + ", and the hello was not complete"}
		}
		return reading{analyzers.StageFirstFlight, analyzers.Certain, []string{RefusedFirstFlight}, v.words()}
	case theClient:
		return reading{analyzers.StageClosedByOther, analyzers.Certain, []string{ClosedByClient}, v.words()}
	}
	return reading{}
}

// readTLS12 reads a handshake below TLS 1.3: all but the last messages are in clear.
func (v *view) readTLS12(l analyzers.Listener) reading {
	switch {
	case v.clientAlert != nil && !v.serverDone:
		return reading{analyzers.StageClosedByOther, analyzers.Certain, []string{ClosedByClient}, v.words()}
	case v.serverDone:
		return reading{analyzers.StageCompleted, analyzers.Certain, []string{Completed}, "the packets show the load balancer's Finished"}
	case v.ended == theClient:
		return reading{analyzers.StageClosedByOther, analyzers.Certain, []string{ClosedByClient}, v.words()}
	case v.ended != theServer:
		return reading{}
	case v.certRequest && v.certEmpty && l.MTLS != "passthrough" && l.MTLS != "off":
		return reading{analyzers.StageRefusedLater, analyzers.Certain, []string{ClientCertificateMissing},
			"the packets show the CertificateRequest, the client's empty Certificate, and " + v.end()}
	case v.certRequest && v.certSent:
		return reading{analyzers.StageRefusedLater, analyzers.Certain, []string{RefusedLater, ClientCertificateRefused},
			"the packets show the client's Certificate, and " + v.end()}
	}
	return reading{analyzers.StageRefusedLater, analyzers.Certain, []string{RefusedLater}, v.words()}
}

// readTLS13 reads a handshake of TLS 1.3, which is encrypted after the ServerHello: only who spoke last can be seen. A client
// without a certificate thinks the handshake complete, and is reset.
func (v *view) readTLS13(c *correlate.Conn, l analyzers.Listener) reading {
	failed := c.ConnLog != nil && strings.HasPrefix(c.ConnLog.VerifyStatus, "Failed:")
	switch {
	case failed && v.clientFlight && v.ended == theServer:
		return reading{analyzers.StageRefusedLater, analyzers.Certain, later(l, false),
			"the connection log says " + c.ConnLog.VerifyStatus + ", and the packets show " + v.end() + " after the client's flight"}
	case failed && v.ended == theServer:
		return reading{analyzers.StageRefusedLater, analyzers.Certain, []string{RefusedLater}, v.words()}
	case failed && v.ended == theClient: // its alert is encrypted
		return reading{analyzers.StageClosedByOther, analyzers.Certain, []string{ClosedByClient}, v.words()}
	case failed:
		return reading{}
	case v.serverAfter:
		return reading{analyzers.StageCompleted, analyzers.Likely, []string{Completed}, "the packets show encrypted data both ways after the handshake"}
	case v.ended == theServer && v.clientFlight:
		return reading{analyzers.StageRefusedLater, analyzers.Likely, append(later(l, false), Completed),
			"the packets show " + v.end() + " after the client's flight"}
	case v.ended == theServer:
		return reading{analyzers.StageRefusedLater, analyzers.Certain, []string{RefusedLater}, v.words()}
	case v.ended == theClient:
		return reading{analyzers.StageClosedByOther, analyzers.Likely, []string{ClosedByClient, Completed}, v.words()}
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
	case v.notTLS:
		w = fmt.Sprintf("the packets show %d bytes of the client that are not TLS", v.clientBytes)
	case !v.serverHello:
		w = "the packets show a hello"
	default:
		w = "the packets show a ServerHello"
		if v.version != 0 {
			w += " of " + v.version.String()
		}
	}
	if v.ended == nobody {
		return w
	}
	return w + ", then " + v.end()
}

// end tells who ended the connection, and how.
func (v *view) end() string {
	who, alert := "the load balancer", v.serverAlert
	if v.ended == theClient {
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
