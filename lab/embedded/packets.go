package embedded

import (
	"errors"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/vnet"
)

// The mirror target's side of a VPC traffic-mirror session.
var (
	mirrorTarget = netip.MustParseAddr("10.0.9.10")
	mirrorMAC    = capture.MAC{0x02, 0, 0, 0, 9, 10}
	routerMAC    = capture.MAC{0x02, 0, 0, 0, 0, 1}
)

// firstVNI is the VirtualNetworkId of the first interface's session; each further interface has the next.
const firstVNI = 7777

// tick is the least time between two packets of a capture. On a clock that stands still all packets of an exchange
// happen at one instant; readers want them in order.
const tick = time.Microsecond

// packets writes both captures: at the interfaces, and as a mirror target gets it. A nil one writes nothing.
type packets struct {
	plain   *capture.Writer
	mirror  *capture.MirrorWriter
	macs    []capture.MAC // of the interfaces
	filter  *helloFilter  // nil: all packets
	last    time.Time
	problem error
}

func newPackets(store *evidence.Store, nodes []node, helloOnly bool) (*packets, error) {
	p := &packets{}
	if helloOnly {
		p.filter = &helloFilter{seen: map[tuple]int{}}
	}
	o := capture.MirrorOptions{Target: mirrorTarget, TargetMAC: mirrorMAC, GatewayMAC: routerMAC}
	for i, n := range nodes {
		p.macs = append(p.macs, capture.MAC(n.MAC))
		o.Sessions = append(o.Sessions, capture.Session{VNI: firstVNI + uint32(i), Source: n.IPv4})
	}
	plain, err := store.Append("capture.pcap", evidence.KindCapture, "")
	if err != nil {
		return nil, err
	}
	mirror, err := store.Append("mirror.pcapng", evidence.KindMirror, "")
	if err != nil {
		return nil, err
	}
	// The writers buffer: a call of Write is no record. flush gives the store their counts.
	if p.plain, err = capture.NewWriter(blocks{plain}, nil); err != nil {
		return nil, err
	}
	p.mirror, err = capture.NewMirrorWriter(blocks{mirror}, o)
	return p, err
}

// blocks writes pieces of a file that are no records.
type blocks struct{ a *evidence.Appender }

func (b blocks) Write(p []byte) (int, error) { return b.a.WriteHeader(p) }

func (p *packets) write(x *vnet.Packet) {
	if p == nil || x.Rejected {
		return // packets that the security group drops are not mirrored (traffic-mirroring-network-limitations.html)
	}
	if p.filter != nil && !p.filter.keep(x) {
		return
	}
	at := x.Time
	if next := p.last.Add(tick); at.Before(next) {
		at = next
	}
	p.last = at
	from, to := p.macs[x.Interface], routerMAC
	if x.Inbound {
		from, to = to, from
	}
	if err := errors.Join(p.plain.WriteIP(at, from, to, x.Data), p.mirror.WriteIP(at, x.Interface, from, to, x.Data)); err != nil && p.problem == nil {
		p.problem = err
	}
}

// sync writes out what is buffered.
func (p *packets) sync() error {
	if p == nil {
		return nil
	}
	return errors.Join(p.plain.Flush(), p.mirror.Flush())
}

// flush writes out what is buffered and returns the files with their numbers of packets.
func (p *packets) flush() ([]evidence.File, error) {
	if p == nil {
		return nil, nil
	}
	err := p.sync()
	return []evidence.File{
		{Name: "capture.pcap", Kind: evidence.KindCapture, Records: int64(p.plain.Count())},
		{Name: "mirror.pcapng", Kind: evidence.KindMirror, Records: int64(p.mirror.Count())},
	}, err
}
