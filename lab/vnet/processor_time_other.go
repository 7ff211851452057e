//go:build !unix

package vnet

import "time"

// processorTime is how long the process has been on processors, -1 as the system is not asked.
func processorTime() time.Duration { return -1 }
