package wire

// AppendShape appends what a client's hellos have in common: the versions, suites, groups and so on that it offers, in its order, and
// the types of its extensions, but nothing that changes from one connection to the next, such as random values, keys and names. Hellos of
// the same shape have the same JA3, JA4 and lists, so it serves as a key to what was found out of a hello. GREASE counts: a client that
// draws it at random has many shapes.
func (h *ClientHello) AppendShape(b []byte) []byte {
	b = append(b, byte(h.Format), byte(h.RecordVersion>>8), byte(h.RecordVersion), byte(h.LegacyVersion>>8), byte(h.LegacyVersion))
	has := byte(0)
	for i, v := range [...]bool{h.HasServerName, h.ServerName != "", h.HasSupportedVersions, h.HasGroups, h.HasPointFormats, h.HasSchemes, h.HasKeyShare, h.HasPreSharedKey} {
		if v {
			has |= 1 << i
		}
	}
	b = append(b, has)
	b = appendCounted(b, h.Suites)
	b = appendCounted(b, h.Extensions)
	b = appendCounted(b, h.SupportedVersions)
	b = appendCounted(b, h.Groups)
	b = appendCounted(b, h.Schemes)
	b = appendCounted(b, h.CertSchemes)
	b = append(b, byte(len(h.KeyShares)>>8), byte(len(h.KeyShares)))
	for i := range h.KeyShares {
		b = append(b, byte(h.KeyShares[i].Group>>8), byte(h.KeyShares[i].Group))
	}
	b = append(append(b, byte(len(h.PointFormats))), h.PointFormats...)
	b = append(append(b, byte(len(h.PSKModes))), h.PSKModes...)
	b = append(append(b, byte(len(h.Compression))), h.Compression...)
	for _, p := range h.ALPN {
		b = append(append(b, byte(len(p))), p...)
	}
	return b
}

func appendCounted[T ~uint16](b []byte, ids []T) []byte {
	b = append(b, byte(len(ids)>>8), byte(len(ids)))
	for _, id := range ids {
		b = append(b, byte(id>>8), byte(id))
	}
	return b
}
