package flowlog

// field is a column of a flow log.
type field uint8

// The fields that Record names. All others are fOther.
const (
	fOther field = iota
	fVersion
	fAccountID
	fInterfaceID
	fSrcAddr
	fDstAddr
	fSrcPort
	fDstPort
	fProtocol
	fPackets
	fBytes
	fStart
	fEnd
	fAction
	fLogStatus
	fVPCID
	fSubnetID
	fInstanceID
	fTCPFlags
	fType
	fPktSrcAddr
	fPktDstAddr
	fRegion
	fAZID
	fFlowDirection
	fTrafficPath
	fRejectReason
)

// column is a field with its name and the record version that brought it.
type column struct {
	field   field
	name    string
	version int // 0: a name that this package does not know, taken from a header row
}

// columns lists every field of VPC flow logs. Version 6 is of transit gateway flow logs.
// Source: docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html; version 10 also
// docs.aws.amazon.com/vpc/latest/userguide/vpc-encryption-controls.html.
func columns() []column {
	named := []column{
		{fVersion, "version", 2}, {fAccountID, "account-id", 2}, {fInterfaceID, "interface-id", 2},
		{fSrcAddr, "srcaddr", 2}, {fDstAddr, "dstaddr", 2}, {fSrcPort, "srcport", 2}, {fDstPort, "dstport", 2},
		{fProtocol, "protocol", 2}, {fPackets, "packets", 2}, {fBytes, "bytes", 2}, {fStart, "start", 2}, {fEnd, "end", 2},
		{fAction, "action", 2}, {fLogStatus, "log-status", 2},
		{fVPCID, "vpc-id", 3}, {fSubnetID, "subnet-id", 3}, {fInstanceID, "instance-id", 3}, {fTCPFlags, "tcp-flags", 3},
		{fType, "type", 3}, {fPktSrcAddr, "pkt-srcaddr", 3}, {fPktDstAddr, "pkt-dstaddr", 3},
		{fRegion, "region", 4}, {fAZID, "az-id", 4}, {fFlowDirection, "flow-direction", 5}, {fTrafficPath, "traffic-path", 5},
		{fRejectReason, "reject-reason", 8},
	}
	for _, other := range []struct {
		version int
		names   []string
	}{
		{4, []string{"sublocation-type", "sublocation-id"}},
		{5, []string{"pkt-src-aws-service", "pkt-dst-aws-service"}},
		{7, []string{"ecs-cluster-arn", "ecs-cluster-name", "ecs-container-instance-arn", "ecs-container-instance-id",
			"ecs-container-id", "ecs-second-container-id", "ecs-service-name", "ecs-task-definition-arn", "ecs-task-arn", "ecs-task-id"}},
		{9, []string{"resource-id"}},
		{10, []string{"encryption-status"}},
		{11, []string{"instance-tag", "instance-tag-2", "interface-tag", "interface-tag-2", "asg-tag", "asg-tag-2", "interface-type",
			"next-hop-interface-id", "next-hop-subnet-id", "next-hop-az-id", "next-hop-vpc-id", "next-hop-interface-type"}},
	} {
		for _, name := range other.names {
			named = append(named, column{fOther, name, other.version})
		}
	}
	return named
}

// bit is the field's place in a set of fields.
func (f field) bit() uint32 { return 1 << f }

// What a record without traffic has no value for, and one with traffic has.
// Source: docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html, "No data and skipped records".
const (
	endpointBits = 1<<fSrcAddr | 1<<fDstAddr | 1<<fSrcPort | 1<<fDstPort
	trafficBits  = endpointBits | 1<<fProtocol | 1<<fPackets | 1<<fBytes | 1<<fAction
)
