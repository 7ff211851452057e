package capture

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"sync"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

// gopacket reads what is written, packet for packet.
func TestWriterAgainstGopacket(t *testing.T) {
	s := refused(t, "203.0.113.10:32768", "10.0.1.10:443")
	s6 := refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443")
	s.packets = append(s.packets, s6.packets...)

	r, err := pcapgo.NewReader(bytes.NewReader(s.pcap()))
	require.NoError(t, err)
	require.Equal(t, layers.LinkTypeEthernet, r.LinkType())
	for i, want := range s.packets {
		data, ci, err := r.ReadPacketData()
		require.NoError(t, err)
		require.Equal(t, want.at, ci.Timestamp)
		require.Equal(t, len(want.ip)+14, ci.Length)
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		require.Nil(t, p.ErrorLayer(), "packet %d", i)
		require.Equal(t, want.ip, p.LinkLayer().LayerPayload())
		require.Equal(t, "02:00:00:00:00:01", p.LinkLayer().LinkFlow().Src().String())
	}
	_, _, err = r.ReadPacketData()
	require.ErrorIs(t, err, io.EOF)
}

func TestMirrorWriterAgainstGopacket(t *testing.T) {
	s := refused(t, "203.0.113.10:32768", "10.0.1.10:443")
	for _, length := range []int{0, 100, 10} {
		r, err := pcapgo.NewNgReader(bytes.NewReader(s.mirror(length)), pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
		require.NoError(t, err)
		ports := map[layers.UDPPort]bool{}
		for _, want := range s.packets {
			data, ci, err := r.ReadPacketData()
			require.NoError(t, err)
			require.True(t, want.at.Equal(ci.Timestamp), "%s %s", want.at, ci.Timestamp)
			p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
			ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
			require.Equal(t, "10.0.1.10", ip.SrcIP.String())
			require.Equal(t, "10.0.9.10", ip.DstIP.String())
			require.Zero(t, fold(sum16(data[14:34])), "checksum of the outer header")
			require.Equal(t, len(data)-14, int(ip.Length))
			udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
			require.EqualValues(t, 4789, udp.DstPort)
			require.GreaterOrEqual(t, int(udp.SrcPort), 49152)
			ports[udp.SrcPort] = true
			require.EqualValues(t, len(data)-34, udp.Length)
			vx := p.Layer(layers.LayerTypeVXLAN).(*layers.VXLAN)
			require.EqualValues(t, 7777, vx.VNI)
			inner := data[14+20+8+8:]
			full := 14 + len(want.ip)
			if length > 0 {
				require.Len(t, inner, min(length, full))
			} else {
				require.Equal(t, want.ip, inner[14:])
			}
		}
		require.LessOrEqual(t, len(ports), 2, "one source port for each direction of a connection")
	}
}

func TestMirrorPortsFollowTheFlow(t *testing.T) {
	a := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets
	require.Equal(t, flowPort(a[0].ip), flowPort(a[3].ip))
	require.NotEqual(t, flowPort(a[0].ip), flowPort(a[1].ip))
}

func TestNilWritersDoNothing(t *testing.T) {
	var w *Writer
	var m *MirrorWriter
	require.NoError(t, w.WriteIP(start, MAC{}, MAC{}, nil))
	require.NoError(t, m.WriteIP(start, 0, MAC{}, MAC{}, nil))
	require.NoError(t, w.Flush())
	require.NoError(t, m.Flush())
	require.Zero(t, w.Count()+m.Count())
}

// full is a disk with room for n bytes.
type full struct{ n int }

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestWritersKeepTheFirstError(t *testing.T) {
	w, err := NewWriter(&full{70000}, nil)
	require.NoError(t, err)
	ip := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	for err == nil {
		err = w.WriteIP(start, MAC{}, MAC{}, ip)
	}
	require.EqualError(t, err, "writing capture: no space left on device")
	require.Equal(t, err, w.Flush())
	require.Equal(t, err, w.WriteIP(start, MAC{}, MAC{}, ip))
	m, err := NewMirrorWriter(&full{70000}, MirrorOptions{Sessions: []Session{{Source: netip.MustParseAddr("10.0.0.1")}}, Target: netip.MustParseAddr("10.0.0.2")})
	require.NoError(t, err)
	for err == nil {
		err = m.WriteIP(start, 0, MAC{}, MAC{}, ip)
	}
	require.EqualError(t, err, "writing mirror capture: no space left on device")
	require.ErrorContains(t, m.WriteIP(start, 3, MAC{}, MAC{}, ip), "no space")

	_, err = NewMirrorWriter(io.Discard, MirrorOptions{})
	require.ErrorContains(t, err, "needs a session and an IPv4 target")
	_, err = NewMirrorWriter(io.Discard, MirrorOptions{Sessions: []Session{{VNI: 1 << 24, Source: netip.MustParseAddr("10.0.0.1")}}, Target: netip.MustParseAddr("10.0.0.2")})
	require.ErrorContains(t, err, "24 bits")
}

// Written from several goroutines, every packet is whole.
func TestWritersAreSafeForConcurrentUse(t *testing.T) {
	packets := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets
	var plain, mirrored bytes.Buffer
	w, err := NewWriter(&plain, nil)
	require.NoError(t, err)
	m, err := NewMirrorWriter(&mirrored, MirrorOptions{Sessions: []Session{{Source: netip.MustParseAddr("10.0.0.1")}}, Target: netip.MustParseAddr("10.0.0.2")})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 300 {
				p := packets[i%len(packets)]
				_ = w.WriteIP(p.at, clientMAC, nodeMAC, p.ip)
				_ = m.WriteIP(p.at, 0, clientMAC, nodeMAC, p.ip)
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(w.Flush(), m.Flush()))
	for _, file := range [][]byte{plain.Bytes(), mirrored.Bytes()} {
		got, errs := read(t, file)
		require.Empty(t, errs)
		require.Len(t, got, 1200)
	}
}
