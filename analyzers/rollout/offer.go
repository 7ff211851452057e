package rollout

import (
	"encoding/binary"

	"github.com/alblab/alblab/lab/wire"
)

// offerHello returns the number of the offer of a hello, which may be used again by its owner. answered: by a ServerHello; refused:
// by an end.
func (c *collector) offerHello(h *wire.ClientHello, ja4 string, answered, refused bool) int {
	c.key = append(c.key[:0], 0)
	if answered {
		c.key[0] = 1
	}
	if refused {
		c.key[0] |= 2
	}
	c.key = appendOffer(c.key, h, ja4)
	if id, ok := c.hellos[string(c.key)]; ok {
		return id
	}
	id := len(c.offers)
	c.offers = append(c.offers, Offer{Hello: keepOffer(h), JA4: ja4, Known: true, Answered: answered, Refused: refused})
	c.hellos[string(c.key)] = id
	return id
}

// appendOffer appends what a decision depends on, and the JA4. The values of shares are no part of it, nor is GREASE, which
// is another each time.
func appendOffer(b []byte, h *wire.ClientHello, ja4 string) []byte {
	if h == nil {
		return append(b, "damaged"...)
	}
	flags := byte(h.Format)
	for i, has := range [...]bool{h.HasSupportedVersions, h.HasGroups, h.HasSchemes, h.HasPointFormats, h.HasKeyShare} {
		if has {
			flags |= 2 << i
		}
	}
	b = binary.BigEndian.AppendUint16(append(b, flags), uint16(h.LegacyVersion))
	b = appendIDs(b, h.SupportedVersions)
	b = appendIDs(b, h.Suites)
	b = appendIDs(b, h.Groups)
	b = appendIDs(b, h.Schemes)
	for _, s := range h.KeyShares {
		if !wire.IsGREASE(s.Group) {
			b = binary.BigEndian.AppendUint16(b, uint16(s.Group))
			b = binary.BigEndian.AppendUint16(b, uint16(len(s.Data)))
		}
	}
	b = append(append(b, 0), h.PointFormats...)
	b = append(append(b, 0), h.Compression...)
	return append(append(b, 0), ja4...)
}

func appendIDs[T ~uint16](b []byte, ids []T) []byte {
	for _, id := range ids {
		if !wire.IsGREASE(id) {
			b = binary.BigEndian.AppendUint16(b, uint16(id))
		}
	}
	return append(b, 0, 0)
}

// keepOffer copies what of a hello is needed to decide of it and to explain the decision, and nothing that tells who sent it.
func keepOffer(h *wire.ClientHello) *wire.ClientHello {
	if h == nil {
		return nil
	}
	k := &wire.ClientHello{
		Format: h.Format, RecordVersion: h.RecordVersion, LegacyVersion: h.LegacyVersion, Len: h.Len,
		HasServerName: h.HasServerName, HasSupportedVersions: h.HasSupportedVersions, HasGroups: h.HasGroups,
		HasPointFormats: h.HasPointFormats, HasSchemes: h.HasSchemes, HasKeyShare: h.HasKeyShare,
		Suites: clone(h.Suites), Compression: clone(h.Compression), Extensions: clone(h.Extensions),
		SupportedVersions: clone(h.SupportedVersions), Groups: clone(h.Groups), PointFormats: clone(h.PointFormats),
		Schemes: clone(h.Schemes), CertSchemes: clone(h.CertSchemes),
	}
	for _, s := range h.KeyShares {
		k.KeyShares = append(k.KeyShares, wire.KeyShare{Group: s.Group, Data: make([]byte, len(s.Data))})
	}
	return k
}

func clone[T any](list []T) []T { return append([]T(nil), list...) }
