package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// Unreachable makes the Attempt of a call whose connection could not be made: refused or filtered, which are results.
// Any other error is returned. took is how long the dial lasted.
func Unreachable(c Call, to netip.AddrPort, err error, took time.Duration) (Attempt, error) {
	a := Attempt{Time: c.Time, Listener: c.Listener, Remote: to}
	if c.Profile != nil {
		a.Profile = c.Profile.Name
	}
	host := c.ServerName
	if host == "" {
		host = to.Addr().String()
	}
	a.Outcome.Stage = wire.StageDial
	var ne net.Error
	var why string
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), isReset(err):
		a.Outcome.Ending, a.Outcome.ByPeer, a.Outcome.Detail = wire.EndingReset, true, "connection refused"
		a.Exit, why = exitConnect, "Couldn't connect to server"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT),
		errors.As(err, &ne) && ne.Timeout():
		a.Outcome.Ending, a.Outcome.Detail = wire.EndingTimeout, "i/o timeout"
		a.Exit, why = exitTimeout, "Timeout was reached"
	default:
		return a, fmt.Errorf("connecting to %s: %w", to, err)
	}
	a.Words = fmt.Sprintf("Failed to connect to %s port %d after %d ms: %s", host, to.Port(), took.Milliseconds(), why)
	a.Lines = []string{a.Words}
	return a, nil
}
