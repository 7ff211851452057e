package wire

import (
	"encoding/binary"
	"fmt"
)

// EncodeOptions say what a ClientHello cannot. nil is valid.
type EncodeOptions struct {
	Raw   map[uint16][]byte // bodies of extensions, instead of what the hello's fields say
	PadTo int               // the message's length, reached by a padding extension (RFC 7685), if it is shorter by 4 or more
}

func errTooLong(what string) error { return fmt.Errorf("encoding: %s is too long", what) }

// AppendClientHello appends h as a handshake message with its header. h.Extensions says which extensions are written and in
// which order; where it is nil, those that h's fields have, in the order in which OpenSSL sends them. The body of an extension
// that is no field of h comes from o.Raw, else from the message that h was parsed from, else it is empty. A random shorter than
// 32 bytes is filled with zeros; no Compression means the null method.
func AppendClientHello(b []byte, h *ClientHello, o *EncodeOptions) ([]byte, error) {
	if o == nil {
		o = &EncodeOptions{}
	}
	start := len(b)
	b = append(b, typeClientHello, 0, 0, 0)
	b = append16(b, int(h.LegacyVersion))
	var random [32]byte
	copy(random[:], h.Random)
	b = append(b, random[:]...)
	compression := h.Compression
	if compression == nil {
		compression = []byte{0}
	}
	if len(h.SessionID) > 32 || len(h.Suites) > 0x7FFF || len(compression) > 255 {
		return nil, errTooLong("session id, cipher suites or compression methods")
	}
	b = append(append(b, byte(len(h.SessionID))), h.SessionID...)
	b = append16(b, 2*len(h.Suites))
	for _, s := range h.Suites {
		b = append16(b, int(s))
	}
	b = append(append(b, byte(len(compression))), compression...)
	b, err := h.appendExtensions(b, start, o)
	if err != nil {
		return nil, err
	}
	n := len(b) - start - 4
	if n > 0xFFFFFF {
		return nil, errTooLong("client hello")
	}
	b[start+1], b[start+2], b[start+3] = byte(n>>16), byte(n>>8), byte(n)
	return b, nil
}

func append16(b []byte, v int) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }

// within appends what f appends, with its length in size bytes in front.
func within(b []byte, size int, f func([]byte) []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, size)...)
	b = f(b)
	n := len(b) - at - size
	for i := range size {
		b[at+i] = byte(n >> (8 * (size - 1 - i)))
	}
	return b
}

func (h *ClientHello) appendExtensions(b []byte, start int, o *EncodeOptions) ([]byte, error) {
	types := h.Extensions
	if types == nil {
		types = h.defaultExtensions()
	}
	pad := o.PadTo > 0
	if len(types) == 0 && !pad {
		return b, nil
	}
	at := len(b)
	b = append(b, 0, 0)
	for _, typ := range types {
		if typ == ExtPadding && pad {
			continue
		}
		body, ok := o.Raw[typ]
		if !ok {
			body = h.extensionBody(typ)
		}
		if len(body) > 0xFFFF {
			return nil, errTooLong(fmt.Sprintf("extension %d", typ))
		}
		b = append16(append16(b, int(typ)), len(body))
		b = append(b, body...)
	}
	if missing := o.PadTo - (len(b) - start); pad && missing >= 4 {
		b = append16(append16(b, int(ExtPadding)), missing-4)
		b = append(b, make([]byte, missing-4)...)
	}
	n := len(b) - at - 2
	if n > 0xFFFF {
		return nil, errTooLong("list of extensions")
	}
	binary.BigEndian.PutUint16(b[at:], uint16(n))
	return b, nil
}

func (h *ClientHello) defaultExtensions() (types []uint16) {
	add := func(have bool, typ uint16) {
		if have {
			types = append(types, typ)
		}
	}
	add(h.RenegotiationInfo && !h.has(EmptyRenegotiationInfoSCSV), ExtRenegotiationInfo)
	add(h.HasServerName || h.ServerName != "", ExtServerName)
	add(h.HasPointFormats || len(h.PointFormats) > 0, ExtPointFormats)
	add(h.HasGroups || len(h.Groups) > 0, ExtSupportedGroups)
	add(h.SessionTicket, ExtSessionTicket)
	add(len(h.ALPN) > 0, ExtALPN)
	add(h.ExtendedMasterSecret, ExtExtendedMasterSecret)
	add(h.HasSchemes || len(h.Schemes) > 0, ExtSignatureAlgorithms)
	add(len(h.CertSchemes) > 0, ExtSignatureAlgsCert)
	add(h.HasSupportedVersions || len(h.SupportedVersions) > 0, ExtSupportedVersions)
	add(len(h.PSKModes) > 0, ExtPSKModes)
	add(h.HasKeyShare || len(h.KeyShares) > 0, ExtKeyShare)
	return types
}

func (h *ClientHello) has(s Suite) bool {
	for _, have := range h.Suites {
		if have == s {
			return true
		}
	}
	return false
}

// extensionBody writes an extension from the field that holds it.
func (h *ClientHello) extensionBody(typ uint16) []byte {
	switch typ {
	case ExtServerName:
		if h.ServerName == "" {
			break
		}
		return within(nil, 2, func(b []byte) []byte {
			return within(append(b, 0), 2, func(b []byte) []byte { return append(b, h.ServerName...) })
		})
	case ExtSupportedGroups:
		return body16(h.Groups)
	case ExtPointFormats:
		return within(nil, 1, func(b []byte) []byte { return append(b, h.PointFormats...) })
	case ExtSignatureAlgorithms:
		return body16(h.Schemes)
	case ExtSignatureAlgsCert:
		return body16(h.CertSchemes)
	case ExtALPN:
		return within(nil, 2, func(b []byte) []byte {
			for _, p := range h.ALPN {
				b = within(b, 1, func(b []byte) []byte { return append(b, p...) })
			}
			return b
		})
	case ExtSupportedVersions:
		return within(nil, 1, func(b []byte) []byte { return appendIDs(b, h.SupportedVersions) })
	case ExtPSKModes:
		return within(nil, 1, func(b []byte) []byte { return append(b, h.PSKModes...) })
	case ExtKeyShare:
		return within(nil, 2, func(b []byte) []byte {
			for _, s := range h.KeyShares {
				b = within(append16(b, int(s.Group)), 2, func(b []byte) []byte { return append(b, s.Data...) })
			}
			return b
		})
	}
	if body, ok := h.ExtensionData(typ); ok {
		return body
	}
	if typ == ExtRenegotiationInfo {
		return []byte{0}
	}
	return nil
}

func body16[T ~uint16](ids []T) []byte {
	return within(nil, 2, func(b []byte) []byte { return appendIDs(b, ids) })
}

func appendIDs[T ~uint16](b []byte, ids []T) []byte {
	for _, id := range ids {
		b = append16(b, int(id))
	}
	return b
}

// AppendRecords appends a handshake message as records of version v, each with at most max bytes of it (0: 16384).
func AppendRecords(b, msg []byte, v Version, max int) []byte {
	if max <= 0 || max > maxRecord {
		max = maxRecord
	}
	for len(msg) > 0 {
		n := min(len(msg), max)
		b = append(b, recordHandshake, byte(v>>8), byte(v), byte(n>>8), byte(n))
		b = append(b, msg[:n]...)
		msg = msg[n:]
	}
	return b
}
