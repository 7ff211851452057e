package flowlog

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// The functions here read the value b[s:e]. b is padded: they look at bytes behind
// the value where that is quicker. None allocates.

// Limits of numbers.
const (
	maxPort     = 1<<16 - 1
	maxByte     = 1<<8 - 1
	maxVersion  = 99
	maxUnixTime = 253402300799 // the end of the year 9999
	maxCount    = 1<<63 - 1
)

// number reads a decimal number of at most limit, without sign or leading zeros. "-" is -1, damage is -2.
func number(b []byte, s, e int, limit uint64) int64 {
	n := uint(e - s)
	first := word(b[s:])
	shift := (64 - 8*n) & 63 // moves the digits to the upper end, zeros behind them
	w := (first ^ zeros) << shift
	bad, v := notDigits(w), eightDigits(w)
	if n-1 > 7 {
		if n-1 > 15 {
			return longNumber(b[s:e], limit)
		}
		lo := word(b[e-8:]) ^ zeros
		bad |= notDigits(lo)
		v = v*1e8 + eightDigits(lo)
	}
	if bad != 0 || v > limit || n > 1 && first&0xff == '0' {
		return notNumber(b[s:e])
	}
	return int64(v)
}

// upToEight returns a number of n digits, at most eight, as eightDigits wants them, from the eight bytes w that begin with it. bad is
// not zero if it is longer or has a leading zero; whether they are digits is left to notDigits.
func upToEight(w uint64, n int) (digits, bad uint64) {
	less := uint64(n - 1)
	return w << (uint(64-8*n) & 63), (w&0xff-1)>>63*less | less&^7
}

// word returns eight bytes, the first lowest.
func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// zeros makes digits their values by exclusive or.
const zeros = '0' * each01

// shortNumber is number, quick where one digit is usual.
func shortNumber(b []byte, s, e int, limit uint64) int64 {
	if d := b[s] - '0'; e-s == 1 && d <= 9 {
		return int64(d)
	}
	return number(b, s, e, limit)
}

// longNumber is number for any length.
func longNumber(b []byte, limit uint64) int64 {
	if len(b) == 0 || len(b) > 19 || b[0] == '0' {
		return -2
	}
	var v uint64
	for _, c := range b {
		if c -= '0'; c > 9 {
			return -2
		}
		v = v*10 + uint64(c)
	}
	if v > limit {
		return -2
	}
	return int64(v)
}

func notNumber(b []byte) int64 {
	if isDash(b) {
		return -1
	}
	return -2
}

func isDash(b []byte) bool { return len(b) == 1 && b[0] == '-' }

// text reads a value that split has found free of control characters. "-" is nil.
func text(b []byte, s, e int) ([]byte, bool) {
	if e-s == 1 && b[s] == '-' {
		return nil, true
	}
	return b[s:e], e > s
}

// ident reads an identifier that begins with prefix ("eni-"), or "-".
func ident(b []byte, s, e int, prefix string) ([]byte, bool) {
	if e-s > len(prefix) && string(b[s:s+len(prefix)]) == prefix {
		return b[s:e], true
	}
	return nil, isDash(b[s:e])
}

// oneOf reads one of the words, or "-".
func oneOf(b []byte, s, e int, w1, w2, w3 string) ([]byte, bool) {
	v := b[s:e]
	if string(v) == w1 || string(v) == w2 || string(v) == w3 {
		return v, true
	}
	return nil, isDash(v)
}

// address reads an IP address without a zone; "-" is the zero Addr.
func address(b []byte, s, e int) (netip.Addr, bool) {
	if v4, ok := ipv4(b, s, e); ok {
		return netip.AddrFrom4([4]byte{byte(v4 >> 24), byte(v4 >> 16), byte(v4 >> 8), byte(v4)}), true
	}
	if isDash(b[s:e]) {
		return netip.Addr{}, true
	}
	v6, ok := ipv6(b, s, e)
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16(v6), true
}

// ipv4 reads a dotted quad.
func ipv4(b []byte, s, e int) (uint32, bool) {
	n := e - s
	if n > len("255.255.255.255") || n < len("0.0.0.0") {
		return 0, false
	}
	p := (*[20]byte)(b[s:])
	dots := mask(zeroBytes(word(p[:])^'.'*each01)) |
		mask(zeroBytes(word(p[8:])^'.'*each01))<<8
	end := uint64(1) << (n & 63)
	dots = dots&(end-1) | end
	d1 := bits.TrailingZeros64(dots)
	dots &= dots - 1
	d2 := bits.TrailingZeros64(dots)
	dots &= dots - 1
	d3 := bits.TrailingZeros64(dots)
	dots &= dots - 1
	if dots != end {
		return 0, false
	}
	a, bad := quad((*[67]byte)(b[s:]), 0, d1, d2, d3, n)
	return binary.BigEndian.Uint32(a[:]), bad == 0
}

// quad reads the four octets from s that end at the dots d1 to d3 and at e, up to 63. bad is not zero if they are none.
func quad(b *[67]byte, s, d1, d2, d3, e int) (a [4]byte, bad uint64) {
	// Two octets in one word, each with its digits at the upper end of 32 bits and zeros behind them.
	n1, n2, n3, n4 := d1-s, d2-d1-1, d3-d2-1, e-d3-1
	w1 := octet(b, s, n1) | octet(b, d1+1, n2)<<32
	w2 := octet(b, d2+1, n3) | octet(b, d3+1, n4)<<32
	v1 := w1>>8&lanes*100 + w1>>16&lanes*10 + w1>>24&lanes
	v2 := w2>>8&lanes*100 + w2>>16&lanes*10 + w2>>24&lanes
	// A subtraction borrows from the upper bit if there is a leading zero, and if there are no digits, or four.
	least1 := (v1 | upper) - (leastOfLength[n1&3] | leastOfLength[n2&3]<<32)
	least2 := (v2 | upper) - (leastOfLength[n3&3] | leastOfLength[n4&3]<<32)
	bad = notDigits(w1) | notDigits(w2) | (v1|v2)&^lanes | (least1&least2&upper ^ upper) | uint64((n1-1|n2-1|n3-1|n4-1)&^3)
	return [4]byte{byte(v1), byte(v1 >> 32), byte(v2), byte(v2 >> 32)}, bad
}

const (
	lanes = 0x000000ff000000ff // a byte in each half of a word
	upper = 0x0000800000008000 // a bit above what octets need
)

// octet returns the n digits at b[s], n from 1 to 3.
func octet(b *[67]byte, s, n int) uint64 {
	return uint64((binary.LittleEndian.Uint32(b[s&63:]) ^ 0x30303030) << (uint(32-8*n) & 31))
}

// leastOfLength is the least number of as many digits; none has none, or four.
var leastOfLength = [4]uint64{1 << 15, 0, 10, 100}

// ipv6 reads an address in the forms of RFC 4291, section 2.2.
func ipv6(b []byte, i, e int) (a [16]byte, ok bool) {
	gap, n := -1, 0 // where "::" stands, bytes written
	if b[i] == ':' && b[i+1] == ':' && i+2 <= e {
		gap, i = 0, i+2
	}
	for n < 16 && i < e {
		w := word(b[i:])
		// k is how many bytes are before a colon, 5 for more.
		k := min(bits.TrailingZeros64(zeroBytes(w^':'*each01)|0x80<<40)/8, e-i)
		if k > 4 { // the last four bytes as a dotted quad
			v, ok := ipv4(b, i, e)
			if !ok || n > 12 {
				return a, false
			}
			binary.BigEndian.PutUint32(a[n:], v)
			n, i = n+4, e
			break
		}
		digits := (uint32(w)^'0'*0x01010101)<<(uint(32-8*k)&31) ^ '0'*0x01010101 // as four, the missing ones zero
		d1, d2 := hexDigits[digits&0xff], hexDigits[digits>>8&0xff]
		d3, d4 := hexDigits[digits>>16&0xff], hexDigits[digits>>24]
		if k == 0 || d1|d2|d3|d4 > 15 {
			return a, false
		}
		a[n], a[n+1] = d1<<4|d2, d3<<4|d4
		i += k
		n += 2
		if i == e || b[i] != ':' || n == 16 {
			break
		}
		i++
		switch {
		case i == e: // a colon at the end
			return a, false
		case b[i] == ':':
			if gap >= 0 {
				return a, false
			}
			gap = n
			i++
		}
	}
	if i != e || (n == 16) == (gap >= 0) {
		return a, false
	}
	if gap >= 0 {
		copy(a[16-(n-gap):], a[gap:n])
		clear(a[gap : 16-(n-gap)])
	}
	return a, true
}

// hexDigits is a table, not state: nothing writes to it. What is no digit is 16.
var hexDigits = func() (t [256]uint8) {
	for c := range t {
		t[c] = 16
	}
	for i := range 10 {
		t['0'+i] = uint8(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = uint8(10+i), uint8(10+i)
	}
	return t
}()

func action(b []byte, s, e int) (Action, bool) {
	switch string(b[s:e]) {
	case "ACCEPT":
		return Accept, true
	case "REJECT":
		return Reject, true
	}
	return 0, isDash(b[s:e])
}

func logStatus(b []byte, s, e int) (Status, bool) {
	switch string(b[s:e]) {
	case "OK":
		return OK, true
	case "NODATA":
		return NoData, true
	case "SKIPDATA":
		return SkipData, true
	}
	return 0, isDash(b[s:e])
}
