package vnet

import (
	"net/netip"

	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// Values of traffic-path. Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html.
//
// Assumption: a load balancer's interface belongs to a Nitro instance, so that its way to the Internet is 8, not 2.
const (
	pathSameVPC  = 1
	pathInternet = 8
)

// maxNoData is how many windows without packets are reported after each other.
const maxNoData = 1440

// interfaceNames are an interface's texts as records hold them.
type interfaceNames struct {
	id, subnet, az []byte
	ipv4, ipv6     netip.Addr
}

var (
	typeIPv4, typeIPv6 = []byte("IPv4"), []byte("IPv6")
	ingress, egress    = []byte("ingress"), []byte("egress")
)

// name makes the texts of records once, and the VPC's address ranges.
func (m *FlowMeter) name() {
	m.rec = flowlog.Record{
		Version: m.c.Version, AccountID: []byte(m.c.Account), VPCID: []byte(m.c.VPC), Region: []byte(m.c.Region),
	}
	guess := len(m.c.CIDRs) == 0
	for _, i := range m.c.Interfaces {
		m.names = append(m.names, interfaceNames{[]byte(i.ID), []byte(i.SubnetID), []byte(i.AZ), i.IPv4, i.IPv6})
		if guess && i.IPv4.IsValid() {
			m.c.CIDRs = append(m.c.CIDRs, netip.PrefixFrom(i.IPv4, 16).Masked())
		}
		if guess && i.IPv6.IsValid() {
			m.c.CIDRs = append(m.c.CIDRs, netip.PrefixFrom(i.IPv6, 56).Masked())
		}
	}
}

// record fills what a record has in common with all others of an interface.
func (m *FlowMeter) record(iface uint16) *flowlog.Record {
	n, r := &m.names[iface], &m.rec
	r.InterfaceID, r.SubnetID, r.AZID = n.id, n.subnet, n.az
	return r
}

func (m *FlowMeter) emit(f *flow) {
	r, k := m.record(f.key.iface), &f.key
	src, dst := k.addr(k.src), k.addr(k.dst)
	r.PktSrcAddr, r.PktDstAddr = src, dst
	// The interface's side of srcaddr and dstaddr is its primary private address whatever the packet says.
	own := m.names[k.iface].ipv4
	if k.bits&bitIPv6 != 0 {
		own = m.names[k.iface].ipv6
	}
	inbound := k.bits&bitInbound != 0
	switch {
	case !own.IsValid():
	case inbound:
		dst = own
	default:
		src = own
	}
	r.SrcAddr, r.DstAddr = src, dst
	r.SrcPort, r.DstPort, r.Protocol = int(k.srcPort), int(k.dstPort), int(k.proto)
	r.Packets, r.Bytes, r.Start, r.End = f.packets, f.bytes, f.first, f.last
	r.Action, r.LogStatus, r.TCPFlags = flowlog.Accept, flowlog.OK, int(f.flags)
	if k.bits&bitRejected != 0 {
		r.Action = flowlog.Reject
	}
	r.Type = typeIPv4
	if k.bits&bitIPv6 != 0 {
		r.Type = typeIPv6
	}
	r.FlowDirection, r.TrafficPath = ingress, -1
	if !inbound {
		r.FlowDirection, r.TrafficPath = egress, m.path(r.PktDstAddr)
	}
	m.c.Emit(r)
}

func (m *FlowMeter) path(dst netip.Addr) int {
	for _, p := range m.c.CIDRs {
		if p.Contains(dst) {
			return pathSameVPC
		}
	}
	return pathInternet
}

// noData reports the windows without packets before the one that begins at next.
func (m *FlowMeter) noData(next int64) {
	if !m.c.NoData {
		return
	}
	w := max(m.window, next-maxNoData*m.size)
	if w != m.window {
		clear(m.seen)
	}
	for ; w < next; w += m.size {
		for i := range m.names {
			if !m.seen[i] {
				m.emitNoData(uint16(i), w)
			}
		}
		clear(m.seen)
	}
}

// emitNoData emits a record with "-" in all fields but the interface's and the window's, as in
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html.
func (m *FlowMeter) emitNoData(iface uint16, start int64) {
	r := *m.record(iface)
	r.SrcAddr, r.DstAddr, r.PktSrcAddr, r.PktDstAddr = netip.Addr{}, netip.Addr{}, netip.Addr{}, netip.Addr{}
	r.SrcPort, r.DstPort, r.Protocol, r.Packets, r.Bytes, r.TCPFlags, r.TrafficPath = -1, -1, -1, -1, -1, -1, -1
	r.Start, r.End, r.Action, r.LogStatus = start, start+m.size-1, 0, flowlog.NoData
	r.Type, r.FlowDirection = nil, nil
	m.c.Emit(&r)
}

func (k *flowKey) addr(a [16]byte) netip.Addr {
	if k.bits&bitIPv6 != 0 {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[:4]))
}
