package parquet

import "encoding/binary"

// The encodings of values. Source: parquet.apache.org/docs/file-format/data-pages/encodings.

// plainNumbers are little-endian integers.
type plainNumbers struct {
	b []byte
	c *column
}

func (p *plainNumbers) next(v *Value) bool {
	w := p.c.width()
	if len(p.b) < w {
		return false
	}
	v.Int = p.c.integer(p.b)
	p.b = p.b[w:]
	return true
}

// integer reads the number at the beginning of b. A number without sign of more than 63 bits becomes negative.
func (c *column) integer(b []byte) int64 {
	switch {
	case c.typ == typeInt64:
		return int64(binary.LittleEndian.Uint64(b))
	case c.unsigned:
		return int64(binary.LittleEndian.Uint32(b))
	}
	return int64(int32(binary.LittleEndian.Uint32(b)))
}

// plainTexts have their length in four bytes before them.
type plainTexts struct{ b []byte }

func (p *plainTexts) next(v *Value) bool {
	if len(p.b) < 4 {
		return false
	}
	n := int64(binary.LittleEndian.Uint32(p.b))
	if n > int64(len(p.b)-4) {
		return false
	}
	v.Text, p.b = p.b[4:4+n:4+n], p.b[4+n:]
	return true
}

// dictionary is a column's values, in the plain encoding.
type dictionary struct {
	column *column
	has    bool
	n      int
	raw    []byte
	ends   []uint32 // of texts
}

func (d *dictionary) value(i int, v *Value) bool {
	switch {
	case i >= d.n:
		return false
	case d.column.typ != typeByteArray:
		v.Int = d.column.integer(d.raw[i*d.column.width():])
		return true
	}
	from := uint32(4)
	if i > 0 {
		from = d.ends[i-1] + 4
	}
	v.Text = d.raw[from:d.ends[i]:d.ends[i]]
	return true
}

// indices refer to the dictionary.
type indices struct {
	hybrid
	d *dictionary
}

func (x *indices) next(v *Value) bool {
	i, ok := x.hybrid.next()
	return ok && x.d.value(int(i), v)
}

// hybrid is the encoding of small numbers, in runs of one value and in groups of eight that are packed into bits.
type hybrid struct {
	b     []byte
	width uint
	run   uint64 // how often value still comes
	value uint64
	group []byte // packed
	left  uint64 // values of it that are left
	bit   uint
}

func (h *hybrid) next() (uint64, bool) {
	for h.run == 0 && h.left == 0 {
		head, n := binary.Uvarint(h.b)
		if n <= 0 {
			return 0, false
		}
		h.b = h.b[n:]
		if head&1 == 0 {
			size := int(h.width+7) / 8
			if size > len(h.b) {
				return 0, false
			}
			h.run, h.value = head>>1, 0
			for i := size - 1; i >= 0; i-- {
				h.value = h.value<<8 | uint64(h.b[i])
			}
			h.b = h.b[size:]
			continue
		}
		groups := head >> 1
		if h.width > 0 { // the last group may be cut after its last value
			groups = min(groups, uint64(len(h.b)+int(h.width)-1)/uint64(h.width))
		}
		size := min(groups*uint64(h.width), uint64(len(h.b)))
		h.group, h.b, h.bit = h.b[:size], h.b[size:], 0
		if h.left = min(groups, 1<<40) * 8; h.width > 0 {
			h.left = min(h.left, size*8/uint64(h.width))
		}
	}
	if h.run > 0 {
		h.run--
		return h.value, true
	}
	h.left--
	v := unpackBits(h.group, h.bit, h.width)
	h.bit += h.width
	return v, true
}

// unpackBits reads width bits at a position, the lowest first. Bits behind the end are zero.
func unpackBits(b []byte, at, width uint) uint64 {
	if width == 0 {
		return 0
	}
	i, shift := int(at/8), at%8
	var v uint64
	if i+9 <= len(b) {
		v = binary.LittleEndian.Uint64(b[i:])>>shift | uint64(b[i+8])<<(64-shift)
	} else {
		for n := uint(0); n < 9 && i < len(b); n, i = n+1, i+1 {
			if n*8 >= shift {
				v |= uint64(b[i]) << (n*8 - shift)
			} else {
				v |= uint64(b[i]) >> shift
			}
		}
	}
	return v & (1<<width - 1)
}
