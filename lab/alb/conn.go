package alb

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// conn is one client connection.
type conn struct {
	lb     *LoadBalancer
	ln     *listener
	node   Node
	t      *transport
	client netip.AddrPort
	start  time.Time
	ids    *connIDs
	id     string // conn_trace_id

	reader   *wire.HelloReader
	hello    *wire.ClientHello // nil until it has come
	decision policy.Decision
	alpn     string
	eng      engine
	got      negotiated
	chain    []*x509.Certificate // the client's
	verify   string              // code of a refused client certificate, "" if there is none
	noCert   bool                // mTLS verify, and the client sent none
	report   Connection

	mu       sync.Mutex // h2 answers several requests at once
	requests int

	fingerprints sync.Once
	ja3, ja4     string
}

func (lb *LoadBalancer) serveConn(t *transport, node Node, ln *listener) {
	c := &conn{lb: lb, ln: ln, node: node, t: t, client: t.remoteAddrPort(), start: lb.cfg.Clock.Now()}
	c.ids = lb.ids.connection(c.client, node.Private, ln.Port)
	c.id = c.ids.conn()
	in := helloBuffers.Get().(*helloBuffer)
	c.reader = &in.HelloReader
	defer func() {
		in.Reset()
		helloBuffers.Put(in)
	}()
	c.count(metricNewConnections, 1)
	c.serve(in.buf[:])
	c.observe()
}

// helloBuffer is what reading a hello takes.
type helloBuffer struct {
	wire.HelloReader
	buf [2048]byte
}

// helloBuffers keeps those of connections that have ended.
var helloBuffers = sync.Pool{New: func() any { return new(helloBuffer) }}

func (c *conn) serve(buf []byte) {
	out := &c.report.Outcome
	out.Stage = wire.StageSilent
	if !c.readHello(buf) {
		return
	}
	c.ln = c.lb.listener(c.ln.Name) // it may have been modified since the connection came
	out.Stage = wire.StageHello
	c.decision = c.ln.Policy.Decide(c.hello, c.ln.certs)
	if c.decision.Outcome == policy.Refused {
		c.refuse()
		return
	}
	if err := cannotCarryOut(limitations, c.hello, c.decision); err != nil {
		c.fault(err)
		return
	}
	if !c.handshake() {
		return
	}
	out.Stage = wire.StageRequest
	if c.got.alpn == "h2" {
		c.serveHTTP2()
	} else {
		c.serveHTTP1()
	}
	if c.requests > 0 {
		out.Stage = wire.StageResponse
	}
}

// limitations is read only.
var limitations = Limitations()

// readHello reads until the ClientHello is whole. It ends the connection and returns false if none comes.
func (c *conn) readHello(buf []byte) bool {
	for {
		n, err := c.t.read(buf)
		switch c.reader.Feed(buf[:n]) {
		case wire.HelloComplete:
			c.hello = c.reader.Hello()
			c.t.replay = c.reader.Raw()
			return true
		case wire.HelloNotTLS:
			// Assumption: what is no TLS is refused like a hello that cannot be agreed with.
			c.report.NotTLS = true
			c.report.Outcome.Detail = "not TLS"
			c.refuse()
			return false
		case wire.HelloMalformed:
			c.decision = policy.Decision{Outcome: policy.Refused, Reason: policy.ReasonMalformed, Cert: -1}
			c.report.Outcome.Stage = wire.StageHello
			c.report.Outcome.Detail = c.reader.Err().Error()
			c.refuse()
			return false
		}
		if err != nil {
			c.noHello(err)
			return false
		}
	}
}

// noHello ends a connection whose client stopped before its hello was whole.
func (c *conn) noHello(err error) {
	out := &c.report.Outcome
	out.Detail = err.Error()
	switch {
	case isTimeout(err):
		out.Ending = wire.EndingTimeout
	case isClientEnd(err):
		out.Ending, out.ByPeer = wire.EndingFIN, true
	default:
		out.Ending, out.ByPeer = wire.EndingReset, true
	}
	// Assumption: silence, and a client that goes before it has sent a byte, leave neither a line nor a count. Half a hello
	// is a negotiation that never became a session.
	if len(c.reader.Raw()) > 0 && !c.t.isForced() {
		c.logFailure(codeUnmapped)
	}
	c.t.closeGracefully()
}

// refuse ends a connection at its hello, as the wire profile says.
func (c *conn) refuse() {
	c.logFailure(codeUnmapped)
	c.end(c.alertFor(), false)
}

// alertFor says which alert the profile alert-close sends: s2n-tls names but the missing version
// (github.com/aws/s2n-tls, tls/s2n_alerts.c).
func (c *conn) alertFor() wire.Alert {
	if c.decision.Reason == policy.ReasonNoCommonVersion {
		return wire.Alert{Level: 2, Description: 70}
	}
	return wire.Alert{Level: 1, Description: 0}
}

// end ends a failed handshake as the wire profile says. sealed means that the alert must go through the engine, which can
// send nothing but a close_notify.
func (c *conn) end(a wire.Alert, sealed bool) {
	out := &c.report.Outcome
	if c.lb.cfg.WireProfile == ProfileReset {
		out.Ending = wire.EndingReset
		c.t.reset()
		return
	}
	out.Ending, out.Alert = wire.EndingAlert, &a
	if sealed {
		c.t.alerts.Store(true)
		c.eng.CloseWrite()
	} else {
		c.t.write([]byte{recordAlert, 3, c.alertVersion(), 0, 2, a.Level, a.Description})
	}
	c.t.closeGracefully()
}

// alertVersion is the minor version in the record of an alert: the client's own as far as TLS 1.2, so that it reads on.
func (c *conn) alertVersion() byte {
	v := wire.TLS12
	switch {
	case c.decision.Version != 0:
		v = min(c.decision.Version, wire.TLS12)
	case c.hello != nil && c.hello.LegacyVersion >= wire.SSLv3:
		v = min(c.hello.LegacyVersion, wire.TLS12)
	}
	return byte(v)
}

// fault resets a connection that the load balancer itself cannot serve. It leaves no evidence: AWS's would have served it.
func (c *conn) fault(err error) {
	c.report.Err = err
	c.report.Outcome.Detail = err.Error()
	c.report.Outcome.Ending = wire.EndingReset
	c.t.reset()
}

// chooseALPN picks the application protocol: the server's first choice that the client offers, h2 before http/1.1
// (experiment 2's client offers both and gets h2), and h2 only from TLS 1.2 on (RFC 9113, section 9.2).
//
// Assumption: where nothing is shared the handshake goes on without a protocol, as in s2n-tls
// (s2n_select_server_preference_protocol); RFC 7301 would have it fail.
func (c *conn) chooseALPN() string {
	if c.decision.Version >= wire.TLS12 && slices.Contains(c.hello.ALPN, "h2") {
		return "h2"
	}
	if slices.Contains(c.hello.ALPN, "http/1.1") {
		return "http/1.1"
	}
	return ""
}

// logFailure writes the connection log's line and counts the error of a connection that never became a session.
func (c *conn) logFailure(code string) {
	c.log("Failed:"+code, -1)
	c.count(metricTLSErrors, 1)
}

// log writes the connection log's line. Assumption: the fields of protocol, cipher and key exchange are set as soon as the
// load balancer has chosen them in a ServerHello; AWS's sample of ClientCertUntrusted shows the first two.
func (c *conn) log(status string, latency time.Duration) {
	c.report.Verify = status
	r := connlog.Record{
		Time:             c.lb.cfg.Clock.Now(),
		ClientIP:         c.client.Addr(),
		ClientPort:       c.client.Port(),
		ListenerPort:     c.ln.Port,
		HandshakeLatency: latency,
		VerifyStatus:     status,
		ConnTraceID:      c.id,
		ELB:              c.lb.cfg.Name,
		NodeIP:           c.node.logAddr(),
	}
	if c.decision.Outcome != policy.Refused && c.t.wrote {
		r.TLSProtocol = c.decision.Version.String()
		r.TLSCipher = c.decision.Suite.OpenSSL()
		if c.decision.Group != 0 && !(c.got.resumed && c.decision.Version < wire.TLS13) {
			r.KeyExchange = c.decision.Group.String()
		}
	}
	if len(c.chain) > 0 {
		leaf := c.chain[0]
		r.LeafSubject = subjectString(leaf)
		r.LeafNotBefore, r.LeafNotAfter = leaf.NotBefore, leaf.NotAfter
		r.LeafSerial = serialString(leaf)
	}
	c.lb.cfg.Recorder.Connection(&r)
}

func (c *conn) count(name string, v float64) { c.lb.cfg.Recorder.Count(name, c.node.Zone, v) }

// observe tells the observer what became of the connection.
func (c *conn) observe() {
	f := c.lb.cfg.Observe
	if f == nil {
		return
	}
	r := &c.report
	r.Start, r.End = c.start, c.lb.cfg.Clock.Now()
	r.Client, r.Node, r.Listener, r.Port, r.TraceID = c.client, c.node, c.ln.Name, c.ln.Port, c.id
	r.Hello, r.HelloBytes, r.Decision = c.hello, c.reader.Raw(), c.decision
	r.Resumed = c.got.resumed
	r.Requests = c.requests
	r.In, r.Out = c.t.in.Load(), c.t.out.Load()
	f(r)
}
