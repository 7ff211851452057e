package correlate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Build joins what was taken. The builder must not be used afterwards.
func (b *Builder) Build() *Result {
	ports, plain := b.listenerPorts()
	all := maps.Clone(ports)
	maps.Copy(all, plain)
	lb := map[netip.Addr]bool{}
	for _, a := range b.o.Addresses {
		lb[a.Unmap()] = true
	}
	if len(lb) == 0 {
		lb = b.learn(ports, plain)
	}
	byFlow := all
	if len(lb) == 0 { // what goes to port 80 of anybody is not the load balancer's for that
		byFlow = ports
	}
	conns, targets := b.buildFlows(lb, byFlow)
	b.flows, b.tuples, b.heads, b.keys = blocks[flowRec]{}, nil, blocks[head]{}, blocks[tuple]{}

	captures, toTargets := b.captureItems(), map[portKey][]*item{}
	for k, items := range captures {
		if lb[k.client.Addr()] && (!all[k.listener] || !lb[items[0].server.Addr()]) { // the load balancer's own way
			toTargets[k] = items
			delete(captures, k)
		}
	}
	targets = append(targets, newIndex(targets).joinAll(toTargets)...)
	x := newIndex(conns)
	conns = append(conns, x.joinAll(captures)...)
	conns = append(conns, x.joinAll(b.lineItems())...)
	conns = append(conns, b.joinAccess(x, conns)...)
	conns = append(conns, b.joinWAF(conns)...)

	r := b.res
	r.NoFlags = r.NoFlags && b.flagged
	r.ListenerPorts, r.PlainPorts = slices.Sorted(maps.Keys(ports)), slices.Sorted(maps.Keys(plain))
	for a := range lb {
		r.Addresses = append(r.Addresses, a)
	}
	slices.SortFunc(r.Addresses, netip.Addr.Compare)
	sortConns(conns)
	sortConns(targets)
	for i, c := range conns {
		c.Index, c.Plain = i, plain[c.Server.Port()]
		if l := c.ConnLog; l != nil && l.VerifyStatus == "Success" {
			b.count(Usage{c.Client.Addr(), l.TLSProtocol, l.TLSCipher}).Connections++
		}
	}
	for i, c := range targets {
		c.Index = i
	}
	r.Conns, r.Targets = conns, targets
	return r
}

// listenerPorts are those given, else those that the connection log names, else those of the requests, else 443. Ports that
// the logs show without TLS, and never with it, are set apart as plain.
func (b *Builder) listenerPorts() (ports, plain map[uint16]bool) {
	ports, plain = map[uint16]bool{}, b.plainPorts
	for _, p := range b.o.ListenerPorts {
		ports[p] = true
	}
	given := len(ports) > 0
	for _, l := range b.lines {
		switch {
		case l.rec.Partial: // of no port
		case l.rec.VerifyStatus == "" && l.rec.TLSProtocol == "":
			plain[l.rec.ListenerPort] = true
		case !given:
			ports[l.rec.ListenerPort] = true
		default:
			b.urlPorts[l.rec.ListenerPort] = true
		}
	}
	if len(ports) == 0 {
		maps.Copy(ports, b.urlPorts)
	}
	if len(ports) == 0 {
		ports[443] = true // Assumption: an HTTPS listener where nothing says otherwise, as in the filter of experiment 1
	}
	// Assumption: port 80 is the plain listener that redirects to HTTPS, as on most load balancers, unless it is given or
	// the logs show TLS there.
	plain[80] = true
	for p := range plain {
		if ports[p] || b.urlPorts[p] {
			delete(plain, p)
		}
	}
	return ports, plain
}

// joinAccess attaches requests: by trace id to the connection-log line, else by ports and time.
func (b *Builder) joinAccess(x index, conns []*Conn) []*Conn {
	b.gatherLoose()
	sortConns(conns)
	for _, c := range conns {
		if c.ConnLog == nil || c.ConnLog.ConnTraceID == "" {
			continue
		}
		if g := b.byTrace[c.ConnLog.ConnTraceID]; g != nil && g.conn == nil && unmap(g.client).Addr() == c.Client.Addr() {
			g.give(c)
		}
	}
	b.byTrace = nil
	return x.joinAll(b.groupItems())
}

// joinWAF attaches WAF records: by request id to the access line, else to the only connection of that client at that time;
// the rest of a client's records make one connection without a port. A record without an address of a client, such as the
// "198.51.100.08" of AWS's own example of GetSampledRequests, is nobody's and stays alone.
func (b *Builder) joinWAF(conns []*Conn) []*Conn {
	slices.SortFunc(b.waf, func(p, q wafItem) int { return cmp.Or(cmp.Compare(p.ts, q.ts), compareRefs(p.ref, q.ref)) })
	var byIP map[netip.Addr][]*Conn
	var fresh []*Conn
	lost := map[netip.Addr]*Conn{} // by client, an address
	for _, w := range b.waf {
		if g := b.roots[w.root]; g != nil && w.root != 0 && g.conn != nil {
			b.addWAF(g.conn, w)
			continue
		}
		if byIP == nil {
			byIP = map[netip.Addr][]*Conn{}
			sortConns(conns)
			for _, c := range conns {
				byIP[c.Client.Addr()] = append(byIP[c.Client.Addr()], c)
			}
		}
		var c *Conn
		if w.client.IsValid() {
			if c = only(byIP[w.client], time.UnixMilli(w.ts).UTC()); c == nil {
				c = lost[w.client]
			}
		}
		if c == nil {
			if len(fresh) >= b.o.MaxConns {
				b.res.Overflow++
				continue
			}
			t := time.UnixMilli(w.ts).UTC()
			c = &Conn{Client: netip.AddrPortFrom(w.client, 0), Start: t, End: t}
			if w.client.IsValid() {
				lost[w.client] = c
			}
			fresh = append(fresh, c)
		}
		b.addWAF(c, w)
	}
	return fresh
}

// only returns the connection of a sorted list that covers t, nil if none does or several do. It looks at the last few that
// began before t: a client with more connections at once cannot be told apart anyway.
func only(conns []*Conn, t time.Time) *Conn {
	i, _ := slices.BinarySearchFunc(conns, t.Add(nearSlack), func(c *Conn, t time.Time) int { return c.Start.Compare(t) })
	var found *Conn
	for j := i - 1; j >= 0 && j >= i-8; j-- {
		if conns[j].End.Add(nearSlack).Before(t) {
			continue
		}
		if found != nil {
			return nil
		}
		found = conns[j]
	}
	return found
}

func (b *Builder) addWAF(c *Conn, w wafItem) {
	c.WAFCount++
	if w.blocked {
		c.Blocked++
	}
	t := time.UnixMilli(w.ts).UTC()
	c.widen(t, t)
	if w.rec != nil && len(c.WAF) < b.o.KeepRequests {
		c.WAF, c.WAFRefs = append(c.WAF, w.rec), append(c.WAFRefs, w.ref)
	}
}
