package correlate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Bits of tcp-flags (source: docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html). ACK is recorded only as the
// 16 within a SYN-ACK's 18.
const (
	flagFIN = 1
	flagSYN = 2
	flagRST = 4
	flagACK = 16
)

// role says what a tuple is to the load balancer.
type role uint8

const (
	roleOther  role = iota // not the load balancer's
	roleClient             // a client's connection to it
	roleTarget             // its connection to a target
)

// side is a classified tuple.
type side struct {
	role    role
	clientA bool // endpoint a opened the connection
}

// opener says which endpoint sent the SYN, as far as the flags tell; known is false without them. A connection that only
// ever was rejected was opened by the one whose packets were: security groups are stateful, answers pass.
func (b *Builder) opener(id int32) (isA, known bool) {
	all := true
	var rejectA bool
	for i := b.heads.at(id).first; i >= 0; i = b.flows.at(i).next {
		f := b.flows.at(i)
		if f.flags > 0 && f.flags&flagSYN != 0 {
			return f.fromA == (f.flags&flagACK == 0), true
		}
		all = all && f.reject
		rejectA = f.fromA
	}
	return rejectA, all
}

// classify says what a tuple is, given the load balancer's addresses; without any, by the listener ports alone.
func (b *Builder) classify(id int32, lb map[netip.Addr]bool, ports map[uint16]bool) side {
	t := b.keys.at(id)
	isA, known := b.opener(id)
	if len(lb) == 0 {
		if !known {
			pa, pb := ports[t.a.Port()], ports[t.b.Port()]
			if pa == pb { // both or none: the client's port is the higher one
				isA = t.a.Port() > t.b.Port()
			} else {
				isA = pb
			}
		}
		server := t.a
		if isA {
			server = t.b
		}
		if ports[server.Port()] {
			return side{roleClient, isA}
		}
		return side{roleOther, isA}
	}
	la, lbB := lb[t.a.Addr()], lb[t.b.Addr()]
	if !la && !lbB {
		return side{roleOther, isA}
	}
	if !known {
		switch pa, pb := la && ports[t.a.Port()], lbB && ports[t.b.Port()]; {
		case pa != pb:
			isA = pb
		case la != lbB: // it accepts on listener ports only, so this is its own way to a target
			isA = la
		default:
			isA = t.a.Port() > t.b.Port()
		}
	}
	server := la
	if isA {
		server = lbB
	}
	if server {
		return side{roleClient, isA}
	}
	return side{roleTarget, isA}
}

// serverPort is the port that a tuple's connection went to: where no flags say who opened it, the lower one.
func (b *Builder) serverPort(id int32) uint16 {
	t := b.keys.at(id)
	isA, known := b.opener(id)
	if !known {
		return min(t.a.Port(), t.b.Port())
	}
	if isA {
		return t.b.Port()
	}
	return t.a.Port()
}

// commonest returns the ports with most records, at most 3.
func commonest(n map[uint16]int) []PortCount {
	var out []PortCount
	for port, records := range n {
		out = append(out, PortCount{port, records})
	}
	slices.SortFunc(out, func(x, y PortCount) int { return cmp.Or(y.Records-x.Records, cmp.Compare(x.Port, y.Port)) })
	return out[:min(len(out), 3)]
}

// learn finds the load balancer's addresses where nobody named them: those that were reached at a listener port by somebody
// who is not reached there himself. Addresses that the load balancer's own logs confirm win; a plain port teaches nothing
// without them, as targets and the rest of the world listen there too.
func (b *Builder) learn(ports, plain map[uint16]bool) map[netip.Addr]bool {
	all := maps.Clone(ports)
	maps.Copy(all, plain)
	confirmed := map[netip.Addr]bool{}
	seen := map[netip.Addr]bool{}
	lines := make(map[portKey]bool, len(b.lines))
	for _, l := range b.lines {
		lines[portKey{netip.AddrPortFrom(l.rec.ClientIP, l.rec.ClientPort), l.rec.ListenerPort}] = true
	}
	type edge struct{ client, server netip.Addr }
	var edges blocks[edge]
	for id := range int32(b.keys.n) {
		s := b.classify(id, nil, all)
		if s.role != roleClient {
			continue
		}
		client, server := b.keys.at(id).a, b.keys.at(id).b
		if !s.clientA {
			client, server = server, client
		}
		if ports[server.Port()] {
			seen[server.Addr()] = true
			edges.add(edge{client.Addr(), server.Addr()})
		}
		if lines[portKey{client, server.Port()}] {
			confirmed[server.Addr()] = true
		}
	}
	out := map[netip.Addr]bool{}
	for e := range edges.all {
		if !seen[e.client] {
			out[e.server] = true
		}
	}
	if len(confirmed) > 0 {
		for e := range edges.all {
			if confirmed[e.client] && !confirmed[e.server] {
				delete(out, e.server)
			}
		}
	}
	for a := range confirmed {
		out[a] = true
	}
	return out
}

// buildFlows makes connections of the flow records.
func (b *Builder) buildFlows(lb map[netip.Addr]bool, ports map[uint16]bool) (conns, targets []*Conn) {
	var recs []flowRec
	others := map[uint16]int{}
	told := len(b.o.Addresses)+len(b.lines)+len(b.urlPorts) > 0 // what is the load balancer's
	defer func() { b.res.OtherPorts = commonest(others) }()
	for id := range int32(b.keys.n) {
		s := b.classify(id, lb, ports)
		if s.role == roleOther {
			n := 0
			for i := b.heads.at(id).first; i >= 0; i = b.flows.at(i).next {
				n++
			}
			b.res.OtherFlows += n
			if !told {
				others[b.serverPort(id)] += n
			}
			continue
		}
		recs = recs[:0]
		for i := b.heads.at(id).first; i >= 0; i = b.flows.at(i).next {
			recs = append(recs, *b.flows.at(i))
		}
		client, server := b.keys.at(id).a, b.keys.at(id).b
		if !s.clientA {
			client, server = server, client
		}
		for _, c := range b.split(recs, s.clientA) {
			c.Client, c.Server = client, server
			if s.role == roleTarget {
				targets = append(targets, c)
			} else {
				conns = append(conns, c)
			}
		}
	}
	return conns, targets
}

// split makes connections of the records of one pair of endpoints.
func (b *Builder) split(recs []flowRec, clientA bool) []*Conn {
	slices.SortFunc(recs, func(x, y flowRec) int {
		if d := cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(direction(x, clientA), direction(y, clientA))); d != 0 {
			return d
		}
		return cmp.Or(cmp.Compare(x.end, y.end), cmp.Compare(x.iface, y.iface), cmp.Compare(x.packets, y.packets),
			cmp.Compare(x.bytes, y.bytes), cmp.Compare(x.flags, y.flags), compareRefs(b.ref(x), b.ref(y)))
	})
	recs = b.unique(recs)
	var out []*Conn
	var g group
	for _, r := range recs {
		if g.conn == nil || g.begins(r, direction(r, clientA) == 0, b.idle) {
			g = group{conn: &Conn{Start: time.Unix(r.start, 0).UTC()}}
			out = append(out, g.conn)
		}
		g.add(r, direction(r, clientA) == 0, b.ref(r))
	}
	return out
}

func direction(r flowRec, clientA bool) int {
	if r.fromA == clientA {
		return 0
	}
	return 1
}

func (b *Builder) ref(r flowRec) evidence.Ref {
	return evidence.Ref{File: b.files[r.file], Line: int(r.line)}
}

// unique leaves out what was recorded twice: the same record from two flow logs, and the same packets seen at another
// interface on the way. Of several interfaces the one with most records counts: the load balancer's, not the client's.
func (b *Builder) unique(recs []flowRec) []flowRec {
	best := recs[0].iface
	for _, r := range recs[1:] {
		if n, m := b.ifaceN[r.iface], b.ifaceN[best]; n > m || n == m && b.ifaceNames[r.iface] < b.ifaceNames[best] {
			best = r.iface
		}
	}
	out := recs[:0]
	for _, r := range recs {
		if r.iface != best {
			b.res.Duplicates++
			continue
		}
		if n := len(out); n > 0 {
			p := out[n-1]
			p.line, p.file, p.next = r.line, r.file, r.next
			if p == r {
				b.res.Duplicates++
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// group is the connection that is being summed up.
type group struct {
	conn  *Conn
	last  int64   // second of the last packet
	ended bool    // a FIN or RST was seen
	syn   [2]bool // a SYN was seen: from the client, from the server
}

// begins says whether a record opens another connection. With tcp-flags: a SYN after an end, or after a pause longer than
// the load balancer's idle timeout. Without: such a pause alone, as the load balancer closes a connection then.
func (g *group) begins(r flowRec, in bool, idle int64) bool {
	pause := r.start-g.last > idle
	if r.flags < 0 {
		return pause
	}
	way := 1
	if in {
		way = 0
	}
	if r.flags&flagSYN == 0 {
		return false
	}
	if !in { // a SYN-ACK that had to be repeated across the edge of a window follows no SYN that would begin a connection
		return pause || g.ended && g.syn[way] && r.start > g.last
	}
	return pause || g.ended && g.syn[way] && r.start >= g.last
}

func (g *group) add(r flowRec, in bool, ref evidence.Ref) {
	f, way := &g.conn.Out, 1
	switch {
	case r.reject && in:
		f, way = &g.conn.Rejected, 0
	case r.reject:
		f = &g.conn.RejectedOut
	case in:
		f, way = &g.conn.In, 0
	}
	if f.Records == 0 {
		f.Start, f.Flags = r.start, 0
	}
	f.Records++
	f.Packets += r.packets
	f.Bytes += r.bytes
	f.Start, f.End = min(f.Start, r.start), max(f.End, r.end)
	switch {
	case r.flags < 0:
		f.Flags = -1
	case f.Flags >= 0:
		f.Flags |= int(r.flags)
	}
	if r.flags > 0 {
		g.syn[way] = g.syn[way] || r.flags&flagSYN != 0
		g.ended = g.ended || r.flags&(flagFIN|flagRST) != 0
	}
	g.last = max(g.last, r.end)
	if e := time.Unix(g.last, 0).UTC(); e.After(g.conn.End) {
		g.conn.End = e
	}
	if len(g.conn.FlowRefs) < keepFlowRefs {
		g.conn.FlowRefs = append(g.conn.FlowRefs, ref)
	}
}
