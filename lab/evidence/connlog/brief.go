package connlog

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
)

// Brief is what a line says of who negotiated what. It borrows the line's bytes, and costs no allocation for an IPv4 client:
// for counting many millions of lines.
type Brief struct {
	Time         int64 // nanoseconds since 1970
	ClientIP     netip.Addr
	ClientPort   uint16
	ListenerPort uint16
	// Of the fields below, nil where the log has "-".
	TLSProtocol  []byte
	TLSCipher    []byte
	VerifyStatus []byte
	ConnTraceID  []byte
	KeyExchange  []byte
	ELB          []byte
}

// Parse reads a line of the usual form, without its end. false means that it is not: [Records] reads it, or says what is wrong
// with it. A line that Parse takes, Records reads alike.
func (b *Brief) Parse(line []byte) bool {
	s, ok := b.parseWho(line)
	if !ok {
		return false
	}
	b.TLSProtocol, s = token(s)
	b.TLSCipher, s = token(s)
	latency, s := token(s)
	if !isSeconds(latency) {
		return false
	}
	if s, ok = skipQuoted(s); !ok {
		return false
	}
	if len(s) < 2 || s[0] != '-' || s[1] != ' ' { // validity: a certificate
		return false
	}
	serial, s := token(s[2:])
	b.VerifyStatus, s = token(s)
	if serial == nil || b.VerifyStatus == nil || len(s) == 0 {
		return false
	}
	b.ConnTraceID, s = token(s)
	b.KeyExchange, b.ELB = nil, nil
	if b.ConnTraceID == nil {
		return false
	}
	if len(s) > 0 {
		b.KeyExchange, s = token(s)
		ok = b.KeyExchange != nil
	}
	if len(s) > 0 && ok {
		b.ELB, s = token(s)
		ok = b.ELB != nil
	}
	if len(s) > 0 && ok {
		node, _ := token(s)
		ok = node != nil
	}
	if !ok || b.TLSProtocol == nil || b.TLSCipher == nil {
		return false
	}
	for _, f := range [...]*[]byte{&b.TLSProtocol, &b.TLSCipher, &b.VerifyStatus, &b.ConnTraceID, &b.KeyExchange, &b.ELB} {
		if len(*f) == 1 && (*f)[0] == '-' {
			*f = nil
		}
	}
	return true
}

// parseWho reads the first four fields, and returns the rest.
func (b *Brief) parseWho(line []byte) (rest []byte, ok bool) {
	if b.Time, ok = parseTime(line); !ok {
		return nil, false
	}
	ip, s := token(line[timeLen+1:])
	if b.ClientIP, ok = parseIP(ip); !ok {
		return nil, false
	}
	port, s := token(s)
	if b.ClientPort, ok = parsePort16(port); !ok {
		return nil, false
	}
	listener, s := token(s)
	b.ListenerPort, ok = parsePort16(listener)
	return s, ok
}

// token returns the next field and what is behind the blank; nil if the field is empty, quoted or holds a control character.
func token(s []byte) (field, rest []byte) {
	if len(s) == 0 || s[0] == '"' {
		return nil, nil
	}
	for i := plainLen(s); i < len(s); i++ {
		c := s[i]
		if c > ' ' && c != 0x7f {
			continue
		}
		if c != ' ' || i == 0 {
			return nil, nil
		}
		return s[:i], s[i+1:]
	}
	return s, nil
}

// plainLen returns how many bytes s begins with that are no blank and no control character, or fewer: where less than eight bytes
// are left it stops. It looks at eight bytes at a time: in each, the highest bit is that of a byte below 0x21 or of one that is 0x7f.
func plainLen(s []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for i := 0; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		del := x ^ ones*0x7f
		if found := ((x-ones*(' '+1))&^x | (del-ones)&^del) & high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return len(s) &^ 7
}

const timeLen = len("2006-01-02T15:04:05.000000Z")

// parseTime reads the form that AWS writes, followed by a blank.
func parseTime(s []byte) (nanos int64, ok bool) {
	const form = "0000-00-00T00:00:00.000000Z "
	if len(s) < len(form) {
		return 0, false
	}
	for i := range len(form) {
		if form[i] == '0' && s[i]-'0' > 9 || form[i] != '0' && s[i] != form[i] {
			return 0, false
		}
	}
	two := func(i int) int64 { return int64(s[i]-'0')*10 + int64(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	micro := two(20)*10000 + two(22)*100 + two(24)
	if year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 28 && !dayExists(year, month, day) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	seconds := days(year, month, day)*86400 + hour*3600 + minute*60 + second
	return seconds*1e9 + micro*1000, true
}

func dayExists(year, month, day int64) bool {
	switch month {
	case 4, 6, 9, 11:
		return day <= 30
	case 2:
		return day == 29 && year%4 == 0 && (year%100 != 0 || year%400 == 0)
	}
	return day <= 31
}

// days is the number of days since 1970-01-01 in the Gregorian calendar, whose year begins in March here.
func days(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}

func parseIP(s []byte) (netip.Addr, bool) {
	if len(s) < 7 || len(s) > 15 {
		return slowIP(s)
	}
	var a [4]byte
	part, digits, n := 0, 0, 0
	for _, c := range s {
		switch {
		case c-'0' <= 9:
			if digits > 0 && n == 0 { // a leading zero
				return slowIP(s)
			}
			n = n*10 + int(c-'0')
			digits++
		case c == '.' && digits > 0 && part < 3 && n <= 255:
			a[part] = byte(n)
			part, digits, n = part+1, 0, 0
		default:
			return slowIP(s)
		}
		if digits > 3 {
			return slowIP(s)
		}
	}
	if part != 3 || digits == 0 || n > 255 {
		return slowIP(s)
	}
	a[3] = byte(n)
	return netip.AddrFrom4(a), true
}

func slowIP(s []byte) (netip.Addr, bool) {
	a, err := netip.ParseAddr(string(s))
	return a, err == nil
}

func parsePort16(s []byte) (uint16, bool) {
	n := 0
	if len(s) == 0 || len(s) > 5 {
		return 0, false
	}
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n <= math.MaxUint16
}

// isSeconds takes "-" and short decimals.
func isSeconds(s []byte) bool {
	if len(s) == 1 && s[0] == '-' {
		return true
	}
	dot := -1
	for i, c := range s {
		switch {
		case c == '.' && dot < 0 && i > 0:
			dot = i
		case c-'0' > 9:
			return false
		}
	}
	if dot < 0 {
		dot = len(s)
	}
	return len(s) > 0 && dot <= 9 && len(s)-dot-1 <= 9
}

// skipQuoted passes over a quoted field and the blank behind it.
func skipQuoted(s []byte) (rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			if i+1 >= len(s) || s[i+1] != ' ' {
				return nil, false
			}
			return s[i+2:], true
		}
	}
	return nil, false
}
