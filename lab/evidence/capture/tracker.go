package capture

import (
	"slices"
	"time"
)

// Limits for [ConversationsWithin] and [Connections]. Nil, and each zero, means the default.
type Limits struct {
	Open   int           // conversations held at a time; default 65536
	Bytes  int64         // bytes held for them; default 256 MiB
	Idle   time.Duration // a conversation without packets for so long has ended; default 1 h 10 min, beyond an ALB's longest idle timeout
	Linger time.Duration // how long packets still belong to a conversation that has ended, while there are not too many; default 2 s
	Stats  *Stats        // counts what was read, if not nil; to be looked at when the reading has ended
}

// maxLingering is how many ended conversations are held for stragglers. A capture without times, or one that is very dense,
// would else hold all.
const maxLingering = 2048

func (l *Limits) orDefault() Limits {
	var d Limits
	if l != nil {
		d = *l
	}
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
	return d
}

// list is a doubly linked list of connections.
type list struct {
	head, tail *conn
	n          int
}

func (l *list) push(c *conn) {
	c.prev, c.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = c
	} else {
		l.head = c
	}
	l.tail = c
	l.n++
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
	l.n--
}

// tracker puts packets together.
type tracker struct {
	limits  Limits
	conns   *table
	open    list // by queued: the time of the latest packet, or of one before it
	closing list // by end
	mem     int64
	now     int64 // the latest time seen, Unix nanoseconds: captures are not always in order
	jump    int64 // a time far behind now, which counts once a second packet confirms it
	ready   []*conn
	free    []*conn
	scratch scratch
}

func newTracker(l *Limits) *tracker { return &tracker{conns: newTable(), limits: l.orDefault()} }

// clock moves the time. One packet of a strange time does not end all connections.
func (t *tracker) clock(now int64) {
	if t.now != 0 && now-t.now > int64(t.limits.Idle) {
		if t.jump == 0 || now-t.jump > int64(t.limits.Idle) || t.jump-now > int64(t.limits.Idle) {
			t.jump = now
			return
		}
	}
	t.jump = 0
	if now > t.now {
		t.now = now
		t.expire()
	}
}

// packet takes one TCP packet.
func (t *tracker) packet(p *packet) {
	t.clock(p.time)
	low := p.src.less(p.dst)
	k := key{p.src, p.dst, p.vni}
	if !low {
		k.low, k.high = p.dst, p.src
	}
	tag := t.conns.tag(&k)
	c := t.conns.get(&k, tag)
	if c != nil && !c.closing && t.now-c.last > int64(t.limits.Idle) {
		t.emit(c)
		c = nil
	}
	if c != nil && p.flags&(SYN|ACK) == SYN && c.another(p, c.side(low)) {
		if !c.closing {
			t.close(c) // its end was not captured
		}
		t.unlist(c)
		c = nil
	}
	if c == nil {
		c = t.begin(p, &k, tag, low)
	}
	if c.last = t.now; t.jump != 0 { // if the next packet confirms it, this one was of that time
		c.last = t.jump
	}
	if t.mem += c.packet(p, c.side(low), &t.scratch); !c.closing && c.over {
		t.close(c)
	}
	for t.open.n+t.closing.n > t.limits.Open || t.mem > t.limits.Bytes && t.open.n+t.closing.n > 1 {
		t.evict()
	}
}

// baseMem is about what a connection takes without the bytes held for it.
const baseMem = 800

func (t *tracker) begin(p *packet, k *key, tag uint32, low bool) *conn {
	var c *conn
	if n := len(t.free); n > 0 {
		c, t.free = t.free[n-1], t.free[:n-1]
	} else {
		c = new(conn)
	}
	c.key, c.tag, c.low, c.v6, c.listed, c.mem = *k, tag, low, p.v6, true, baseMem+int64(cap(c.buf))
	c.start, c.end, c.firstFrame, c.queued = p.time, p.time, p.number, t.now
	c.roles(p)
	t.conns.put(c)
	t.open.push(c)
	t.mem += c.mem
	return c
}

// close moves a connection to those that have ended.
func (t *tracker) close(c *conn) {
	t.open.remove(c)
	c.closing, c.queued = true, t.now
	t.closing.push(c)
	if t.closing.n > maxLingering {
		t.emit(t.closing.head)
	}
}

// unlist makes room for another connection of the same addresses and ports.
func (t *tracker) unlist(c *conn) {
	if c.listed {
		t.conns.remove(c)
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
	t.mem -= c.mem
	t.ready = append(t.ready, c)
}

// expire gives out what has ended long enough ago.
func (t *tracker) expire() {
	for c := t.closing.head; c != nil && t.now-c.queued > int64(t.limits.Linger); c = t.closing.head {
		t.emit(c)
	}
	for c := t.open.head; c != nil && t.now-c.queued > int64(t.limits.Idle); c = t.open.head {
		if t.now-c.last > int64(t.limits.Idle) {
			t.emit(c)
			continue
		}
		t.requeue(c)
	}
}

// requeue puts an open connection that has had packets since behind the others.
func (t *tracker) requeue(c *conn) {
	t.open.remove(c)
	c.queued = t.now
	t.open.push(c)
}

// evict makes room: the one that ended first, else one that was silent for long.
func (t *tracker) evict() {
	c := t.closing.head
	if c == nil {
		// Those that had packets since they were queued have a second chance, but not all.
		c = t.open.head
		for range 16 {
			head := t.open.head
			if head.last < c.last {
				c = head
			}
			if head.last <= head.queued {
				break
			}
			t.requeue(head)
		}
		c.evicted = true
		t.limits.Stats.Evicted++
	}
	t.emit(c)
}

// finish gives out the rest: the open ones by their first frame.
func (t *tracker) finish() {
	for t.closing.head != nil {
		t.emit(t.closing.head)
	}
	rest := make([]*conn, 0, t.open.n)
	for c := t.open.head; c != nil; c = c.next {
		rest = append(rest, c)
	}
	slices.SortFunc(rest, func(a, b *conn) int { return a.firstFrame - b.firstFrame })
	for _, c := range rest {
		t.emit(c)
	}
}
