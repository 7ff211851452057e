package alb

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	utls "github.com/refraction-networking/utls"

	"github.com/alblab/alblab/lab/wire"
)

// finish ends an established connection: close_notify and FIN, or FIN alone if the client came first with either. err is what
// reading or writing ended with; nil: the load balancer wants the end.
func (c *conn) finish(err error) {
	out := &c.report.Outcome
	c.t.SetDeadline(time.Time{})
	c.t.alerts.Store(true)
	var op *net.OpError
	switch {
	case err == nil, errors.Is(err, errEndOfBody):
		out.Ending = wire.EndingFIN
		c.eng.CloseWrite()
	case c.t.isForced() || isTimeout(err):
		out.Ending = wire.EndingTimeout
		c.eng.CloseWrite()
	case isClientEnd(err):
		out.Ending, out.ByPeer = wire.EndingFIN, true
	case errors.As(err, &op) && op.Op == "remote error":
		out.Ending, out.ByPeer, out.Alert, out.Detail = wire.EndingAlert, true, peerAlert(op.Err), err.Error()
	case ofEngine(err):
		c.refuseMessage(err)
		return
	default:
		out.Ending, out.ByPeer, out.Detail = wire.EndingReset, true, err.Error()
	}
	c.t.closeGracefully()
}

// ofEngine tells what a TLS engine refuses of a client from what the client or the path did. Engines say so in words.
func ofEngine(err error) bool {
	var op *net.OpError
	var std tls.RecordHeaderError
	var cbc utls.RecordHeaderError
	return errors.As(err, &op) && op.Op == "local error" || errors.As(err, &std) || errors.As(err, &cbc) || strings.HasPrefix(err.Error(), "tls: ")
}

// unexpectedMessage is the alert of that name, RFC 8446, section 6.
const unexpectedMessage = 10

// refuseMessage ends a session whose client sent what no session has: a hello that asks for another handshake, for one, or a
// record that its keys do not open. "Application Load Balancers do not support SSL renegotiation for client or target
// connections" (docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html); s2n-tls's server fails with
// S2N_ERR_BAD_MESSAGE at any handshake message but KeyUpdate, and knows no alert no_renegotiation (github.com/aws/s2n-tls,
// tls/s2n_post_handshake.c). The session was made: the connection log keeps its Success, and nothing is counted
// (load-balancer-cloudwatch-metrics.html: ClientTLSNegotiationErrorCount is of clients "that did not establish a session").
//
// Assumption: the connection ends as one does whose handshake fails, at once: by a reset without an alert. In TLS 1.3 the alert that RFC
// 8446, section 4.1.2, demands goes before. The profile alert-close has the engine's alert and a FIN.
func (c *conn) refuseMessage(err error) {
	out := &c.report.Outcome
	out.Detail = err.Error()
	if strings.Contains(out.Detail, "clientHello") {
		out.Detail = "it asked for another handshake: " + out.Detail
	}
	if c.lb.cfg.WireProfile == ProfileReset {
		out.Ending = wire.EndingReset
		c.t.reset()
		return
	}
	out.Ending, out.Alert = wire.EndingAlert, &wire.Alert{Level: wire.AlertFatal, Description: unexpectedMessage}
	var op *net.OpError
	if errors.As(err, &op) {
		out.Alert = peerAlert(op.Err) // the engine's own, of the same type
	}
	c.t.closeGracefully()
}
