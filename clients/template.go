package clients

import (
	"crypto/rand"
	"fmt"
	"slices"

	utls "github.com/refraction-networking/utls"

	"github.com/alblab/alblab/lab/wire"
)

// Types of extensions that need a session, or an answer of the server, which a fresh client has not: RFC 8446, section 4.2.
const (
	extEarlyData      = 42
	extCookie         = 44
	extQUICParameters = 57
)

// template parses Profile.Hello. The profile's other lists then do not count.
func (p *Profile) template() (*wire.ClientHello, error) {
	h, err := wire.ParseHello(p.Hello)
	if err != nil {
		return nil, fmt.Errorf("its hello: %w", err)
	}
	return h, nil
}

// templateShape is what a recorded hello offers. What only its own connection could have is left out.
func templateShape(h *wire.ClientHello) shape {
	s := shape{
		min: wire.TLS10, max: min(h.LegacyVersion, wire.TLS12), suites: h.Suites, groups: h.Groups, schemes: h.Schemes,
		alpn: h.ALPN, template: h,
	}
	if h.HasSupportedVersions {
		s.min, s.max = 0, 0
		for _, v := range h.SupportedVersions {
			if v < wire.TLS10 || v > wire.TLS13 { // GREASE, drafts, SSLv3
				continue
			}
			if s.min == 0 || v < s.min {
				s.min = v
			}
			s.max = max(s.max, v)
		}
	}
	for _, k := range h.KeyShares {
		s.shares = append(s.shares, k.Group)
	}
	for _, e := range h.Extensions {
		if !slices.Contains([]uint16{wire.ExtPreSharedKey, extEarlyData, extCookie}, e) {
			s.extensions = append(s.extensions, e)
		}
	}
	return s
}

// recorded makes an extension as the template has it.
func (sh shape) recorded(e uint16, shares []utls.KeyShare) utls.TLSExtension {
	body, _ := sh.template.ExtensionData(e)
	switch e {
	case wire.ExtServerName:
		return &utls.SNIExtension{}
	case wire.ExtKeyShare:
		return &utls.KeyShareExtension{KeyShares: shares}
	case wire.ExtPadding: // for hellos of 256 to 511 bytes: RFC 7685
		return &utls.UtlsPaddingExtension{GetPaddingLen: utls.BoringPaddingStyle}
	case extQUICParameters:
		return &utls.GenericExtension{Id: e, Data: slices.Clone(body)}
	case wire.ExtSessionTicket: // a ticket that the client had is not ours to use
		return &utls.SessionTicketExtension{}
	}
	if wire.IsGREASE(e) {
		return &utls.UtlsGREASEExtension{}
	}
	if e == wire.ExtSignatureAlgorithms || e == wire.ExtSignatureAlgsCert { // uTLS leaves GREASE there as it is
		body = renewGREASE(body)
	}
	if w, ok := utls.ExtensionFromID(e).(utls.TLSExtensionWriter); ok {
		if _, err := w.Write(slices.Clone(body)); err == nil {
			return w
		}
	}
	return &utls.GenericExtension{Id: e, Data: slices.Clone(body)}
}

// renewGREASE replaces the GREASE values of a list of two-byte values that has its length in front: RFC 8701.
func renewGREASE(body []byte) []byte {
	body = slices.Clone(body)
	var fresh [1]byte
	_, _ = rand.Read(fresh[:])
	for i := 2; i+1 < len(body); i += 2 {
		if wire.IsGREASE(uint16(body[i])<<8 | uint16(body[i+1])) {
			v := fresh[0]<<4 | 0x0A
			body[i], body[i+1] = v, v
		}
	}
	return body
}

// templateFields gives a hello under construction what no extension holds.
func templateFields(c *utls.UConn, h *wire.ClientHello) {
	hello := c.HandshakeState.Hello
	hello.Vers = uint16(h.LegacyVersion)
	hello.CompressionMethods = slices.Clone(h.Compression)
	hello.SessionId = make([]byte, len(h.SessionID))
	_, _ = rand.Read(hello.SessionId) // never fails: crypto/rand
}

func (p *Profile) validateTemplate(bad func(string, ...any)) {
	if p.MinVersion != 0 || p.MaxVersion != 0 || p.Suites != nil || p.Groups != nil || p.KeyShares != nil || p.Schemes != nil ||
		p.ALPN != nil || p.NoSNI || p.Omit != nil || p.HelloLen != 0 || p.Raw != nil {
		bad("a recorded hello is the whole offer: leave the other fields empty")
	}
	h, err := p.template()
	if err != nil {
		bad("%w", err)
		return
	}
	s := templateShape(h)
	switch {
	case h.Format == wire.FormatSSLv2:
		bad("its hello has SSLv2's framing, which needs kind raw")
	case s.max < wire.TLS10:
		bad("its hello offers nothing from TLSv1 to TLSv1.3: older ones need kind raw")
	case s.max >= wire.TLS13 && (len(h.Groups) == 0 || !h.HasKeyShare || len(h.Schemes) == 0):
		bad("its hello offers TLSv1.3 without groups, key_share or signature schemes, which needs kind raw")
	case len(slices.DeleteFunc(slices.Clone(h.Extensions), func(e uint16) bool { return !wire.IsGREASE(e) })) > 2:
		bad("its hello has more than two GREASE extensions, which needs kind raw")
	}
}
