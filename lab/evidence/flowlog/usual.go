package flowlog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Nearly every line of the default format is of one shape:
//
//	2 123456789012 eni-1235b8ca123456789 203.0.113.10 10.0.1.10 49152 443 6 3 164 1566848875 1566848933 ACCEPT OK
//
// where the head and the tail have known lengths, and only the fields between them have to be looked for.
const (
	usualHead = len("2 123456789012 eni-1235b8ca123456789 ")
	usualTail = len(" 1566848875 1566848933 ACCEPT OK")
)

// The words of eight bytes that the head and the tail have spaces and fixed letters in: what, and where.
const (
	afterVersion, atAfterVersion = ' ' << 8, 0xff << 8
	beforeENI, atBeforeENI       = ' '<<48 | 'e'<<56, 0xffff << 48
	eni, atENI                   = 'n' | 'i'<<8 | '-'<<16, 0xffffff
	afterENI, atAfterENI         = ' ' << 32, 0xff << 32
	behindHead                   = 0x404040 << 40 // bytes that are not the head's

	acceptWord = ' ' | 'A'<<8 | 'C'<<16 | 'C'<<24 | 'E'<<32 | 'P'<<40 | 'T'<<48 | ' '<<56
	rejectWord = ' ' | 'R'<<8 | 'E'<<16 | 'J'<<24 | 'E'<<32 | 'C'<<40 | 'T'<<48 | ' '<<56
	okWord     = 'O' | 'K'<<8
)

// usualWindow is how many bytes parseUsual looks at: more than a line of two IPv4 addresses has, and its line end.
const usualWindow = 192

// parseUsual reads the line that b begins with into r if it has the usual shape, and returns its length without the line end.
// If not, or if it is damaged, it returns 0, and r is in part written. b has usualWindow bytes or more.
func parseUsual(b []byte, r *Record) int {
	head := (*[40]byte)(b)
	w0, w1, w2 := word(head[0:]), word(head[8:]), word(head[16:])
	w3, w4 := word(head[24:]), word(head[32:])
	odd := (w0^afterVersion)&atAfterVersion | (w1^beforeENI)&atBeforeENI | (w2^eni)&atENI | (w4^afterENI)&atAfterENI
	// No other byte of the head is a space or a control character.
	odd |= low(w0|0x40<<8) | low(w1|0x40<<48) | low(w2) | low(w3) | low(w4|0x40<<32|behindHead)
	version := head[0] - '0'

	traffic := b[usualHead-1:] // from the space before the addresses
	var at [6]int              // the spaces before the five numbers, and the one behind them
	v4 := traffic[2] == '.' || traffic[3] == '.' || traffic[4] == '.'
	if odd != 0 || (!v4 || !usualV4(traffic, &at, r)) && !usualAny(traffic, &at, r) {
		return 0
	}
	numbers := (*[71]byte)(traffic[at[0]:]) // those of more than 63 bytes have a bad one among them
	src, bad1 := upToEight(word(numbers[1:])^zeros, at[1]-at[0]-1)
	dst, bad2 := upToEight(word(numbers[(at[1]-at[0]+1)&63:])^zeros, at[2]-at[1]-1)
	packets, bad3 := upToEight(word(numbers[(at[3]-at[0]+1)&63:])^zeros, at[4]-at[3]-1)
	octets, bad4 := upToEight(word(numbers[(at[4]-at[0]+1)&63:])^zeros, at[5]-at[4]-1)
	odd = bad1 | bad2 | bad3 | bad4 | notDigits(src) | notDigits(dst) | notDigits(packets) | notDigits(octets)
	protocol := shortNumber(traffic, at[2]+1, at[3], maxByte)
	r.SrcPort, r.DstPort, r.Protocol = int(eightDigits(src)), int(eightDigits(dst)), int(protocol)
	r.Packets, r.Bytes = int64(eightDigits(packets)), int64(eightDigits(octets))

	tail := (*[usualTail + 1]byte)(traffic[at[5]:])
	start2, start8 := twoDigits(tail[1:]), word(tail[3:])^zeros
	stop2, stop8 := twoDigits(tail[12:]), word(tail[14:])^zeros
	odd |= uint64(tail[11]^' ') | (uint64(binary.LittleEndian.Uint16(tail[30:])) ^ okWord) | uint64(tail[32]^'\n')
	odd |= notDigits(start2) | notDigits(start8) | notDigits(stop2) | notDigits(stop8)
	odd |= (start2&0xff-1)>>63 | (stop2&0xff-1)>>63 // leading zeros
	r.Start = int64(start2&0xff*1e9 + start2>>8*1e8 + eightDigits(start8))
	r.End = int64(stop2&0xff*1e9 + stop2>>8*1e8 + eightDigits(stop8))
	switch word(tail[22:]) {
	case acceptWord:
		r.Action = Accept
	case rejectWord:
		r.Action = Reject
	default:
		return 0
	}
	r.Version, r.LogStatus = int(version), OK
	r.AccountID, r.InterfaceID = head[2:14], head[15:36]
	if odd != 0 || version-2 > 7 || protocol < 0 || uint(r.SrcPort|r.DstPort) > maxPort || r.End < r.Start {
		return 0
	}
	return usualHead - 1 + at[5] + usualTail
}

// usualV4 reads two IPv4 addresses behind the space that b begins with, and finds the five numbers behind them.
func usualV4(b []byte, at *[6]int, r *Record) bool {
	block := (*[64]byte)(b)
	marks := belowDigits(block[0:]) | belowDigits(block[8:])<<8 | belowDigits(block[16:])<<16 | belowDigits(block[24:])<<24 |
		belowDigits(block[32:])<<32 | belowDigits(block[40:])<<40 | belowDigits(block[48:])<<48 | belowDigits(block[56:])<<56
	next := func() int {
		p := bits.TrailingZeros64(marks)
		marks &= marks - 1
		return p & 63
	}
	p0, p1, p2, p3 := next(), next(), next(), next()
	p4, p5, p6, p7 := next(), next(), next(), next()
	p8, p9, p10, p11, p12 := next(), next(), next(), next(), next()
	if marks == 0 { // the numbers end behind the block
		return false
	}
	p13 := next()
	odd := (block[p0] ^ ' ') | (block[p4] ^ ' ') | (block[p8] ^ ' ') | (block[p9] ^ ' ') |
		(block[p10] ^ ' ') | (block[p11] ^ ' ') | (block[p12] ^ ' ') | (block[p13] ^ ' ') |
		(block[p1] ^ '.') | (block[p2] ^ '.') | (block[p3] ^ '.') | (block[p5] ^ '.') | (block[p6] ^ '.') | (block[p7] ^ '.')
	wide := (*[67]byte)(b)
	src, bad1 := quad(wide, p0+1, p1, p2, p3, p4)
	dst, bad2 := quad(wide, p4+1, p5, p6, p7, p8)
	r.SrcAddr, r.DstAddr = netip.AddrFrom4(src), netip.AddrFrom4(dst)
	*at = [6]int{p8, p9, p10, p11, p12, p13}
	return odd == 0 && bad1|bad2 == 0
}

// usualAny does what usualV4 does for any addresses.
func usualAny(b []byte, at *[6]int, r *Record) bool {
	n := bytes.IndexByte(b, '\n') - usualTail
	if n < 0 || n+usualWindow > len(b) {
		return false
	}
	var ends [7]int32
	if fields, ok := split(b[1:], n-1, ends[:]); !ok || fields != len(ends) {
		return false
	}
	for i := range at {
		at[i] = int(ends[i+1]) + 1
	}
	var ok1, ok2 bool
	r.SrcAddr, ok1 = address(b, 1, int(ends[0])+1)
	r.DstAddr, ok2 = address(b, int(ends[0])+2, int(ends[1])+1)
	return ok1 && ok2 && r.SrcAddr.IsValid() && r.DstAddr.IsValid() && b[n] == ' '
}

// twoDigits returns the values of two digits, the first lowest.
func twoDigits(b []byte) uint64 { return uint64(binary.LittleEndian.Uint16(b)) ^ '0'*0x0101 }

// belowDigits has a bit for each of the first eight bytes of b that sorts before the digits, as spaces, dots and dashes do.
func belowDigits(b []byte) uint64 {
	w := word(b)
	return mask(^(w&each7f + 0x50*each01 | w) & each80)
}
