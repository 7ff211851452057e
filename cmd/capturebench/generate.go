package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// traffic is what the file holds.
type traffic struct {
	Packets, Connections int
	Seed                 uint64
	VXLAN                bool // as a target of traffic mirroring receives it
}

// atOnce is how many connections are open at the same time.
const atOnce = 500

// open is a connection that is being written.
type open struct {
	client [4]byte
	port   uint16
	seq    [2]uint32 // of client and server
	todo   []segment
}

// generate writes the capture. The same traffic gives the same bytes.
func generate(w io.Writer, t traffic) (packets int, err error) {
	p, extra, err := newPlanner(t)
	if err != nil {
		return 0, err
	}
	out, err := capture.NewWriter(w, nil)
	if err != nil {
		return 0, err
	}
	g := &generator{traffic: t, out: out, r: rand.New(rand.NewPCG(t.Seed, 2)), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var live []*open
	for begun := 0; begun < t.Connections || len(live) > 0; {
		for begun < t.Connections && len(live) < atOnce {
			c := &open{client: [4]byte{198, 51, byte(begun >> 14), byte(begun >> 6)}, port: uint16(20000 + begun%64*600 + begun>>14)}
			c.todo = append(c.todo, p.plan()...)
			if begun == t.Connections-1 {
				c.pad(extra)
			}
			live = append(live, c)
			begun++
		}
		i := g.r.IntN(len(live))
		if err := g.step(live[i]); err != nil {
			return g.packets, err
		}
		if len(live[i].todo) == 0 {
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		}
	}
	return g.packets, out.Flush()
}

// newPlanner plans all connections once to know how many rounds of requests make up the packets that are wanted; extra is what is
// missing then.
func newPlanner(t traffic) (p *planner, extra int, err error) {
	hellos, err := recordedHellos()
	if err != nil {
		return nil, 0, err
	}
	fresh := func() *planner {
		return &planner{r: rand.New(rand.NewPCG(t.Seed, 1)), hellos: hellos, filler: make([]byte, 4096)}
	}
	p = fresh()
	packets := 0
	for range t.Connections {
		packets += len(p.plan())
	}
	missing, completed := t.Packets-packets, p.planned
	if missing < 0 || completed == 0 {
		return nil, 0, fmt.Errorf("%d connections need %d packets at least", t.Connections, packets)
	}
	p = fresh()
	p.rounds, p.longer = missing/2/completed, missing/2%completed
	return p, missing % 2, nil
}

// recordedHellos are those of the catalogue's clients that fit into one record, for several hosts.
func recordedHellos() (all [][]byte, err error) {
	for i, c := range catalog.All() {
		if c.SSLv2Format {
			continue
		}
		host := fmt.Sprintf("%s.alblab.example", [...]string{"www", "api", "shop", "login", "static", "cdn-eu-west-1"}[i%6])
		hello, err := c.Hello(host)
		if err != nil {
			return nil, fmt.Errorf("hello of %s: %w", c.Name, err)
		}
		if len(hello) > 0 && hello[0] == 1 { // a bare message
			hello = wire.AppendRecords(nil, hello, wire.TLS10, 0)
		}
		all = append(all, hello)
	}
	return all, nil
}

// pad adds bare acknowledgements.
func (c *open) pad(n int) {
	for range n {
		c.todo = append(c.todo, segment{flags: ack})
	}
}

// generator writes packets.
type generator struct {
	traffic
	out     *capture.Writer
	r       *rand.Rand
	now     time.Time
	ip      []byte
	outer   []byte
	packets int
}

// step writes the next packet of a connection.
func (g *generator) step(c *open) error {
	g.now = g.now.Add(time.Duration(20+g.r.IntN(160)) * time.Microsecond)
	s := c.todo[0]
	c.todo = c.todo[1:]
	if s.late && len(c.todo) > 0 { // the one behind it comes first; its own number stays
		next := c.todo[0]
		next.late = false
		side := 1
		if s.fromClient {
			side = 0
		}
		c.seq[side] += uint32(len(s.payload))
		if err := g.write(c, next); err != nil {
			return err
		}
		c.seq[side] -= uint32(len(s.payload) + len(next.payload))
		if err := g.write(c, s); err != nil {
			return err
		}
		c.seq[side] += uint32(len(next.payload))
		c.todo = c.todo[1:]
		return nil
	}
	return g.write(c, s)
}

// write writes a segment.
func (g *generator) write(c *open, s segment) error {
	from, to := 1, 0
	if s.fromClient {
		from, to = 0, 1
	}
	if s.again {
		c.seq[from] -= uint32(len(s.payload))
	}
	g.ip = appendSegment(g.ip[:0], c, s, c.seq[from], c.seq[to])
	c.seq[from] += uint32(len(s.payload))
	if s.flags&(capture.SYN|capture.FIN) != 0 {
		c.seq[from]++
	}
	g.packets++
	src, dst := capture.MAC{2, 0, 0, 0, 0, 1}, capture.MAC{2, 0, 0, 0, 0, 2}
	if !g.VXLAN {
		return g.out.WriteIP(g.now, src, dst, g.ip)
	}
	g.outer = appendVXLAN(g.outer[:0], src, dst, g.ip)
	return g.out.WriteIP(g.now, capture.MAC{2, 0, 0, 0, 9, 1}, capture.MAC{2, 0, 0, 0, 9, 10}, g.outer)
}

// appendSegment appends an IPv4 packet. Its checksums are left empty, as offloading does.
func appendSegment(b []byte, c *open, s segment, seq, acked uint32) []byte {
	be := binary.BigEndian
	options := "\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02"
	if s.flags&capture.SYN != 0 {
		options = "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02\x01\x03\x03\x07"
	}
	b = append(b, 0x45, 0)
	b = be.AppendUint16(b, uint16(40+len(options)+len(s.payload)))
	b = append(b, 0, 7, 0x40, 0, 64, 6, 0, 0)
	server, ports := []byte{10, 0, 1, 10}, [2]uint16{c.port, 443}
	if s.fromClient {
		b = append(append(b, c.client[:]...), server...)
	} else {
		b = append(append(b, server...), c.client[:]...)
		ports = [2]uint16{443, c.port}
	}
	b = be.AppendUint16(b, ports[0])
	b = be.AppendUint16(b, ports[1])
	b = be.AppendUint32(b, seq)
	if s.flags&capture.ACK == 0 {
		acked = 0
	}
	b = be.AppendUint32(b, acked)
	b = append(b, byte(20+len(options))<<2, byte(s.flags), 0xfa, 0xf0, 0, 0, 0, 0)
	return append(append(b, options...), s.payload...)
}

// appendVXLAN appends the packet around a mirrored frame (RFC 7348; any VNI, as traffic mirroring sets it).
func appendVXLAN(b []byte, src, dst capture.MAC, ip []byte) []byte {
	be := binary.BigEndian
	n := 14 + len(ip)
	b = append(b, 0x45, 0)
	b = be.AppendUint16(b, uint16(20+8+8+n))
	b = append(b, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, 10, 10, 0, 9, 10)
	b = be.AppendUint16(b, 65000)
	b = be.AppendUint16(b, 4789)
	b = be.AppendUint16(b, uint16(8+8+n))
	b = append(b, 0, 0, 8, 0, 0, 0, 0x12, 0x34, 0x56, 0)
	b = append(append(b, dst[:]...), src[:]...)
	return append(append(b, 8, 0), ip...)
}

// String describes the traffic.
func (t traffic) String() string {
	around := ""
	if t.VXLAN {
		around = " in VXLAN"
	}
	return strings.TrimSpace(fmt.Sprintf("%d packets of %d connections%s, seed %d", t.Packets, t.Connections, around, t.Seed))
}
