package alb

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// idSource makes trace ids that follow from the seed and from what a connection is, not from when it came among others:
// client address and port, node, listener, and the how-manieth connection of these it is.
type idSource struct {
	seed uint64

	mu    sync.Mutex
	epoch uint32 // how often seen was emptied
	seen  map[idKey]uint32
}

type idKey struct {
	client netip.AddrPort
	node   netip.Addr
	port   uint16
}

// maxSeen bounds the memory of idSource: a client address has 64 K ports.
const maxSeen = 1 << 16

func newIDSource(seed uint64) *idSource {
	return &idSource{seed: seed, seen: map[idKey]uint32{}}
}

// connection begins the ids of a connection.
func (s *idSource) connection(client netip.AddrPort, node netip.Addr, port uint16) *connIDs {
	k := idKey{client, node, port}
	s.mu.Lock()
	if len(s.seen) >= maxSeen {
		clear(s.seen)
		s.epoch++
	}
	n := s.seen[k]
	s.seen[k] = n + 1
	epoch := s.epoch
	s.mu.Unlock()
	b := make([]byte, 0, 80)
	b = binary.BigEndian.AppendUint64(b, s.seed)
	ip := client.Addr().As16()
	b = append(b, ip[:]...)
	b = binary.BigEndian.AppendUint16(b, client.Port())
	ip = node.As16()
	b = append(b, ip[:]...)
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint32(b, epoch)
	b = binary.BigEndian.AppendUint32(b, n)
	return &connIDs{seed: sha256.Sum256(b)}
}

// connIDs makes the ids of one connection.
type connIDs struct {
	seed [32]byte

	mu   sync.Mutex
	used map[string]uint32 // requests by their line; h2 handles several at once, in any order
	n    int
}

// conn returns the conn_trace_id: TID_ and 32 hex digits.
func (c *connIDs) conn() string { return "TID_" + hex.EncodeToString(c.seed[:16]) }

// maxUsed bounds the memory of a connection with many different requests.
const maxUsed = 1 << 10

// request returns the identifier of a request's X-Amzn-Trace-Id: version 1, eight hex digits of the time, 24 of chance
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html).
func (c *connIDs) request(at time.Time, line string) string {
	c.mu.Lock()
	if c.used == nil {
		c.used = map[string]uint32{}
	}
	if len(c.used) >= maxUsed {
		clear(c.used)
		c.n += maxUsed
	}
	i := c.used[line]
	c.used[line] = i + 1
	n := c.n
	c.mu.Unlock()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%s", c.seed[:], n, i, line))
	return fmt.Sprintf("1-%08x-%x", uint32(at.Unix()), sum[:12])
}
