//go:build !linux

package kernel

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
)

// Network is a running network; here there is none.
type Network struct{}

// Command is for Linux; here the command runs as any other, and New then says what is missing.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, name, args...)
}

// New answers ErrUnavailable.
func New(Config) (*Network, error) {
	return nil, fmt.Errorf("%w: %s has no network namespaces", ErrUnavailable, runtime.GOOS)
}

// Listen answers ErrUnavailable.
func (*Network) Listen(netip.AddrPort) (net.Listener, error) { return nil, ErrUnavailable }

// Sysctl answers ErrUnavailable.
func (*Network) Sysctl(string, string) error { return ErrUnavailable }

// Close does nothing.
func (*Network) Close() error { return nil }
