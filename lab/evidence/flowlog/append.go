package flowlog

import (
	"net/netip"
	"strconv"
)

// Blank returns a record without any value, to fill in and write.
func Blank() Record {
	return Record{Version: -1, SrcPort: -1, DstPort: -1, Protocol: -1, Packets: -1, Bytes: -1, Start: -1, End: -1, TCPFlags: -1, TrafficPath: -1}
}

// Append appends the record's line in the format, without a line end. Fields that the record does not have are written "-".
// A record that another format was read into has values of Other only for that format.
func (f *Format) Append(b []byte, r *Record) []byte {
	others := 0
	for i, c := range f.cols {
		if i > 0 {
			b = append(b, ' ')
		}
		if c.field != fOther {
			b = r.appendField(b, c.field)
			continue
		}
		var v []byte
		if others < len(r.Other) {
			v = r.Other[others]
		}
		others++
		b = appendText(b, v)
	}
	return b
}

// AppendText appends the record's line in the default format, without a line end. The error is always nil.
func (r *Record) AppendText(b []byte) ([]byte, error) {
	for id := fVersion; id <= fLogStatus; id++ {
		if id > fVersion {
			b = append(b, ' ')
		}
		b = r.appendField(b, id)
	}
	return b, nil
}

func (r *Record) appendField(b []byte, id field) []byte {
	switch id {
	case fVersion:
		return appendNumber(b, int64(r.Version))
	case fSrcPort:
		return appendNumber(b, int64(r.SrcPort))
	case fDstPort:
		return appendNumber(b, int64(r.DstPort))
	case fProtocol:
		return appendNumber(b, int64(r.Protocol))
	case fPackets:
		return appendNumber(b, r.Packets)
	case fBytes:
		return appendNumber(b, r.Bytes)
	case fStart:
		return appendNumber(b, r.Start)
	case fEnd:
		return appendNumber(b, r.End)
	case fTCPFlags:
		return appendNumber(b, int64(r.TCPFlags))
	case fTrafficPath:
		return appendNumber(b, int64(r.TrafficPath))
	case fSrcAddr, fDstAddr, fPktSrcAddr, fPktDstAddr:
		return appendAddr(b, *r.address(id))
	case fAction:
		return append(b, r.Action.String()...)
	case fLogStatus:
		return append(b, r.LogStatus.String()...)
	}
	return appendText(b, r.textField(id))
}

func (r *Record) textField(id field) []byte {
	switch id {
	case fAccountID:
		return r.AccountID
	case fInterfaceID:
		return r.InterfaceID
	case fVPCID:
		return r.VPCID
	case fSubnetID:
		return r.SubnetID
	case fInstanceID:
		return r.InstanceID
	case fType:
		return r.Type
	case fFlowDirection:
		return r.FlowDirection
	case fRegion:
		return r.Region
	case fAZID:
		return r.AZID
	case fRejectReason:
		return r.RejectReason
	}
	panic("flowlog: a field that is not in Record")
}

func appendNumber(b []byte, n int64) []byte {
	if n < 0 {
		return append(b, '-')
	}
	return strconv.AppendInt(b, n, 10)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, '-')
	}
	return a.AppendTo(b)
}

func appendText(b, v []byte) []byte {
	if len(v) == 0 {
		return append(b, '-')
	}
	return append(b, v...)
}

// String returns the word that a flow log has for the action.
func (a Action) String() string {
	switch a {
	case Accept:
		return "ACCEPT"
	case Reject:
		return "REJECT"
	}
	return "-"
}

// String returns the word that a flow log has for the status.
func (s Status) String() string {
	switch s {
	case OK:
		return "OK"
	case NoData:
		return "NODATA"
	case SkipData:
		return "SKIPDATA"
	}
	return "-"
}

// Clone returns a copy that borrows nothing.
func (r *Record) Clone() *Record {
	c := *r
	texts := []*[]byte{&c.AccountID, &c.InterfaceID, &c.VPCID, &c.SubnetID, &c.InstanceID, &c.Type, &c.Region, &c.AZID,
		&c.FlowDirection, &c.RejectReason}
	c.Other = append([][]byte(nil), r.Other...)
	for i := range c.Other {
		texts = append(texts, &c.Other[i])
	}
	n := 0
	for _, t := range texts {
		n += len(*t)
	}
	all := make([]byte, 0, n) // one allocation for all texts
	for _, t := range texts {
		if *t != nil {
			start := len(all)
			all = append(all, *t...)
			*t = all[start:len(all):len(all)]
		}
	}
	return &c
}
