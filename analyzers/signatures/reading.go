package signatures

import (
	"slices"
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence/capture"
)

// reading is what the evidence says of a connection's course: how far it came, and which signatures fit.
type reading struct {
	stage analyzers.Stage
	sure  analyzers.Certainty // of the stage
	fits  []string            // signatures, the likeliest first; empty: nothing is known
	by    basis
	show  string // what the packets show, before how they end; "" leaves it to the view
	tail  string // a remark at the end
}

// basis is what a reading rests on.
type basis uint8

const (
	byRequests basis = 1 << iota
	byLine
	byFlow
	byPackets
)

// words tells what a reading rests on. It is made only for what is reported.
func (r *reading) words(c *correlate.Conn) string {
	var w []string
	if r.by&byRequests != 0 {
		w = append(w, "the access log has its requests")
	}
	if r.by&byLine != 0 {
		status := c.ConnLog.VerifyStatus
		if status == "" {
			status = "nothing of TLS"
		}
		w = append(w, "the connection log says "+status)
	}
	if r.by&byFlow != 0 {
		s := shapeOf(c)
		w = append(w, "flow log: "+s.words())
	}
	if r.by&byPackets != 0 {
		v := viewOf(c)
		if r.show != "" {
			w = append(w, "the packets show "+r.show+v.end())
		} else {
			w = append(w, v.words())
		}
	}
	return strings.Join(w, "; ") + r.tail
}

// fit says whether a signature is the likeliest that fits.
func (r *reading) fit(signature string) bool { return len(r.fits) > 0 && r.fits[0] == signature }

// Reasons to refuse a first flight. Without a capture none of them can be told apart; with one, but without the policy, those
// of a hello that is well-formed cannot.
var (
	policyRefusals = []string{NoCommonVersion, NoCommonSuite, NoCommonGroup, NoCommonSignatureScheme, InappropriateFallback}
	helloRefusals  = append(slices.Clone(policyRefusals), MalformedHello, NotTLS, HelloTooLarge)
)

// Sets of signatures that evidence leaves, made once.
var (
	refused         = slices.Concat([]string{RefusedFirstFlight}, helloRefusals)
	refusedByPolicy = slices.Concat([]string{RefusedFirstFlight}, policyRefusals)
	refusedOrClosed = slices.Concat(refused, []string{ClosedByClient, HandshakeTimeout})
	closedOrRefused = slices.Concat([]string{ClosedByClient, HandshakeTimeout}, refused)
	timeoutOrClosed = slices.Concat([]string{HandshakeTimeout, ClosedByClient}, refused)
	leftByClient    = []string{ClosedByClient, ServerCertificateDistrusted, HandshakeTimeout} // after the load balancer's flight
	silentByClient  = []string{HandshakeTimeout, ClosedByClient, ServerCertificateDistrusted}
	halfOpenFits    = []string{HalfOpenScan, ConnectAndClose}               // the latter if the client's ACK was lost before its reset
	leftUnheard     = []string{ClosedByClient, ServerCertificateDistrusted} // its last bytes are lost, an alert maybe
	closedAtOnce    = []string{ConnectAndClose, ConnectedNoData}
	littleFits      = []string{ConnectAndClose, ConnectedNoData, ClosedByClient, HandshakeTimeout}
	littleOrRefused = slices.Concat(littleFits, []string{HalfOpenScan}, refused)
	closedIdle      = []string{ConnectedNoData, ConnectAndClose}
	// anyAnswered is all that can become of a client that the load balancer answered, where flow logs are all there is.
	anyAnswered = []string{Completed, RefusedLater, ClientCertificateMissing, ClientCertificateRefused, ClosedByClient,
		ServerCertificateDistrusted, HandshakeTimeout, RenegotiationAttempted}
	anything = slices.Concat(littleOrRefused, []string{Completed, RefusedLater, ClientCertificateMissing, ClientCertificateRefused, ServerCertificateDistrusted, RenegotiationAttempted})
)

// read believes a capture first, then the connection log with what the flow log adds, then the flow log alone. gaps says that
// the flow log skipped records somewhere.
func read(c *correlate.Conn, l analyzers.Listener, gaps bool) reading {
	r := readCourse(c, l, gaps)
	if r.stage == analyzers.StageRefusedLater && (unmappedWithCertificate(c) || unmappedUnread(c)) {
		// The certificate was sent, and none of the reasons that certificates have was given.
		r.fits = slices.Concat([]string{ClientCertificateRefused}, without(without(r.fits, ClientCertificateMissing), ClientCertificateRefused))
		r.by |= byLine
	}
	if r.stage == analyzers.StageClosedByOther && r.by&byPackets == 0 && unmappedWithCertificate(c) {
		r.fits = union(r.fits, justRefused) // a load balancer that refuses with an alert and a FIN ends it no other way
	}
	return r
}

// unmappedWithCertificate: the connection log names the client's certificate, and no reason of its own to refuse it.
// Assumption: the line of a handshake that failed names the certificate as soon as one was read.
func unmappedWithCertificate(c *correlate.Conn) bool {
	return c.ConnLog != nil && c.ConnLog.VerifyStatus == "Failed:"+unmapped && c.ConnLog.LeafSubject != ""
}

// unmappedUnread: the packets show a certificate of the client, and the connection log names none, and no reason of its own. The
// fields of a certificate that the load balancer could not parse are "-"
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html).
func unmappedUnread(c *correlate.Conn) bool {
	return c.ConnLog != nil && c.ConnLog.VerifyStatus == "Failed:"+unmapped && c.ConnLog.LeafSubject == "" &&
		c.Capture != nil && c.Capture.ClientCertificate == capture.CertificateSent
}

func readCourse(c *correlate.Conn, l analyzers.Listener, gaps bool) reading {
	if r, ok := asksAgain(c); ok {
		return r
	}
	if c.Requests > 0 {
		return sessionEnded(c, reading{stage: analyzers.StageCompleted, sure: analyzers.Certain, fits: justCompleted, by: byRequests}, gaps)
	}
	if r := readStatus(c, gaps); len(r.fits) > 0 {
		return r
	}
	if c.Plain {
		return reading{} // TLS was not to be spoken
	}
	if c.Capture != nil {
		if r := readCapture(c, l); len(r.fits) > 0 {
			return r
		}
	}
	if c.ConnLog != nil {
		return readLine(c, l, gaps)
	}
	if c.Shared {
		return reading{} // the figures are of several connections
	}
	return readFlow(c, l, gaps)
}

var (
	justCompleted = []string{Completed}
	justRefused   = []string{ClientCertificateRefused}
)

// readStatus reads what the connection log says outright.
func readStatus(c *correlate.Conn, gaps bool) reading {
	if c.ConnLog == nil {
		return reading{}
	}
	switch s := c.ConnLog.VerifyStatus; {
	case s == "Success":
		return sessionEnded(c, reading{stage: analyzers.StageCompleted, sure: analyzers.Certain, fits: justCompleted, by: byLine}, gaps)
	case s == "" && c.ConnLog.TLSProtocol == "":
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Certain, fits: justCompleted, by: byLine}
	case strings.HasPrefix(s, "Failed:ClientCert"):
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Certain, fits: justRefused, by: byLine}
	}
	return reading{}
}

// readLine reads a failed line without a code of its own, Failed:UnmappedConnectionError. AWS documents it as everything else
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html); a hello that was refused
// and a client certificate that is missing both give it.
func readLine(c *correlate.Conn, l analyzers.Listener, gaps bool) reading {
	if c.HasFlow() && !c.Shared {
		s := shapeOf(c)
		s.agreed = c.ConnLog.TLSProtocol != ""
		if !s.partial && !(gaps && s.uneven()) {
			r := readFailedFlow(&s, l)
			r.by = byLine | byFlow
			return r
		}
	}
	if c.ConnLog.TLSProtocol != "" {
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Certain, fits: later(l, true), by: byLine,
			tail: ", and a version was agreed (" + c.ConnLog.TLSProtocol + ")"}
	}
	// Assumption: a line without version and cipher is of a hello that was refused. AWS does not say which values stand there.
	return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Likely, fits: slices.Concat(refused, later(l, true)), by: byLine, tail: ", and no version was agreed"}
}

// readFailedFlow reads the flow of a connection that the connection log calls failed: the client has sent something.
// Assumption: a silent client leaves no line.
func readFailedFlow(s *shape, l analyzers.Listener) reading {
	switch {
	case s.unanswered():
		return readFailedUnanswered(s)
	case s.serverReset() && !s.serverFIN() && s.clientReset() && knownNotToVerify(l):
		// Whoever is reset sends no reset, and no FIN; both have one if packets crossed, or came in another order. Which was first the
		// sizes do not show. Without client certificates a load balancer has hardly a reason left to refuse after its own flight.
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: slices.Concat(leftByClient, later(l, false)), tail: bothReset}
	case s.serverReset() && !s.serverFIN(): // a RST behind a FIN answers what came too late
		doubt := s.clientFIN() || s.clientReset()
		r := reading{stage: analyzers.StageRefusedLater, sure: sureUnless(doubt), fits: later(l, doubt)}
		if s.clientReset() {
			r.tail = bothReset
		}
		return r
	case s.flags && s.lasted():
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: slices.Concat(silentByClient, later(l, false))}
	case s.flags: // the client's end alone: its alert, or its patience
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: slices.Concat(leftByClient, later(l, false))}
	case l.MTLS == "verify":
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Possible, fits: later(l, true)}
	}
	return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Possible, fits: slices.Concat(leftByClient, later(l, false))}
}

func readFailedUnanswered(s *shape) reading {
	switch {
	case s.refusedSo():
		return reading{stage: analyzers.StageFirstFlight, sure: sureUnless(s.clientReset()), fits: refused}
	case s.lasted():
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: timeoutOrClosed}
	case s.clientFIN(), s.clientReset():
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: closedOrRefused}
	}
	return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Likely, fits: refusedOrClosed}
}

// bothReset is the remark on a connection of which neither log says who ended it.
const bothReset = ", and both ends reset it: who was first this does not show"

// knownNotToVerify says that the listener's mode is known, and that it demands no certificate.
func knownNotToVerify(l analyzers.Listener) bool { return l.MTLS != "" && l.MTLS != "verify" }

// sureUnless is Certain unless there is a doubt.
func sureUnless(doubt bool) analyzers.Certainty {
	if doubt {
		return analyzers.Likely
	}
	return analyzers.Certain
}

// later lists what can end a handshake after the load balancer's first flight without a code of its own. A certificate can
// be missing only where one is demanded; where the mode is unknown it can. One that was sent leaves the same line as one that is
// missing where it could not be parsed: the fields of the certificate are "-" then
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html). In passthrough mode it can be
// refused too, for its form or for a wrong private key.
func later(l analyzers.Listener, byClient bool) []string {
	var fits []string
	switch l.MTLS {
	case "verify":
		fits = []string{ClientCertificateMissing, RefusedLater, ClientCertificateRefused}
	case "":
		fits = []string{RefusedLater, ClientCertificateMissing, ClientCertificateRefused}
	case "passthrough":
		fits = []string{RefusedLater, ClientCertificateRefused}
	default:
		fits = []string{RefusedLater}
	}
	if byClient {
		return slices.Concat(fits, leftByClient)
	}
	return fits
}

// readFlow reads the flow log alone: it shows stages, and never a cause.
func readFlow(c *correlate.Conn, l analyzers.Listener, gaps bool) reading {
	if !c.HasFlow() {
		return reading{}
	}
	s := shapeOf(c)
	s.partial = s.partial || gaps && (s.uneven() || s.clientFIN() && !s.serverFIN() && !s.serverReset())
	var r reading
	switch {
	case s.flags:
		r = s.doubted(readFlags(&s, l))
	default:
		r = s.doubted(readSizes(&s))
		if gaps && len(r.fits) > 0 { // nothing shows whether its end is there
			r.fits = union(r.fits, anything)
		}
	}
	r.by = byFlow
	return r
}

// doubted adds to what fits a flow whose amounts leave open whether the load balancer answered.
func (s *shape) doubted(r reading) reading {
	switch {
	case len(r.fits) == 0 || !s.maybeAnswered():
	case r.stage == analyzers.StageFirstFlight || r.stage == analyzers.StageClosedByOther && s.unanswered():
		r.sure, r.fits = analyzers.Possible, union(r.fits, anyAnswered)
	case s.inMin > helloMost:
		r.fits = union(r.fits, refused)
	}
	return r
}

// readFlags reads records with tcp-flags.
func readFlags(s *shape, l analyzers.Listener) reading {
	switch {
	case s.partial:
		return readPartial(s)
	case s.in.Flags&(flagSYN|flagRST|flagFIN) == flagSYN|flagRST && s.in.Packets <= 2 && s.silent() && s.outMin == 0,
		s.in.Flags == flagSYN && s.in.Packets == 1 && s.outMin == 0: // the scanner does not even reset
		return reading{stage: analyzers.StageNoData, sure: analyzers.Certain, fits: halfOpenFits}
	case s.little() && s.refusedSo(), s.resetUnasked(), s.spokenTo() && s.refusedSo():
		return readUnanswered(s)
	case s.silent() && s.unanswered() && s.in.Packets > 3 && s.serverReset() && !s.serverFIN():
		// The client ended it as well: a FIN is answered with a FIN, unless data came before it that was refused.
		if s.clientFIN() {
			return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Possible, fits: slices.Concat(refused, littleFits)}
		}
		return reading{stage: analyzers.StageNoData, sure: analyzers.Possible, fits: slices.Concat(littleFits, refused)}
	case s.silent() && s.unanswered() && (s.little() || s.clientReset() && s.in.Packets > 3): // a reset may lack timestamps
		return reading{stage: analyzers.StageNoData, sure: analyzers.Possible, fits: littleFits}
	case s.silent() && s.unanswered() && !s.lasted():
		return reading{stage: analyzers.StageNoData, sure: analyzers.Likely, fits: closedAtOnce}
	case s.silent() && s.unanswered():
		return reading{stage: analyzers.StageNoData, sure: analyzers.Likely, fits: closedIdle}
	case s.unanswered():
		return readUnanswered(s)
	}
	ended := s.serverFIN() || s.serverReset() || s.clientFIN() || s.clientReset()
	session := s.outMin >= flightLeast && s.inMin >= sessionLeast
	switch {
	case s.serverReset() && !s.clientReset() && !s.serverFIN():
		// A session can end so too: at the idle timeout with data unread.
		return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Likely, fits: append(later(l, s.clientFIN()), Completed, RenegotiationAttempted)}
	case !session && (s.clientFIN() || s.clientReset()):
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: slices.Concat(leftByClient, later(l, false), []string{Completed})}
	case s.clientReset() && !s.clientFIN() && !s.serverFIN() && s.in.Packets <= 2+s.mostSegments()+2: // SYN, ACK, the hello, one more, RST
		fits := slices.Concat(leftByClient, []string{Completed})
		if s.serverReset() { // both have one if packets crossed: which was first the sizes do not show
			fits = slices.Concat(fits, later(l, false))
		}
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Possible, fits: fits}
	case session && ended:
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Likely, fits: anyAnswered}
	case session:
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Possible, fits: anyAnswered}
	}
	return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Possible, fits: append(later(l, true), Completed)}
}

// readUnanswered reads the flow of a client that sent data and got none: a refusal, unless the client gave up first.
func readUnanswered(s *shape) reading {
	switch {
	case s.refusedSo(), s.serverFIN() && !s.clientFIN() && !s.clientReset() && !s.lasted():
		fits, sure := refused, analyzers.Likely
		if s.clientReset() || s.clientFIN() && !s.alerted() { // a client answers an alert with its own FIN
			fits, sure = refusedOrClosed, analyzers.Possible
		} else if !s.refusal() {
			sure = analyzers.Possible
		}
		return reading{stage: analyzers.StageFirstFlight, sure: sure, fits: fits}
	case s.lasted() && s.serverFIN():
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: timeoutOrClosed}
	case s.clientFIN(), s.clientReset(), s.serverFIN():
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Likely, fits: closedOrRefused}
	}
	return reading{} // still open when the records end
}

// readPartial reads a flow of which the beginning or a direction is missing: only much data means something.
func readPartial(s *shape) reading {
	if s.inMin >= sessionLeast && s.outMin >= flightLeast {
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Possible, fits: anyAnswered}
	}
	return reading{}
}

// readSizes reads records of the default format, which has no tcp-flags: how a connection ended is not known, only how much
// was exchanged. The published filter takes packets<5 for a failure; sizes say a little more.
func readSizes(s *shape) reading {
	switch {
	case s.partial:
		return readPartial(s)
	case s.spokenTo():
		return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Possible, fits: refusedOrClosed}
	case s.silent() && s.unanswered() && (s.little() || s.in.Packets > 4):
		return reading{stage: analyzers.StageNoData, sure: analyzers.Possible, fits: littleOrRefused}
	case s.silent() && s.unanswered() && s.in.Packets <= 2:
		return reading{stage: analyzers.StageNoData, sure: analyzers.Possible, fits: []string{HalfOpenScan, ConnectAndClose, ConnectedNoData}}
	case s.silent() && s.unanswered() && s.lasted():
		return reading{stage: analyzers.StageNoData, sure: analyzers.Possible, fits: []string{ConnectedNoData, ConnectAndClose, HalfOpenScan}}
	case s.silent() && s.unanswered():
		return reading{stage: analyzers.StageNoData, sure: analyzers.Possible, fits: []string{ConnectAndClose, ConnectedNoData, HalfOpenScan}}
	case s.refusal():
		return reading{stage: analyzers.StageFirstFlight, sure: analyzers.Possible, fits: refusedOrClosed}
	case s.unanswered() && s.lasted():
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Possible, fits: timeoutOrClosed}
	case s.unanswered():
		return reading{stage: analyzers.StageClosedByOther, sure: analyzers.Possible, fits: closedOrRefused}
	case s.outMin >= flightLeast && s.inMin >= sessionLeast && s.in.Packets >= 5:
		return reading{stage: analyzers.StageCompleted, sure: analyzers.Possible, fits: anyAnswered}
	}
	return reading{stage: analyzers.StageRefusedLater, sure: analyzers.Possible, fits: []string{RefusedLater, ClosedByClient,
		ServerCertificateDistrusted, HandshakeTimeout, ClientCertificateMissing, ClientCertificateRefused, Completed}}
}

func without(l []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(l), func(x string) bool { return x == s })
}

// union adds what is new.
func union(l, more []string) []string {
	out := slices.Clone(l)
	for _, s := range more {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
