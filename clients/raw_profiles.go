package clients

import (
	"fmt"

	"github.com/alblab/alblab/lab/wire"
)

// Recorded makes a profile that sends a recorded hello, whole records as they were captured, or one handshake message,
// which then gets records. It completes nothing.
func Recorded(name string, hello []byte) (*Profile, error) {
	h, err := wire.ParseHello(hello)
	if err != nil {
		return nil, fmt.Errorf("recorded hello %s: %w", name, err)
	}
	if h.Format == wire.FormatTLS && h.RecordVersion == 0 {
		hello = wire.AppendRecords(nil, hello, wire.TLS10, 0)
	}
	return &Profile{Name: name, Doc: "a recorded hello", Kind: KindRaw, Raw: hello}, nil
}

// FromHello makes a profile that sends this hello as one record. It completes nothing.
func FromHello(name, doc string, record wire.Version, h *wire.ClientHello, o *wire.EncodeOptions) (*Profile, error) {
	msg, err := wire.AppendClientHello(nil, h, o)
	if err != nil {
		return nil, fmt.Errorf("hello %s: %w", name, err)
	}
	return &Profile{Name: name, Doc: doc, Kind: KindRaw, Raw: wire.AppendRecords(nil, msg, record, 0)}, nil
}

// ancientSuites are what clients of the time of SSLv3 offered: RC4, triple DES and DES with RSA key transport.
var ancientSuites = []wire.Suite{0x0004, 0x0005, 0x000A, 0x0009, 0x0064, 0x0062, 0x0003, 0x0006, 0x0013, 0x0012, 0x0063}

// rawProfiles are hellos that no library here makes any more.
func rawProfiles() []*Profile {
	random := make([]byte, 32)
	for i := range random {
		random[i] = byte(i) // recorded hellos have one random each time they are sent
	}
	ssl3, err := FromHello("sslv3", "SSLv3, as Internet Explorer 6 spoke it", wire.SSLv3,
		&wire.ClientHello{LegacyVersion: wire.SSLv3, Random: random, Suites: ancientSuites, Extensions: []uint16{}}, nil)
	if err != nil {
		panic("clients: " + err.Error()) // it is our own
	}
	ssl2, err := wire.AppendSSLv2(nil, &wire.ClientHello{LegacyVersion: wire.TLS10, Random: random[:16], Suites: ancientSuites})
	if err != nil {
		panic("clients: " + err.Error())
	}
	cut := append([]byte(nil), ssl3.Raw...)
	cut[5+4+2+32] = 33 // a session id of 33 bytes: RFC 5246, section 7.4.1.2, allows 32
	return []*Profile{
		ssl3,
		{Name: "sslv2-hello", Doc: "TLS 1.0 offered in an SSLv2-format hello (RFC 5246, appendix E.2)", Kind: KindRaw, Raw: ssl2},
		{Name: "malformed-hello", Doc: "a hello whose session id has 33 bytes", Kind: KindRaw, Raw: cut},
	}
}
