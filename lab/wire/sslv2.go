package wire

// IsSSLv2Hello tells whether b begins like a hello in SSLv2's framing: a two-byte header, the message type and a version.
// Fewer than five bytes never do.
func IsSSLv2Hello(b []byte) bool {
	return len(b) >= 5 && b[0]&0x80 != 0 && b[2] == typeClientHello && (b[3] == 3 || b[3] == 0 && b[4] == 2)
}

// ParseSSLv2 reads a hello in SSLv2's framing, two-byte header included, into h. Suites keeps the specs that a later version
// knows (those whose first byte is 0); SSLv2's own are dropped. RFC 5246, appendix E.2. The error is a *ParseError.
func (h *ClientHello) ParseSSLv2(b []byte) error {
	h.reset()
	h.ServerName = ""
	h.Format = FormatSSLv2
	c := cursor{b: b}
	n := c.u16("record header")
	if c.err == nil && (n&0x8000 == 0 || n&0x7FFF != len(c.b)) {
		return &ParseError{0, "not one whole record of SSLv2"}
	}
	if t := c.u8("message type"); c.err == nil && t != typeClientHello {
		return &ParseError{2, "not a client hello"}
	}
	h.Len = len(b)
	h.LegacyVersion = Version(c.u16("version"))
	specs, id, challenge := c.u16("cipher specs"), c.u16("session id"), c.u16("challenge")
	if c.err == nil && (specs == 0 || specs%3 != 0) {
		c.fail("cipher specs: length is not a positive multiple of three")
	}
	list := c.bytes(specs, "cipher specs")
	for ; len(list) >= 3; list = list[3:] {
		if list[0] != 0 {
			continue
		}
		s := Suite(list[1])<<8 | Suite(list[2])
		h.Suites = append(h.Suites, s)
		h.RenegotiationInfo = h.RenegotiationInfo || s == EmptyRenegotiationInfoSCSV
	}
	h.SessionID = c.bytes(id, "session id")
	if c.err == nil && challenge > 32 { // RFC 5246, appendix E.2
		c.fail("challenge is longer than 32 bytes")
	}
	h.Random = c.bytes(challenge, "challenge")
	c.end("challenge")
	if c.err != nil {
		return c.err
	}
	return nil
}

// AppendSSLv2 appends h in SSLv2's framing. It carries version, suites, session id and random (as the challenge); an SSLv2
// hello has no extensions.
func AppendSSLv2(b []byte, h *ClientHello) ([]byte, error) {
	n := 9 + 3*len(h.Suites) + len(h.SessionID) + len(h.Random)
	if n >= 0x8000 || len(h.Random) > 32 {
		return nil, errTooLong("SSLv2 hello")
	}
	b = append(b, 0x80|byte(n>>8), byte(n), typeClientHello, byte(h.LegacyVersion>>8), byte(h.LegacyVersion))
	b = append16(b, 3*len(h.Suites))
	b = append16(b, len(h.SessionID))
	b = append16(b, len(h.Random))
	for _, s := range h.Suites {
		b = append(b, 0, byte(s>>8), byte(s))
	}
	b = append(b, h.SessionID...)
	return append(b, h.Random...), nil
}
