package flowlog

import (
	"fmt"
	"net/netip"
)

// exampleRecord makes the i-th of a series of records, all valid; every fifth is IPv6, every 50th NODATA.
func exampleRecord(i int) Record {
	r := Blank()
	r.Version = 2
	r.AccountID = fmt.Appendf(nil, "1234567890%02d", i%100)
	r.InterfaceID = fmt.Appendf(nil, "eni-%017x", uint64(i)*0x9e3779b97f4a7c15>>1)[:21]
	r.Start = 1566848875 + int64(i)*7
	r.End = r.Start + int64(i%60)
	r.LogStatus = OK
	if i%50 == 49 {
		r.LogStatus = NoData
		return r
	}
	r.SrcAddr = netip.AddrFrom4([4]byte{203, byte(i >> 3), byte(i * 7), byte(i)})
	r.DstAddr = netip.AddrFrom4([4]byte{10, 0, byte(i % 3), 10})
	r.Type = []byte("IPv4")
	if i%5 == 4 {
		r.SrcAddr = netip.MustParseAddr(fmt.Sprintf("2001:db8:1234:a100:8d6e:%x:df66:%x", 1+i%0xffff, i*31&0xffff))
		r.DstAddr = netip.MustParseAddr("2001:db8:1::10")
		r.Type = []byte("IPv6")
	}
	r.PktSrcAddr, r.PktDstAddr = r.SrcAddr, r.DstAddr
	r.SrcPort, r.DstPort, r.Protocol = 1024+i%60000, 443, 6
	r.Packets = int64(3 + i%20)
	r.Bytes = r.Packets*164 + int64(i%1000)
	r.Action = Accept + Action(i%7/6)
	r.TCPFlags = []int{2, 3, 18, 19, 22}[i%5]
	r.FlowDirection = []byte("ingress")
	if i%2 == 1 {
		r.FlowDirection, r.TrafficPath = []byte("egress"), 8
	}
	r.VPCID, r.SubnetID = []byte("vpc-abcdefab012345678"), []byte("subnet-aaaaaaaa012345678")
	return r
}
