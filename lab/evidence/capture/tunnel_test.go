package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// ether puts a frame's header with tags in front of an IP packet.
func ether(ip []byte, tags ...byte) []byte {
	b := append(make([]byte, 12), tags...)
	if ip[0]>>4 == 6 {
		return append(append(b, 0x86, 0xdd), ip...)
	}
	return append(append(b, 8, 0), ip...)
}

// udp makes an IP packet with a UDP datagram.
func udp(src, dst string, port uint16, payload []byte) []byte {
	a, b := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	head := be.AppendUint16(be.AppendUint16(nil, 54321), port)
	head = be.AppendUint16(head, uint16(8+len(payload)))
	datagram := append(append(head, 0, 0), payload...)
	var ip []byte
	if a.Is4() {
		ip = be.AppendUint16([]byte{0x45, 0}, uint16(20+len(datagram)))
		ip = append(ip, 0, 1, 0, 0, 64, protoUDP, 0, 0)
	} else {
		ip = be.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(datagram)))
		ip = append(ip, protoUDP, 64)
	}
	ip = append(append(ip, a.AsSlice()...), b.AsSlice()...)
	return append(ip, datagram...)
}

func vxlan(vni uint32, frame []byte) []byte {
	return append(be.AppendUint32([]byte{8, 0, 0, 0}, vni<<8), frame...)
}

// geneve has options as a Gateway Load Balancer sends them: class 0x0108, of 8, 8 and 4 bytes
// (docs.aws.amazon.com/elasticloadbalancing/latest/gateway/gateway-load-balancers.html names the header; RFC 8926, section 3.5, its form).
func geneve(vni uint32, etherType uint16, inner []byte) []byte {
	options := append([]byte{1, 8, 1, 2}, make([]byte, 8)...)
	options = append(append(options, 1, 8, 2, 2), make([]byte, 8)...)
	options = append(options, 1, 8, 3, 1, 0xca, 0xfe, 0xba, 0xbe)
	b := be.AppendUint16([]byte{byte(len(options) / 4), 0}, etherType)
	return append(append(be.AppendUint32(b, vni<<8), options...), inner...)
}

type tunnelled struct {
	name  string
	frame []byte
	vni   int
}

func tunnels(t testing.TB) []tunnelled {
	ip4 := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	ip6 := refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443").packets[3].ip
	const a, b = "10.0.1.10", "10.0.9.10"
	const a6, b6 = "2001:db8:1::10", "2001:db8:9::10"
	return []tunnelled{
		{"VXLAN", ether(udp(a, b, 4789, vxlan(0, ether(ip4)))), 0},
		{"VXLAN, the greatest VNI", ether(udp(a, b, 4789, vxlan(1<<24-1, ether(ip6)))), 1<<24 - 1},
		{"VXLAN over IPv6", ether(udp(a6, b6, 4789, vxlan(77, ether(ip4)))), 77},
		{"VXLAN, VLAN outside", ether(udp(a, b, 4789, vxlan(77, ether(ip4))), 0x81, 0, 0, 9), 77},
		{"VXLAN, QinQ inside", ether(udp(a, b, 4789, vxlan(77, ether(ip6, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6)))), 77},
		{"GENEVE with IPv4", ether(udp(a, b, 6081, geneve(5, 0x0800, ip4))), 5},
		{"GENEVE with IPv6", ether(udp(a, b, 6081, geneve(5, 0x86dd, ip6))), 5},
		{"GENEVE with a frame", ether(udp(a, b, 6081, geneve(5, 0x6558, ether(ip4)))), 5},
		{"GENEVE over IPv6", ether(udp(a6, b6, 6081, geneve(5, 0x0800, ip4))), 5},
	}
}

// What is inside of a tunnel is read, and tshark sees the same there.
func TestTunnels(t *testing.T) {
	all := tunnels(t)
	var frames [][]byte
	for _, tt := range all {
		frames = append(frames, tt.frame)
	}
	file := oldPcap(binary.LittleEndian, magicMicro, linkEthernet, frames...)
	got, errs := read(t, file)
	require.Empty(t, errs)
	require.Len(t, got, len(all))
	for i, tt := range all {
		require.Equal(t, tt.vni, got[i].VNI, tt.name)
		require.EqualValues(t, 443, got[i].Dst.Port(), tt.name)
		require.Len(t, got[i].Payload, 164, tt.name)
	}
	path := filepath.Join(t.TempDir(), "tunnels.pcap")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	out := tool(t, "tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.number", "-e", "ip.dst", "-e", "ipv6.dst", "-e", "tcp.dstport", "-e", "tcp.len")
	for i, p := range got {
		require.Regexp(t, fmt.Sprintf(`(?m)^%d\t.*\b%s\t(.*\t)?443\t164$`, i+1, strings.ReplaceAll(p.Dst.Addr().String(), ".", `\.`)), out, all[i].name)
	}
}

// What only looks like a tunnel is a UDP packet, and what is cut off is counted.
func TestOddTunnels(t *testing.T) {
	inner := ether(refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip)
	plain := map[string][]byte{
		"VXLAN without a VNI": udp("10.0.0.1", "10.0.0.2", 4789, append(make([]byte, 8), inner...)),
		"short VXLAN":         udp("10.0.0.1", "10.0.0.2", 4789, []byte{8, 0, 0}),
		"another version":     udp("10.0.0.1", "10.0.0.2", 6081, append([]byte{0x40, 0, 0x65, 0x58, 0, 0, 0, 0}, inner...)),
		"another port":        udp("10.0.0.1", "10.0.0.2", 4790, vxlan(5, inner)),
	}
	for name, ip := range plain {
		got, errs := read(t, oldPcap(binary.LittleEndian, magicMicro, linkRaw, ip))
		require.Empty(t, errs, name)
		require.Len(t, got, 1, name)
		require.Equal(t, -1, got[0].VNI, name)
		require.EqualValues(t, protoUDP, got[0].Protocol, name)
	}
	whole := vxlan(5, inner)
	for n := 8; n < len(whole); n++ { // as a mirror session with a packet length cuts it
		var st Stats
		file := oldPcap(binary.LittleEndian, magicMicro, linkRaw, udp("10.0.0.1", "10.0.0.2", 4789, whole[:n]))
		for c, err := range ConversationsWithin(bytes.NewReader(file), nil, &Limits{Stats: &st}) {
			require.NoError(t, err, "%d bytes", n)
			require.EqualValues(t, 216, c.FromClient.Bytes)
		}
		require.EqualValues(t, 1, st.Truncated, "%d bytes", n)
	}
	_, errs := read(t, oldPcap(binary.LittleEndian, magicMicro, linkRaw, udp("10.0.0.1", "10.0.0.2", 6081, []byte{0x3f, 0, 8, 0, 0, 0, 1, 0})))
	require.Len(t, errs, 1)
	require.Contains(t, errs[0], "GENEVE options are longer than the packet")
}

// gopacket decodes the same addresses, ports, numbers and payloads, where it finds no fault.
func compareDecoding(t *testing.T, frame []byte) bool {
	t.Helper()
	var p packet
	p.vni = -1
	what := p.link(frame, linkEthernet, len(frame))
	g := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
	var tcp *layers.TCP
	var src, dst netip.Addr
	networks := 0
	for _, l := range g.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			networks++
			src, _ = netip.AddrFromSlice(l.SrcIP.To4())
			dst, _ = netip.AddrFromSlice(l.DstIP.To4())
			if l.Flags&layers.IPv4MoreFragments != 0 || l.FragOffset != 0 {
				return false
			}
		case *layers.IPv6:
			networks++
			src, _ = netip.AddrFromSlice(l.SrcIP)
			dst, _ = netip.AddrFromSlice(l.DstIP)
		case *layers.TCP:
			tcp = l
		}
	}
	if tcp == nil || networks > 2 || g.ErrorLayer() != nil || what != "" || p.protocol != protoTCP || p.fragment || p.ipLen > len(frame) {
		return false
	}
	require.Equal(t, netip.AddrPortFrom(src, uint16(tcp.SrcPort)), p.src.addrPort(p.v6))
	require.Equal(t, netip.AddrPortFrom(dst, uint16(tcp.DstPort)), p.dst.addrPort(p.v6))
	require.Equal(t, tcp.Seq, p.seq)
	require.Equal(t, tcp.SYN, p.flags&SYN != 0)
	require.Equal(t, tcp.RST, p.flags&RST != 0)
	if !bytes.Equal(tcp.Payload, p.payload) {
		require.Equal(t, tcp.Payload, p.payload)
	}
	return true
}

func TestDecodingAsGopacket(t *testing.T) {
	compared := 0
	for _, tt := range tunnels(t) {
		if compareDecoding(t, tt.frame) {
			compared++
		}
	}
	require.Greater(t, compared, 6)
	require.True(t, compareDecoding(t, ether(refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443").packets[3].ip, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6)))
}

// FuzzDecode decodes one frame of any link type: what comes out is within the frame, and for Ethernet as gopacket sees it.
func FuzzDecode(f *testing.F) {
	for _, tt := range tunnels(f) {
		f.Add(uint16(linkEthernet), tt.frame)
	}
	ip := refused(f, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	for _, link := range []uint16{linkNull, linkRaw, linkSLL, linkSLL2, linkLoop} {
		f.Add(link, append(make([]byte, 20), ip...))
		f.Add(link, ip)
	}
	f.Fuzz(func(t *testing.T, link uint16, frame []byte) {
		p := packet{vni: -1}
		if what := p.link(frame, int(link), len(frame)); what != "" {
			return
		}
		if len(p.payload) > len(frame) || p.payloadLen < 0 || p.ipLen < 20 || p.vni < -1 || p.vni >= 1<<24 {
			t.Fatalf("%+v", p)
		}
	})
}
