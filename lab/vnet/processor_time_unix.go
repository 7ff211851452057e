//go:build unix

package vnet

import (
	"syscall"
	"time"
)

// processorTime is how long the process has been on processors, -1 if the system does not tell.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return -1
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
