package vnet

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// DefaultMaxFlows is how many flows a FlowMeter holds open when its config names no number.
const DefaultMaxFlows = 1 << 16

// FlowConfig describes a FlowMeter.
type FlowConfig struct {
	Interfaces           []Interface
	Account, VPC, Region string
	CIDRs                []netip.Prefix // the VPC's; empty: the /16 and /56 around each interface's addresses
	Window               time.Duration  // aggregation interval; 0: a minute; at least a second
	Version              int            // of the records; it depends on the fields written; 0: 2, the default format's
	MaxFlows             int            // open flows held; 0: DefaultMaxFlows. The oldest is emitted early to make room.
	NoData               bool           // a NODATA record for each interface and window without packets
	// Emit gets each record; the record and its bytes are valid during the call. It must not call the meter. Flow logs
	// hold no promise of order, but a run's order does not change: by window, then start, then tuple.
	Emit func(*flowlog.Record)
}

// FlowMeter aggregates packets into VPC flow log records. A record is one 5-tuple at one interface in one direction and
// one window; accepted and rejected packets have records of their own. Windows are aligned to the clock: with the
// default interval they are its minutes. A flow that goes on in the next window gets another record there.
// Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html.
//
// Assumption: windows are aligned to whole minutes; AWS says only how long they are at most.
type FlowMeter struct {
	mu     sync.Mutex
	c      FlowConfig
	names  []interfaceNames
	window int64 // start of the open window in Unix seconds; noWindow before the first packet or Flush
	size   int64 // seconds
	flows  map[flowKey]int32
	ring   []flow // open flows in the order of their first packets, from head on
	head   int
	order  []int32 // scratch of emitAll
	seen   []bool  // interfaces that had a packet in the open window
	rec    flowlog.Record
}

const noWindow = int64(-1) << 62

// flowKey is plain memory, so that hashing it is cheap.
type flowKey struct {
	src, dst         [16]byte
	srcPort, dstPort uint16
	iface            uint16
	proto            uint8
	bits             uint8
}

const (
	bitInbound uint8 = 1 << iota
	bitRejected
	bitIPv6
)

type flow struct {
	key            flowKey
	flags          uint8
	packets, bytes int64
	first, last    int64
}

// NewFlowMeter makes a FlowMeter. A nil Emit drops the records.
func NewFlowMeter(c FlowConfig) *FlowMeter {
	if c.Window <= 0 {
		c.Window = time.Minute
	}
	if c.MaxFlows <= 0 {
		c.MaxFlows = DefaultMaxFlows
	}
	if c.Version == 0 {
		c.Version = 2
	}
	if c.Emit == nil {
		c.Emit = func(*flowlog.Record) {}
	}
	m := &FlowMeter{c: c, window: noWindow, size: max(int64(c.Window/time.Second), 1), flows: make(map[flowKey]int32)}
	m.seen = make([]bool, len(c.Interfaces))
	m.name()
	return m
}

// Observe counts a packet. A packet of a later window first closes the open one. One whose time lies before the open
// window counts as of that window's first second. Packets that are no IP, or of an interface that the meter does not
// know, are ignored.
func (m *FlowMeter) Observe(p *Packet) {
	h, ok := parseFlow(p)
	if !ok || p.Interface < 0 || p.Interface >= len(m.c.Interfaces) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := p.Time.Unix()
	m.moveTo(at)
	at = max(at, m.window)
	m.seen[p.Interface] = true
	i, ok := m.flows[h.key]
	if !ok {
		i = m.open(h.key, at)
	}
	f := &m.ring[i]
	f.packets++
	f.bytes += h.bytes
	f.flags |= h.flags
	f.last = max(f.last, at)
}

// Flush closes the open window if it has ended at now. Call it when time has passed without packets.
func (m *FlowMeter) Flush(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moveTo(now.Unix())
}

// Close emits what the open window holds so far, as when a flow log is read at the end of a run. The meter may be used
// further: what comes for the same window then gets records of its own.
func (m *FlowMeter) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.emitAll()
}

// moveTo makes the window of a time the open one.
func (m *FlowMeter) moveTo(at int64) {
	w := at - mod(at, m.size)
	if w <= m.window {
		return
	}
	if m.window != noWindow {
		m.emitAll()
		m.noData(w)
	}
	m.window = w
	clear(m.seen)
}

func mod(a, b int64) int64 { return (a%b + b) % b }

// open begins a flow; when the meter is full the oldest flow ends early. (AWS may split a window's flow as well.)
func (m *FlowMeter) open(k flowKey, at int64) int32 {
	i := len(m.ring)
	if i < m.c.MaxFlows {
		m.ring = append(m.ring, flow{})
	} else {
		i = m.head
		m.emit(&m.ring[i])
		delete(m.flows, m.ring[i].key)
		m.head = (m.head + 1) % len(m.ring)
	}
	m.ring[i] = flow{key: k, first: at, last: at}
	m.flows[k] = int32(i)
	return int32(i)
}

// emitAll emits all open flows in order and forgets them.
func (m *FlowMeter) emitAll() {
	m.order = m.order[:0]
	for i := range m.ring {
		m.order = append(m.order, int32(i))
	}
	slices.SortFunc(m.order, func(a, b int32) int { return compareFlows(&m.ring[a], &m.ring[b]) })
	for _, i := range m.order {
		m.emit(&m.ring[i])
	}
	clear(m.flows)
	m.ring, m.head = m.ring[:0], 0
}

func compareFlows(a, b *flow) int {
	return cmp.Or(
		cmp.Compare(a.first, b.first),
		cmp.Compare(a.key.iface, b.key.iface),
		slices.Compare(a.key.src[:], b.key.src[:]),
		slices.Compare(a.key.dst[:], b.key.dst[:]),
		cmp.Compare(a.key.srcPort, b.key.srcPort),
		cmp.Compare(a.key.dstPort, b.key.dstPort),
		cmp.Compare(a.key.proto, b.key.proto),
		cmp.Compare(a.key.bits, b.key.bits),
	)
}
