package wire

import (
	"crypto/md5" // JA3 is defined with it; nothing is protected by it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// JA3String returns the string that JA3 hashes: version, suites, extensions, groups and point formats in decimal, in the
// client's order, without GREASE. https://github.com/salesforce/ja3
func (h *ClientHello) JA3String() string {
	b := strconv.AppendUint(nil, uint64(h.LegacyVersion), 10)
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
	return string(b)
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
func (h *ClientHello) JA3() string {
	sum := md5.Sum([]byte(h.JA3String()))
	return hex.EncodeToString(sum[:])
}

// JA4 returns the JA4 fingerprint of a hello that came over TCP, such as "t13d1516h2_8daaf6152771_e5627efa2ab1".
// https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md
func (h *ClientHello) JA4() string {
	head, suites, rest := h.ja4()
	return head + "_" + short(suites) + "_" + short(rest)
}

// JA4Raw returns the same with the lists instead of their hashes (JA4_r).
func (h *ClientHello) JA4Raw() string {
	head, suites, rest := h.ja4()
	return head + "_" + suites + "_" + rest
}

// short is the hash of a list: 12 digits, all 0 for an empty list.
func short(list string) string {
	if list == "" {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(list))
	return hex.EncodeToString(sum[:6])
}

func (h *ClientHello) ja4() (head, suites, rest string) {
	sni := byte('i')
	if h.HasServerName {
		sni = 'd'
	}
	suiteList, suiteCount := hexList(h.Suites, true)
	_, extCount := hexList(h.Extensions, false)
	hashed := slices.DeleteFunc(slices.Clone(h.Extensions), func(t uint16) bool { return t == ExtServerName || t == ExtALPN })
	exts, _ := hexList(hashed, true)
	if schemes, n := hexList(h.Schemes, false); n > 0 {
		exts += "_" + schemes
	}
	head = fmt.Sprintf("t%s%c%02d%02d%s", h.ja4Version(), sni, min(suiteCount, 99), min(extCount, 99), h.ja4Protocol())
	return head, suiteList, exts
}

// hexList writes identifiers without GREASE as four hex digits each and counts them.
func hexList[T ~uint16](ids []T, sorted bool) (list string, n int) {
	kept := slices.DeleteFunc(slices.Clone(ids), IsGREASE[T])
	if sorted {
		slices.Sort(kept)
	}
	b := make([]byte, 0, 5*len(kept))
	for i, id := range kept {
		if i > 0 {
			b = append(b, ',')
		}
		const digits = "0123456789abcdef"
		b = append(b, digits[id>>12], digits[id>>8&15], digits[id>>4&15], digits[id&15])
	}
	return string(b), len(kept)
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
