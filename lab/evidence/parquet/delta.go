package parquet

import "encoding/binary"

// packed is the delta encoding of numbers: blocks, each with the least difference and some miniblocks of the rest of the differences,
// packed into bits.
type packed struct {
	b       []byte
	left    uint64 // values
	first   bool
	last    int64
	least   int64
	perMini uint64
	minis   int
	widths  []byte // of the block's miniblocks that are left
	mini    []byte
	bit     uint
	width   uint
	inMini  uint64
}

// maxBlock bounds a block's values: writers use 128.
const maxBlock = 1 << 16

func newPacked(b []byte) (*packed, error) {
	p := &packed{b: b, first: true}
	block, ok1 := p.uvarint()
	minis, ok2 := p.uvarint()
	total, ok3 := p.uvarint()
	first, ok4 := p.uvarint()
	if !ok1 || !ok2 || !ok3 || !ok4 || minis == 0 || block == 0 || block > maxBlock || block%minis != 0 || block/minis%8 != 0 {
		return nil, damaged("differences in blocks of %d with %d parts", block, minis)
	}
	p.left, p.minis, p.perMini, p.last = total, int(minis), block/minis, zigzag(first)
	return p, nil
}

func (p *packed) uvarint() (uint64, bool) {
	v, n := binary.Uvarint(p.b)
	if n <= 0 {
		return 0, false
	}
	p.b = p.b[n:]
	return v, true
}

// number returns the next one. False: there are no more, or it is cut.
func (p *packed) number() (int64, bool) {
	if p.left == 0 {
		return 0, false
	}
	p.left--
	if p.first {
		p.first = false
		return p.last, true
	}
	if p.inMini == 0 && !p.refill() {
		return 0, false
	}
	p.inMini--
	p.last += p.least + int64(unpackBits(p.mini, p.bit, p.width))
	p.bit += p.width
	return p.last, true
}

// refill takes the next miniblock.
func (p *packed) refill() bool {
	if len(p.widths) == 0 {
		least, ok := p.uvarint()
		if !ok || len(p.b) < p.minis {
			return false
		}
		p.least = zigzag(least)
		p.widths, p.b = p.b[:p.minis], p.b[p.minis:]
	}
	p.width, p.widths = uint(p.widths[0]), p.widths[1:]
	size := p.perMini * uint64(p.width) / 8
	if p.width > 64 || size > uint64(len(p.b)) {
		return false
	}
	p.mini, p.b = p.b[:size], p.b[size:]
	p.bit, p.inMini = 0, p.perMini
	return true
}

// behind is what stands after all numbers, of which there are at most as many.
func (p *packed) behind(most uint64) ([]byte, error) {
	q := *p
	if q.left > most {
		return nil, damaged("%d lengths of %d values", q.left, most)
	}
	for q.left > 0 {
		if _, ok := q.number(); !ok {
			return nil, damaged("lengths end too early")
		}
	}
	return q.b, nil
}

// deltaNumbers is a column of numbers that are packed as differences.
type deltaNumbers struct {
	*packed
	c *column
}

func (d *deltaNumbers) next(v *Value) bool {
	n, ok := d.number()
	switch {
	case d.c.typ == typeInt64:
	case d.c.unsigned:
		n = int64(uint32(n))
	default:
		n = int64(int32(n)) // differences may go over the end
	}
	v.Int = n
	return ok
}

// lengths is a column of texts: all lengths, then all texts.
type lengths struct {
	n *packed
	b []byte
}

func newLengths(b []byte, values uint64) (*lengths, error) {
	n, err := newPacked(b)
	if err != nil {
		return nil, err
	}
	rest, err := n.behind(values)
	return &lengths{n, rest}, err
}

func (l *lengths) next(v *Value) bool {
	n, ok := l.n.number()
	if !ok || n < 0 || n > int64(len(l.b)) {
		return false
	}
	v.Text, l.b = l.b[:n:n], l.b[n:]
	return true
}

// prefixed is a column of texts that begin as the one before does: how much of it, and the rest.
type prefixed struct {
	n    *packed
	rest *lengths
	last []byte
}

func newPrefixed(b []byte, values uint64) (*prefixed, error) {
	n, err := newPacked(b)
	if err != nil {
		return nil, err
	}
	behind, err := n.behind(values)
	if err != nil {
		return nil, err
	}
	rest, err := newLengths(behind, values)
	return &prefixed{n: n, rest: rest}, err
}

func (p *prefixed) next(v *Value) bool {
	n, ok := p.n.number()
	if !ok || n < 0 || n > int64(len(p.last)) || !p.rest.next(v) || int(n)+len(v.Text) > maxPage {
		return false
	}
	p.last = append(p.last[:n], v.Text...)
	v.Text = p.last
	return true
}
