package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/wire"
)

// endless is a capture that is made while it is read: packet i of n.
type endless struct {
	i, n   int
	packet func(i int) []byte
	left   []byte
	buf    bytes.Buffer
	w      *Writer
}

func (e *endless) Read(p []byte) (int, error) {
	for len(e.left) == 0 {
		if e.i >= e.n {
			return 0, io.EOF
		}
		if e.w == nil {
			e.w, _ = NewWriter(&e.buf, nil)
		}
		e.buf.Reset()
		_ = e.w.WriteIP(start.Add(time.Duration(e.i)*time.Microsecond), clientMAC, nodeMAC, e.packet(e.i))
		_ = e.w.Flush()
		e.i++
		e.left = bytes.Clone(e.buf.Bytes())
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

// Whatever the packets are, memory stays within the limits.
func TestHostileCapturesInBoundedMemory(t *testing.T) {
	server := netip.MustParseAddrPort("10.0.1.10:443")
	client := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(18 + i>>30&1), byte(i >> 16), byte(i >> 8)}), uint16(1024+i&0xff))
	}
	zeros := make([]byte, 1400)
	huge := append([]byte{22, 3, 1, 0x3f, 0xff, 1, 0, 0xf0, 0}, zeros...) // a hello of 60 KB
	retries := record(recordHandshake, serverHello(0x1301, true, true)...)
	retries = bytes.Repeat(retries, 1300/len(retries))
	for name, packet := range map[string]func(i int) []byte{
		"a hello begun in each": func(i int) []byte { return segment(client(i), server, 1, 1, PSH|ACK, 0, huge) },
		"out of order in each": func(i int) []byte {
			if i%2 == 0 {
				return segment(client(i/2), server, 0, 0, SYN, 1460, nil)
			}
			return segment(client(i/2), server, 5000, 1, PSH|ACK, 0, zeros)
		},
		"a hello without end": func(i int) []byte {
			return segment(client(i%500), server, uint32(1+i/500*len(huge)), 1, PSH|ACK, 0, huge[:min(len(huge), 9+1400*min(1, i/500+1))])
		},
		"out of order in one": func(i int) []byte { return segment(client(0), server, uint32(2*i), 1, PSH|ACK, 0, zeros[:1]) },
		"retries without end": func(i int) []byte {
			return segment(server, client(i%50), uint32(1+i/50*len(retries)), 1, PSH|ACK, 0, retries)
		},
		"SYN and RST for ever": func(i int) []byte {
			if i%2 == 0 {
				return segment(client(i/2), server, 0, 0, SYN, 1460, nil)
			}
			return segment(server, client(i/2), 0, 1, RST|ACK, 0, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 30_000
			var st Stats
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var packets int64
			most := uint64(0)
			for c, err := range Connections(&endless{n: n, packet: packet}, nil, &Limits{Bytes: 8 << 20, Stats: &st}) {
				require.NoError(t, err)
				packets += c.FromClient.Packets + c.FromServer.Packets
				if packets%8192 == 0 {
					runtime.GC()
					runtime.ReadMemStats(&after)
					most = max(most, after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc))
				}
			}
			require.EqualValues(t, n, st.Frames)
			require.EqualValues(t, n, packets, "every packet is told of")
			require.Less(t, most, uint64(24<<20))
		})
	}
}

// Times that jump, go back and repeat do not break connections up.
func TestStrangeTimes(t *testing.T) {
	for name, at := range map[string]func(i int) time.Time{
		"backwards": func(i int) time.Time { return start.Add(-time.Duration(i) * time.Hour) },
		"looping":   func(i int) time.Time { return start.Add(time.Duration(i%3) * time.Minute) },
		"one far ahead": func(i int) time.Time {
			return start.Add(time.Duration(i/4%2*int(time.Hour)*1000) - time.Duration(i/5%2*int(time.Hour)*1000))
		},
		"all the same":   func(int) time.Time { return start },
		"before 1970":    func(int) time.Time { return time.Unix(0, 0) },
		"as late as can": func(int) time.Time { return time.Unix(1<<32-1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t)
			f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
			f.open()
			f.send(true, PSH|ACK, hello11(t, 600)[:300])
			f.send(true, PSH|ACK, hello11(t, 600)[300:])
			f.send(false, PSH|ACK, record(recordAlert, 2, 70))
			f.send(false, FIN|ACK, nil)
			for i := range s.packets {
				s.packets[i].at = at(i)
			}
			c := s.one()
			require.NotNil(t, c.Hello)
			require.Equal(t, AnswerAlert, c.Answer())
			require.Equal(t, SideServer, c.EndedBy)
			require.False(t, c.End.Before(c.Start))
		})
	}
}

// Overlapping segments that contradict each other: what came first counts, as for most receivers.
func TestContradictingSegments(t *testing.T) {
	hello := hello11(t, 600)
	other := bytes.Repeat([]byte{0xee}, 600)
	s := newScript(t)
	f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
	f.open()
	base := f.cSeq
	for _, p := range []struct {
		b        []byte
		from, to int
	}{{hello, 0, 200}, {other, 100, 200}, {hello, 300, 600}, {other, 300, 600}, {hello, 200, 300}, {other, 0, 600}} {
		f.cSeq = base + uint32(p.from)
		f.send(true, PSH|ACK, p.b[p.from:p.to])
	}
	c := s.one()
	require.Equal(t, hello, c.HelloBytes)
	require.NotNil(t, c.Hello)
}

// The longest hello there is, 64 KiB in records of 16 KiB, and one that is longer.
func TestHugeHellos(t *testing.T) {
	for _, n := range []int{60_000, 65_536, 65_537, 70_000} {
		msg := make([]byte, 4, n)
		msg = append(msg, 3, 3)
		msg = append(msg, make([]byte, 32)...)
		msg = append(msg, 0, 0, 2, 0xc0, 0x2f, 1, 0)
		body := n - len(msg) - 2 - 4
		msg = be.AppendUint16(msg, uint16(min(body+4, 0xffff)))
		msg = be.AppendUint16(msg, wire.ExtPadding)
		msg = be.AppendUint16(msg, uint16(min(body, 0xffff-4)))
		msg = append(msg, make([]byte, n-len(msg))...)
		msg[0], msg[1], msg[2], msg[3] = 1, byte((n-4)>>16), byte((n-4)>>8), byte(n-4)
		records := wire.AppendRecords(nil, msg, wire.TLS10, 0)
		s := newScript(t)
		f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
		f.open()
		for len(records) > 0 {
			k := min(len(records), 1448)
			f.send(true, PSH|ACK, records[:k])
			records = records[k:]
		}
		f.send(false, RST|ACK, nil)
		c := s.one()
		if n <= 65_536 {
			require.NotNil(t, c.Hello, "%d: %v", n, c.HelloErr)
		} else {
			require.ErrorContains(t, c.HelloErr, fmt.Sprintf("client hello of %d bytes", n))
		}
		require.Equal(t, AnswerRST, c.Answer())
	}
}

// Files whose every second record is damaged take no longer than their length.
func TestDamageEverywhere(t *testing.T) {
	file := refused(t, "203.0.113.10:32768", "10.0.1.10:443").pcap()
	records := file[24:]
	hostile := bytes.Clone(file[:24])
	for range 4000 {
		hostile = append(hostile, records...)
		hostile = append(hostile, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}
	packets, damaged := 0, 0
	for _, err := range Packets(bytes.NewReader(hostile), nil) {
		if err != nil {
			require.True(t, evidence.IsDamage(err))
			damaged++
			continue
		}
		packets++
	}
	require.EqualValues(t, 24000, packets)
	require.Equal(t, 4000, damaged)

	le := binary.LittleEndian
	ng := append(sectionBlock(le), interfaceBlock(le, linkRaw)...)
	ip := refused(t, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	for _, n := range []uint32{0, 1, 8, 11, 13, 1 << 20, 1<<31 - 4, 1<<32 - 4} {
		b := le.AppendUint32(nil, blockPacket)
		b = append(le.AppendUint32(b, n), make([]byte, 24)...)
		got, errs := read(t, append(append(bytes.Clone(ng), b...), packetBlock(le, 0, 1, ip)...))
		require.Len(t, got, 1, "block of %d", n)
		require.NotEmpty(t, errs)
		require.Contains(t, errs[0], ", at byte 48", "block of %d", n)
	}
}
