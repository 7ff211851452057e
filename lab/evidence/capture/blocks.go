package capture

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// iface is an interface of a pcapng section.
type iface struct {
	link   int
	snap   uint32
	res    uint8 // if_tsresol
	offset int64 // if_tsoffset, seconds
}

// maxIfaces bounds the memory for interface descriptions.
const maxIfaces = 1 << 16

// nextBlock reads blocks of a pcapng file up to the next that holds a packet.
func (f *frames) nextBlock() error {
	for {
		h, err := f.peek(12, "a block")
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(h) == blockSection {
			if err := f.section(h); err != nil {
				return err
			}
			continue
		}
		if f.order == nil { // only after damage
			return f.resyncBlock("a block before the section header")
		}
		kind, n := f.u32(h), f.u32(h[4:])
		if n < 12 || n%4 != 0 {
			return f.resyncBlock(fmt.Sprintf("a block of type %d cannot have the length %d", kind, n))
		}
		if isPacket := kind == blockPacket || kind == blockSimple || kind == blockOldPacket; !isPacket && kind != blockInterface {
			if err := f.skip(int64(n)); err != nil {
				return err
			}
			continue
		}
		if n > maxFrame+64<<10 {
			return f.resyncBlock(fmt.Sprintf("a block of type %d has the length %d", kind, n))
		}
		b, err := f.peek(int(n), "a block")
		if err != nil {
			return err
		}
		if f.u32(b[n-4:]) != n {
			return f.resyncBlock(fmt.Sprintf("a block of type %d ends in another length than it begins with", kind))
		}
		if kind == blockInterface {
			err = f.describe(b[8 : n-4])
			f.discard(int(n))
			if err != nil {
				return err
			}
			continue
		}
		f.used = int(n)
		return f.packetBlock(kind, b[8:n-4])
	}
}

// skip drops a block that is of no interest, of any length.
func (f *frames) skip(n int64) error {
	for n > 0 {
		k, err := f.b.Discard(int(min(n, reach)))
		n -= int64(k)
		if err != nil {
			f.number++
			return f.end(err, "a block", int(n))
		}
		f.offset += int64(k)
	}
	return nil
}

// section reads a section header block, which sets the byte order and ends the validity of all interfaces.
func (f *frames) section(h []byte) error {
	switch {
	case binary.LittleEndian.Uint32(h[8:]) == byteOrderMagic:
		f.order, f.swap = binary.LittleEndian, false
	case binary.BigEndian.Uint32(h[8:]) == byteOrderMagic:
		f.order, f.swap = binary.BigEndian, true
	default:
		return f.resyncBlock(fmt.Sprintf("a section header without byte order, it has % x", h[8:12]))
	}
	f.ifaces = f.ifaces[:0]
	n := f.order.Uint32(h[4:])
	if n < 28 || n%4 != 0 || n > 1<<24 {
		return f.resyncBlock(fmt.Sprintf("a section header cannot have the length %d", n))
	}
	return f.skip(int64(n))
}

// describe reads an interface description block.
func (f *frames) describe(b []byte) error {
	if len(b) < 8 || len(f.ifaces) >= maxIfaces {
		f.number++
		defer func() { f.number-- }()
		return f.damaged("an interface description is cut short, or there are too many")
	}
	i := iface{link: int(f.order.Uint16(b)), snap: f.order.Uint32(b[4:]), res: 6}
	for o := b[8:]; len(o) >= 4; {
		code, n := f.order.Uint16(o), int(f.order.Uint16(o[2:]))
		o = o[4:]
		if code == 0 || n > len(o) {
			break
		}
		switch {
		case code == optTSResolution && n == 1:
			i.res = o[0]
		case code == optTSOffset && n == 8:
			i.offset = int64(f.order.Uint64(o))
		}
		o = o[min((n+3)&^3, len(o)):]
	}
	f.ifaces = append(f.ifaces, i)
	return nil
}

// packetBlock takes the frame out of a block's body.
func (f *frames) packetBlock(kind uint32, b []byte) error {
	f.number++
	var index, kept, full uint32
	var ticks uint64
	head := 20
	switch {
	case kind == blockSimple && len(b) >= 4:
		head, full = 4, f.u32(b)
		kept = min(full, uint32(len(b)-4))
		if len(f.ifaces) > 0 && f.ifaces[0].snap > 0 {
			kept = min(kept, f.ifaces[0].snap)
		}
	case len(b) < head:
		return f.damaged("a packet block is cut short")
	case kind == blockOldPacket:
		index = uint32(f.order.Uint16(b))
	default:
		index = f.u32(b)
	}
	if kind != blockSimple {
		ticks = uint64(f.u32(b[4:]))<<32 | uint64(f.u32(b[8:]))
		kept, full = f.u32(b[12:]), f.u32(b[16:])
	}
	if uint64(index) >= uint64(len(f.ifaces)) {
		return f.damaged(fmt.Sprintf("packet of interface %d, which is not described", index))
	}
	if uint64(kept) > uint64(len(b)-head) {
		return f.damaged(fmt.Sprintf("packet of %d bytes in a block for %d", kept, len(b)-head))
	}
	i := &f.ifaces[index]
	f.link, f.data, f.full = i.link, b[head:head+int(kept)], int(full)
	if kind != blockSimple { // which has no time: that of the packet before it stays
		f.time = i.at(ticks)
	}
	return nil
}

// at turns a timestamp into Unix nanoseconds.
func (i *iface) at(ticks uint64) int64 {
	if i.res == 6 && i.offset == 0 && ticks < 8e15 { // nearly all files
		return int64(ticks * 1000)
	}
	var sec, ns uint64
	if b := i.res & 0x7f; i.res&0x80 != 0 { // 2^-b s
		if b < 64 {
			sec = ticks >> b
			hi, lo := bits.Mul64(ticks&(1<<b-1), 1e9)
			ns = lo>>b | hi<<(64-b)
		}
	} else if b <= 19 {
		unit := uint64(1)
		for range b {
			unit *= 10
		}
		sec = ticks / unit
		hi, lo := bits.Mul64(ticks%unit, 1e9)
		ns, _ = bits.Div64(hi, lo, unit)
	}
	const last = 1 << 33 // in the year 2242, before nanoseconds outgrow 64 bits; a time outside is nonsense
	at := int64(min(sec, last)) + max(-last, min(i.offset, last))
	return max(0, min(at, last))*1e9 + int64(ns)
}

// resyncBlock searches the next whole block of a known type behind damage, and goes on there.
func (f *frames) resyncBlock(msg string) error {
	f.number++
	defer func() { f.number-- }()
	b, _ := f.b.Peek(reach)
	for i := 4; i+12 <= len(b); i += 4 {
		order := f.order
		if order == nil {
			order = binary.LittleEndian
		}
		kind, n := order.Uint32(b[i:]), order.Uint32(b[i+4:])
		switch {
		case binary.LittleEndian.Uint32(b[i:]) == blockSection:
			m := binary.LittleEndian.Uint32(b[i+8:])
			if m != byteOrderMagic && bits.ReverseBytes32(m) != byteOrderMagic {
				continue
			}
		case kind < blockInterface || kind > blockPacket || n < 12 || n%4 != 0 || uint64(i)+uint64(n) > uint64(len(b)):
			continue
		case order.Uint32(b[i+int(n)-4:]) != n:
			continue
		}
		f.used = i
		return f.damaged(fmt.Sprintf("damaged: %s; going on %d bytes later", msg, i))
	}
	f.done = true
	return f.damaged("damaged: " + msg + "; the rest of the file is left out")
}
