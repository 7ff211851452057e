package correlate

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence/capture"
)

// portKey is what the load balancer's logs name a connection by, besides the time.
type portKey struct {
	client   netip.AddrPort
	listener uint16
}

// Slack of joins by time. Flow logs give whole seconds, whose start and end may lag behind the packets by up to a minute
// (source: docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html, fields start and end).
const (
	nearSlack = time.Second
	farSlack  = time.Minute
)

// item is something with a time that wants its connection.
type item struct {
	start, end time.Time
	server     netip.AddrPort // the zero AddrPort if unknown
	free       func(*Conn) bool
	put        func(*Conn)
	done       bool
}

// index holds connections by key, each list by start.
type index map[portKey][]*Conn

func keyOf(c *Conn) portKey { return portKey{c.Client, c.Server.Port()} }

func newIndex(conns []*Conn) index {
	x := make(index, len(conns))
	for _, c := range conns {
		k := keyOf(c)
		x[k] = append(x[k], c)
	}
	for _, l := range x {
		sortConns(l)
	}
	return x
}

// join gives each item of one key its connection: the first free one whose time fits, closely if possible; an item that
// finds none makes a connection of its own, and so does each that has no client's address. It returns the new ones. The work is linear in the lists, which are sorted.
func (x index) join(key portKey, items []*item) []*Conn {
	slices.SortStableFunc(items, func(p, q *item) int { return cmp.Or(p.start.Compare(q.start), p.end.Compare(q.end)) })
	conns := x[key]
	if !key.client.Addr().IsValid() { // nobody knows whose they are
		conns = nil
	}
	for _, slack := range []time.Duration{nearSlack, farSlack} {
		i := 0
		for _, it := range items {
			if it.done {
				continue
			}
			for i < len(conns) && (conns[i].End.Add(slack).Before(it.start) || !it.free(conns[i])) {
				i++
			}
			if i == len(conns) {
				break
			}
			if c := conns[i]; !c.Start.Add(-slack).After(it.end) && sameServer(c, it) {
				it.put(c)
				it.done = true
				i++
			}
		}
	}
	var fresh []*Conn
	i := 0
	for _, it := range items {
		if it.done {
			continue
		}
		c := &Conn{Client: key.client, Server: netip.AddrPortFrom(netip.Addr{}, key.listener), Start: it.start, End: it.end}
		if it.server.IsValid() {
			c.Server = it.server
		}
		it.put(c)
		for i < len(conns) && conns[i].End.Add(nearSlack).Before(it.start) {
			i++
		}
		if i < len(conns) && conns[i].HasFlow() && !conns[i].Start.Add(-nearSlack).After(it.end) && sameServer(conns[i], it) {
			conns[i].Shared, c.Shared = true, true
			c.In, c.Out, c.FlowRefs = conns[i].In, conns[i].Out, conns[i].FlowRefs
			c.Server = conns[i].Server
		}
		fresh = append(fresh, c)
	}
	if len(fresh) > 0 {
		x[key] = append(x[key], fresh...)
		sortConns(x[key])
	}
	return fresh
}

func sameServer(c *Conn, it *item) bool {
	return !it.server.IsValid() || !c.Server.Addr().IsValid() || c.Server == it.server
}

func sortConns(l []*Conn) {
	slices.SortFunc(l, func(p, q *Conn) int {
		if d := p.Start.Compare(q.Start); d != 0 {
			return d
		}
		if d := cmp.Or(p.Client.Compare(q.Client), p.Server.Compare(q.Server), p.End.Compare(q.End)); d != 0 {
			return d
		}
		return slices.CompareFunc(p.Refs(), q.Refs(), compareRefs)
	})
}

// widen makes a connection's time cover a moment, unless flow records already give it to the second.
func (c *Conn) widen(from, to time.Time) {
	if from.Before(c.Start) {
		c.Start = from
	}
	if to.After(c.End) {
		c.End = to
	}
}

// joinAll runs the items of all keys in an order that does not depend on the map's.
func (x index) joinAll(items map[portKey][]*item) []*Conn {
	keys := make([]portKey, 0, len(items))
	for k := range items {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(p, q portKey) int {
		return cmp.Or(p.client.Compare(q.client), cmp.Compare(p.listener, q.listener))
	})
	var fresh []*Conn
	for _, k := range keys {
		fresh = append(fresh, x.join(k, items[k])...)
	}
	return fresh
}

// tooLate is how long after the end of a connection its packets may still come: TCP sends again what nobody acknowledged, on Linux
// after two minutes at most (TCP_RTO_MAX, which is RFC 6298's, section 2.5, at least 60 s).
const tooLate = 2 * time.Minute

// straggler says that a conversation without a SYN is only what came too late of the one before it on the same ports: when the last
// word of the load balancer was lost, its client sends its hello again.
func straggler(before, c *capture.Conversation) bool {
	return before != nil && before.EndedBy != capture.SideNone && c.Handshake == capture.HandshakeUnseen && before.Server == c.Server &&
		c.Start.Sub(before.End) <= tooLate
}

func (b *Builder) captureItems() map[portKey][]*item {
	slices.SortFunc(b.captures, func(p, q captureItem) int {
		return cmp.Or(p.conv.Start.Compare(q.conv.Start), compareRefs(p.ref, q.ref))
	})
	out := map[portKey][]*item{}
	before := map[portKey]*capture.Conversation{}
	for _, ci := range b.captures {
		client, server := unmap(ci.conv.Client), unmap(ci.conv.Server)
		k := portKey{client, server.Port()}
		if straggler(before[k], ci.conv) {
			continue
		}
		before[k] = ci.conv
		out[k] = append(out[k], &item{
			start: ci.conv.Start, end: ci.conv.End, server: server,
			free: func(c *Conn) bool { return c.Capture == nil },
			put: func(c *Conn) {
				c.Capture, c.CaptureRef = ci.conv, ci.ref
				c.widen(ci.conv.Start, ci.conv.End)
			},
		})
	}
	return out
}

func (b *Builder) lineItems() map[portKey][]*item {
	slices.SortFunc(b.lines, func(p, q lineItem) int {
		return cmp.Or(p.rec.Time.Compare(q.rec.Time), compareRefs(p.ref, q.ref))
	})
	out := map[portKey][]*item{}
	for _, l := range b.lines {
		k := portKey{netip.AddrPortFrom(l.rec.ClientIP.Unmap(), l.rec.ClientPort), l.rec.ListenerPort}
		out[k] = append(out[k], &item{
			start: l.rec.Time, end: l.rec.Time,
			free: func(c *Conn) bool { return c.ConnLog == nil },
			put: func(c *Conn) {
				c.ConnLog, c.ConnLogRef = l.rec, l.ref
				c.widen(l.rec.Time, l.rec.Time)
			},
		})
	}
	return out
}

// groupItems are the requests that no connection-log line of the same trace id took.
func (b *Builder) groupItems() map[portKey][]*item {
	slices.SortFunc(b.groups, func(p, q *accessGroup) int {
		return cmp.Or(p.start.Compare(q.start), p.client.Compare(q.client), slices.CompareFunc(p.refs, q.refs, compareRefs))
	})
	out := map[portKey][]*item{}
	for _, g := range b.groups {
		if g.conn != nil {
			continue
		}
		k := portKey{unmap(g.client), g.port}
		out[k] = append(out[k], &item{
			start: g.start, end: g.end,
			free: func(c *Conn) bool { return c.Requests == 0 },
			put:  g.give,
		})
	}
	return out
}

func (g *accessGroup) give(c *Conn) {
	c.Access, c.AccessRefs, c.Requests = g.recs, g.refs, g.n
	c.widen(g.start, g.end)
	g.conn = c
}

// gatherLoose makes groups of access-log lines that have no conn_trace_id, as lines had none before the connection log
// existed: the same client port and listener port, without a pause longer than the idle timeout.
func (b *Builder) gatherLoose() {
	slices.SortFunc(b.loose, func(p, q looseItem) int {
		return cmp.Or(p.client.Compare(q.client), cmp.Compare(p.port, q.port), p.rec.Time.Compare(q.rec.Time), compareRefs(p.ref, q.ref))
	})
	var g *accessGroup
	for _, l := range b.loose {
		from := l.rec.RequestCreationTime
		if from.IsZero() {
			from = l.rec.Time
		}
		if g == nil || !l.client.Addr().IsValid() || g.client != l.client || g.port != l.port || from.Sub(g.end) > b.o.IdleTimeout {
			g = &accessGroup{client: l.client, port: l.port}
			b.groups = append(b.groups, g)
		}
		b.addRequest(g, l.rec, l.ref)
	}
	b.loose = nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// urlPort is the listener port in an access line's request field, "GET https://host:443/ HTTP/1.1"; 0 if there is none.
func urlPort(request string) uint16 {
	_, rest, ok := strings.Cut(request, "://")
	if !ok {
		return 0
	}
	if i := strings.IndexAny(rest, "/ ?"); i >= 0 {
		rest = rest[:i]
	}
	rest = strings.TrimSuffix(rest, "-") // of malformed requests: "- http://host:80- -"
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return 0
	}
	n, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// traceRoot is the root of a trace id, "1-..." of "Self=...;Root=1-...": what WAF records as requestId.
func traceRoot(id string) string {
	i := strings.Index(id, "Root=")
	if i < 0 {
		return ""
	}
	root, _, _ := strings.Cut(id[i+len("Root="):], ";")
	return root
}
