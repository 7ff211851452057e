package capture

import (
	"errors"
	"io"
	"iter"

	"github.com/alblab/alblab/lab/evidence"
)

// Conversations reads a capture as [Packets] does and puts its TCP packets together to connections. Each conversation is
// its own and may be kept; for large captures see [Connections].
//
// They come in the order in which they end: by a RST, or by the FINs of both sides, and then a short while for
// stragglers, or without packets for a long time. At the end of the file those follow that have ended by then, and last
// the open ones in the order of their first frame. Memory is bounded: where there are too many, the one that ended first,
// else one that was silent for long, comes early. A SYN on a pair of addresses and ports whose connection has ended begins
// another.
func Conversations(r io.Reader, o *evidence.Options) iter.Seq2[*Conversation, error] {
	return ConversationsWithin(r, o, nil)
}

// ConversationsWithin is [Conversations] with other limits.
func ConversationsWithin(r io.Reader, o *evidence.Options, l *Limits) iter.Seq2[*Conversation, error] {
	return connections(r, o, l, (*conn).finished)
}

// Connections is [ConversationsWithin] for millions of packets: a conversation, its hellos and its bytes are valid until the
// next step only, for their memory is used again.
func Connections(r io.Reader, o *evidence.Options, l *Limits) iter.Seq2[*Conversation, error] {
	m := new(parsed)
	return connections(r, o, l, func(c *conn) *Conversation { return c.finish(m) })
}

// batchLen is how many connections are handed from the one who reads packets to the one who looks at connections.
const batchLen = 64

// batch is what a part of the file gave.
type batch struct {
	conns []*conn
	err   error // after them
}

var errStopped = errors.New("nobody wants more")

// follower reads packets and follows connections in a goroutine of its own, so that what is done with them does not hold up the
// reading.
type follower struct {
	source  source
	tracker *tracker
	out     chan batch
	back    chan []*conn // given back, to be used again
	stop    chan struct{}
	touched uint64 // what touch gave, so that the reading is not left out
}

func connections(r io.Reader, o *evidence.Options, l *Limits, finish func(*conn) *Conversation) iter.Seq2[*Conversation, error] {
	return func(yield func(*Conversation, error) bool) {
		t := newTracker(l)
		f := &follower{source: source{frames: newFrames(r, o), stats: t.limits.Stats}, tracker: t,
			out: make(chan batch, 2), back: make(chan []*conn, 8), stop: make(chan struct{})}
		go f.run()
		defer func() {
			close(f.stop)
			for range f.out { // until it has ended
			}
		}()
		for b := range f.out {
			for i, c := range b.conns {
				if i+1 < len(b.conns) {
					f.touched += b.conns[i+1].touch()
				}
				if !yield(finish(c), nil) {
					return
				}
				c.reset()
			}
			if b.err != nil && !yield(nil, b.err) {
				return
			}
			select {
			case f.back <- b.conns:
			default:
			}
		}
	}
}

// run follows the connections of the whole file.
func (f *follower) run() {
	defer close(f.out)
	defer f.source.frames.b.close()
	t := f.tracker
	f.source.frames.b.idle = func() { _ = f.send(nil) }
	for {
		err := f.source.next()
		switch {
		case err != nil && evidence.IsDamage(err):
			if f.send(err) != nil {
				return
			}
			continue
		case err != nil:
			if err == io.EOF || f.send(err) == nil {
				t.finish()
				_ = f.send(nil)
			}
			return
		}
		if p := &f.source.p; p.protocol == protoTCP && (p.src.port != 0 || p.dst.port != 0) {
			t.packet(p)
		}
		if len(t.ready) >= batchLen && f.send(nil) != nil {
			return
		}
	}
}

// send hands on what is ready, and an error.
func (f *follower) send(err error) error {
	t := f.tracker
	if len(t.ready) == 0 && err == nil {
		return nil
	}
	select {
	case f.out <- batch{t.ready, err}:
	case <-f.stop:
		return errStopped
	}
	select {
	case old := <-f.back:
		if len(t.free) < 16*batchLen {
			t.free = append(t.free, old...)
		}
		t.ready = old[:0]
	default:
		t.ready = make([]*conn, 0, batchLen)
	}
	return nil
}
