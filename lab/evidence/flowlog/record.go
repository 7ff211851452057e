// Package flowlog reads and writes VPC flow log records: the default format and any custom one.
//
// Start with [Records] or, for writing, [ParseFormat] and [Record.AppendText].
package flowlog

import "net/netip"

// Action is ACCEPT or REJECT.
type Action uint8

// The actions; 0 is "-".
const (
	Accept Action = iota + 1
	Reject
)

// Status is the log-status field.
type Status uint8

// The statuses; 0 is "-".
const (
	OK Status = iota + 1
	NoData
	SkipData
)

// Record is one record of a VPC flow log (source: docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
// Byte fields borrow the reader's buffer until the next step. A number that the record does not have is -1, an address
// the zero Addr, a text empty; all three are written "-".
type Record struct {
	Line                   int // position in the input, from 1; not part of the record
	Version                int
	AccountID, InterfaceID []byte
	SrcAddr, DstAddr       netip.Addr
	SrcPort, DstPort       int
	Protocol               int
	Packets, Bytes         int64
	Start, End             int64 // Unix seconds
	Action                 Action
	LogStatus              Status
	VPCID, SubnetID        []byte
	InstanceID             []byte
	TCPFlags               int
	Type                   []byte // IPv4, IPv6, EFA
	PktSrcAddr, PktDstAddr netip.Addr
	Region, AZID           []byte
	FlowDirection          []byte // ingress, egress
	TrafficPath            int
	RejectReason           []byte
	Other                  [][]byte // fields of the format that this struct does not name, in the format's order
}
