package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// patience is how long Collect waits, by the wall clock, for a connection that is still open to end.
const patience = 500 * time.Millisecond

// errOff is what Collect answers in a lab that was told to leave no evidence.
var errOff = errors.New("the lab was started without evidence")

// Collect implements [lab.Lab]. Connections that are still open, and idle, stay open; their flow records are written as far
// as they are. It may be called more than once: each bundle holds all evidence since the start.
func (l *Lab) Collect(ctx context.Context) (*evidence.Bundle, error) {
	if l.evidence == nil {
		return nil, errOff
	}
	if err := errors.Join(l.conns.settle(ctx, patience), l.net.Quiesce(ctx)); err != nil {
		return nil, fmt.Errorf("waiting for the lab to come to rest: %w", err)
	}
	m, err := l.manifest()
	if err != nil {
		return nil, err
	}
	return l.evidence.snapshot(m)
}

// announce lets the evidence's folder say what run it is of, before there is an end.
func (l *Lab) announce() error {
	if l.evidence == nil {
		return nil
	}
	m, err := l.manifest()
	if err != nil {
		return err
	}
	return l.evidence.store.Announce(m)
}

// manifest describes the run.
func (l *Lab) manifest() (evidence.Manifest, error) {
	spec, err := l.specJSON()
	if err != nil {
		return evidence.Manifest{}, fmt.Errorf("writing the spec: %w", err)
	}
	m := evidence.Manifest{
		Schema: evidence.Schema, Lab: "embedded", Spec: spec, LoadBalancer: l.names.loadBalancer,
	}
	if e := l.spec.Embedded; e != nil {
		m.Seed = e.Seed
	}
	for _, a := range l.Endpoint().Addresses {
		m.Addresses = append(m.Addresses, a.String())
	}
	return m, nil
}
