package capture

import (
	"bytes"
	"io"
	"iter"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Limits for [ConversationsWithin]. Nil, and each zero, means the default.
type Limits struct {
	Open   int           // conversations held at a time; default 65536
	Bytes  int64         // bytes held for them; default 256 MiB
	Idle   time.Duration // a conversation without packets for so long has ended; default 1 h 10 min, beyond an ALB's longest idle timeout
	Linger time.Duration // how long packets still belong to a conversation that has ended; default 2 s
	Stats  *Stats        // counts what was read, if not nil
}

// Conversations reads a capture as [Packets] does and puts its TCP packets together to connections. Each conversation is
// its own and may be kept.
//
// They come in the order in which they end: by a RST, or by the FINs of both sides, and then a short while for
// stragglers, or without packets for a long time. At the end of the file those follow that have ended by then, and last
// the open ones in the order of their first frame. Memory is bounded: where there are too many, the one that ended first,
// else the one that was silent longest, comes early. A SYN on a pair of addresses and ports whose connection has ended begins
// another.
func Conversations(r io.Reader, o *evidence.Options) iter.Seq2[*Conversation, error] {
	return ConversationsWithin(r, o, nil)
}

// ConversationsWithin is [Conversations] with other limits.
func ConversationsWithin(r io.Reader, o *evidence.Options, l *Limits) iter.Seq2[*Conversation, error] {
	return func(yield func(*Conversation, error) bool) {
		t := newTracker(l)
		for p, err := range packets(r, o, t.limits.Stats) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if p.Protocol != protoTCP || p.Src.Port() == 0 && p.Dst.Port() == 0 {
				continue
			}
			t.packet(p)
			for len(t.ready) > t.given {
				c := t.ready[t.given]
				t.given++
				if !yield(c, nil) {
					return
				}
			}
			t.ready, t.given = t.ready[:0], 0
		}
		t.finish()
		for _, c := range t.ready {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// key names a connection: both ends in an order that does not depend on who speaks, and the mirror's network.
type key struct {
	low, high [18]byte
	vni       int32
}

// conn is a conversation in the making. sides[0] sent its first packet.
type conn struct {
	c          *Conversation
	key        key
	sides      [2]side
	server     int  // index of the server's side
	known      bool // the sides' roles are certain
	listed     bool // in the tracker's map
	closing    bool
	last       int64 // Unix nanoseconds of the latest packet
	closedAt   int64
	first      [18]byte // the end of sides[0]
	prev, next *conn    // in the list of open or of closing ones
	mem        int64
}

// list is a doubly linked list of connections.
type list struct{ head, tail *conn }

func (l *list) push(c *conn) {
	c.prev, c.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = c
	} else {
		l.head = c
	}
	l.tail = c
}

func (l *list) remove(c *conn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.tail = c.prev
	}
	c.prev, c.next = nil, nil
}

// tracker puts packets together.
type tracker struct {
	limits  Limits
	conns   map[key]*conn
	open    list // by last packet
	closing list // by end
	n       int
	mem     int64
	now     int64 // the latest time seen, Unix nanoseconds: captures are not always in order
	ready   []*Conversation
	given   int
	free    []*conn
}

func newTracker(l *Limits) *tracker {
	t := &tracker{conns: make(map[key]*conn)}
	if l != nil {
		t.limits = *l
	}
	d := &t.limits
	if d.Open <= 0 {
		d.Open = 1 << 16
	}
	if d.Bytes <= 0 {
		d.Bytes = 256 << 20
	}
	if d.Idle <= 0 {
		// load-balancer attribute idle_timeout.timeout_seconds: 4000 at most
		d.Idle = 70 * time.Minute
	}
	if d.Linger <= 0 {
		d.Linger = 2 * time.Second
	}
	if d.Stats == nil {
		d.Stats = new(Stats)
	}
	return t
}

func endOf(p *Packet, src bool) (e [18]byte) {
	a := p.Dst
	if src {
		a = p.Src
	}
	ip := a.Addr().As16()
	copy(e[:], ip[:])
	be.PutUint16(e[16:], a.Port())
	return e
}

// packet takes one TCP packet.
func (t *tracker) packet(p *Packet) {
	if now := p.Time.UnixNano(); now > t.now {
		t.now = now
		t.expire()
	}
	src, dst := endOf(p, true), endOf(p, false)
	k := key{src, dst, int32(p.VNI)}
	if bytes.Compare(src[:], dst[:]) > 0 {
		k.low, k.high = dst, src
	}
	c := t.conns[k]
	if c != nil && p.Flags&(SYN|ACK) == SYN && c.another(p, src) {
		if !c.closing {
			t.close(c) // its end was not captured
		}
		t.unlist(c)
		c = nil
	}
	if c == nil {
		c = t.begin(p, k, src)
	} else if !c.closing {
		t.open.remove(c)
		t.open.push(c)
	}
	from := 0
	if src != c.first {
		from = 1
	}
	c.last = t.now
	t.mem += c.packet(p, from)
	if c.ended() && !c.closing {
		t.close(c)
	}
	for t.n > t.limits.Open || t.mem > t.limits.Bytes && t.n > 1 {
		t.evict()
	}
}

// baseMem is about what a connection takes without the bytes held for it.
const baseMem = 2 << 10

func (t *tracker) begin(p *Packet, k key, src [18]byte) *conn {
	var c *conn
	if n := len(t.free); n > 0 {
		c, t.free = t.free[n-1], t.free[:n-1]
	} else {
		c = new(conn)
	}
	c.c = &Conversation{VNI: p.VNI, Start: p.Time, End: p.Time, FirstFrame: p.Number}
	c.key, c.first, c.listed, c.mem = k, src, true, baseMem
	c.roles(p)
	t.conns[k] = c
	t.open.push(c)
	t.n++
	t.mem += baseMem
	return c
}

// close moves a connection to those that have ended.
func (t *tracker) close(c *conn) {
	t.open.remove(c)
	c.closing, c.closedAt = true, t.now
	t.closing.push(c)
}

// unlist makes room for another connection of the same addresses and ports.
func (t *tracker) unlist(c *conn) {
	if c.listed {
		delete(t.conns, c.key)
		c.listed = false
	}
}

// emit gives a connection out.
func (t *tracker) emit(c *conn) {
	if c.closing {
		t.closing.remove(c)
	} else {
		t.open.remove(c)
	}
	t.unlist(c)
	t.n--
	t.mem -= c.mem
	t.ready = append(t.ready, c.finish())
	*c = conn{}
	if len(t.free) < 1024 {
		t.free = append(t.free, c)
	}
}

// expire gives out what has ended long enough ago.
func (t *tracker) expire() {
	for c := t.closing.head; c != nil && t.now-c.closedAt > int64(t.limits.Linger); c = t.closing.head {
		t.emit(c)
	}
	for c := t.open.head; c != nil && t.now-c.last > int64(t.limits.Idle); c = t.open.head {
		t.emit(c)
	}
}

// evict makes room.
func (t *tracker) evict() {
	c := t.closing.head
	if c == nil {
		c = t.open.head
		c.c.Evicted = true
		t.limits.Stats.Evicted++
	}
	t.emit(c)
}

// finish gives out the rest.
func (t *tracker) finish() {
	for t.closing.head != nil {
		t.emit(t.closing.head)
	}
	// By first frame: the list is by last packet.
	var rest []*conn
	for c := t.open.head; c != nil; c = c.next {
		rest = append(rest, c)
	}
	sortByFirstFrame(rest)
	for _, c := range rest {
		t.emit(c)
	}
}
