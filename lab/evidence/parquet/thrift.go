package parquet

import "encoding/binary"

// kind is a type of Thrift's compact protocol
// (github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), in which metadata is written.
type kind byte

const (
	kindStop kind = iota
	kindTrue
	kindFalse
	kindByte
	kindI16
	kindI32
	kindI64
	kindDouble
	kindBinary
	kindList
	kindSet
	kindMap
	kindStruct
)

// maxDepth is how deep things may lie in each other.
const maxDepth = 32

// compact reads the protocol. After an error every read gives zero.
type compact struct {
	b   []byte
	at  int
	err error
}

// errShort is the error of metadata that goes on behind what was read of it.
var errShort = damaged("metadata ends too early")

func (c *compact) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *compact) octet() byte {
	if c.err != nil || c.at >= len(c.b) {
		c.fail(errShort)
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

func (c *compact) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.b[c.at:])
	switch {
	case n == 0:
		c.fail(errShort)
		return 0
	case n < 0:
		c.fail(damaged("a number in the metadata is too large"))
		return 0
	}
	c.at += n
	return v
}

// zigzag undoes the encoding of signed numbers.
func zigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// number reads an integer of any size.
func (c *compact) number(k kind) int64 {
	switch k {
	case kindByte:
		return int64(int8(c.octet()))
	case kindI16, kindI32, kindI64:
		return zigzag(c.uvarint())
	}
	c.fail(damaged("metadata has type %d where a number belongs", k))
	return 0
}

// text reads a string.
func (c *compact) text(k kind) string {
	if k != kindBinary {
		c.fail(damaged("metadata has type %d where a name belongs", k))
		return ""
	}
	n := c.uvarint()
	if c.err != nil || n > uint64(len(c.b)-c.at) {
		c.fail(errShort)
		return ""
	}
	c.at += int(n)
	return string(c.b[c.at-int(n) : c.at])
}

// list reads the head of a list. Each element takes a byte at least, so there are no more of them than bytes.
func (c *compact) list(k kind) (elem kind, n int) {
	if k != kindList && k != kindSet {
		c.fail(damaged("metadata has type %d where a list belongs", k))
		return 0, 0
	}
	head := c.octet()
	size := uint64(head >> 4)
	if size == 15 {
		size = c.uvarint()
	}
	if c.err != nil || size > uint64(len(c.b)-c.at) {
		c.fail(errShort)
		return 0, 0
	}
	return kind(head & 15), int(size)
}

// structs calls f for each element of a list of structures.
func (c *compact) structs(k kind, most int, f func()) {
	elem, n := c.list(k)
	if n > 0 && elem != kindStruct || n > most {
		c.fail(damaged("metadata has a list of %d elements of type %d", n, elem))
		return
	}
	for i := 0; i < n && c.err == nil; i++ {
		f()
	}
}

// fields calls f with each field of a structure; one that f does not read, which it says with false, is passed over.
func (c *compact) fields(f func(id int, k kind) bool) { c.walk(f, 0) }

func (c *compact) walk(f func(id int, k kind) bool, depth int) {
	if depth > maxDepth {
		c.fail(damaged("metadata lies too deep"))
		return
	}
	id := 0
	for c.err == nil {
		head := c.octet()
		k := kind(head & 15)
		if c.err != nil || k == kindStop {
			return
		}
		if delta := int(head >> 4); delta != 0 {
			id += delta
		} else {
			id = int(int16(zigzag(c.uvarint())))
		}
		if !f(id, k) {
			c.skip(k, true, depth+1)
		}
	}
}

// skip passes over a value. A boolean is in the head of its field, and a byte as an element.
func (c *compact) skip(k kind, field bool, depth int) {
	switch k {
	case kindTrue, kindFalse:
		if !field {
			c.octet()
		}
	case kindByte:
		c.octet()
	case kindI16, kindI32, kindI64:
		c.uvarint()
	case kindDouble:
		c.advance(8)
	case kindBinary:
		c.advance(c.uvarint())
	case kindList, kindSet:
		elem, n := c.list(k)
		c.skipAll(elem, n, depth)
	case kindMap:
		n := c.uvarint()
		if n == 0 || c.err != nil {
			return
		}
		kv := c.octet()
		if n > uint64(len(c.b)-c.at) {
			c.fail(errShort)
			return
		}
		for i := 0; i < int(n) && c.err == nil; i++ {
			c.skipAll(kind(kv>>4), 1, depth)
			c.skipAll(kind(kv&15), 1, depth)
		}
	case kindStruct:
		c.walk(func(int, kind) bool { return false }, depth)
	default:
		c.fail(damaged("metadata has the unknown type %d", k))
	}
}

func (c *compact) skipAll(k kind, n, depth int) {
	if depth > maxDepth {
		c.fail(damaged("metadata lies too deep"))
		return
	}
	for i := 0; i < n && c.err == nil; i++ {
		c.skip(k, false, depth+1)
	}
}

func (c *compact) advance(n uint64) {
	if c.err != nil || n > uint64(len(c.b)-c.at) {
		c.fail(errShort)
		return
	}
	c.at += int(n)
}
