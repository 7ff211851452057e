package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func read(t testing.TB, file []byte) (all []Packet, errs []string) {
	t.Helper()
	for p, err := range Packets(bytes.NewReader(file), &evidence.Options{File: "x.pcap"}) {
		if err != nil {
			var pe *evidence.ParseError
			require.ErrorAs(t, err, &pe)
			errs = append(errs, err.Error())
			continue
		}
		q := *p
		q.Payload = bytes.Clone(p.Payload)
		all = append(all, q)
	}
	return all, errs
}

func refused(t testing.TB, client, server string) *script {
	s := newScript(t)
	f := s.flow(client, server)
	f.open()
	f.send(true, PSH|ACK, hello11(t, 164))
	f.send(false, ACK, nil)
	f.send(false, RST|ACK, nil)
	return s
}

// Written and read back, plain and from a mirror, the packets are the same.
func TestPacketsRoundTrip(t *testing.T) {
	s := refused(t, "203.0.113.10:32768", "10.0.1.10:443")
	s6 := refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443")
	s.packets = append(s.packets, s6.packets...)
	plain, errs := read(t, s.pcap())
	require.Empty(t, errs)
	mirrored, errs := read(t, s.mirror(0))
	require.Empty(t, errs)
	require.Len(t, plain, 12)
	for i := range mirrored {
		require.Equal(t, 7777, mirrored[i].VNI)
		mirrored[i].VNI = -1
	}
	require.Equal(t, plain, mirrored)
	require.Equal(t, Packet{Number: 4, Time: start.Add(3 * time.Millisecond), VNI: -1,
		Src: netip.MustParseAddrPort("203.0.113.10:32768"), Dst: netip.MustParseAddrPort("10.0.1.10:443"),
		Protocol: 6, IPLen: 216, Flags: PSH | ACK, Seq: 0xffffff01, Ack: 1001, Window: 0xfaf0,
		Payload: hello11(t, 164), PayloadLen: 164}, plain[3])
	require.EqualValues(t, 1460, plain[0].MSS)
}

// oldPcap writes frames as a pcap of any byte order, resolution and link type.
func oldPcap(order binary.AppendByteOrder, magic uint32, link int, frames ...[]byte) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(b, 65535)
	b = order.AppendUint32(b, uint32(link))
	for i, f := range frames {
		b = order.AppendUint32(b, uint32(1700000000+i))
		b = order.AppendUint32(b, 123456)
		b = order.AppendUint32(b, uint32(len(f)))
		b = order.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

func TestPcapVariants(t *testing.T) {
	ip4 := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	ip6 := refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443").packets[3].ip
	ether := func(types ...byte) []byte { return append(make([]byte, 12), types...) }
	sll2 := append([]byte{8, 0}, make([]byte, 18)...)
	tests := []struct {
		name  string
		link  int
		frame []byte
	}{
		{"Ethernet", 1, append(ether(8, 0), ip4...)},
		{"Ethernet, padded", 1, append(append(ether(8, 0), ip4...), 0, 0, 0, 0)},
		{"Ethernet, IPv6", 1, append(ether(0x86, 0xdd), ip6...)},
		{"VLAN", 1, append(ether(0x81, 0, 0, 5, 8, 0), ip4...)},
		{"QinQ", 1, append(ether(0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd), ip6...)},
		{"raw", 101, ip4}, {"raw of BSD", 12, ip6}, {"raw of OpenBSD", 14, ip6}, {"IPv4", 228, ip4}, {"IPv6", 229, ip6},
		{"null", 0, append([]byte{2, 0, 0, 0}, ip4...)}, {"loop", 108, append([]byte{0, 0, 0, 24}, ip6...)},
		{"Linux cooked", 113, append(append(make([]byte, 14), 8, 0), ip4...)},
		{"Linux cooked v2", 276, append(sll2, ip4...)},
	}
	for _, tt := range tests {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for magic, ns := range map[uint32]int{magicMicro: 123456000, magicNano: 123456} {
				got, errs := read(t, oldPcap(order, magic, tt.link, tt.frame, tt.frame))
				require.Empty(t, errs, tt.name)
				require.Len(t, got, 2, tt.name)
				require.Equal(t, time.Unix(1700000001, int64(ns)).UTC(), got[1].Time)
				require.EqualValues(t, 443, got[1].Dst.Port(), tt.name)
				require.Equal(t, 164, len(got[1].Payload), tt.name)
				require.False(t, got[1].Truncated)
			}
		}
	}
}

func TestIPVariants(t *testing.T) {
	ip4 := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	ip6 := refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443").packets[3].ip
	options := append([]byte{0x46}, ip4[1:20]...)
	be.PutUint16(options[2:], uint16(len(ip4)+4))
	options = append(append(options, 1, 1, 1, 0), ip4[20:]...)
	noLength := bytes.Clone(ip4)
	noLength[2], noLength[3] = 0, 0
	extended := bytes.Clone(ip6[:40])
	extended[6] = protoHopByHop
	headers := []byte{protoDestOpts, 0, 1, 4, 0, 0, 0, 0, protoRouting, 1}
	headers = append(headers, make([]byte, 14)...)
	headers = append(headers, protoFragment, 0, 0, 0, 0, 0, 0, 0)        // routing
	headers = append(headers, protoAH, 0, 0, 0, 0, 0, 0, 1)              // an atomic fragment
	headers = append(headers, protoTCP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // authentication header of 12 bytes
	be.PutUint16(extended[4:], uint16(len(headers)+len(ip6)-40))
	extended = append(append(extended, headers...), ip6[40:]...)
	for name, ip := range map[string][]byte{"options": options, "no length": noLength, "extension headers": extended} {
		got, errs := read(t, oldPcap(binary.LittleEndian, magicMicro, linkRaw, ip))
		require.Empty(t, errs, name)
		require.EqualValues(t, 443, got[0].Dst.Port(), name)
		require.Equal(t, len(ip), got[0].IPLen, name)
		require.Equal(t, 164, got[0].PayloadLen, name)
		require.False(t, got[0].Fragment, name)
	}

	first, later := bytes.Clone(ip4), bytes.Clone(ip4)
	first[6], later[6], later[7] = 0x20, 0, 30
	later6 := append(bytes.Clone(ip6[:40]), protoTCP, 0, 0, 9, 0, 0, 0, 1)
	later6[6] = protoFragment
	later6 = append(later6, ip6[40:]...)
	be.PutUint16(later6[4:], uint16(len(later6)-40))
	got, errs := read(t, oldPcap(binary.LittleEndian, magicMicro, linkRaw, first, later, later6))
	require.Empty(t, errs)
	for i, port := range []uint16{443, 0, 0} {
		require.True(t, got[i].Fragment)
		require.Equal(t, port, got[i].Dst.Port())
	}

	udp := bytes.Clone(ip4)
	udp[9] = protoUDP
	got, errs = read(t, oldPcap(binary.LittleEndian, magicMicro, linkRaw, udp))
	require.Empty(t, errs)
	require.EqualValues(t, protoUDP, got[0].Protocol)
	require.EqualValues(t, 443, got[0].Dst.Port())

	arp := append(append(make([]byte, 12), 8, 6), make([]byte, 28)...)
	got, errs = read(t, oldPcap(binary.LittleEndian, magicMicro, linkEthernet, arp))
	require.Empty(t, errs)
	require.Empty(t, got)
}

// block makes a pcapng block.
func block(order binary.AppendByteOrder, kind uint32, body []byte) []byte {
	body = append(bytes.Clone(body), make([]byte, -len(body)&3)...)
	b := order.AppendUint32(nil, kind)
	b = order.AppendUint32(b, uint32(len(body)+12))
	b = append(b, body...)
	return order.AppendUint32(b, uint32(len(body)+12))
}

func sectionBlock(o binary.AppendByteOrder) []byte {
	b := o.AppendUint32(nil, byteOrderMagic)
	b = o.AppendUint16(b, 1)
	b = o.AppendUint16(b, 0)
	return block(o, blockSection, o.AppendUint64(b, 1<<64-1))
}

func interfaceBlock(o binary.AppendByteOrder, link uint16, options ...byte) []byte {
	b := o.AppendUint16(nil, link)
	return block(o, blockInterface, append(append(b, 0, 0, 0, 0, 0, 0), options...))
}

func packetBlock(o binary.AppendByteOrder, iface uint32, ticks uint64, frame []byte) []byte {
	b := o.AppendUint32(nil, iface)
	b = o.AppendUint32(b, uint32(ticks>>32))
	b = o.AppendUint32(b, uint32(ticks))
	b = o.AppendUint32(b, uint32(len(frame)))
	b = o.AppendUint32(b, uint32(len(frame)))
	b = append(b, frame...)
	b = append(b, make([]byte, -len(frame)&3)...)
	return block(o, blockPacket, append(b, 0, 1, 0, 3, 'a', 'b', 'c', 0)) // with a comment
}

func TestPcapngVariants(t *testing.T) {
	ip := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		opt := func(code uint16, v ...byte) []byte {
			b := o.AppendUint16(nil, code)
			b = o.AppendUint16(b, uint16(len(v)))
			return append(append(b, v...), make([]byte, -len(v)&3)...)
		}
		offset := opt(optTSOffset, o.AppendUint64(nil, 100)...)
		file := sectionBlock(o)
		file = append(file, interfaceBlock(o, linkRaw)...)
		file = append(file, block(o, 4, make([]byte, 40))...)        // name resolution
		file = append(file, block(o, 0x0bad, make([]byte, 9001))...) // custom
		file = append(file, interfaceBlock(o, linkRaw, append(opt(optTSResolution, 9), offset...)...)...)
		file = append(file, interfaceBlock(o, linkRaw, opt(optTSResolution, 0x80|10)...)...)
		file = append(file, interfaceBlock(o, linkRaw, opt(optTSResolution, 0)...)...)
		file = append(file, packetBlock(o, 0, 1700000000_000001, ip)...)
		file = append(file, packetBlock(o, 1, 1700000000_000000001, ip)...)
		file = append(file, packetBlock(o, 2, 1700000000<<10|512, ip)...)
		file = append(file, packetBlock(o, 3, 1700000000, ip)...)
		file = append(file, block(o, 5, make([]byte, 12))...) // statistics
		file = append(file, block(o, blockSimple, append(o.AppendUint32(nil, uint32(len(ip))), ip...))...)
		old := o.AppendUint16(nil, 0)
		old = o.AppendUint16(old, 0xffff)
		old = append(old, packetBlock(o, 0, 1700000000_000001, ip)[12:]...)
		old = old[:len(old)-4]
		file = append(file, block(o, blockOldPacket, old)...)
		file = append(file, sectionBlock(o)...) // a second section has interfaces of its own
		file = append(file, interfaceBlock(o, linkRaw)...)
		file = append(file, packetBlock(o, 0, 1700000000_000007, ip)...)
		got, errs := read(t, file)
		require.Empty(t, errs)
		want := []time.Time{
			time.Unix(1700000000, 1000), time.Unix(1700000100, 1), time.Unix(1700000000, 5e8), time.Unix(1700000000, 0),
			time.Unix(1700000000, 0), time.Unix(1700000000, 1000), time.Unix(1700000000, 7000),
		}
		require.Len(t, got, len(want))
		for i, p := range got {
			require.Equal(t, i+1, p.Number)
			require.Equal(t, want[i].UTC(), p.Time, "packet %d", p.Number)
			require.Equal(t, 164, len(p.Payload))
		}
	}
}

func TestGzip(t *testing.T) {
	file := refused(t, "203.0.113.10:32768", "10.0.1.10:443").pcap()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err := z.Write(file)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	got, errs := read(t, buf.Bytes())
	require.Empty(t, errs)
	require.Len(t, got, 6)

	got, errs = read(t, buf.Bytes()[:buf.Len()-20])
	require.NotEmpty(t, got, "what could be unpacked is read")
	require.Len(t, errs, 1)
	require.Contains(t, errs[0], "damaged gzip: it ends too early, within a packet")
}

func TestDamage(t *testing.T) {
	s := refused(t, "203.0.113.10:32768", "10.0.1.10:443")
	file := s.pcap()
	at := func(n int) int { // offset of record n, from 1
		off := 24
		for _, p := range s.packets[:n-1] {
			off += 16 + 14 + len(p.ip)
		}
		return off
	}
	change := func(off int, b ...byte) []byte {
		f := bytes.Clone(file)
		copy(f[off:], b)
		return f
	}
	ip := s.packets[3].ip
	le := binary.LittleEndian
	ng := append(sectionBlock(le), interfaceBlock(le, linkRaw)...)
	pb := packetBlock(le, 0, 1, ip)
	wrongTail := bytes.Clone(pb)
	wrongTail[len(pb)-4]++
	wrongLen := bytes.Clone(pb)
	wrongLen[4] = 3
	huge := bytes.Clone(pb)
	huge[7] = 0x7f
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name    string
		file    []byte
		packets int
		want    string
	}{
		{"not a capture", []byte("hello world"), 0, "x.pcap:1: neither pcap nor pcapng: begins with 68 65 6c 6c"},
		{"half a header", file[:10], 0, "x.pcap:1: the file ends 14 bytes before the end of the file's header"},
		{"half a record header", file[:at(3)+7], 2, "x.pcap:3: the file ends 9 bytes before the end of a packet's header"},
		{"half a packet", file[:at(4)+50], 3, "x.pcap:4: the file ends 196 bytes before the end of a packet"},
		{"impossible length", change(at(3)+8, 0xff, 0xff, 0xff, 0xff), 5, "x.pcap:3: damaged: no packet has the header "},
		{"impossible time", change(at(2)+4, 0xff, 0xff, 0xff, 0xff), 5, "; going on 90 bytes later"},
		{"impossible length in the last", change(at(6)+8, 0xff, 0xff, 0xff, 0xff), 5, "; the rest of the file is left out"},
		{"IP version", change(at(2)+16+14, 0x75), 5, "x.pcap:2: IP version 7"},
		{"IP header length", change(at(2)+16+14, 0x4f, 0, 0, 60), 5, "x.pcap:2: TCP header is cut short"},
		{"IP total length", change(at(2)+16+14+2, 0, 10), 5, "x.pcap:2: IPv4 header of 20 bytes in a packet of 10"},
		{"TCP header length", change(at(2)+16+14+20+12, 0x10), 5, "x.pcap:2: TCP header of 4 bytes in 40"},
		{"link type", change(20, 147), 0, "x.pcap:1: link type 147 is not known"},
		{"block ends in another length", join(ng, wrongTail, pb), 1, "x.pcap:1: damaged: a block of type 6 ends in another length than it begins with; going on 256 bytes later"},
		{"impossible block length", join(ng, wrongLen, pb), 1, "x.pcap:1: damaged: a block of type 6 cannot have the length 259; going on 256 bytes later"},
		{"block too long", join(ng, huge, pb), 1, "x.pcap:1: damaged: a block of type 6 has the length 2130706688; going on 256 bytes later"},
		{"block cut", join(ng, pb, pb[:100]), 1, "x.pcap:2: the file ends 156 bytes before the end of a block"},
		{"no interface", join(ng, packetBlock(le, 7, 1, ip), pb), 1, "x.pcap:1: packet of interface 7, which is not described"},
		{"no byte order", join(block(le, blockSection, make([]byte, 16)), ng, pb), 1, "x.pcap:1: damaged: a section header without byte order"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, errs := read(t, tt.file)
			require.NotEmpty(t, errs)
			require.Contains(t, errs[0], tt.want)
			require.Len(t, got, tt.packets, "%q", errs)
		})
	}
}

func TestEmptyInput(t *testing.T) {
	got, errs := read(t, nil)
	require.Empty(t, got)
	require.Empty(t, errs)
}

func TestReaderErrorEndsReading(t *testing.T) {
	broken := errors.New("disk gone")
	file := refused(t, "203.0.113.10:32768", "10.0.1.10:443").pcap()
	n, last := 0, error(nil)
	for _, err := range Packets(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(broken)), nil) {
		if err != nil {
			last = err
		}
		n++
	}
	require.ErrorIs(t, last, broken)
	require.True(t, strings.HasPrefix(last.Error(), "reading capture: "), last)
	require.Equal(t, 7, n)
}

// A packet costs no allocation, read or written.
func TestNoAllocations(t *testing.T) {
	ip := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	w, err := NewWriter(io.Discard, nil)
	require.NoError(t, err)
	m, err := NewMirrorWriter(io.Discard, MirrorOptions{Sessions: []Session{{Source: netip.MustParseAddr("10.0.0.1")}}, Target: netip.MustParseAddr("10.0.0.2")})
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = w.WriteIP(start, clientMAC, nodeMAC, ip)
		_ = m.WriteIP(start, 0, clientMAC, nodeMAC, ip)
	}))
	s := newScript(t)
	for range 5000 {
		s.packets = append(s.packets, scripted{start, ip})
	}
	file := s.pcap()
	require.Less(t, testing.AllocsPerRun(3, func() {
		for range Packets(bytes.NewReader(file), nil) {
		}
	}), 30.0, "for 5,000 packets")
}
