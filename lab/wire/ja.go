package wire

import (
	"crypto/md5" // JA3 is defined with it; nothing is protected by it
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// JA3String returns the string that JA3 hashes: version, suites, extensions, groups and point formats in decimal, in the
// client's order, without GREASE. https://github.com/salesforce/ja3
func (h *ClientHello) JA3String() string { return string(h.AppendJA3String(nil)) }

// AppendJA3String appends the same.
func (h *ClientHello) AppendJA3String(b []byte) []byte {
	b = strconv.AppendUint(b, uint64(h.LegacyVersion), 10)
	b = appendDecimal(append(b, ','), h.Suites)
	b = appendDecimal(append(b, ','), h.Extensions)
	b = appendDecimal(append(b, ','), h.Groups)
	b = append(b, ',')
	for i, f := range h.PointFormats {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(f), 10)
	}
	return b
}

func appendDecimal[T ~uint16](b []byte, ids []T) []byte {
	first := true
	for _, id := range ids {
		if IsGREASE(id) {
			continue
		}
		if !first {
			b = append(b, '-')
		}
		first = false
		b = strconv.AppendUint(b, uint64(id), 10)
	}
	return b
}

// JA3 returns the JA3 fingerprint, an MD5 in hex.
func (h *ClientHello) JA3() string { return string(h.AppendJA3(nil)) }

// AppendJA3 appends the JA3 fingerprint. It does not allocate if b has room for the string that is hashed as well.
func (h *ClientHello) AppendJA3(b []byte) []byte {
	n := len(b)
	b = h.AppendJA3String(b)
	sum := md5.Sum(b[n:])
	return hex.AppendEncode(b[:n], sum[:])
}

// JA4 returns the JA4 fingerprint of a hello that came over TCP, such as "t13d1516h2_8daaf6152771_e5627efa2ab1".
// https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md
func (h *ClientHello) JA4() string { return string(h.AppendJA4(nil)) }

// AppendJA4 appends the JA4 fingerprint. It does not allocate if b has room for the lists that are hashed as well.
func (h *ClientHello) AppendJA4(b []byte) []byte {
	b = append(h.appendJA4Head(b), '_')
	n := len(b)
	b = appendShort(h.appendJA4Suites(b), n)
	b = append(b, '_')
	n = len(b)
	return appendShort(h.appendJA4Extensions(b), n)
}

// JA4Raw returns the same with the lists instead of their hashes (JA4_r).
func (h *ClientHello) JA4Raw() string {
	b := append(h.appendJA4Head(nil), '_')
	b = append(h.appendJA4Suites(b), '_')
	return string(h.appendJA4Extensions(b))
}

// appendShort puts the hash of the list that begins at n in its place: 12 digits, all 0 for an empty list.
func appendShort(b []byte, n int) []byte {
	if len(b) == n {
		return append(b, "000000000000"...)
	}
	sum := sha256.Sum256(b[n:])
	return hex.AppendEncode(b[:n], sum[:6])
}

func (h *ClientHello) appendJA4Head(b []byte) []byte {
	b = append(append(b, 't'), h.ja4Version()...)
	if h.HasServerName {
		b = append(b, 'd')
	} else {
		b = append(b, 'i')
	}
	b = appendTwo(b, countKnown(h.Suites))
	b = appendTwo(b, countKnown(h.Extensions))
	return append(b, h.ja4Protocol()...)
}

// appendTwo appends a number of two digits, 99 at most.
func appendTwo(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, byte('0'+n/10), byte('0'+n%10))
}

// countKnown counts identifiers without GREASE.
func countKnown[T ~uint16](ids []T) (n int) {
	for _, id := range ids {
		if !IsGREASE(id) {
			n++
		}
	}
	return n
}

func (h *ClientHello) appendJA4Suites(b []byte) []byte {
	return appendSorted(b, h.Suites, func(Suite) bool { return true })
}

func (h *ClientHello) appendJA4Extensions(b []byte) []byte {
	b = appendSorted(b, h.Extensions, func(t uint16) bool { return t != ExtServerName && t != ExtALPN })
	first := true
	for _, s := range h.Schemes {
		if IsGREASE(s) {
			continue
		}
		c := byte(',')
		if first {
			c = '_'
		}
		first = false
		b = appendHex16(append(b, c), uint16(s))
	}
	return b
}

// appendSorted appends identifiers without GREASE that are wanted, by value, as four hex digits each.
func appendSorted[T ~uint16](b []byte, ids []T, want func(T) bool) []byte {
	var few [128]T
	kept := few[:0]
	for _, id := range ids {
		if !IsGREASE(id) && want(id) {
			kept = append(kept, id)
		}
	}
	slices.Sort(kept)
	for i, id := range kept {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHex16(b, uint16(id))
	}
	return b
}

func appendHex16(b []byte, v uint16) []byte {
	const digits = "0123456789abcdef"
	return append(b, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
}

func (h *ClientHello) ja4Version() string {
	v := h.LegacyVersion
	if h.HasSupportedVersions {
		v = 0
		for _, s := range h.SupportedVersions {
			if !IsGREASE(s) {
				v = max(v, s)
			}
		}
	}
	switch v {
	case TLS13:
		return "13"
	case TLS12:
		return "12"
	case TLS11:
		return "11"
	case TLS10:
		return "10"
	case SSLv3:
		return "s3"
	case SSLv2:
		return "s2"
	}
	return "00"
}

// ja4Protocol is the first and the last character of the first ALPN value; of its hex form if one of them is not a letter or a
// digit.
func (h *ClientHello) ja4Protocol() string {
	if len(h.ALPN) == 0 || h.ALPN[0] == "" {
		return "00"
	}
	p := h.ALPN[0]
	if a, z := p[0], p[len(p)-1]; alphanumeric(a) && alphanumeric(z) {
		return string([]byte{a, z})
	}
	x := hex.EncodeToString([]byte(p))
	return string([]byte{x[0], x[len(x)-1]})
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
