package catalog

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

// Hello makes the client's hello to a host, as whole records. An address is not sent as a name (RFC 6066, section 3). It is the same each time: the random is made from the
// client's name, key shares are those of fixed private keys. A pre_shared_key, which a list without tickets cannot give,
// is left out.
func (c *Client) Hello(host string) ([]byte, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		host = ""
	}
	random := sha256.Sum256([]byte(c.Name))
	if c.SSLv2Format {
		return c.sslv2(random[:16]), nil
	}
	h := &wire.ClientHello{
		Compression: c.Compression, LegacyVersion: c.LegacyVersion, Random: random[:], Suites: make([]wire.Suite, len(c.Suites)),
		ServerName: host, Groups: c.Groups, PointFormats: []byte{0}, Schemes: c.Schemes, CertSchemes: c.Schemes,
		ALPN: c.ALPN, SupportedVersions: c.SupportedVersions, PSKModes: []byte{1},
	}
	for i, s := range c.Suites {
		h.Suites[i] = wire.Suite(s)
	}
	id := sha256.Sum256(random[:])
	h.SessionID = id[:c.SessionID]
	for _, g := range c.KeyShares {
		data, err := share(g)
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", c.Name, err)
		}
		h.KeyShares = append(h.KeyShares, wire.KeyShare{Group: g, Data: data})
	}
	h.Extensions = slices.DeleteFunc(slices.Clone(c.Extensions), func(e uint16) bool {
		return e == wire.ExtPreSharedKey || e == wire.ExtPadding || e == wire.ExtServerName && host == ""
	})
	if h.Extensions == nil {
		h.Extensions = []uint16{} // nil would mean the usual ones
	}
	o := &wire.EncodeOptions{Raw: c.bodies()}
	maps.Copy(o.Raw, c.Bodies)
	if slices.Contains(c.Extensions, wire.ExtPadding) {
		o.PadTo = 512 // RFC 7685: for hellos of 256 to 511 bytes
	}
	msg, err := wire.AppendClientHello(nil, h, o)
	if err != nil {
		return nil, fmt.Errorf("client %s: %w", c.Name, err)
	}
	return wire.AppendRecords(nil, msg, c.RecordVersion, 0), nil
}

// sslv2 frames the hello as SSLv2 did: RFC 5246, appendix E.2. wire.AppendSSLv2 knows no suites of SSLv2 itself.
func (c *Client) sslv2(challenge []byte) []byte {
	n := 9 + 3*len(c.Suites) + len(challenge)
	b := []byte{0x80 | byte(n>>8), byte(n), 1, byte(c.LegacyVersion >> 8), byte(c.LegacyVersion)}
	b = binary.BigEndian.AppendUint16(b, uint16(3*len(c.Suites)))
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(challenge)))
	for _, s := range c.Suites {
		b = append(b, byte(s>>16), byte(s>>8), byte(s))
	}
	return append(b, challenge...)
}

// share is a valid key share that is the same each time. The private keys are known to everybody: these hellos complete
// nothing.
func share(g wire.Group) ([]byte, error) {
	curves, err := fixedShares()
	if err != nil {
		return nil, err
	}
	if b, ok := curves[g]; ok {
		return b, nil
	}
	// An encapsulation key of zeros is in range: FIPS 203, section 7.2.
	const keyOf768, keyOf1024 = 1184, 1568
	switch {
	case g == wire.X25519MLKEM768:
		x, err := share(wire.X25519)
		return slices.Concat(make([]byte, keyOf768), x), err
	case g == wire.SecP256r1MLKEM768:
		x, err := share(wire.SECP256R1)
		return slices.Concat(x, make([]byte, keyOf768)), err
	case g == wire.SecP384r1MLKEM1024:
		x, err := share(wire.SECP384R1)
		return slices.Concat(x, make([]byte, keyOf1024)), err
	case wire.IsGREASE(g):
		return []byte{0}, nil
	}
	return bytes.Repeat([]byte{2}, clients.ShareLen(g)), nil // of groups that no load balancer has
}

// fixedShares are the public keys of the private key 1, by curve, reckoned once: they must not be changed.
var fixedShares = sync.OnceValues(func() (map[wire.Group][]byte, error) {
	shares := map[wire.Group][]byte{}
	for g, c := range map[wire.Group]struct {
		curve ecdh.Curve
		size  int
	}{
		wire.X25519: {ecdh.X25519(), 32}, wire.SECP256R1: {ecdh.P256(), 32}, wire.SECP384R1: {ecdh.P384(), 48}, wire.SECP521R1: {ecdh.P521(), 66},
	} {
		private := make([]byte, c.size)
		private[c.size-1] = 1
		key, err := c.curve.NewPrivateKey(private)
		if err != nil {
			return nil, fmt.Errorf("key share for %s: %w", g, err)
		}
		shares[g] = key.PublicKey().Bytes()
	}
	return shares, nil
})
