package signatures

import (
	"fmt"
	"time"

	"github.com/alblab/alblab/analyzers/correlate"
)

// Bits of tcp-flags; ACK is recorded only as the 16 within a SYN-ACK's 18 (source:
// docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
const (
	flagFIN = 1
	flagSYN = 2
	flagRST = 4
)

// Header sizes in bytes, IP and TCP together, without options. A flow log's bytes count IP packets whole, options included,
// link layer excluded: experiment 1's 328 = 60 (SYN) + 52 (ACK) + 216 (hello segment) and 164 = 60 + 52 + 52.
const (
	headers4    = 40
	headers6    = 60
	timestamps  = 12 // TCP timestamps with padding, on every segment of Linux and macOS (RFC 7323)
	optionsMost = 40 // RFC 9293, section 3.1
	synOptions  = 20 // MSS, SACK permitted, timestamps, window scale: the most that common systems send
	synPlain    = 12 // the same without timestamps, as Windows has it
)

const (
	// repeatedLen is what each repeated SYN or SYN-ACK adds to the payload as it is reckoned here: its longer options.
	repeatedLen = synOptions - timestamps
	// unansweredMost is more than a load balancer says that refuses with alerts, SYN-ACKs that it had to repeat counted in,
	// and less than any ServerHello or HelloRetryRequest.
	unansweredMost = 64
	// silentMost is what three repeated SYNs add, or acknowledgements that are selective (RFC 2018: 12 bytes, and 8 for each
	// further block).
	silentMost = 3 * repeatedLen
	// mss is the largest segment of a path with an MTU of 1500, less IPv4, TCP and timestamps.
	mss = 1448
	// helloMost is more than any hello that an Application Load Balancer reads. TLS messages are limited to 64 K (source:
	// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
	helloMost = 64 << 10
	// flightLeast is less than any first flight of a server: ServerHello and certificate. A HelloRetryRequest is shorter.
	flightLeast = 300
	// sessionLeast is less than what a client sends for a handshake and a request: hello, key exchange, Finished, request.
	sessionLeast = 300
	// strayPackets are packets of a refusal that carry nothing: further ACKs, the client's own FIN or RST, a repetition.
	strayPackets = 4
)

// shape is what flow records say of the data exchanged. Flow logs count whole packets, so payloads are known within bounds
// that follow from which TCP options the packets can have had.
type shape struct {
	flags         bool  // tcp-flags are there for both directions
	partial       bool  // the handshake lies before the first record, or a direction is missing
	inMin, outMin int64 // bytes of payload at least: all packets had timestamps
	inMax, outMax int64 // at most: none had options
	segments      int64 // packets that the client's payload takes at least
	in, out       correlate.Flow
	took          time.Duration // from the first packet to the last
	headers       int64
	agreed        bool // the connection log names the version: the load balancer has answered
}

func shapeOf(c *correlate.Conn) shape {
	headers := int64(headers4)
	if c.Client.Addr().Is6() {
		headers = headers6
	}
	s := shape{in: c.In, out: c.Out, headers: headers}
	if c.In.Records > 0 && c.Out.Records > 0 {
		s.took = time.Duration(max(c.In.End, c.Out.End)-min(c.In.Start, c.Out.Start)) * time.Second
	}
	s.flags = c.In.Flags >= 0 && c.Out.Flags >= 0 && c.In.Records > 0 && c.Out.Records > 0
	s.partial = c.In.Records == 0 || c.Out.Records == 0 ||
		s.flags && (c.In.Flags&flagSYN == 0 || c.Out.Flags&flagSYN == 0)
	syn, each := int64(synOptions), int64(timestamps)
	if !s.partial && c.Out.Packets >= 2 && c.Out.Bytes-c.Out.Packets*headers <= synPlain {
		syn, each = synPlain, 0 // both sides have timestamps, or none (RFC 7323, section 1.3)
	}
	s.inMin, s.inMax = payload(c.In, headers, syn, each)
	s.outMin, s.outMax = payload(c.Out, headers, syn, each)
	s.segments = (s.inMin + mss - 1) / mss
	return s
}

// payload returns the bounds of the payload in one direction: one SYN or SYN-ACK, then segments, each with as many options
// as common systems send, or none.
func payload(f correlate.Flow, headers, syn, each int64) (least, most int64) {
	if f.Packets == 0 {
		return 0, 0
	}
	least = f.Bytes - (headers + syn) - (f.Packets-1)*(headers+each)
	return max(least, 0), max(f.Bytes-f.Packets*headers, 0)
}

// silent says that the client need not have sent a byte: what there is may be options of a SYN that was repeated or of an
// acknowledgement that is selective. Headers and options come in fours, so that other sums have data in them.
func (s *shape) silent() bool { return s.inMin <= silentMost && s.in.Bytes%4 == 0 }

// little says that the client is taken for silent and yet may have sent a few bytes.
func (s *shape) little() bool { return s.inMin > 0 && s.silent() }

// unanswered says that the load balancer need not have sent more than an alert. It reads no hello as large as some clients' data.
func (s *shape) unanswered() bool {
	return s.outMin <= unansweredMost || s.maybeAcks() && s.inMin <= helloMost && !s.agreed
}

// maybeAcks says that what looks like data of the load balancer may all be options of its acknowledgements: where segments came out of
// order those have as many as TCP allows (selective ones, RFC 2018).
func (s *shape) maybeAcks() bool {
	return s.in.Packets > 4 && s.out.Packets > 4 && s.out.Bytes <= s.out.Packets*(s.headers+optionsMost)
}

// maybeAnswered says that an answer of the load balancer may be hidden among its acknowledgements.
func (s *shape) maybeAnswered() bool { return s.outMin > unansweredMost && s.maybeAcks() }

// refusedSo says that the load balancer ended the connection as it does when it refuses: a reset, or an alert and a FIN. A
// reset behind a FIN only answers what came too late.
func (s *shape) refusedSo() bool {
	return s.serverReset() && !s.serverFIN() || s.serverFIN() && s.alerted()
}

// alerted says, of a load balancer that sent little, that an alert was in it: headers and options come in fours (RFC 791 and 9293), an
// alert has 7 bytes. Four copies of it would be overlooked.
func (s *shape) alerted() bool { return s.out.Bytes%4 != 0 }

// spokenTo says that the load balancer sent an alert to a client that is taken for silent: it does so to data, however little there
// seems to be.
func (s *shape) spokenTo() bool { return s.silent() && s.unanswered() && s.alerted() }

// resetUnasked says that the load balancer alone ended a connection, at once and by a reset: it does so to data, however little there
// seems to be. Without timestamps, as Windows has it, 36 bytes of data are not seen in the sizes.
func (s *shape) resetUnasked() bool {
	return s.silent() && s.unanswered() && !s.lasted() && s.in.Packets >= 3 && s.serverReset() && !s.serverFIN() && !s.clientFIN() && !s.clientReset()
}

// uneven says that one direction has more records than the other: where the flow log skipped records, one may be missing.
func (s *shape) uneven() bool { return s.in.Records != s.out.Records }

// lasted says that the connection was open for longer than it takes to refuse a client.
func (s *shape) lasted() bool { return s.took >= patience }

// refusal says whether the records fit the refusal of a first flight: the client's packets are SYN, ACK and as many
// segments as its hello takes at the path's MSS, and few besides; the load balancer's are acknowledgements, at most an
// alert, and the end. A post-quantum hello takes two segments, so the number is computed and never a fixed one.
func (s *shape) refusal() bool {
	if s.partial || s.silent() || s.lasted() || !s.unanswered() || s.inMin > helloMost {
		return false
	}
	// Who refuses has answered the SYN and ends the connection: two packets at least.
	return s.out.Packets >= 2 && s.in.Packets >= 1+s.segments && s.in.Packets <= 2+s.mostSegments()+strayPackets && s.out.Packets <= s.in.Packets+strayPackets
}

// mostSegments is the number of segments if the path's MSS is the smallest that IPv6 and Ethernet tunnels leave in
// practice, 1,200 bytes.
func (s *shape) mostSegments() int64 { return (s.inMax + 1199) / 1200 }

func (s *shape) serverReset() bool { return s.flags && s.out.Flags&flagRST != 0 }
func (s *shape) serverFIN() bool   { return s.flags && s.out.Flags&flagFIN != 0 }
func (s *shape) clientReset() bool { return s.flags && s.in.Flags&flagRST != 0 }
func (s *shape) clientFIN() bool   { return s.flags && s.in.Flags&flagFIN != 0 }

// words tells the records' figures: "3 packets, 328 bytes, flags 2 in; 3 packets, 164 bytes, flags 22 out".
func (s *shape) words() string {
	return flowWords(s.in) + " in; " + flowWords(s.out) + " out"
}

func flowWords(f correlate.Flow) string {
	if f.Records == 0 {
		return "no record"
	}
	w := plural(int(f.Packets), "%d packet", "%d packets") + fmt.Sprintf(", %d bytes", f.Bytes)
	if f.Flags >= 0 {
		w += fmt.Sprintf(", flags %d", f.Flags)
	}
	return w
}
