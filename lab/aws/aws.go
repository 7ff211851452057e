// Package aws is the lab in an AWS account: the load balancer that terraform/ builds, driven and read through AWS's APIs. It
// gives the same evidence.Bundle as the embedded lab, so that the same scenarios run and the same analyzers judge.
//
// Start with [LoadConfig], [ReadOutputs], [Check] and [Attach]. What an engineer with a load balancer of their own needs is a
// layer of its own, [Clients], [Describe] and [Fetch]: read-only, without Outputs.
//
// The embedded lab answers the same calls (lab/awsapi): everything here is tested against it.
package aws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
)

// Tag keys of everything that the lab makes in an account.
const (
	TagRun     = "alblab:run"
	TagOwner   = "alblab:owner"
	TagExpires = "alblab:expires-at"
)

// Clock is the time that waiting goes by: the wall clock, or in tests the embedded lab's.
type Clock interface {
	Now() time.Time
	WaitUntil(ctx context.Context, t time.Time) error
}

// Config is what [Attach] needs. AWS and Outputs are required.
type Config struct {
	AWS     sdk.Config
	Clients *Clients // nil: made of AWS
	Outputs Outputs
	// PKI has the client certificates that the trust store knows, as pki.Load reads them; nil: there are none, and listeners in
	// verify mode get no good request.
	PKI *pki.PKI
	// Sources are addresses of this run's clients as the load balancer sees them. Empty: learned from the run's own requests,
	// which have paths of their own.
	Sources  []netip.Addr
	Clock    Clock // nil: the wall clock
	Delivery *Delivery
	// Dial connects to host:port; nil: TCP from here. The embedded lab's tests put themselves here.
	Dial     func(ctx context.Context, from lab.Vantage, listener, address string) (net.Conn, error)
	Progress func(text string) // told what is awaited; may be nil
	Logger   *slog.Logger      // nil discards
	Nonce    string            // in the paths of the lab's own requests; "": random
}

// Problem is an error with a word on what to do next.
type Problem struct {
	Err  error
	Hint string
}

func (p *Problem) Error() string { return p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }

func problem(hint, format string, args ...any) error {
	return &Problem{fmt.Errorf(format, args...), hint}
}

// Hint returns what to do about an error, "" if nothing is known.
func Hint(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Hint
	}
	return hintOf(err)
}

// wallClock is the computer's clock.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) WaitUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WallClock returns the computer's clock.
func WallClock() Clock { return wallClock{} }
