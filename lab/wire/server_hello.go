package wire

import (
	"bytes"
	"fmt"
)

// ServerHello is a parsed ServerHello, or a HelloRetryRequest, which has the same form.
type ServerHello struct {
	Version       Version // what was negotiated: supported_versions, else LegacyVersion
	LegacyVersion Version
	Random        []byte // borrows
	SessionID     []byte // borrows
	Suite         Suite
	Compression   uint8
	Group         Group    // of key_share: the server's share, or the group that a HelloRetryRequest asks for; 0 before TLS 1.3
	HelloRetry    bool     // it is a HelloRetryRequest
	Extensions    []uint16 // types in order
	ALPN          string   // "" if none; TLS 1.3 sends it encrypted, elsewhere
}

// retryRandom marks a HelloRetryRequest: SHA-256 of that word. RFC 8446, section 4.1.3.
var retryRandom = []byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// ParseServerHello reads a ServerHello as a handshake message with its header, or as the start of a stream of records. Bytes
// after the message are ignored. The error is a *ParseError. RFC 8446, section 4.1.3.
func ParseServerHello(b []byte) (*ServerHello, error) {
	s := new(ServerHello)
	if err := s.Parse(b); err != nil {
		return nil, err
	}
	return s, nil
}

// Parse reads as [ParseServerHello] does into s and reuses s's slices. After an error s is of no use.
func (s *ServerHello) Parse(b []byte) error {
	*s = ServerHello{Extensions: s.Extensions[:0], ALPN: s.ALPN}
	msg, err := firstMessage(b)
	if err != nil {
		return err
	}
	c := cursor{b: msg}
	if t := c.u8("header"); c.err == nil && t != typeServerHello {
		return &ParseError{0, fmt.Sprintf("handshake message of type %d is not a server hello", t)}
	}
	hi := c.u8("header")
	n := hi<<16 | c.u16("header")
	c = c.sub(n, "server hello")
	s.LegacyVersion = Version(c.u16("version"))
	s.Version = s.LegacyVersion
	s.Random = c.bytes(32, "random")
	s.SessionID = c.bytes(c.u8("session id"), "session id")
	s.Suite = Suite(c.u16("cipher suite"))
	s.Compression = uint8(c.u8("compression method"))
	s.HelloRetry = bytes.Equal(s.Random, retryRandom)
	if len(c.b) > 0 {
		block := c.sub(c.u16("extensions"), "extensions")
		s.extensions(&block)
		c.err = firstError(c.err, block.err)
		c.end("extensions")
	} else {
		s.ALPN = ""
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

// firstMessage strips record headers until a handshake message is whole.
func firstMessage(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != recordHandshake {
		return b, nil
	}
	var msg []byte
	for at := 0; ; {
		c := cursor{b: b[at:], at: at}
		if t := c.u8("record"); c.err == nil && t != recordHandshake {
			return nil, &ParseError{at, fmt.Sprintf("record of type %d within a handshake message", t)}
		}
		if v := c.u16("record"); c.err == nil && v>>8 != 3 {
			return nil, &ParseError{at + 1, "record does not begin like a record of TLS"}
		}
		n := c.u16("record")
		if c.err == nil && n == 0 {
			return nil, &ParseError{at + 3, "empty handshake record"}
		}
		msg = append(msg, c.bytes(n, "record")...)
		if c.err != nil {
			return nil, c.err
		}
		at = c.at
		if len(msg) >= 4 && len(msg)-4 >= int(msg[1])<<16|int(msg[2])<<8|int(msg[3]) {
			return msg, nil
		}
	}
}

func (s *ServerHello) extensions(c *cursor) {
	old := s.ALPN // so that an equal name is not allocated again
	s.ALPN = ""
	for len(c.b) > 0 && c.err == nil {
		typ := uint16(c.u16("extension"))
		body := c.sub(c.u16("extension"), "extension")
		s.Extensions = append(s.Extensions, typ)
		switch typ {
		case ExtSupportedVersions:
			s.Version = Version(body.u16("supported_versions"))
			body.end("supported_versions")
		case ExtKeyShare:
			s.Group = Group(body.u16("key_share"))
			if !s.HelloRetry {
				body.bytes(body.u16("key_share"), "key_share")
			}
			body.end("key_share")
		case ExtALPN:
			list := body.sub(body.u16("alpn"), "alpn")
			if name := list.bytes(list.u8("alpn"), "alpn"); string(name) == old {
				s.ALPN = old
			} else {
				s.ALPN = string(name)
			}
			list.end("alpn")
			body.err = firstError(body.err, list.err)
			body.end("alpn")
		}
		c.err = firstError(c.err, body.err)
	}
}
