package alb

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"net"
	"reflect"
	"strings"
	"syscall"

	"github.com/alblab/alblab/lab/wire"
)

// handshake carries out the decision. It ends the connection and returns false where that fails.
func (c *conn) handshake() bool {
	c.alpn = c.chooseALPN()
	cfg, err := c.lb.engineFor(c.ln, c.node, c.hello, c.decision, c.alpn)
	if err != nil {
		c.fault(err)
		return false
	}
	var seen certsSeen
	if c.ln.MTLS != ModeOff {
		seen = c.judge
	}
	c.eng = cfg.start(c.t, seen)
	err = c.eng.Handshake()
	c.t.widen()
	out := &c.report.Outcome
	if c.t.wrote {
		out.Stage = wire.StageHandshake
		out.Version, out.Suite, out.Group = c.decision.Version, c.decision.Suite, c.decision.Group
	}
	if err != nil {
		c.handshakeFailed(err)
		return false
	}
	c.got = c.eng.negotiated()
	if c.got.resumed && c.got.version < wire.TLS13 {
		out.Group = 0
	}
	if err := c.got.check(c.decision, c.alpn); err != nil {
		c.fault(err)
		return false
	}
	out.ALPN = c.alpn
	if c.noCert || c.verify != "" {
		c.refuseClient()
		return false
	}
	c.t.established(c.decision.Version < wire.TLS13 && c.lb.cfg.WireProfile == ProfileReset)
	c.count(metricActiveConnections, 1)
	c.log("Success", c.lb.cfg.Clock.Now().Sub(c.start))
	return true
}

// judge looks at the client's certificates while the handshake goes on. If they are refused, the client must not see the
// load balancer's Finished: experiment 2's client sent its whole flight, Finished included, and then read a RST.
func (c *conn) judge(chain []*x509.Certificate) {
	c.chain = chain
	switch {
	case tooLarge(chain): // Assumption: in passthrough mode too, for it is a limit of TLS messages
		c.verify = codeMaxSize
	case c.ln.MTLS != ModeVerify:
		return
	case len(chain) == 0:
		c.noCert = true
	default:
		c.verify = c.ln.TrustStore.Verify(chain, VerifyOptions{
			Now:          c.lb.cfg.Clock.Now(),
			IgnoreExpiry: c.ln.IgnoreExpiry,
			Schemes:      c.ln.Policy.CertSchemes,
		})
		if c.verify == "" {
			c.verify = c.lb.cfg.CertificateFaults[chain[0].Subject.CommonName]
		}
	}
	if c.noCert || c.verify != "" {
		c.t.mute.Store(true)
	}
}

// refuseClient ends a connection whose client proved to be nobody that the listener trusts. There is no code for a
// missing certificate in the ALB's log: it is UnmappedConnectionError.
func (c *conn) refuseClient() {
	code := c.verify
	if c.noCert {
		code = codeUnmapped
	}
	if len(c.chain) > 0 {
		// Assumption: crypto/tls asks for Ed25519 too, which AWS's does not; a client that had known would have sent an
		// empty certificate.
		if _, ok := c.chain[0].PublicKey.(ed25519.PublicKey); ok {
			code, c.chain = codeUnmapped, nil
		}
	}
	if code == codeMaxSize {
		// Assumption: what is too large is not parsed, and "if the load balancer cannot parse the certificate" the fields are "-"
		// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html).
		c.chain = nil
	}
	c.logFailure(code)
	c.t.mute.Store(false)
	c.end(wire.Alert{Level: 1, Description: 0}, c.decision.Version == wire.TLS13)
}

// handshakeFailed sorts what ended a handshake: the client, the idle timeout, the load balancer's closing, or a message
// that the engine refuses.
func (c *conn) handshakeFailed(err error) {
	out := &c.report.Outcome
	out.Detail = err.Error()
	var op *net.OpError
	switch {
	case c.t.isForced():
		out.Ending = wire.EndingFIN
		c.t.closeGracefully()
		return
	case isTimeout(err):
		// Assumption: a client that falls silent within the handshake gets a FIN, and counts as failed.
		out.Ending = wire.EndingTimeout
		c.logFailure(codeUnmapped)
		c.t.closeGracefully()
		return
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		out.Ending, out.ByPeer = wire.EndingReset, true
		c.logFailure(codeUnmapped)
		return
	case isClientEnd(err):
		out.Ending, out.ByPeer = wire.EndingFIN, true
		c.logFailure(codeUnmapped)
		c.t.closeGracefully()
		return
	case errors.As(err, &op) && op.Op == "remote error":
		// The client refused the server's certificate, for one; it is counted all the same
		// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
		out.Ending, out.ByPeer, out.Alert = wire.EndingAlert, true, peerAlert(op.Err)
		c.logFailure(codeUnmapped)
		c.t.closeGracefully()
		return
	case c.decision.Version == wire.TLS13 && c.t.watch.alert != nil: // as above, and it could not encrypt it
		out.Ending, out.ByPeer, out.Alert = wire.EndingAlert, true, c.t.watch.alert
		c.logFailure(codeUnmapped)
		c.t.closeGracefully()
		return
	case !c.t.wrote:
		// The engine refuses a hello that the policy accepts: our parser and the engine's disagree.
		c.fault(errors.Join(ErrCannotCarryOut, err))
		return
	}
	c.logFailure(engineCode(err))
	if c.lb.cfg.WireProfile == ProfileAlertClose && c.decision.Version == wire.TLS13 {
		// The alert would have to be encrypted, and the engine has sent its own; that one was kept back.
		out.Ending = wire.EndingFIN
		c.t.closeGracefully()
		return
	}
	c.end(wire.Alert{Level: 1, Description: 0}, false)
}

// peerAlert is the alert that an engine reports of the client. Both engines have a type of their own for it, which no other
// package sees; it is the alert's number.
func peerAlert(err error) *wire.Alert {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Uint8 {
		return nil
	}
	return &wire.Alert{Level: wire.AlertFatal, Description: uint8(v.Uint())}
}

// engineCode names the reason for which an engine refused a client's messages. Engines parse certificates before anybody is
// asked; the log then has no subject ("could not be parsed").
func engineCode(err error) string {
	s := err.Error()
	switch {
	case strings.Contains(s, "failed to parse client certificate"):
		return codeInvalid
	case strings.Contains(s, "unsupported public key"), strings.Contains(s, "RSA key larger than"):
		return codeTypeUnsupported
	case strings.Contains(s, "exceeds maximum"):
		return codeMaxSize
	}
	return codeUnmapped
}

// established ends the handshake's rules: alerts may pass, unless they shall be hushed, and the idle timeout counts from the last byte.
func (t *transport) established(hushed bool) {
	t.mu.Lock()
	t.shaken, t.hushed = true, hushed
	t.last = t.clock.Now()
	t.mu.Unlock()
}
