package scenarios

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/alblab/alblab/lab"
)

// Pacer lets the lab's time go on while clients act. On a virtual clock somebody must move it: the pacer does so, in small
// steps and only when all that could happen has happened, for clients that pause and for packets that are lost and sent again.
type Pacer struct {
	timed lab.Timed

	mu       sync.Mutex
	running  int
	sleepers []sleeper
	stopped  bool
}

type sleeper struct {
	at   time.Time
	wake chan struct{} // nil for a call
	call func()
}

// paceStep is how far a pacer moves the clock at most when no client is to be woken before. A client that begins to sleep
// within a step, because a packet came late, is woken at its end.
const paceStep = time.Second

// errPaceOver is what clients are told that still wait when the pacer's time is up.
var errPaceOver = errors.New("the time for this step is over")

// NewPacer makes a pacer.
func NewPacer(t lab.Timed) *Pacer { return &Pacer{timed: t} }

// Go runs a client in a goroutine of its own.
func (p *Pacer) Go(f func()) {
	p.mu.Lock()
	p.running++
	p.mu.Unlock()
	go func() {
		defer func() {
			p.mu.Lock()
			p.running--
			p.mu.Unlock()
		}()
		f()
	}()
}

// Sleep waits on the lab's clock; for the clients that Go runs.
func (p *Pacer) Sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return errPaceOver
	}
	s := sleeper{at: p.timed.Now().Add(d), wake: make(chan struct{})}
	p.sleepers = append(p.sleepers, s)
	p.mu.Unlock()
	<-s.wake
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errPaceOver
	}
	return nil
}

// After calls f once so much of the lab's time has passed, if Run goes on for so long.
func (p *Pacer) After(d time.Duration, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sleepers = append(p.sleepers, sleeper{at: p.timed.Now().Add(d), call: f})
}

// Run moves the clock until all clients have ended, at most by limit. Clients that are not done then are told so when they
// sleep, and Run returns an error; the caller ends their connections.
func (p *Pacer) Run(ctx context.Context, limit time.Duration) error {
	end := p.timed.Now().Add(limit)
	for {
		now := p.timed.Now()
		if err := p.timed.WaitUntil(ctx, now); err != nil { // all that can happen now, happens
			p.stop()
			return err
		}
		p.mu.Lock()
		running := p.running
		p.mu.Unlock()
		switch {
		case running == 0:
			return nil
		case !now.Before(end):
			p.stop()
			return errPaceOver
		}
		if err := p.timed.WaitUntil(ctx, p.next(now)); err != nil {
			p.stop()
			return err
		}
		p.wake()
	}
}

// next is the time of the next step.
func (p *Pacer) next(now time.Time) time.Time {
	at := now.Add(paceStep)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sleepers {
		if s.at.Before(at) {
			at = s.at
		}
	}
	return at
}

// wake lets those go on whose time has come.
func (p *Pacer) wake() {
	now := p.timed.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := p.sleepers[:0]
	for _, s := range p.sleepers {
		switch {
		case s.at.After(now):
			rest = append(rest, s)
		case s.call != nil:
			go s.call()
		default:
			close(s.wake)
		}
	}
	p.sleepers = rest
}

func (p *Pacer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	for _, s := range p.sleepers {
		if s.call == nil {
			close(s.wake)
		}
	}
	p.sleepers = nil
}
