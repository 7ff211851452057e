package correlate

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// keepWAF is the number of whole WAF records that a builder holds. Of further ones only what the join needs is kept.
const keepWAF = 200_000

// keepFlowRefs is the number of flow-log lines that a connection cites.
const keepFlowRefs = 16

// Builder takes records in any order and joins them at last. Its methods keep nothing of flow records; records of the other
// kinds must not change after the call. A Builder belongs to one goroutine.
type Builder struct {
	o      Options
	idle   int64 // seconds
	seed   maphash.Seed
	res    *Result
	files  []string
	fileID map[string]int32

	ifaces     map[string]int32
	ifaceNames []string
	ifaceN     []int // records by interface
	tuples     map[tuple]int32
	heads      blocks[head] // by tuple
	keys       blocks[tuple]
	flows      blocks[flowRec]
	flagged    bool

	lines    []lineItem
	lineIDs  map[string]int // trace id to index in lines
	captures []captureItem
	groups   []*accessGroup
	byTrace  map[string]*accessGroup
	loose    []looseItem
	roots    map[uint64]*accessGroup
	waf      []wafItem
	urlPorts map[uint16]bool // of requests over TLS

	plainPorts map[uint16]bool // of requests without
	containers int             // problems that stand first
}

// tuple is a pair of endpoints, the lesser first.
type tuple struct{ a, b netip.AddrPort }

type head struct{ first, last int32 }

type flowRec struct {
	start, end     int64
	packets, bytes int64
	line           int32
	next           int32
	file, iface    int32
	flags          int16 // -1 if unknown
	fromA, reject  bool
}

type lineItem struct {
	rec *connlog.Record
	ref evidence.Ref
}

type captureItem struct {
	conv *capture.Conversation
	ref  evidence.Ref
}

// accessGroup is the requests of one connection.
type accessGroup struct {
	client     netip.AddrPort
	port       uint16
	start, end time.Time
	n          int
	recs       []*accesslog.Record
	refs       []evidence.Ref
	conn       *Conn
}

type looseItem struct {
	client netip.AddrPort
	port   uint16
	rec    *accesslog.Record
	ref    evidence.Ref
}

type wafItem struct {
	root    uint64
	ts      int64
	client  netip.Addr
	blocked bool
	rec     *waflog.Record // nil beyond keepWAF
	ref     evidence.Ref
}

// NewBuilder returns an empty builder. Nil options mean the zero value.
func NewBuilder(o *Options) *Builder {
	b := &Builder{
		seed:       maphash.MakeSeed(),
		fileID:     map[string]int32{},
		ifaces:     map[string]int32{},
		tuples:     map[tuple]int32{},
		lineIDs:    map[string]int{},
		byTrace:    map[string]*accessGroup{},
		roots:      map[uint64]*accessGroup{},
		urlPorts:   map[uint16]bool{},
		plainPorts: map[uint16]bool{},
		res:        &Result{NoFlags: true, Usage: map[Usage]*Count{}},
	}
	if o != nil {
		b.o = *o
	}
	if b.o.IdleTimeout <= 0 {
		b.o.IdleTimeout = 60 * time.Second
	}
	b.idle = int64(b.o.IdleTimeout / time.Second)
	b.o.MaxConns = cmp.Or(b.o.MaxConns, 2_000_000)
	b.o.KeepRequests = cmp.Or(b.o.KeepRequests, 16)
	b.o.KeepProblems = cmp.Or(b.o.KeepProblems, 100)
	return b
}

// protocolTCP is TCP's number (IANA).
const protocolTCP = 6

// Flow takes one flow-log record. It keeps nothing of r.
func (b *Builder) Flow(r *flowlog.Record, file string) {
	if r.LogStatus == flowlog.SkipData {
		b.res.SkipData++
	}
	if r.LogStatus == flowlog.SkipData || r.LogStatus == flowlog.NoData {
		return
	}
	src, dst := r.SrcAddr, r.DstAddr
	if !src.IsValid() {
		src = r.PktSrcAddr
	}
	if !dst.IsValid() {
		dst = r.PktDstAddr
	}
	// A format may leave protocol out; then only the ports speak. Ports are absent or 0 outside of TCP and UDP.
	if (r.Protocol != protocolTCP && r.Protocol >= 0) || !src.IsValid() || !dst.IsValid() || !portOK(r.SrcPort) || !portOK(r.DstPort) {
		b.res.OtherFlows++
		return
	}
	from := netip.AddrPortFrom(src.Unmap(), uint16(r.SrcPort))
	to := netip.AddrPortFrom(dst.Unmap(), uint16(r.DstPort))
	key, fromA := tuple{from, to}, true
	if to.Compare(from) < 0 {
		key, fromA = tuple{to, from}, false
	}
	id, ok := b.tuples[key]
	if !ok {
		if b.heads.n >= b.o.MaxConns {
			b.res.Overflow++
			return
		}
		id = int32(b.heads.add(head{-1, -1}))
		b.tuples[key] = id
		b.keys.add(key)
	}
	f := flowRec{
		start: r.Start, end: max(r.End, r.Start), packets: max(r.Packets, 0), bytes: max(r.Bytes, 0), line: int32(r.Line),
		next: -1, file: b.file(file), iface: b.iface(r.InterfaceID), flags: int16(r.TCPFlags & 0xff),
		fromA: fromA, reject: r.Action == flowlog.Reject,
	}
	if r.TCPFlags < 0 {
		f.flags = -1
	} else {
		b.res.NoFlags = false
	}
	b.flagged = true
	n := int32(b.flows.add(f))
	if h := b.heads.at(id); h.first < 0 {
		h.first, h.last = n, n
	} else {
		b.flows.at(h.last).next = n
		h.last = n
	}
}

func portOK(p int) bool { return p > 0 && p <= 0xffff }

func (b *Builder) file(name string) int32 {
	id, ok := b.fileID[name]
	if !ok {
		id = int32(len(b.files))
		b.fileID[name] = id
		b.files = append(b.files, name)
	}
	return id
}

func (b *Builder) iface(name []byte) int32 {
	id, ok := b.ifaces[string(name)]
	if !ok {
		id = int32(len(b.ifaceN))
		b.ifaces[string(name)] = id
		b.ifaceNames = append(b.ifaceNames, string(name))
		b.ifaceN = append(b.ifaceN, 0)
	}
	b.ifaceN[id]++
	return id
}

// Connection takes one connection-log line.
func (b *Builder) Connection(r *connlog.Record, ref evidence.Ref) {
	if r.ConnTraceID != "" {
		// The same line may come by two ways of delivery.
		if i, ok := b.lineIDs[r.ConnTraceID]; ok {
			if p := b.lines[i].rec; p.Time.Equal(r.Time) && p.ClientIP == r.ClientIP && p.ClientPort == r.ClientPort {
				b.res.Duplicates++
				if compareRefs(ref, b.lines[i].ref) < 0 {
					b.lines[i] = lineItem{r, ref}
				}
				return
			}
		}
	}
	if len(b.lines) >= b.o.MaxConns {
		b.res.Overflow++
		return
	}
	if _, ok := b.lineIDs[r.ConnTraceID]; !ok && r.ConnTraceID != "" {
		b.lineIDs[r.ConnTraceID] = len(b.lines)
	}
	if r.Partial {
		b.res.PartialLines++
	}
	b.lines = append(b.lines, lineItem{r, ref})
}

// Capture takes one captured conversation.
func (b *Builder) Capture(c *capture.Conversation, ref evidence.Ref) {
	if len(b.captures) >= b.o.MaxConns {
		b.res.Overflow++
		return
	}
	b.captures = append(b.captures, captureItem{c, ref})
}

// Access takes one access-log line.
func (b *Builder) Access(r *accesslog.Record, ref evidence.Ref) {
	u := Usage{Client: r.Client.Addr(), Version: r.SSLProtocol, Cipher: r.SSLCipher}
	b.count(u).Requests++
	port := urlPort(r.Request)
	seen := b.urlPorts
	if r.Type == "http" || r.Type == "ws" {
		seen = b.plainPorts
	}
	if port != 0 && len(seen) < 100 {
		seen[port] = true
	}
	if r.ConnTraceID == "" {
		if len(b.loose) >= b.o.MaxConns {
			b.res.Overflow++
			return
		}
		b.loose = append(b.loose, looseItem{r.Client, port, r, ref})
		return
	}
	g := b.byTrace[r.ConnTraceID]
	if g == nil {
		if len(b.groups) >= b.o.MaxConns {
			b.res.Overflow++
			return
		}
		g = &accessGroup{client: r.Client, port: port}
		b.byTrace[strings.Clone(r.ConnTraceID)] = g
		b.groups = append(b.groups, g)
	}
	b.addRequest(g, r, ref)
}

func (b *Builder) addRequest(g *accessGroup, r *accesslog.Record, ref evidence.Ref) {
	from := r.RequestCreationTime
	if from.IsZero() || from.After(r.Time) {
		from = r.Time
	}
	if g.n == 0 || from.Before(g.start) {
		g.start = from
	}
	if r.Time.After(g.end) {
		g.end = r.Time
	}
	g.n++
	g.keep(r, ref, b.o.KeepRequests)
	if root := traceRoot(r.TraceID); root != "" {
		h := maphash.String(b.seed, root)
		if _, ok := b.roots[h]; !ok && len(b.roots) < 4*b.o.MaxConns {
			b.roots[h] = g
		}
	}
}

// keep holds the first requests by time, whatever the order they come in.
func (g *accessGroup) keep(r *accesslog.Record, ref evidence.Ref, most int) {
	i, _ := slices.BinarySearchFunc(g.recs, r, func(e, t *accesslog.Record) int { return e.Time.Compare(t.Time) })
	for i < len(g.recs) && g.recs[i].Time.Equal(r.Time) && compareRefs(g.refs[i], ref) < 0 {
		i++
	}
	if i >= most {
		return
	}
	g.recs, g.refs = slices.Insert(g.recs, i, r), slices.Insert(g.refs, i, ref)
	if len(g.recs) > most {
		g.recs, g.refs = g.recs[:most], g.refs[:most]
	}
}

func (b *Builder) count(u Usage) *Count {
	c := b.res.Usage[u]
	if c == nil {
		c = &Count{}
		if len(b.res.Usage) < b.o.MaxConns {
			u.Version, u.Cipher = strings.Clone(u.Version), strings.Clone(u.Cipher)
			b.res.Usage[u] = c
		}
	}
	return c
}

// WAF takes one WAF record.
func (b *Builder) WAF(r *waflog.Record, ref evidence.Ref) {
	if len(b.waf) >= 4*b.o.MaxConns {
		b.res.Overflow++
		return
	}
	w := wafItem{ts: r.Timestamp, blocked: r.Action == "BLOCK", ref: ref}
	if r.HTTPRequest.RequestID != "" {
		w.root = maphash.String(b.seed, r.HTTPRequest.RequestID)
	}
	w.client, _ = netip.ParseAddr(r.HTTPRequest.ClientIP) // not an address: stays the zero Addr
	if len(b.waf) < keepWAF {
		w.rec = r
	}
	b.waf = append(b.waf, w)
}

func compareRefs(x, y evidence.Ref) int {
	return cmp.Or(strings.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
}
