package lab

import (
	"fmt"
	"time"
)

// Link is what the path between one client's address and the load balancer does to packets. The zero value is a good path.
type Link struct {
	// Loss, Duplicate and Reorder are shares of the packets, 0 to 1, in both directions. A packet out of order comes
	// Late after its turn.
	Loss, Duplicate, Reorder float64
	Late                     time.Duration // 0: 10 ms
	Delay                    time.Duration // of every packet, each way
	// LoseIn and LoseOut name packets that are lost, by their number within their connection and direction, from 1; In is
	// towards the load balancer. Packets that are sent again have numbers of their own.
	LoseIn, LoseOut []int
	Seed            uint64 // of the shares
}

// Faulty is a Lab whose links can be made bad (capability LinkFaults).
type Faulty interface {
	// SetLink sets the path of a client's address from now on, for all its connections.
	SetLink(from Vantage, l Link) error
}

// Bad reports whether the path does anything to packets.
func (l *Link) Bad() bool {
	return l.Loss > 0 || l.Duplicate > 0 || l.Reorder > 0 || l.Delay > 0 || len(l.LoseIn) > 0 || len(l.LoseOut) > 0
}

// Check reports a Link that makes no sense.
func (l *Link) Check() error {
	for _, s := range []struct {
		name  string
		share float64
	}{{"loss", l.Loss}, {"duplicate", l.Duplicate}, {"reorder", l.Reorder}} {
		if !(s.share >= 0 && s.share <= 1) {
			return fmt.Errorf("link: %s: %v is not a share between 0 and 1", s.name, s.share)
		}
	}
	if l.Delay < 0 || l.Late < 0 {
		return fmt.Errorf("link: a delay is negative")
	}
	return nil
}
