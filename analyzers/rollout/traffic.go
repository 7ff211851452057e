package rollout

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// By says what makes a client.
type By string

// The ways to group. What a piece of evidence does not have is replaced by what it has: a connection log has addresses alone.
const (
	ByAuto      By = "auto"       // JA4 from captures, user agents from access logs, addresses from connection logs
	ByJA4       By = "ja4"        // JA4, else the user agent, else the address
	ByUserAgent By = "user-agent" // the user agent, else JA4, else the address
	ByAddress   By = "address"    // the address
	ByNetwork   By = "network"    // the /24 or /64 that the address is in
)

// ClientKind is what a client is told by.
type ClientKind string

// The kinds.
const (
	KindJA4       ClientKind = "ja4"
	KindUserAgent ClientKind = "user-agent"
	KindAddress   ClientKind = "address"
	KindNetwork   ClientKind = "network"
	KindCatalogue ClientKind = "catalogue"
)

// Traffic is who connected, and with what: the evidence, before any policy is asked about. Its size goes with the number of
// different clients, not with that of connections.
type Traffic struct {
	Clients []*Client // in no certain order
	Offers  []Offer   // what was seen of clients' offers, each different one once
	Stats   Stats
	// Problems are the first damaged places.
	Problems []error
	// Alike are pairs of logs that begin with the same line: one is a copy of the other, and its connections count twice.
	Alike [][2]string
}

// Stats counts what was read.
type Stats struct {
	Files       int   `json:"files"`
	Lines       int64 `json:"lines"`       // of logs
	Captured    int64 `json:"captured"`    // connections in captures
	Connections int64 `json:"connections"` // that count
	Damaged     int64 `json:"damaged"`
	NotTLS      int64 `json:"not_tls"`  // connections without TLS: plain HTTP, scans
	Repeated    int64 `json:"repeated"` // of those that count already: more requests on a connection, or one that a capture has too
}

// Offer is what is known of what a client offers: its whole hello, or what a server chose of it.
type Offer struct {
	Seen  Seen
	Hello *wire.ClientHello // nil: only Seen is known
	JA4   string
	Known bool // Hello is what was sent; nil is then one that is damaged
	// Answered: the server accepted the hello, so that the client does not fail today, whatever the old policy is said to be.
	Answered bool
	// Refused: the server ended the connection upon the hello, by alert, FIN or RST, so that the client fails today if the old
	// policy is not known.
	Refused bool
}

// compare orders offers, whatever the order in which they were read.
func (o *Offer) compare(p *Offer) int {
	a, b := &o.Seen, &p.Seen
	return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Suite, b.Suite), cmp.Compare(a.Group, b.Group), cmp.Compare(o.JA4, p.JA4))
}

// Client is one client and what it was seen with.
type Client struct {
	Kind        ClientKind
	Name        string // JA4, user agent, address, network, name in the catalogue
	First, Last time.Time
	Uses        []Use
	Agents      []string // user agents of this address, from access logs; a few
	Addresses   []string // of this user agent or JA4; a few
	ServerNames []string // that it asked for, in captures; a few
}

// Use is how often a client was seen with an offer.
type Use struct {
	Offer       int // index into Traffic.Offers
	Connections int64
}

// fewExamples bounds lists of examples.
const fewExamples = 3

func addExample(list []string, s string) []string {
	if s == "" || len(list) == fewExamples || slices.Contains(list, s) {
		return list
	}
	return append(list, strings.Clone(s)) // it may be a part of a whole line
}

// manyUses is from where on the uses of a client are looked up: nobody needs so many, but who scans does.
const manyUses = 32

// tally is a client while it is counted. It fits a line of the processor's cache, since a log of many clients finds none of them there.
type tally struct {
	first, last int64 // nanoseconds since 1970
	main        Use   // the offer that was seen first; no connections: none was
	uses        []Use // the others
	more        *known
}

// known is what few clients need.
type known struct {
	at                   map[int]int // where in uses an offer is, once there are many
	agents, addrs, names []string
}

// known returns what else is known, to be added to.
func (t *tally) known() *known {
	if t.more == nil {
		t.more = new(known)
	}
	return t.more
}

func (t *tally) seen(at int64) {
	if t.first == 0 || at < t.first {
		t.first = at
	}
	t.last = max(t.last, at)
}

func (t *tally) use(offer int, n int64) {
	if t.main.Offer == offer || t.main.Connections == 0 {
		t.main.Offer = offer
		t.main.Connections += n
		return
	}
	if len(t.uses) >= manyUses {
		at := t.known().at
		if i, ok := at[offer]; ok {
			t.uses[i].Connections += n
			return
		}
		at[offer] = len(t.uses)
		t.uses = append(t.uses, Use{offer, n})
		return
	}
	for i := range t.uses {
		if t.uses[i].Offer == offer {
			t.uses[i].Connections += n
			return
		}
	}
	t.uses = append(t.uses, Use{offer, n})
	t.index()
}

// index makes known.at anew, if there are enough uses for it.
func (t *tally) index() {
	if len(t.uses) < manyUses {
		return
	}
	at := make(map[int]int, 2*len(t.uses))
	for i, u := range t.uses {
		at[u.Offer] = i
	}
	t.known().at = at
}

// all returns every use.
func (t *tally) all() []Use {
	if t.main.Connections == 0 {
		return nil
	}
	return append([]Use{t.main}, t.uses...)
}

type clientKey struct {
	kind ClientKind
	name string
}

// collector counts. Each worker has its own, so that none waits for another; they are merged in the end.
type collector struct {
	by      By
	addrs   map[netip.Addr]*tally // clients that are told by their address
	four    map[uint32]*tally     // the same, of IPv4, for speed
	nets    map[netip.Prefix]*tally
	named   map[clientKey]*tally
	offers  []Offer
	seen    map[Seen]int
	hellos  map[string]int
	key     []byte // of a hello, used again
	stats   Stats
	ranges  map[string]*span // by load balancer: when its connection log has lines
	lastELB string
	lastRng *span
}

// span is a stretch of time, in nanoseconds since 1970.
type span struct{ first, last int64 }

func (s *span) add(at int64) {
	s.first, s.last = min(s.first, at), max(s.last, at)
}

func newCollector(by By) *collector {
	return &collector{by: by, addrs: map[netip.Addr]*tally{}, four: map[uint32]*tally{}, nets: map[netip.Prefix]*tally{}, named: map[clientKey]*tally{},
		seen: map[Seen]int{}, hellos: map[string]int{}, ranges: map[string]*span{}}
}

func (c *collector) offerSeen(s Seen) int {
	id, ok := c.seen[s]
	if !ok {
		id = len(c.offers)
		c.offers = append(c.offers, Offer{Seen: s})
		c.seen[s] = id
	}
	return id
}

// byAddress returns the client of an address or of its network.
func (c *collector) byAddress(a netip.Addr) *tally {
	if c.by == ByNetwork {
		return entry(c.nets, network(a))
	}
	if a.Is4() {
		four := a.As4()
		return entry(c.four, binary.BigEndian.Uint32(four[:]))
	}
	return entry(c.addrs, a)
}

func (c *collector) byName(kind ClientKind, name string) *tally {
	return entry(c.named, clientKey{kind, name})
}

// orNone is the name of an address or a network, "-" where the log names none: all such lines together.
func orNone(a fmt.Stringer, valid bool) string {
	if !valid {
		return "-"
	}
	return a.String()
}

func entry[K comparable](m map[K]*tally, k K) *tally {
	t := m[k]
	if t == nil {
		t = new(tally)
		m[k] = t
	}
	return t
}

// network is the /24 of an IPv4 address, the /64 of an IPv6 one.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	n := 24
	if a.Is6() {
		n = 64
	}
	p, err := a.Prefix(n)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// merge adds what another has counted.
func (c *collector) merge(d *collector) {
	ids := make([]int, len(d.offers))
	for i, o := range d.offers {
		if o.Known {
			ids[i] = c.offerHello(o.Hello, o.JA4, o.Answered, o.Refused)
		} else {
			ids[i] = c.offerSeen(o.Seen)
		}
	}
	mergeInto(c.addrs, d.addrs, ids)
	mergeInto(c.four, d.four, ids)
	mergeInto(c.nets, d.nets, ids)
	mergeInto(c.named, d.named, ids)
	for elb, s := range d.ranges {
		r := c.span(elb, s.first)
		r.add(s.first)
		r.add(s.last)
	}
	c.stats.Lines += d.stats.Lines
	c.stats.Captured += d.stats.Captured
	c.stats.Connections += d.stats.Connections
	c.stats.Damaged += d.stats.Damaged
	c.stats.NotTLS += d.stats.NotTLS
	c.stats.Repeated += d.stats.Repeated
}

func (c *collector) span(elb string, at int64) *span {
	r := c.ranges[elb]
	if r == nil {
		r = &span{at, at}
		c.ranges[elb] = r
	}
	return r
}

func mergeInto[K comparable](to, from map[K]*tally, ids []int) {
	for k, d := range from {
		c := to[k]
		if c == nil {
			if d.main.Connections > 0 {
				d.main.Offer = ids[d.main.Offer]
			}
			for i := range d.uses {
				d.uses[i].Offer = ids[d.uses[i].Offer]
			}
			d.index()
			to[k] = d
			continue
		}
		if d.first != 0 {
			c.seen(d.first)
			c.seen(d.last)
		}
		for _, u := range d.all() {
			c.use(ids[u.Offer], u.Connections)
		}
		if d.more != nil {
			c.known().add(d.more)
		}
	}
}

func (n *known) add(m *known) {
	for _, s := range m.agents {
		n.agents = addExample(n.agents, s)
	}
	for _, s := range m.addrs {
		n.addrs = addExample(n.addrs, s)
	}
	for _, s := range m.names {
		n.names = addExample(n.names, s)
	}
}

// traffic ends the counting.
func (c *collector) traffic() *Traffic {
	t := &Traffic{Offers: c.offers, Stats: c.stats}
	add := func(kind ClientKind, name string, from *tally) {
		uses := from.all()
		if len(uses) == 0 {
			return // of an address, nothing but a user agent
		}
		slices.SortFunc(uses, func(a, b Use) int {
			return cmp.Or(cmp.Compare(b.Connections, a.Connections), c.offers[a.Offer].compare(&c.offers[b.Offer]))
		})
		cl := &Client{Kind: kind, Name: name, Uses: uses}
		if n := from.more; n != nil {
			cl.Agents, cl.Addresses, cl.ServerNames = n.agents, n.addrs, n.names
		}
		if from.first != 0 {
			cl.First, cl.Last = time.Unix(0, from.first).UTC(), time.Unix(0, from.last).UTC()
		}
		t.Clients = append(t.Clients, cl)
	}
	for a, from := range c.addrs {
		add(KindAddress, orNone(a, a.IsValid()), from)
	}
	for n, from := range c.four {
		add(KindAddress, netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n))).String(), from)
	}
	for p, from := range c.nets {
		add(KindNetwork, orNone(p, p.IsValid()), from)
	}
	for k, from := range c.named {
		add(k.kind, k.name, from)
	}
	return t
}
