package flowlog

import "net/netip"

// parse reads the line b[:size] of the format into r; b is padded. ends has room for the columns. It says whether the line is sound, and not what is wrong:
// see parser.slow. Every field of the format is written, others are left alone.
func (f *Format) parse(line []byte, size int, ends []int32, r *Record) bool {
	n, ok := split(line, size, ends)
	if n < len(f.plan) || !ok {
		return false
	}
	ends = ends[:len(f.plan)]
	present := f.set
	k := 0
	if f.isPlain {
		if !parseDefault(line, (*[fLogStatus]int32)(ends), r) {
			return false
		}
		if !r.complete() {
			present = r.presentDefault() | f.set&^defaultBits
		}
		k = int(fLogStatus)
	}
	others := 0
	for ; k < len(ends); k++ {
		s, e := 0, int(ends[k])
		if k > 0 {
			s = int(ends[k-1]) + 1
		}
		id := f.plan[k]
		if id == fOther {
			if r.Other[others], ok = text(line, s, e); !ok {
				return false
			}
			others++
			continue
		}
		if j := f.twin[k]; j > 0 && string(line[ends[j-1]+1:ends[j]]) == string(line[s:e]) { // as nearly always
			a := r.address(f.plan[j])
			if *r.address(id) = *a; !a.IsValid() {
				present &^= id.bit()
			}
			continue
		}
		has, ok := r.parseField(id, line, s, e)
		if !ok {
			return false
		}
		if !has {
			present &^= id.bit()
		}
	}
	return f.shape(present, r) == ""
}

// defaultBits are the fields that parseDefault reads.
const defaultBits = 1<<(fLogStatus+1) - 1<<fVersion

// parseDefault reads the 14 fields of the default format.
func parseDefault(b []byte, ends *[fLogStatus]int32, r *Record) bool {
	end := func(f field) int { return int(ends[f-fVersion]) }
	version := shortNumber(b, 0, end(fVersion), maxVersion)
	protocol := shortNumber(b, end(fDstPort)+1, end(fProtocol), maxByte)
	// The other numbers side by side, as nearly all are; else one by one.
	src, bad1 := upToEight(word(b[end(fDstAddr)+1:])^zeros, end(fSrcPort)-end(fDstAddr)-1)
	dst, bad2 := upToEight(word(b[end(fSrcPort)+1:])^zeros, end(fDstPort)-end(fSrcPort)-1)
	packets, bad3 := upToEight(word(b[end(fProtocol)+1:])^zeros, end(fPackets)-end(fProtocol)-1)
	bytes, bad4 := upToEight(word(b[end(fPackets)+1:])^zeros, end(fBytes)-end(fPackets)-1)
	bad := bad1 | bad2 | bad3 | bad4 | notDigits(src) | notDigits(dst) | notDigits(packets) | notDigits(bytes)
	r.SrcPort, r.DstPort = int(eightDigits(src)), int(eightDigits(dst))
	r.Packets, r.Bytes = int64(eightDigits(packets)), int64(eightDigits(bytes))
	// Times have ten digits.
	start2, bad5 := upToEight(word(b[end(fBytes)+1:])^zeros, 2)
	stop2, bad6 := upToEight(word(b[end(fStart)+1:])^zeros, 2)
	start8, stop8 := word(b[end(fBytes)+3:])^zeros, word(b[end(fStart)+3:])^zeros
	bad |= bad5 | bad6 | notDigits(start2) | notDigits(stop2) | notDigits(start8) | notDigits(stop8)
	r.Start, r.End = int64(eightDigits(start2)*1e8+eightDigits(start8)), int64(eightDigits(stop2)*1e8+eightDigits(stop8))
	tens := end(fStart)-end(fBytes) == 11 && end(fEnd)-end(fStart) == 11
	if bad != 0 || !tens || uint(r.SrcPort|r.DstPort) > maxPort {
		src, dst := number(b, end(fDstAddr)+1, end(fSrcPort), maxPort), number(b, end(fSrcPort)+1, end(fDstPort), maxPort)
		r.SrcPort, r.DstPort = int(src), int(dst)
		r.Packets = number(b, end(fProtocol)+1, end(fPackets), maxCount)
		r.Bytes = number(b, end(fPackets)+1, end(fBytes), maxCount)
		r.Start = number(b, end(fBytes)+1, end(fStart), maxUnixTime)
		r.End = number(b, end(fStart)+1, end(fEnd), maxUnixTime)
	}
	if version < 2 || min(int64(r.SrcPort), int64(r.DstPort), protocol) < -1 || min(r.Packets, r.Bytes, r.Start, r.End) < -1 {
		return false
	}
	r.Version, r.Protocol = int(version), int(protocol)
	var ok [6]bool
	r.AccountID, ok[0] = text(b, end(fVersion)+1, end(fAccountID))
	r.InterfaceID, ok[1] = ident(b, end(fAccountID)+1, end(fInterfaceID), "eni-")
	r.SrcAddr, ok[2] = address(b, end(fInterfaceID)+1, end(fSrcAddr))
	r.DstAddr, ok[3] = address(b, end(fSrcAddr)+1, end(fDstAddr))
	r.Action, ok[4] = action(b, end(fEnd)+1, end(fAction))
	r.LogStatus, ok[5] = logStatus(b, end(fAction)+1, end(fLogStatus))
	return ok[0] && ok[1] && ok[2] && ok[3] && ok[4] && ok[5]
}

// complete: the record has all values of the default fields, but for the identifiers.
func (r *Record) complete() bool {
	return r.SrcPort|r.DstPort|r.Protocol >= 0 && r.Packets|r.Bytes|r.Start|r.End >= 0 && r.Action != 0 && r.LogStatus != 0 &&
		r.SrcAddr.IsValid() && r.DstAddr.IsValid()
}

// presentDefault returns which of the default fields have a value.
func (r *Record) presentDefault() uint32 {
	set := uint32(1<<fVersion | 1<<fAccountID | 1<<fInterfaceID)
	for _, v := range [...]struct {
		f   field
		has bool
	}{
		{fSrcAddr, r.SrcAddr.IsValid()}, {fDstAddr, r.DstAddr.IsValid()},
		{fSrcPort, r.SrcPort >= 0}, {fDstPort, r.DstPort >= 0}, {fProtocol, r.Protocol >= 0},
		{fPackets, r.Packets >= 0}, {fBytes, r.Bytes >= 0}, {fStart, r.Start >= 0}, {fEnd, r.End >= 0},
		{fAction, r.Action != 0}, {fLogStatus, r.LogStatus != 0},
	} {
		if v.has {
			set |= v.f.bit()
		}
	}
	return set
}

// shape checks what fields say together, and returns what is wrong with it.
func (f *Format) shape(present uint32, r *Record) string {
	const window = 1<<fStart | 1<<fEnd
	switch {
	case present&window == window && r.End < r.Start:
		return "end is before start"
	case present&(1<<fLogStatus) == 0:
		return ""
	case r.LogStatus == OK:
		if present&f.required != f.required {
			return "log-status is OK but a field of the traffic has no value"
		}
	case present&trafficBits != 0:
		return "log-status is " + r.LogStatus.String() + " but a field of the traffic has a value"
	}
	return ""
}

// parseField reads one field, b[s:e]. It says whether it has a value, and whether that is sound.
func (r *Record) parseField(id field, b []byte, s, e int) (has, ok bool) {
	var n int64
	switch id {
	case fVersion:
		n = shortNumber(b, s, e, maxVersion)
		r.Version = int(n)
		return true, n >= 2
	case fSrcPort:
		n = number(b, s, e, maxPort)
		r.SrcPort = int(n)
	case fDstPort:
		n = number(b, s, e, maxPort)
		r.DstPort = int(n)
	case fProtocol:
		n = shortNumber(b, s, e, maxByte)
		r.Protocol = int(n)
	case fTCPFlags:
		n = shortNumber(b, s, e, maxByte)
		r.TCPFlags = int(n)
	case fTrafficPath:
		n = shortNumber(b, s, e, maxByte)
		r.TrafficPath = int(n)
	case fPackets:
		n = number(b, s, e, maxCount)
		r.Packets = n
	case fBytes:
		n = number(b, s, e, maxCount)
		r.Bytes = n
	case fStart:
		n = number(b, s, e, maxUnixTime)
		r.Start = n
	case fEnd:
		n = number(b, s, e, maxUnixTime)
		r.End = n
	case fAction:
		r.Action, ok = action(b, s, e)
		return r.Action != 0, ok
	case fLogStatus:
		r.LogStatus, ok = logStatus(b, s, e)
		return r.LogStatus != 0, ok
	case fSrcAddr, fDstAddr, fPktSrcAddr, fPktDstAddr:
		p := r.address(id)
		*p, ok = address(b, s, e)
		return p.IsValid(), ok
	default:
		return true, r.parseText(id, b, s, e)
	}
	return n >= 0, n >= -1
}

func (r *Record) address(id field) *netip.Addr {
	switch id {
	case fSrcAddr:
		return &r.SrcAddr
	case fDstAddr:
		return &r.DstAddr
	case fPktSrcAddr:
		return &r.PktSrcAddr
	}
	return &r.PktDstAddr
}

func (r *Record) parseText(id field, b []byte, s, e int) (ok bool) {
	switch id {
	case fAccountID:
		r.AccountID, ok = text(b, s, e)
	case fInterfaceID:
		r.InterfaceID, ok = ident(b, s, e, "eni-")
	case fVPCID:
		r.VPCID, ok = ident(b, s, e, "vpc-")
	case fSubnetID:
		r.SubnetID, ok = ident(b, s, e, "subnet-")
	case fInstanceID:
		r.InstanceID, ok = ident(b, s, e, "i-")
	case fType:
		r.Type, ok = oneOf(b, s, e, "IPv4", "IPv6", "EFA")
	case fFlowDirection:
		r.FlowDirection, ok = oneOf(b, s, e, "ingress", "egress", "ingress")
	case fRegion:
		r.Region, ok = text(b, s, e)
	case fAZID:
		r.AZID, ok = text(b, s, e)
	case fRejectReason:
		r.RejectReason, ok = text(b, s, e)
	default:
		panic("flowlog: a field that is not in Record")
	}
	return ok
}
