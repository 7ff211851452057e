package main

import (
	"os"
	"syscall"
)

// maxRSS is the most memory that a process had at a time.
func maxRSS(p *os.ProcessState) int64 {
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10 // getrusage(2): kilobytes
	}
	return 0
}
