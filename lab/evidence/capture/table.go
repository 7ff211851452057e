package capture

import (
	"hash/maphash"
	"math/bits"
)

// key names a connection: both ends in an order that does not depend on who speaks, and the tunnel's network.
type key struct {
	low, high end
	vni       int32
}

// table finds connections by key. It is a hash table with open addressing, which costs less than a map: one look at the tags and
// one at the connection. Its seed is random, so that nobody can write a capture whose keys collide.
type table struct {
	tags  []uint32 // of the hash; 0: free
	conns []*conn
	n     int
	seed  [2]uint64
}

func newTable() *table {
	s := maphash.MakeSeed()
	return &table{tags: make([]uint32, 1024), conns: make([]*conn, 1024), seed: [2]uint64{maphash.String(s, "0"), maphash.String(s, "1")}}
}

// tag hashes a key by multiplication, as wyhash does.
func (t *table) tag(k *key) uint32 {
	h := mix(k.low.lo^t.seed[0], k.high.lo^t.seed[1])
	h = mix(h^k.low.hi^t.seed[1], h^bits.RotateLeft64(k.high.hi, 32)^t.seed[0])
	h = mix(h^(uint64(k.low.port)<<48|uint64(k.high.port)<<32|uint64(uint32(k.vni))), t.seed[1])
	return uint32(h) | 1
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// get returns the connection of a key, or nil.
func (t *table) get(k *key, tag uint32) *conn {
	mask := uint32(len(t.tags) - 1)
	for i := tag >> 1 & mask; ; i = (i + 1) & mask {
		switch t.tags[i] {
		case 0:
			return nil
		case tag:
			if c := t.conns[i]; c.key == *k {
				return c
			}
		}
	}
}

// put adds a connection, whose key is not in the table.
func (t *table) put(c *conn) {
	if 2*(t.n+1) > len(t.tags) {
		old := t.conns
		t.tags, t.conns = make([]uint32, 2*len(old)), make([]*conn, 2*len(old))
		for _, o := range old {
			if o != nil {
				t.place(o)
			}
		}
	}
	t.n++
	t.place(c)
}

func (t *table) place(c *conn) {
	mask := uint32(len(t.tags) - 1)
	i := c.tag >> 1 & mask
	for t.tags[i] != 0 {
		i = (i + 1) & mask
	}
	t.tags[i], t.conns[i] = c.tag, c
}

// remove takes a connection out. Those behind it move up, so that none is lost behind the gap.
func (t *table) remove(c *conn) {
	mask := uint32(len(t.tags) - 1)
	i := c.tag >> 1 & mask
	for t.conns[i] != c {
		i = (i + 1) & mask
	}
	t.n--
	for j := (i + 1) & mask; t.tags[j] != 0; j = (j + 1) & mask {
		if home := t.tags[j] >> 1 & mask; (j-home)&mask >= (j-i)&mask {
			t.tags[i], t.conns[i] = t.tags[j], t.conns[j]
			i = j
		}
	}
	t.tags[i], t.conns[i] = 0, nil
}
