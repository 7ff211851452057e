package capture

import (
	"io"
	"iter"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Packet is one IP packet of a capture.
type Packet struct {
	Number     int // of the frame, from 1, as tcpdump and Wireshark count
	Time       time.Time
	VNI        int // VXLAN network identifier of a mirrored packet, else -1
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
// tags, Linux cooked, raw IP and loopback link types; IPv4, IPv6 with extension headers. VXLAN to port 4789 is taken off, as
// a mirror target needs; packets without it are given as they are. Frames that are not IP are passed over.
//
// The packet and its payload are valid until the next step. Damage gives an *evidence.ParseError whose Line is the
// frame's number, and reading goes on behind it; any other error is the reader's and the last.
func Packets(r io.Reader, o *evidence.Options) iter.Seq2[*Packet, error] {
	return packets(r, o, new(Stats))
}

func packets(r io.Reader, o *evidence.Options, stats *Stats) iter.Seq2[*Packet, error] {
	return func(yield func(*Packet, error) bool) {
		f := newFrames(r, o)
		var p Packet
		for {
			err := f.next()
			if err == io.EOF {
				return
			}
			if err == nil {
				stats.Frames++
				stats.Bytes += int64(len(f.data))
				p = Packet{Number: f.number, Time: f.time, VNI: -1}
				var what string
				if what = p.link(f.data, f.link, f.full); what == notIP {
					stats.NotIP++
					continue
				}
				if what != "" {
					err = f.damaged(what)
				} else {
					stats.count(&p)
				}
			}
			if err != nil {
				stats.Damaged++
				if !yield(nil, err) || !evidence.IsDamage(err) {
					return
				}
				continue
			}
			if !yield(&p, nil) {
				return
			}
		}
	}
}

func (s *Stats) count(p *Packet) {
	if p.Protocol != protoTCP {
		s.NotTCP++
	}
	if p.Fragment {
		s.Fragments++
	}
	if p.Truncated {
		s.Truncated++
	}
}
