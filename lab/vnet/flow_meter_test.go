package vnet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/stretchr/testify/require"
)

// line shows what the tests look at of a record.
func line(r *flowlog.Record) string {
	return fmt.Sprintf("%s %s:%d>%s:%d proto %d, %d packets %d bytes flags %d, %d-%d, %s %s path %d action %d status %d",
		r.InterfaceID, r.SrcAddr, r.SrcPort, r.DstAddr, r.DstPort, r.Protocol, r.Packets, r.Bytes, r.TCPFlags,
		r.Start, r.End, r.Type, r.FlowDirection, r.TrafficPath, r.Action, r.LogStatus)
}

// segment builds a packet with a payload of zeros at a second of the default day.
func segment(at int, inbound bool, client, node netip.AddrPort, flags uint8, payload int) *Packet {
	src, dst := client, node
	if !inbound {
		src, dst = node, client
	}
	b := make([]byte, 40)
	if client.Addr().Is4() {
		b = b[:20]
		b[0], b[9] = 0x45, 6
		binary.BigEndian.PutUint16(b[2:], uint16(20+32+payload))
		copy(b[12:], src.Addr().AsSlice())
		copy(b[16:], dst.Addr().AsSlice())
	} else {
		b[0], b[6] = 0x60, 6
		binary.BigEndian.PutUint16(b[4:], uint16(32+payload))
		copy(b[8:], src.Addr().AsSlice())
		copy(b[24:], dst.Addr().AsSlice())
	}
	t := make([]byte, 32+payload)
	binary.BigEndian.PutUint16(t, src.Port())
	binary.BigEndian.PutUint16(t[2:], dst.Port())
	t[12], t[13] = 8<<4, flags
	return &Packet{Time: defaultStart.Add(time.Duration(at) * time.Second), Inbound: inbound, Data: append(b, t...)}
}

func TestFlowMeter(t *testing.T) {
	const S, SA, A, PA, FA, RA, SE = 2, 18, 16, 24, 17, 20, 2 | 64
	c, d := netip.AddrPortFrom(client4, 40000), netip.AddrPortFrom(client4, 39999)
	v := netip.AddrPortFrom(client6, 40000)
	n, m := netip.AddrPortFrom(node4, 443), netip.AddrPortFrom(node6, 443)
	target := netip.AddrPortFrom(target4, 80)
	rejected := func(p *Packet) *Packet { p.Rejected = true; return p }
	short := func(p *Packet, n int) *Packet { p.Data = p.Data[:n]; return p }
	icmp := func(p *Packet) *Packet { p.Data[9] = 1; return p }
	day := defaultStart.Unix()
	tests := []struct {
		name    string
		change  func(*FlowConfig)
		packets []*Packet
		want    []string // day is subtracted from the times
	}{
		{"refused", nil, []*Packet{
			segment(1, true, c, n, S, 8), segment(1, false, c, n, SA, 8), segment(2, true, c, n, A, 0), segment(2, true, c, n, PA, 164),
			segment(2, false, c, n, A, 0), segment(3, false, c, n, RA, 0),
		}, []string{
			"eni-0a 10.0.1.10:443>203.0.113.10:40000 proto 6, 3 packets 164 bytes flags 22, 1-3, IPv4 egress path 8 action 1 status 1",
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 3 packets 328 bytes flags 2, 1-2, IPv4 ingress path -1 action 1 status 1",
		}},
		{"window edge", nil, []*Packet{
			segment(59, true, c, n, S, 0), segment(59, false, c, n, SA, 0), segment(60, true, c, n, A, 0), segment(60, true, c, n, PA, 164),
			segment(60, false, c, n, RA, 0),
		}, []string{
			"eni-0a 10.0.1.10:443>203.0.113.10:40000 proto 6, 1 packets 52 bytes flags 18, 59-59, IPv4 egress path 8 action 1 status 1",
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 59-59, IPv4 ingress path -1 action 1 status 1",
			"eni-0a 10.0.1.10:443>203.0.113.10:40000 proto 6, 1 packets 52 bytes flags 4, 60-60, IPv4 egress path 8 action 1 status 1",
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 2 packets 268 bytes flags 0, 60-60, IPv4 ingress path -1 action 1 status 1",
		}},
		{"IPv6 closed well", nil, []*Packet{
			segment(1, true, v, m, S, 0), segment(1, false, v, m, SA, 0), segment(1, true, v, m, FA, 0), segment(1, false, v, m, FA, 0),
		}, []string{
			"eni-0a 2001:db8::10:40000>2001:db8:1::10:443 proto 6, 2 packets 144 bytes flags 3, 1-1, IPv6 ingress path -1 action 1 status 1",
			"eni-0a 2001:db8:1::10:443>2001:db8::10:40000 proto 6, 2 packets 144 bytes flags 19, 1-1, IPv6 egress path 8 action 1 status 1",
		}},
		{"accepted and rejected apart, SYN with ECE", nil, []*Packet{
			rejected(segment(1, true, c, n, SE, 0)), segment(2, true, c, n, SE, 0),
		}, []string{
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 1-1, IPv4 ingress path -1 action 2 status 1",
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 2-2, IPv4 ingress path -1 action 1 status 1",
		}},
		{"target is in the VPC", nil, []*Packet{segment(1, false, target, netip.AddrPortFrom(node4, 33000), S, 0)}, []string{
			"eni-0a 10.0.1.10:33000>10.0.3.10:80 proto 6, 1 packets 52 bytes flags 2, 1-1, IPv4 egress path 1 action 1 status 1",
		}},
		{"order by start, then tuple", nil, []*Packet{segment(2, true, c, n, S, 0), segment(2, true, d, n, S, 0), segment(3, true, v, m, S, 0)}, []string{
			"eni-0a 203.0.113.10:39999>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 2-2, IPv4 ingress path -1 action 1 status 1",
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 2-2, IPv4 ingress path -1 action 1 status 1",
			"eni-0a 2001:db8::10:40000>2001:db8:1::10:443 proto 6, 1 packets 72 bytes flags 2, 3-3, IPv6 ingress path -1 action 1 status 1",
		}},
		{"no ports: ICMP, cut packets; no IP", nil, []*Packet{
			icmp(segment(1, true, c, n, 0, 32)), short(segment(1, true, d, n, S, 0), 22), short(segment(1, true, d, n, S, 0), 19),
			{Time: defaultStart, Data: []byte("POST / HTTP/1.1\r\n\r\nnot an IP packet at all, but long")},
			{Time: defaultStart, Interface: 7, Data: segment(1, true, c, n, S, 0).Data},
		}, []string{
			"eni-0a 203.0.113.10:0>10.0.1.10:0 proto 1, 1 packets 84 bytes flags 0, 1-1, IPv4 ingress path -1 action 1 status 1",
			"eni-0a 203.0.113.10:0>10.0.1.10:0 proto 6, 1 packets 52 bytes flags 0, 1-1, IPv4 ingress path -1 action 1 status 1",
		}},
		{"full: the oldest ends early", func(c *FlowConfig) { c.MaxFlows = 2 }, []*Packet{
			segment(1, true, c, n, S, 0), segment(2, true, d, n, S, 0), segment(3, false, c, n, SA, 0), segment(4, true, c, n, A, 0),
		}, []string{
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 1-1, IPv4 ingress path -1 action 1 status 1",
			"eni-0a 203.0.113.10:39999>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 2-2, IPv4 ingress path -1 action 1 status 1",
			"eni-0a 10.0.1.10:443>203.0.113.10:40000 proto 6, 1 packets 52 bytes flags 18, 3-3, IPv4 egress path 8 action 1 status 1",
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 0, 4-4, IPv4 ingress path -1 action 1 status 1",
		}},
		{"no data", func(c *FlowConfig) { c.NoData = true }, []*Packet{segment(1, true, c, n, S, 0), segment(121, true, c, n, A, 0)}, []string{
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 2, 1-1, IPv4 ingress path -1 action 1 status 1",
			"eni-0b invalid IP:-1>invalid IP:-1 proto -1, -1 packets -1 bytes flags -1, 0-59,   path -1 action 0 status 2",
			"eni-0a invalid IP:-1>invalid IP:-1 proto -1, -1 packets -1 bytes flags -1, 60-119,   path -1 action 0 status 2",
			"eni-0b invalid IP:-1>invalid IP:-1 proto -1, -1 packets -1 bytes flags -1, 60-119,   path -1 action 0 status 2",
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 1 packets 52 bytes flags 0, 121-121, IPv4 ingress path -1 action 1 status 1",
		}},
		{"window of ten minutes", func(c *FlowConfig) { c.Window = 10 * time.Minute }, []*Packet{segment(1, true, c, n, S, 0), segment(599, true, c, n, A, 0)}, []string{
			"eni-0a 203.0.113.10:40000>10.0.1.10:443 proto 6, 2 packets 104 bytes flags 2, 1-599, IPv4 ingress path -1 action 1 status 1",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			c := FlowConfig{Interfaces: testConfig().Nodes, Account: "123456789012", VPC: "vpc-1", Region: "us-east-1"}
			c.Emit = func(r *flowlog.Record) {
				require.Equal(t, "123456789012 vpc-1 us-east-1", fmt.Sprintf("%s %s %s", r.AccountID, r.VPCID, r.Region))
				require.Empty(t, r.InstanceID)
				require.Empty(t, r.RejectReason)
				require.Equal(t, 2, r.Version)
				require.Equal(t, "subnet-"+string(r.InterfaceID[4:]), string(r.SubnetID))
				s := *r
				s.Start, s.End = s.Start-day, s.End-day
				got = append(got, line(&s))
			}
			if tt.change != nil {
				tt.change(&c)
			}
			m := NewFlowMeter(c)
			for _, p := range tt.packets {
				m.Observe(p)
			}
			m.Close()
			require.Equal(t, tt.want, got)
			m.Close()
			require.Len(t, got, len(tt.want))
		})
	}
}

func TestFlowMeterFlush(t *testing.T) {
	var got int
	m := NewFlowMeter(FlowConfig{Interfaces: testConfig().Nodes, Emit: func(*flowlog.Record) { got++ }})
	m.Flush(defaultStart)
	m.Observe(segment(30, true, netip.AddrPortFrom(client4, 1), netip.AddrPortFrom(node4, 443), 2, 0))
	m.Flush(defaultStart.Add(59 * time.Second))
	require.Zero(t, got)
	m.Flush(defaultStart.Add(time.Minute))
	require.Equal(t, 1, got)
	m.Flush(defaultStart.Add(time.Hour))
	m.Close()
	require.Equal(t, 1, got)
}

// TestWindowSplit splits a real handshake at a minute's edge.
func TestWindowSplit(t *testing.T) {
	clock := NewManualClock(defaultStart.Add(59*time.Second + 999*time.Millisecond))
	n, shapes := metered(t, func(c *Config) { c.Clock = clock })
	to := netip.AddrPortFrom(node4, 443)
	serve(t, n, to, refuse(164))
	c, err := n.Dial(testContext(t), client4, to)
	require.NoError(t, err)
	require.NoError(t, n.Quiesce(testContext(t)))
	clock.Advance(time.Millisecond)
	_, err = c.Write(make([]byte, 164))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	in, out := shapes()
	require.Equal(t, map[shape]int{{2, 112, 2, flowlog.Accept}: 1, {1, 216, 0, flowlog.Accept}: 1}, in)
	require.Equal(t, map[shape]int{{1, 60, 18, flowlog.Accept}: 1, {2, 104, 4, flowlog.Accept}: 1}, out)
}

// FuzzObserve feeds the meter whatever bytes: it must not panic and must not lose a packet that it counts.
func FuzzObserve(f *testing.F) {
	for _, client := range []netip.Addr{client4, client6} {
		f.Add(segment(1, true, netip.AddrPortFrom(client, 1), netip.AddrPortFrom(node4, 443), 2, 9).Data, true)
	}
	hop := segment(1, true, netip.AddrPortFrom(client6, 1), netip.AddrPortFrom(node6, 443), 2, 0).Data
	for _, first := range []byte{ipv6HopByHop, ipv6Routing, ipv6DestOpts, ipv6Fragment} {
		hop[6] = first
		f.Add(append(append(hop[:40:40], protoTCP, 0, 0, 0, 0, 0, 0, 0), hop[40:]...), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, inbound bool) {
		var records, packets int64
		m := NewFlowMeter(FlowConfig{Interfaces: testConfig().Nodes, MaxFlows: 1, Emit: func(r *flowlog.Record) {
			records++
			packets += r.Packets
			if r.TCPFlags < 0 || r.TCPFlags > 23 || !r.SrcAddr.IsValid() || !r.DstAddr.IsValid() {
				t.Errorf("%s", line(r))
			}
		}})
		p := Packet{Time: defaultStart, Inbound: inbound, Data: b}
		_, isIP := parseFlow(&p)
		m.Observe(&p)
		p.Rejected = true
		m.Observe(&p)
		m.Close()
		if isIP && (records != 2 || packets != 2) || !isIP && records != 0 {
			t.Errorf("%d records, %d packets", records, packets)
		}
	})
}
