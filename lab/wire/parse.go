package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Extension types that ParseClientHello looks into.
const (
	ExtServerName           uint16 = 0
	ExtSupportedGroups      uint16 = 10
	ExtPointFormats         uint16 = 11
	ExtSignatureAlgorithms  uint16 = 13
	ExtALPN                 uint16 = 16
	ExtPadding              uint16 = 21
	ExtExtendedMasterSecret uint16 = 23
	ExtSessionTicket        uint16 = 35
	ExtPreSharedKey         uint16 = 41
	ExtSupportedVersions    uint16 = 43
	ExtPSKModes             uint16 = 45
	ExtSignatureAlgsCert    uint16 = 50
	ExtKeyShare             uint16 = 51
	ExtRenegotiationInfo    uint16 = 0xFF01
)

// Types of record and of handshake message.
const (
	recordAlert     = 21
	recordHandshake = 22

	typeClientHello = 1
	typeServerHello = 2
)

// maxLargeTypes bounds the search for duplicates among extension types of 256 and above. Real hellos have fewer than ten.
const maxLargeTypes = 64

// ParseError says where a message is damaged. ParseClientHello, ClientHello.Parse, ParseHello, ParseServerHello, ParseAlert
// and HelloReader return it.
type ParseError struct {
	Offset int    // bytes from the start of what was parsed
	What   string // what is wrong there
}

func (e *ParseError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.What) }

// cursor walks over a message. After the first fault it yields nothing and keeps that fault. at is the offset of b in the
// whole.
type cursor struct {
	b   []byte
	at  int
	err *ParseError
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = &ParseError{c.at, what}
	}
	c.b = nil
}

func (c *cursor) bytes(n int, what string) []byte {
	if len(c.b) < n {
		c.fail(what + " is cut short")
		return nil
	}
	v := c.b[:n:n]
	c.b, c.at = c.b[n:], c.at+n
	return v
}

func (c *cursor) u8(what string) int {
	if v := c.bytes(1, what); v != nil {
		return int(v[0])
	}
	return 0
}

func (c *cursor) u16(what string) int {
	if v := c.bytes(2, what); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

// sub takes n bytes as a cursor of their own, which must be used up before c goes on: see done.
func (c *cursor) sub(n int, what string) cursor {
	s := cursor{at: c.at}
	s.b = c.bytes(n, what)
	s.err = c.err
	return s
}

func (c *cursor) end(what string) {
	if c.err == nil && len(c.b) > 0 {
		c.fail("bytes after " + what)
	}
}

// ParseClientHello reads a handshake message with its 4-byte header. The error is a *ParseError.
func ParseClientHello(msg []byte) (*ClientHello, error) {
	h := new(ClientHello)
	if err := h.Parse(msg); err != nil {
		return nil, err
	}
	return h, nil
}

// Parse reads a handshake message with its 4-byte header into h and reuses h's slices: once they have grown it allocates only
// for a server name or protocol that differs from the one before. The error is a *ParseError; h is then of no use. What is
// refused is damage: lengths that do not fit, odd lengths, bytes left over, an extension that occurs twice. What is odd but
// whole (unknown values, empty lists) is kept for others to judge. RFC 8446, section 4.1.2.
func (h *ClientHello) Parse(msg []byte) error {
	h.reset()
	c := cursor{b: msg}
	if t := c.u8("header"); c.err == nil && t != typeClientHello {
		return &ParseError{0, fmt.Sprintf("handshake message of type %d is not a client hello", t)}
	}
	hi := c.u8("header")
	n := hi<<16 | c.u16("header")
	if c.err == nil && n != len(c.b) {
		return &ParseError{1, fmt.Sprintf("header says %d bytes, %d are there", n, len(c.b))}
	}
	h.Len = len(msg)
	h.LegacyVersion = Version(c.u16("version"))
	h.Random = c.bytes(32, "random")
	if n := c.u8("session id"); n > 32 {
		c.fail("session id is longer than 32 bytes")
	} else {
		h.SessionID = c.bytes(n, "session id")
	}
	suites := c.sub(c.u16("cipher suites"), "cipher suites")
	if c.err == nil && len(suites.b) == 0 {
		c.fail("no cipher suites")
	}
	h.Suites = appendList(h.Suites, &suites, "cipher suites")
	c.err = firstError(c.err, suites.err)
	for _, s := range h.Suites {
		h.RenegotiationInfo = h.RenegotiationInfo || s == EmptyRenegotiationInfoSCSV
	}
	h.Compression = c.bytes(c.u8("compression methods"), "compression methods")
	if c.err == nil && len(c.b) > 0 {
		block := c.sub(c.u16("extensions"), "extensions")
		h.block = block.b
		h.extensions(&block)
		c.err = firstError(c.err, block.err)
		c.end("extensions")
	} else {
		h.ServerName = ""
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

func firstError(a, b *ParseError) *ParseError {
	if a != nil {
		return a
	}
	return b
}

func (h *ClientHello) reset() {
	*h = ClientHello{
		Suites: h.Suites[:0], Extensions: h.Extensions[:0], ALPN: h.ALPN[:0], SupportedVersions: h.SupportedVersions[:0],
		Groups: h.Groups[:0], Schemes: h.Schemes[:0], CertSchemes: h.CertSchemes[:0], KeyShares: h.KeyShares[:0],
		ServerName: h.ServerName, // so that an equal name is not allocated again; see serverName
	}
}

// appendList reads c to its end as 16-bit values.
func appendList[T ~uint16](to []T, c *cursor, what string) []T {
	if len(c.b)%2 != 0 {
		c.fail(what + ": odd length")
		return to
	}
	b, n := c.b, len(to)
	to = slices.Grow(to, len(b)/2)[:n+len(b)/2]
	for i := range to[n:] {
		to[n+i] = T(binary.BigEndian.Uint16(b[2*i:]))
	}
	c.at, c.b = c.at+len(c.b), nil
	return to
}

func (h *ClientHello) extensions(c *cursor) {
	var small [4]uint64 // the types below 256 that have occurred
	var largeSeen [maxLargeTypes]uint16
	large := largeSeen[:0]
	name := h.ServerName
	h.ServerName = ""
	for len(c.b) > 0 && c.err == nil {
		at := c.at
		typ := uint16(c.u16("extension"))
		duplicate := false
		if typ < 256 {
			bit := uint64(1) << (typ % 64)
			duplicate = small[typ/64]&bit != 0
			small[typ/64] |= bit
		} else {
			for _, t := range large {
				duplicate = duplicate || t == typ
			}
			if len(large) == maxLargeTypes {
				c.fail("too many extensions")
				return
			}
			large = append(large, typ)
		}
		if duplicate && c.err == nil {
			c.err = &ParseError{at, fmt.Sprintf("extension %d occurs twice", typ)}
			return
		}
		if h.HasPreSharedKey && c.err == nil { // RFC 8446, section 4.2.11
			c.err = &ParseError{at, "extension after pre_shared_key, which must be last"}
			return
		}
		body := c.sub(c.u16("extension"), "extension")
		h.Extensions = append(h.Extensions, typ)
		h.extension(typ, &body, name)
		c.err = firstError(c.err, body.err)
	}
}

// extension reads one extension's body. name is the server name of the hello that was parsed before, for reuse.
func (h *ClientHello) extension(typ uint16, c *cursor, name string) {
	switch typ {
	case ExtServerName:
		h.serverName(c, name)
	case ExtSupportedGroups:
		h.HasGroups = true
		h.Groups = list16(h.Groups, c, "supported_groups")
	case ExtPointFormats:
		h.HasPointFormats = true
		h.PointFormats = c.bytes(c.u8("ec_point_formats"), "ec_point_formats")
		c.end("ec_point_formats")
	case ExtSignatureAlgorithms:
		h.HasSchemes = true
		h.Schemes = list16(h.Schemes, c, "signature_algorithms")
	case ExtSignatureAlgsCert:
		h.CertSchemes = list16(h.CertSchemes, c, "signature_algorithms_cert")
	case ExtALPN:
		h.protocols(c)
	case ExtSupportedVersions:
		h.HasSupportedVersions = true
		if n := c.u8("supported_versions"); n != len(c.b) {
			c.fail("supported_versions: length does not fit")
		}
		h.SupportedVersions = appendList(h.SupportedVersions, c, "supported_versions")
	case ExtPSKModes:
		h.PSKModes = c.bytes(c.u8("psk_key_exchange_modes"), "psk_key_exchange_modes")
		c.end("psk_key_exchange_modes")
	case ExtKeyShare:
		h.keyShares(c)
	case ExtPreSharedKey:
		h.HasPreSharedKey = true
	case ExtSessionTicket:
		h.SessionTicket = true
	case ExtExtendedMasterSecret:
		h.ExtendedMasterSecret = true
	case ExtRenegotiationInfo:
		h.RenegotiationInfo = true
	}
}

// list16 reads a list of 16-bit values with a 16-bit length in front.
func list16[T ~uint16](to []T, c *cursor, what string) []T {
	if n := c.u16(what); n != len(c.b) && c.err == nil {
		c.fail(what + ": length does not fit")
	}
	return appendList(to, c, what)
}

func (h *ClientHello) serverName(c *cursor, old string) {
	h.HasServerName = true
	if len(c.b) == 0 { // an empty body is a server's form; some clients send it
		return
	}
	if n := c.u16("server_name"); n != len(c.b) && c.err == nil {
		c.fail("server_name: length does not fit")
	}
	for len(c.b) > 0 && c.err == nil {
		kind := c.u8("server_name")
		name := c.bytes(c.u16("server_name"), "server_name")
		if kind != 0 || h.ServerName != "" {
			continue
		}
		if old == string(name) {
			h.ServerName = old
		} else {
			h.ServerName = string(name)
		}
	}
}

func (h *ClientHello) protocols(c *cursor) {
	if n := c.u16("alpn"); n != len(c.b) && c.err == nil {
		c.fail("alpn: length does not fit")
	}
	old := h.ALPN[:cap(h.ALPN)]
	for len(c.b) > 0 && c.err == nil {
		name := c.bytes(c.u8("alpn"), "alpn")
		if i := len(h.ALPN); i < len(old) && old[i] == string(name) {
			h.ALPN = append(h.ALPN, old[i])
		} else {
			h.ALPN = append(h.ALPN, string(name))
		}
	}
}

func (h *ClientHello) keyShares(c *cursor) {
	h.HasKeyShare = true
	if n := c.u16("key_share"); n != len(c.b) && c.err == nil {
		c.fail("key_share: length does not fit")
	}
	for len(c.b) > 0 && c.err == nil {
		group := Group(c.u16("key_share"))
		data := c.bytes(c.u16("key_share"), "key_share")
		h.KeyShares = append(h.KeyShares, KeyShare{group, data})
	}
}

// ExtensionData returns the body of an extension of a hello that was parsed. It borrows.
func (h *ClientHello) ExtensionData(typ uint16) (body []byte, ok bool) {
	for b := h.block; len(b) >= 4; {
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			break
		}
		if binary.BigEndian.Uint16(b) == typ {
			return b[4:n:n], true
		}
		b = b[n:]
	}
	return nil, false
}
