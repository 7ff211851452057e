package vnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// errno gives a netstack error the number that a kernel gives it, so that callers can ask errors.Is.
func errno(err tcpip.Error) error {
	switch err.(type) {
	case *tcpip.ErrConnectionReset:
		return syscall.ECONNRESET
	case *tcpip.ErrConnectionRefused:
		return syscall.ECONNREFUSED
	case *tcpip.ErrTimeout:
		return timeout{syscall.ETIMEDOUT}
	case *tcpip.ErrClosedForSend, *tcpip.ErrNotConnected:
		return syscall.EPIPE
	case *tcpip.ErrConnectionAborted, *tcpip.ErrAborted:
		return syscall.ECONNABORTED
	case *tcpip.ErrPortInUse, *tcpip.ErrNoPortAvailable:
		return syscall.EADDRINUSE
	case *tcpip.ErrBadLocalAddress:
		return syscall.EADDRNOTAVAIL
	case *tcpip.ErrHostUnreachable:
		return syscall.EHOSTUNREACH
	case *tcpip.ErrNetworkUnreachable:
		return syscall.ENETUNREACH
	case *tcpip.ErrInvalidEndpointState:
		return net.ErrClosed
	}
	return errors.New(err.String())
}

// timeout is a timeout with its cause. It is os.ErrDeadlineExceeded too, as for a connection of package net.
type timeout struct{ cause error }

func (t timeout) Error() string        { return t.cause.Error() }
func (t timeout) Unwrap() error        { return t.cause }
func (t timeout) Is(target error) bool { return target == os.ErrDeadlineExceeded }
func (t timeout) Timeout() bool        { return true }
func (t timeout) Temporary() bool      { return true }

// ended is the error of a context that is done; an expired one is a timeout.
func ended(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return timeout{err}
	}
	return ctx.Err()
}

func opError(op string, from, to netip.AddrPort, err error) error {
	e := &net.OpError{Op: op, Net: "tcp", Err: err}
	if from.IsValid() {
		e.Source = net.TCPAddrFromAddrPort(from)
	}
	if to.IsValid() {
		e.Addr = net.TCPAddrFromAddrPort(to)
	}
	return e
}

// errDeadline is what an operation returns whose deadline has passed.
var errDeadline error = os.ErrDeadlineExceeded
