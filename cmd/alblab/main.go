// Command alblab is an Application Load Balancer in a box: it reproduces TLS and mutual-TLS failures with the evidence
// that AWS would leave, lets real clients in, and says from logs and captures who fails and why.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A closed pipe is reported by the write that meets it, so that what was begun is cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	// SIGHUP: the terminal was closed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
