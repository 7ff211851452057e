package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/alblab/alblab/lab/wire"
)

// The GREASE values in files that were made from a hello: RFC 8701. What is sent has others each time.
const grease, secondGREASE = 0x0A0A, 0x1A1A

// extECH is encrypted_client_hello: RFC 9849. Without a configuration its contents are random.
const extECH = 65037

// FromHello makes a client of a hello, as whole records or as a message. Its random values, key shares, server name and session
// are not kept. Family, Version, Platform and Year are left to the caller, and so is Min where the hello has no
// supported_versions: it cannot say where its versions begin, TLS 1.0 is assumed.
func FromHello(name string, hello []byte) (*Client, error) {
	h, err := wire.ParseHello(hello)
	if err != nil {
		return nil, fmt.Errorf("hello of %s: %w", name, err)
	}
	c := &Client{
		Name: name, RecordVersion: h.RecordVersion, LegacyVersion: h.LegacyVersion, Max: min(h.LegacyVersion, wire.TLS12),
		Groups: plainGREASE(h.Groups), Schemes: plainGREASE(h.Schemes), ALPN: slices.Clone(h.ALPN),
		SupportedVersions: plainGREASE(h.SupportedVersions), Extensions: plainGREASE(h.Extensions), SessionID: len(h.SessionID),
	}
	if h.Format == wire.FormatSSLv2 {
		c.SSLv2Format, c.RecordVersion, c.Suites, c.SessionID = true, 0, sslv2Suites(hello), 0
		c.Min = min(c.Max, 0x0002)
		return c, nil
	}
	for _, s := range plainGREASE(h.Suites) {
		c.Suites = append(c.Suites, uint32(s))
	}
	if c.RecordVersion == 0 {
		c.RecordVersion = wire.TLS10 // of a bare message: RFC 8446, section 5.1
	}
	c.Min = min(wire.TLS10, c.Max)
	if v := slices.DeleteFunc(slices.Clone(c.SupportedVersions), func(v wire.Version) bool { return v < wire.SSLv3 || v > wire.TLS13 }); len(v) > 0 {
		c.Min, c.Max = slices.Min(v), slices.Max(v)
	}
	for _, k := range h.KeyShares {
		c.KeyShares = append(c.KeyShares, k.Group)
	}
	c.KeyShares = plainGREASE(c.KeyShares)
	if !bytes.Equal(h.Compression, []byte{0}) {
		c.Compression = slices.Clone(h.Compression)
	}
	if i := slices.Index(c.Extensions, grease); i >= 0 {
		if j := slices.Index(c.Extensions[i+1:], grease); j >= 0 {
			c.Extensions[i+1+j] = secondGREASE
		}
	}
	return c, c.keepBodies(h)
}

// plainGREASE copies a list and puts one value in the place of all GREASE values.
func plainGREASE[T ~uint16](list []T) []T {
	list = slices.Clone(list)
	for i, v := range list {
		if wire.IsGREASE(v) {
			list[i] = grease
		}
	}
	return list
}

// keepBodies notes the contents of extensions in which the hello differs from what would be made of the client's lists.
func (c *Client) keepBodies(h *wire.ClientHello) error {
	made, err := c.Hello("host.example")
	if err != nil {
		return err
	}
	ours, err := wire.ParseHello(made)
	if err != nil {
		return fmt.Errorf("hello of %s: %w", c.Name, err)
	}
	for _, e := range c.Extensions {
		switch e {
		case wire.ExtServerName, wire.ExtKeyShare, wire.ExtPadding, wire.ExtPreSharedKey, wire.ExtSessionTicket, extECH, grease, secondGREASE:
			continue
		case wire.ExtSupportedGroups, wire.ExtSupportedVersions, wire.ExtSignatureAlgorithms, wire.ExtALPN:
			continue // the lists are all of it
		}
		theirs, _ := h.ExtensionData(e)
		if body, _ := ours.ExtensionData(e); !bytes.Equal(theirs, body) {
			if c.Bodies == nil {
				c.Bodies = map[uint16][]byte{}
			}
			c.Bodies[e] = slices.Clone(theirs)
		}
	}
	return nil
}

// sslv2Suites reads the suites of a hello in SSLv2's framing, SSLv2's own among them: RFC 5246, appendix E.2. ParseHello has
// checked the lengths.
func sslv2Suites(b []byte) []uint32 {
	n := int(binary.BigEndian.Uint16(b[5:]))
	var list []uint32
	for s := b[11 : 11+n]; len(s) >= 3; s = s[3:] {
		list = append(list, uint32(s[0])<<16|uint32(s[1])<<8|uint32(s[2]))
	}
	return list
}
