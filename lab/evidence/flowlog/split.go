package flowlog

import "math/bits"

// Eight bytes are looked at in one step, and where the fields end is found without a branch per byte. That, and not the
// arithmetic, is what makes the parser fast: a loop over the digits of fields whose lengths vary is mispredicted once per field.
//
// So that no step has to look where the line ends, lines are followed by pad bytes that may be read and mean nothing.
const (
	pad    = 64
	each01 = 0x0101010101010101
	each7f = 0x7f * each01
	each80 = 0x80 * each01
)

// padded returns line with pad bytes behind it: those of the buffer that it is a part of, or a copy in *spare.
func padded(line []byte, spare *[]byte) []byte {
	if n := len(line) + pad; n <= cap(line) {
		return line[:n]
	}
	*spare = append(append((*spare)[:0], line...), make([]byte, pad)...)
	return *spare
}

// split finds the fields of the line b[:n] that are separated by one space each: ends takes the index behind each, as many as
// fit. ok is false if there is a control character before the last of them.
func split(b []byte, n int, ends []int32) (fields int, ok bool) {
	for base := 0; base < n; base += 64 {
		block := (*[64]byte)(b[base:])
		low := lowBytes(block[0:]) | lowBytes(block[8:])<<8 | lowBytes(block[16:])<<16 | lowBytes(block[24:])<<24 |
			lowBytes(block[32:])<<32 | lowBytes(block[40:])<<40 | lowBytes(block[48:])<<48 | lowBytes(block[56:])<<56
		if n-base < 64 {
			low &= 1<<(n-base) - 1
		}
		for ; low != 0; low &= low - 1 {
			at := bits.TrailingZeros64(low)
			if block[at&63] != ' ' {
				return fields, false
			}
			if fields >= len(ends) {
				return fields, true
			}
			ends[fields] = int32(base + at)
			fields++
		}
	}
	if fields < len(ends) {
		ends[fields] = int32(n)
		fields++
	}
	return fields, true
}

// lowBytes has a bit for each of the first eight bytes of b that is a space or a control character.
func lowBytes(b []byte) uint64 {
	return mask(low(word(b)))
}

// low has 0x80 in each byte of w that is a space or a control character, and nothing elsewhere.
func low(w uint64) uint64 { return ^(w&each7f + 0x5f*each01 | w) & each80 }

// zeroBytes has 0x80 in each byte of w that is zero, and nothing elsewhere.
func zeroBytes(w uint64) uint64 { return ^(w&each7f + each7f | w | each7f) }

// mask gathers the highest bits of the bytes of w, which has no others.
func mask(w uint64) uint64 { return w >> 7 * 0x0102040810204080 >> 56 }

// notDigits is not zero if one of the bytes is not a digit value, 0 to 9.
func notDigits(w uint64) uint64 { return (w + 0x76*each01 | w) & each80 }

// eightDigits is the number that eight digit values make, the first in the lowest byte.
func eightDigits(w uint64) uint64 {
	w = (w*10 + w>>8) & 0x00ff00ff00ff00ff
	w = (w*100 + w>>16) & 0x0000ffff0000ffff
	return (w*10000 + w>>32) & 0xffffffff
}
