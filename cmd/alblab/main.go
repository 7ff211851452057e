// Command alblab is an Application Load Balancer in a box: it reproduces TLS and mutual-TLS failures with the evidence
// that AWS would leave, lets real clients in, and says from logs and captures who fails and why.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	// A closed pipe is reported by the write that meets it, so that what was begun is cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	// SIGHUP: the terminal was closed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second Ctrl-C ends the process at once. What comes within a second is the first: a program around this one that passes signals on,
	// as timeout does, sends another to the same process.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
