package capture

import (
	"io"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Packet is one IP packet of a capture.
type Packet struct {
	Number     int // of the frame, from 1, as tcpdump and Wireshark count
	Time       time.Time
	VNI        int // network identifier of a packet within VXLAN or GENEVE, else -1
	Src, Dst   netip.AddrPort
	Protocol   uint8 // IANA number, TCP 6
	IPLen      int   // length of the IP packet on the wire, which is what VPC flow logs count
	Fragment   bool  // an IP fragment; all but the first have no ports
	Truncated  bool  // captured shorter than it was
	Flags      TCPFlags
	Seq, Ack   uint32
	Window     uint16
	MSS        uint16 // maximum segment size option of a SYN, 0 if none
	Payload    []byte // of TCP or UDP, as far as captured; borrows the reader's buffer until the next step
	PayloadLen int    // as it was on the wire
}

// TCPFlags are the flags of a TCP header (RFC 9293, section 3.1).
type TCPFlags uint8

// The flags that matter here.
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// FlowLog returns what a VPC flow log's tcp-flags shows of a segment: FIN 1, SYN 2, RST 4, and 18 for SYN-ACK; a bare ACK and
// PSH are not recorded (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
func (f TCPFlags) FlowLog() TCPFlags {
	if f&(SYN|ACK) == SYN|ACK {
		return f & (FIN | SYN | RST | ACK)
	}
	return f & (FIN | SYN | RST)
}

// String returns the letters that tcpdump prints: "S", "S.", "P.", "R.", "." for a bare ACK.
func (f TCPFlags) String() string {
	var b []byte
	for i, c := range "FSRP" {
		if f&(1<<i) != 0 {
			b = append(b, byte(c))
		}
	}
	if f&ACK != 0 {
		b = append(b, '.')
	}
	return string(b)
}

// Packets reads a capture: pcap or pcapng, plain or gzip, of either byte order and any time resolution; Ethernet with VLAN
// tags, Linux cooked, raw IP and loopback link types; IPv4, IPv6 with extension headers. VXLAN to port 4789 and GENEVE to port
// 6081 are taken off, as mirror targets and gateway load balancers' appliances need; packets without them are given as they are.
// Frames that are not IP are passed over, and so are those cut off before the ports.
//
// The packet and its payload are valid until the next step. Damage gives an *evidence.ParseError whose Line is the
// frame's number, and reading goes on behind it; any other error is the reader's and the last. r is read ahead.
func Packets(r io.Reader, o *evidence.Options) iter.Seq2[*Packet, error] {
	return func(yield func(*Packet, error) bool) {
		s := source{frames: newFrames(r, o), stats: new(Stats)}
		defer s.frames.b.close()
		var p Packet
		for {
			err := s.next()
			switch {
			case err == io.EOF:
				return
			case err != nil:
				if !yield(nil, err) || !evidence.IsDamage(err) {
					return
				}
				continue
			}
			q := &s.p
			p = Packet{Number: q.number, Time: unix(q.time), VNI: int(q.vni), Src: q.src.addrPort(q.v6), Dst: q.dst.addrPort(q.v6),
				Protocol: q.protocol, IPLen: q.ipLen, Fragment: q.fragment, Truncated: q.truncated, Flags: q.flags,
				Seq: q.seq, Ack: q.ack, Window: q.window, MSS: q.mss, Payload: q.payload, PayloadLen: q.payloadLen}
			if !yield(&p, nil) {
				return
			}
		}
	}
}

func unix(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// source gives packets in the form that is followed.
type source struct {
	frames *frames
	p      packet
	stats  *Stats
}

// next goes to the next IP packet. The error is io.EOF, damage, or the reader's.
func (s *source) next() error {
	f := s.frames
	for {
		if err := f.next(); err != nil {
			if err != io.EOF {
				s.stats.Damaged++
			}
			return err
		}
		s.stats.Frames++
		s.stats.Bytes += int64(len(f.data))
		s.p = packet{number: f.number, time: f.time, vni: -1}
		switch what := s.p.link(f.data, f.link, f.full); {
		case what == "":
			s.count()
			return nil
		case what == notIP:
			s.stats.NotIP++
		case (len(f.data) < f.full || s.p.vni >= 0) && strings.HasSuffix(what, "cut short"):
			s.stats.Truncated++ // by who captured, or by the mirror
		default:
			s.stats.Damaged++
			return f.damaged(what)
		}
	}
}

func (s *source) count() {
	if s.p.protocol != protoTCP {
		s.stats.NotTCP++
	}
	if s.p.vni >= 0 {
		s.stats.Tunnelled++
	}
	if s.p.fragment {
		s.stats.Fragments++
	}
	if s.p.truncated {
		s.stats.Truncated++
	}
}
