package vnet

import (
	"sync"
	"time"
)

// deadline is a time after which waiting ends.
type deadline struct {
	mu      sync.Mutex
	expired chan struct{} // closed when the time has come; nil until someone waits or sets
	stop    func() bool
}

// done is closed when the deadline has passed.
func (d *deadline) done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

// set replaces the deadline; the zero time takes it away.
func (d *deadline) set(c Clock, t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil && !d.stop() || isClosed(d.expired) {
		d.expired = nil // the old one has fired or is about to, on the channel of its own
	}
	d.stop = nil
	if t.IsZero() {
		return
	}
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	c = clockOf(c, t)
	wait := t.Sub(c.Now())
	if wait <= 0 {
		close(d.expired)
		return
	}
	ch := d.expired
	d.stop = c.AfterFunc(wait, func() { close(ch) })
}

// clockOf is the clock that a deadline is meant on. Times made from time.Now carry Go's monotonic reading: package tls
// and package net/http set such deadlines whatever clock the network has. All others are on the network's clock.
func clockOf(c Clock, t time.Time) Clock {
	if t != t.Round(0) {
		return wallClock{}
	}
	return c
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c: // a nil channel is never ready
		return true
	default:
		return false
	}
}
