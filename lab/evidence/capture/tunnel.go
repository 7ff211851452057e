package capture

// tunnel goes on with what is inside of a UDP packet of VXLAN or GENEVE. What only looks like one is a UDP packet.
func (p *packet) tunnel() string {
	b := p.payload
	switch {
	case p.dst.port == vxlanPort && len(b) >= vxlanLen && b[0]&0x08 != 0: // RFC 7348, section 5: the flag of a valid VNI
		return p.unwrap("VXLAN", etherNet, vxlanLen)
	case p.dst.port == genevePort && len(b) >= geneveLen && b[0]>>6 == 0: // RFC 8926, section 3.4: version 0, options in words of 4 bytes
		return p.unwrap("GENEVE", be.Uint16(b[2:]), geneveLen+int(b[0]&0x3f)*4)
	}
	return ""
}

// unwrap takes off a tunnel's header of n bytes. Both formats have the network identifier in the same place.
func (p *packet) unwrap(name string, etherType uint16, n int) string {
	b, full := p.payload, p.payloadLen
	switch {
	case n > full:
		return name + " options are longer than the packet"
	case n > len(b):
		return name + " options are cut short"
	}
	inner := packet{number: p.number, time: p.time, vni: int32(be.Uint32(b[4:]) >> 8)}
	cut := p.truncated
	var what string
	if etherType == etherNet {
		what = inner.ethernet(b[n:], full-n)
	} else {
		what = inner.network(etherType, b[n:], full-n)
	}
	*p = inner
	p.truncated = p.truncated || cut
	if what != "" && what != notIP {
		return "in " + name + ": " + what
	}
	return what
}
