package catalog

import (
	"fmt"
	"slices"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

// Profile makes a profile of the client for a call to a host: a full handshake with its hello where GREASE values, key shares
// and the random are fresh each time; only the bytes of the hello where one of [RawReasons] holds.
func (c *Client) Profile(host string) (*clients.Profile, error) {
	b, err := c.Hello(host)
	if err != nil {
		return nil, err
	}
	p := &clients.Profile{Name: c.Name, Doc: "the hello of " + c.Name}
	if r := c.RawReason(); r != nil {
		p.Kind, p.Raw = clients.KindRaw, b
	} else {
		p.Hello = b
	}
	return p, nil
}

// RawReason is a reason why a client is sent as bytes, which complete no handshake.
type RawReason struct {
	Name string
	Why  string
	Is   func(*Client) bool
}

// RawReasons returns every reason there is.
func RawReasons() []RawReason {
	return []RawReason{
		{"sslv2-framing", "no library writes a hello in SSLv2's framing", func(c *Client) bool { return c.SSLv2Format }},
		{"sslv3", "no library speaks SSLv3, the newest version that it has", func(c *Client) bool { return c.Max < wire.TLS10 }},
		{"no-key-share", "it offers TLSv1.3 without the extensions that a handshake needs", func(c *Client) bool {
			return c.Max >= wire.TLS13 && (len(c.Groups) == 0 || !slices.Contains(c.Extensions, wire.ExtKeyShare) || len(c.Schemes) == 0)
		}},
	}
}

// RawReason returns the first of [RawReasons] that holds for the client, nil if it is sent in full.
func (c *Client) RawReason() *RawReason {
	for _, r := range RawReasons() {
		if r.Is(c) {
			return &r
		}
	}
	return nil
}

// standard is the client as far as crypto/tls can do as it does: for the hybrid groups of NIST curves, which uTLS lacks.
func (c *Client) standard() *clients.Profile {
	p := &clients.Profile{Name: c.Name, Doc: "crypto/tls with the groups of " + c.Name, MinVersion: max(c.Min, wire.TLS10), MaxVersion: c.Max, ALPN: c.ALPN}
	for _, g := range c.Groups {
		switch g {
		case wire.X25519, wire.SECP256R1, wire.SECP384R1, wire.SECP521R1, wire.X25519MLKEM768, wire.SecP256r1MLKEM768, wire.SecP384r1MLKEM1024:
			p.Groups = append(p.Groups, g)
		}
	}
	return p
}

// Limit returns the client as it would be if its user allowed versions up to max alone, as curl --tls-max does. A client
// that has no such version is an error.
func (c *Client) Limit(max wire.Version) (*Client, error) {
	if max >= c.Max {
		return c, nil
	}
	if max < c.Min {
		return nil, fmt.Errorf("%s offers nothing below %s", c.Name, c.Min)
	}
	l := *c
	l.Name, l.Max, l.LegacyVersion = fmt.Sprintf("%s (%s at most)", c.Name, max), max, min(c.LegacyVersion, max)
	l.Suites = slices.DeleteFunc(slices.Clone(c.Suites), func(s uint32) bool {
		info, ok := wire.Suite(s).Info()
		return s <= 0xFFFF && (ok && info.Min > max || max < wire.TLS13 && s>>8 == 0x13)
	})
	l.SupportedVersions = slices.DeleteFunc(slices.Clone(c.SupportedVersions), func(v wire.Version) bool { return v > max && !wire.IsGREASE(v) })
	drop := []uint16{wire.ExtSupportedVersions, wire.ExtPSKModes, wire.ExtKeyShare, wire.ExtPreSharedKey, extPostHandshakeAuth}
	if max < wire.TLS12 {
		drop = append(drop, wire.ExtSignatureAlgorithms, wire.ExtSignatureAlgsCert)
		l.Schemes = nil
	}
	if max < wire.TLS13 {
		l.Extensions = slices.DeleteFunc(slices.Clone(c.Extensions), func(e uint16) bool { return slices.Contains(drop, e) })
		l.SupportedVersions, l.KeyShares = nil, nil
	}
	return &l, nil
}

const extPostHandshakeAuth = 49
