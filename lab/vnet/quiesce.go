package vnet

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	quiesceStep  = 50 * time.Microsecond  // between looks
	quietInCalls = 300 * time.Microsecond // quiet that is enough while a goroutine is in a system call
	spinFor      = 350 * time.Microsecond // quiet in which looks follow at once: a process that rests sleeps by whole milliseconds
	quietAtWorst = 100 * time.Millisecond // quiet that is enough while something else in the process works for so long
	quietForGood = 10 * time.Second       // quiet that is enough whatever is the case
)

// Quiesce waits until no packet is in flight and nothing in the process is about to send one. It returns at once when
// all goroutines but the caller's wait (Go's scheduler says so): then only a timer, or a connection of the host, can
// set off more. While a goroutine is in a system call (writing a file, or waiting for a signal for good) a moment
// without packets must pass too. In a process that never rests, as with tests in parallel, it settles for a tenth of a
// second without packets, of the wall clock and of the process's time on processors: where others keep them busy, what is about to
// send may have had no turn yet. It does not wait for packets that a [Fault] delays.
//
// Call it before a [ManualClock] is moved: a segment that is on its way would be sent again at the later time.
func (n *Network) Quiesce(ctx context.Context) error {
	wall := WallClock()
	s := newSchedule()
	moved, since, worked, calm := n.sw.moved.Load(), wall.Now(), processorTime(), 0
	t := time.NewTimer(quiesceStep)
	defer t.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if m := n.sw.moved.Load(); m != moved {
			moved, since, worked, calm = m, wall.Now(), processorTime(), 0
		}
		resting, calls := s.read()
		quiet := wall.Now().Sub(since)
		if !resting {
			calm = 0
		} else {
			calm++
		}
		switch {
		case calm >= 2 && (!calls || quiet >= quietInCalls), quiet >= quietForGood:
			return nil
		case quiet >= quietAtWorst && (worked < 0 || processorTime()-worked >= quietAtWorst):
			return nil
		}
		if calm == 1 {
			continue // look twice: the counts of one look are not taken at one instant
		}
		if quiet < spinFor {
			runtime.Gosched()
			continue
		}
		t.Reset(quiesceStep)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// schedule reads the scheduler's counts of goroutines.
type schedule [3]metrics.Sample

func newSchedule() *schedule {
	return &schedule{
		{Name: "/sched/goroutines/running:goroutines"},
		{Name: "/sched/goroutines/runnable:goroutines"},
		{Name: "/sched/goroutines/not-in-go:goroutines"},
	}
}

// read reports whether no goroutine but the caller's runs or could run, and whether some are in system calls.
func (s *schedule) read() (resting, calls bool) {
	metrics.Read(s[:])
	for _, m := range s {
		if m.Value.Kind() != metrics.KindUint64 {
			return false, true // a Go that does not count them
		}
	}
	return s[0].Value.Uint64() <= 1 && s[1].Value.Uint64() == 0, s[2].Value.Uint64() > 0
}
