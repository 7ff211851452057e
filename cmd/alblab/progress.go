package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress draws one line on a terminal about work that takes longer than a second, and wipes it at the end.
type progress struct {
	w     io.Writer
	mu    sync.Mutex
	text  string
	drawn bool
	done  chan struct{}
	ended sync.WaitGroup
}

// newProgress starts one; nil, which is valid, if standard error is no terminal.
func (a *app) newProgress() *progress {
	if !a.live {
		return nil
	}
	p := &progress{w: a.err, done: make(chan struct{})}
	p.ended.Add(1)
	go p.run()
	return p
}

func (p *progress) run() {
	defer p.ended.Done()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-p.done:
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.drawn {
				fmt.Fprint(p.w, "\r\x1b[K")
			}
			return
		case <-t.C:
			p.mu.Lock()
			p.drawn = true
			fmt.Fprintf(p.w, "\r\x1b[K%s", p.text)
			p.mu.Unlock()
		}
	}
}

// set changes the line.
func (p *progress) set(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
	if p.drawn {
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.text)
	}
}

// stop wipes the line.
func (p *progress) stop() {
	if p == nil {
		return
	}
	close(p.done)
	p.ended.Wait()
}

// spin shows one unchanging text until stop is called.
func (a *app) spin(text string) (stop func()) {
	p := a.newProgress()
	p.set("%s ...", text)
	return p.stop
}
