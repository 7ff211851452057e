package vnet

import (
	"container/heap"
	"sync"
	"time"
)

// Clock tells the time and calls back later. A nil Clock in a [Config] is the wall clock.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once, d from now; d <= 0 calls it at once in its own goroutine. stop reports whether it came
	// before the call.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// WallClock is the computer's clock.
func WallClock() Clock { return wallClock{} }

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// defaultStart is where a ManualClock begins that was given no time: a whole minute, so that flow-log windows are whole.
var defaultStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ManualClock is a clock that stands still until [ManualClock.Advance] moves it. All methods may be called from several
// goroutines.
type ManualClock struct {
	advance sync.Mutex // serializes Advance
	mu      sync.Mutex
	now     time.Time
	timers  timerHeap
	seq     uint64
	settle  func()
}

// NewManualClock makes a clock that stands at start; the zero time means 2026-01-01T00:00:00Z.
func NewManualClock(start time.Time) *ManualClock {
	if start.IsZero() {
		start = defaultStart
	}
	return &ManualClock{now: start.Round(0).UTC()}
}

// Now returns the clock's time, in UTC and without Go's monotonic reading.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements [Clock]. f runs in the goroutine that calls Advance, so it must not wait for the clock to move.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) func() bool {
	t := &manualTimer{clock: c, f: f}
	if d <= 0 {
		t.index = -1
		go f()
		return t.stop
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	t.at, t.seq = c.now.Add(d), c.seq
	heap.Push(&c.timers, t)
	return t.stop
}

// OnStep makes Advance call f before it moves the clock and after the timers of each instant have run: a lab passes its
// network's Quiesce, so that everything that a timer sets off happens at the timer's time. nil takes it away.
func (c *ManualClock) OnStep(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle = f
}

// Advance moves the clock by d and runs the timers that come due, in order of time and then of their making, each at
// its own time. It returns when they have returned. A negative d is taken as 0.
func (c *ManualClock) Advance(d time.Duration) {
	c.advance.Lock()
	defer c.advance.Unlock()
	c.mu.Lock()
	settle := c.settle
	c.mu.Unlock()
	if settle != nil {
		settle()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.now.Add(max(d, 0))
	for {
		ran := false
		for len(c.timers) > 0 && !c.timers[0].at.After(end) && (!ran || c.timers[0].at.Equal(c.now)) {
			t := heap.Pop(&c.timers).(*manualTimer)
			c.now, ran = t.at, true
			c.mu.Unlock()
			t.f()
			c.mu.Lock()
		}
		if !ran {
			break
		}
		if settle != nil {
			c.mu.Unlock()
			settle()
			c.mu.Lock()
		}
	}
	c.now = end
}

// pending is the number of timers that wait.
func (c *ManualClock) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

type manualTimer struct {
	clock *ManualClock
	at    time.Time
	seq   uint64
	f     func()
	index int // in the heap, -1 when it has left it
}

func (t *manualTimer) stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.timers, t.index)
	return true
}

// timerHeap is a heap.Interface of timers, the earliest first.
type timerHeap []*manualTimer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*manualTimer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = -1
	return t
}
