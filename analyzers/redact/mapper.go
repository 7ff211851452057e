package redact

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"hash"
	"net/netip"
	"strings"
)

// Mapper replaces identifiers by a keyed function: the same by the same, different ones by different ones. It is not safe
// for concurrent use.
type Mapper struct {
	mac    hash.Hash
	block  cipher.Block // of addresses
	pad    [16]byte
	agents bool // user agents are replaced too

	words map[string]string   // kind and word to its replacement
	taken map[string]struct{} // kind and replacement
	addrs map[netip.Addr]netip.Addr
}

// maxWords bounds how many words are remembered; beyond it replacements are as consistent, but two may meet.
const maxWords = 1 << 20

// NewMapper returns the function of a key.
func NewMapper(key []byte) (*Mapper, error) {
	if len(key) < 16 {
		return nil, errors.New("the key must have at least 16 bytes")
	}
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte("alblab redact addresses"))
	k := sum.Sum(nil)
	block, err := aes.NewCipher(k[:16])
	if err != nil {
		return nil, err
	}
	m := &Mapper{mac: hmac.New(sha256.New, key), block: block, words: map[string]string{}, taken: map[string]struct{}{}, addrs: map[netip.Addr]netip.Addr{}}
	block.Encrypt(m.pad[:], k[16:32])
	return m, nil
}

// stream returns n bytes that depend on the key, kind, word and round.
func (m *Mapper) stream(kind, word string, round byte, n int) []byte {
	var out []byte
	for i := byte(0); len(out) < n; i++ {
		m.mac.Reset()
		m.mac.Write([]byte(kind))
		m.mac.Write([]byte{0, round, i})
		m.mac.Write([]byte(word))
		out = m.mac.Sum(out)
	}
	return out[:n]
}

// word replaces each letter by a letter and each digit by a digit, so that length and form stay; hex keeps hex digits.
func (m *Mapper) word(kind, s string, hex bool) string {
	if !strings.ContainsFunc(s, alphanumeric) {
		return s
	}
	key := kind + "\x00" + s
	if r, ok := m.words[key]; ok {
		return r
	}
	r := s
	for round := byte(0); round < 64; round++ {
		r = shape(s, m.stream(kind, s, round, len(s)), hex)
		if _, met := m.taken[kind+"\x00"+r]; !met && r != s {
			break
		}
	}
	if len(m.words) < maxWords {
		m.words[key] = r
		m.taken[kind+"\x00"+r] = struct{}{}
	}
	return r
}

func alphanumeric(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 127
}

func shape(s string, random []byte, hex bool) string {
	out := []byte(s)
	for i, c := range out {
		r := random[i]
		switch {
		case c >= '0' && c <= '9':
			out[i] = '0' + r%10
			if hex {
				out[i] = "0123456789abcdef"[r%16]
			}
		case c >= 'a' && c <= 'z':
			out[i] = 'a' + r%26
			if hex {
				out[i] = "0123456789abcdef"[r%16]
			}
		case c >= 'A' && c <= 'Z':
			out[i] = 'A' + r%26
			if hex {
				out[i] = "0123456789ABCDEF"[r%16]
			}
		case c > 127: // of another script: its bytes become letters
			out[i] = 'a' + r%26
		}
	}
	if hex && len(s) > 0 && strings.ToUpper(s) == s {
		return strings.ToUpper(string(out))
	}
	return string(out)
}

// Addr replaces an address so that two that share a prefix share it afterwards (Xu, Fan, Ammar and Moon, "Prefix-preserving
// IP address anonymization", 2002), and one of a special range (private, loopback, link-local, ...) stays in it.
func (m *Mapper) Addr(a netip.Addr) netip.Addr {
	if !a.IsValid() || a.IsUnspecified() {
		return a
	}
	if r, ok := m.addrs[a]; ok {
		return r
	}
	plain := a.WithZone("").Unmap()
	keep := specialBits(plain)
	r := plain
	for {
		r = m.permute(r, keep)
		// A public address must not become a private one: it walks on, which keeps different ones different.
		if specialBits(r) == keep {
			break
		}
	}
	if a.Is4In6() {
		r = netip.AddrFrom16(r.As16())
	}
	if len(m.addrs) < maxWords {
		m.addrs[a] = r
	}
	return r
}

// special are the ranges whose members stay members. https://www.iana.org/assignments/iana-ipv4-special-registry
var special = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("224.0.0.0/3"), netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"), netip.MustParsePrefix("::/8"),
}

// specialBits is how many leading bits of an address stay as they are.
func specialBits(a netip.Addr) int {
	for _, p := range special {
		if p.Contains(a) {
			return p.Bits()
		}
	}
	return 0
}

// permute replaces each bit after the first keep ones by it or its opposite, as the bits before it decide.
func (m *Mapper) permute(a netip.Addr, keep int) netip.Addr {
	in := a.AsSlice()
	out := append([]byte(nil), in...)
	var block, enc [16]byte
	for bit := keep; bit < 8*len(in); bit++ {
		copy(block[:], m.pad[:])
		n := bit / 8
		copy(block[:], in[:n])
		if rest := bit % 8; rest > 0 {
			mask := byte(0xff) << (8 - rest)
			block[n] = in[n]&mask | m.pad[n]&^mask
		}
		block[15] ^= byte(bit) // of how many bits the prefix is
		block[14] ^= byte(len(in))
		m.block.Encrypt(enc[:], block[:])
		out[bit/8] ^= enc[0] >> 7 << (7 - bit%8)
	}
	r, _ := netip.AddrFromSlice(out)
	return r
}

// AddrPort replaces the address; ports tell the service and stay.
func (m *Mapper) AddrPort(a netip.AddrPort) netip.AddrPort {
	if !a.IsValid() {
		return a
	}
	return netip.AddrPortFrom(m.Addr(a.Addr()), a.Port())
}

// MAC replaces an Ethernet address in place by one that is locally administered. Broadcast and multicast stay.
func (m *Mapper) MAC(b []byte) {
	if len(b) != 6 || b[0]&1 != 0 {
		return
	}
	copy(b, m.stream("mac", string(b), 0, 6))
	b[0] = b[0]&^1 | 2
}
