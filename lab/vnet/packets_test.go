package vnet

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// taken is a packet that the tap has seen.
type taken struct {
	Packet
	head head
}

// tapped collects packets. Its slice may be read when the network rests.
func tapped(c *Config) *[]taken {
	var ps []taken
	c.Tap = func(p *Packet) {
		q := taken{Packet: *p}
		q.Data = append([]byte(nil), p.Data...)
		q.head = readHead(q.Data)
		ps = append(ps, q)
	}
	return &ps
}

// readHead reads the headers of a TCP packet.
func readHead(b []byte) (h head) {
	if b[0]>>4 == 4 {
		h.src, h.dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		b = b[20:]
	} else {
		h.src, h.dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		b = b[40:]
	}
	h.readTCP(b, len(b)-int(b[12]>>4)*4)
	return h
}

// sum is the Internet checksum (RFC 1071).
func sum(parts ...[]byte) uint16 {
	var s uint32
	for _, b := range parts {
		for ; len(b) >= 2; b = b[2:] {
			s += uint32(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			s += uint32(b[0]) << 8
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// TestPackets checks every packet of a few connections and scans: lengths and checksums are right, times do not go
// back, and in each direction sequence numbers follow each other.
func TestPackets(t *testing.T) {
	c := testConfig()
	c.Clock = NewManualClock(time.Time{}) // nothing is sent twice, however busy the computer
	ps := tapped(&c)
	n := start(t, c)
	for _, at := range []netip.Addr{node4, node6} {
		serve(t, n, netip.AddrPortFrom(at, 443), echo)
	}
	eachOf(t, 64, func(i int) {
		from, to := client4, node4
		if i%2 == 1 {
			from, to = client6, node6
		}
		if i%8 < 2 {
			open, err := n.SYN(testContext(t), from, netip.AddrPortFrom(to, 443))
			require.NoError(t, err)
			require.True(t, open)
			return
		}
		c, err := n.Dial(testContext(t), from, netip.AddrPortFrom(to, 443))
		require.NoError(t, err)
		data := make([]byte, 20000)
		go func() {
			_, _ = c.Write(data)
			_ = c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Len(t, got, len(data))
		require.NoError(t, c.Close())
	})
	require.NoError(t, n.Quiesce(testContext(t)))
	require.NotEmpty(t, *ps)
	next := make(map[string]uint32)
	var last time.Time
	for i, p := range *ps {
		require.False(t, p.Time.Before(last), "packet %d", i)
		last = p.Time
		hl, pseudo := 20, p.Data[12:20]
		if p.Data[0]>>4 == 6 {
			hl, pseudo = 40, p.Data[8:40]
			require.Equal(t, len(p.Data)-40, int(binary.BigEndian.Uint16(p.Data[4:])))
		} else {
			require.Equal(t, len(p.Data), int(binary.BigEndian.Uint16(p.Data[2:])))
			require.Equal(t, uint16(0xffff), sum(p.Data[:20]), "IP header of packet %d", i)
		}
		seg := p.Data[hl:]
		require.Equal(t, uint16(0xffff), sum(pseudo, []byte{0, 6}, []byte{byte(len(seg) >> 8), byte(len(seg))}, seg), "packet %d", i)
		flow := fmt.Sprint(p.head.src, p.head.srcPort, p.head.dst, p.head.dstPort)
		seq := binary.BigEndian.Uint32(seg[4:])
		if want, ok := next[flow]; ok {
			require.Equal(t, want, seq, "packet %d of %s", i, flow)
		}
		next[flow] = seq + uint32(len(seg)) - uint32(seg[12]>>4)*4 + uint32(seg[13]&1) + uint32(seg[13]>>1&1)
		require.Equal(t, p.head.dstPort == 443, p.Inbound)
		require.Zero(t, p.Interface)
	}
}

// TestTapSeesAnswersLater checks the order between the two directions: no segment acknowledges what was not seen yet.
func TestTapSeesAnswersLater(t *testing.T) {
	c := testConfig()
	c.Clock = NewManualClock(time.Time{}) // nothing is sent twice, however busy the computer
	ps := tapped(&c)
	n := start(t, c)
	to := netip.AddrPortFrom(node4, 443)
	serve(t, n, to, refuse(164))
	eachOf(t, 200, func(int) {
		c, err := n.Dial(testContext(t), client4, to)
		require.NoError(t, err)
		_, _ = c.Write(make([]byte, 164))
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
	})
	require.NoError(t, n.Quiesce(testContext(t)))
	flows := make(map[uint16]string)
	for _, p := range *ps {
		port, way := p.head.srcPort, ">"
		if !p.Inbound {
			port, way = p.head.dstPort, "<"
		}
		flows[port] += way + p.head.flags.String()
	}
	require.Len(t, flows, 200)
	for _, f := range flows {
		f = strings.ReplaceAll(f, " ", "")
		// The client's ACK of the SYN-ACK and its hello go out together; the rest takes turns.
		require.Equal(t, ">S<SA>A>PA<A<RA", f)
	}
}

// TestSeed checks that with the same seed, on a clock that stands, a refused flow is the same: sizes, flags, sequence
// numbers and timestamps of each direction. (Which of two segments an ACK covers first, and so the advertised window, is
// the scheduler's affair.)
func TestSeed(t *testing.T) {
	run := func(seed uint64) string {
		c := testConfig()
		c.Clock, c.Seed = NewManualClock(time.Time{}), seed
		ps := tapped(&c)
		n := start(t, c)
		to := netip.AddrPortFrom(node4, 443)
		serve(t, n, to, refuse(1507))
		for range 20 {
			c, err := n.Dial(testContext(t), client4, to)
			require.NoError(t, err)
			_, _ = c.Write(make([]byte, 1507))
			_, _ = c.Read(make([]byte, 1))
			_ = c.Close()
			require.NoError(t, n.Quiesce(testContext(t)))
		}
		in, out := "", ""
		for _, p := range *ps {
			l := fmt.Sprintf("%v %d %s %x\n", p.Time, len(p.Data), p.head.flags, p.Data[24:28])
			if p.Data[32]>>4 == 8 {
				l += fmt.Sprintf("%x\n", p.Data[44:52]) // timestamps
			}
			if p.Inbound {
				in += l
			} else {
				out += l
			}
		}
		return in + out
	}
	a, b, c := run(1), run(1), run(2)
	require.True(t, a == b, "the same seed: %d and %d bytes", len(a), len(b))
	require.False(t, a == c, "another seed")
}
