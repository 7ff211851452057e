package vnet

import (
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/log"
)

// silence takes what gVisor would write to standard error: that a client reset a connection before it was accepted, and the
// like. Here that is a result, not a fault, and a library does not print.
type silence struct{}

// Emit implements log.Emitter.
func (silence) Emit(int, log.Level, time.Time, string, ...any) {}

// quiet sets gVisor's log, which a process has but one of.
var quiet = sync.OnceFunc(func() { log.SetTarget(silence{}) })
