package analyzers

import (
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/wire"
)

// OfferOf says what the captured hello offers, nil if there is none.
func OfferOf(c *correlate.Conn) *Offer {
	if c.Capture == nil || c.Capture.Hello == nil {
		return nil
	}
	h := c.Capture.Hello
	o := &Offer{SNI: h.ServerName, ALPN: h.ALPN, JA3: h.JA3(), JA4: h.JA4(), Length: h.Len}
	if h.HasSupportedVersions {
		o.Versions = names(h.SupportedVersions)
	} else {
		o.Versions = []string{h.LegacyVersion.String()} // the highest: RFC 5246, section 7.4.1.2
	}
	o.Suites, o.Groups, o.Schemes = names(h.Suites), names(h.Groups), names(h.Schemes)
	return o
}

func names[T interface {
	~uint16
	String() string
}](ids []T) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if !wire.IsGREASE(id) {
			out = append(out, id.String())
		}
	}
	return out
}
