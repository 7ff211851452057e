package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/wire"
)

// addCaptures adds a file of each form with a connection of each sort.
func addCaptures(f *testing.F) {
	s := refused(f, "203.0.113.10:32768", "10.0.1.10:443")
	f.Add(s.pcap())
	f.Add(s.mirror(0))
	f.Add(s.mirror(100))
	f.Add(refused(f, "[2001:db8::10]:32768", "[2001:db8:1::10]:443").pcap())
	s = newScript(f)
	c := s.flow("203.0.113.10:40000", "10.0.1.10:443")
	c.open()
	hello := hello11(f, 0)
	c.cSeq += 50
	c.send(true, PSH|ACK, hello[50:])
	c.cSeq -= uint32(len(hello))
	c.send(true, PSH|ACK, hello[:60])
	flight := append(serverHello(0xc02f, false, false), message(msgServerKeyExchange, 3, 0, 23, 0)...)
	flight = append(flight, message(msgCertificateRequest, 1)...)
	c.send(false, PSH|ACK, wire.AppendRecords(nil, flight, wire.TLS12, 40))
	c.send(true, PSH|ACK, append(record(recordHandshake, message(msgCertificate, 0, 0, 0)...), record(recordAlert, 2, 40)...))
	c.send(false, FIN|ACK, nil)
	c.send(true, FIN|ACK, nil)
	c.open()
	c.send(true, PSH|ACK, hello)
	c.send(false, PSH|ACK, record(recordHandshake, serverHello(0x1301, true, true)...))
	c.send(true, PSH|ACK, append(record(recordCCS, 1), hello...))
	c.send(false, PSH|ACK, append(record(recordHandshake, serverHello(0x1301, true, false)...), record(recordAppData, 1)...))
	f.Add(s.pcap())
	ip := s.packets[3].ip
	for _, link := range []int{linkNull, 1, 12, 101, 108, 113, 276} {
		f.Add(oldPcap(binary.BigEndian, magicMicro, link, ip, append(make([]byte, 16), ip...)))
	}
	be := binary.BigEndian
	file := append(sectionBlock(be), interfaceBlock(be, linkRaw, 0, 9, 0, 1, 0x8a, 0, 0, 0)...)
	file = append(file, packetBlock(be, 0, 1<<40, ip)...)
	f.Add(append(file, block(be, blockSimple, append([]byte{0, 0, 0, 80}, ip...))...))
}

func FuzzPackets(f *testing.F) {
	addCaptures(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		last := 0
		for p, err := range Packets(bytes.NewReader(file), nil) {
			if err != nil {
				var pe *evidence.ParseError
				if !errors.As(err, &pe) {
					t.Fatalf("error type %T: %v", err, err)
				}
				continue
			}
			if p.Number <= last {
				t.Fatalf("packet %d after %d", p.Number, last)
			}
			last = p.Number
			if !p.Src.Addr().IsValid() || !p.Dst.Addr().IsValid() || p.IPLen <= 0 || p.PayloadLen < 0 ||
				len(p.Payload) > p.PayloadLen && !p.Fragment && p.Protocol == protoTCP {
				t.Fatalf("%+v", p)
			}
			if _, err := p.Time.MarshalText(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzConversations(f *testing.F) {
	addCaptures(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		var packets, bytesIn int64
		for p := range Packets(bytes.NewReader(file), nil) {
			if p != nil && p.Protocol == protoTCP && (p.Src.Port() != 0 || p.Dst.Port() != 0) {
				packets++
				bytesIn += int64(p.IPLen)
			}
		}
		for _, l := range []*Limits{nil, {Open: 1}} {
			var n, sum int64
			for c, err := range ConversationsWithin(bytes.NewReader(file), nil, l) {
				if err != nil {
					continue
				}
				n += c.FromClient.Packets + c.FromServer.Packets
				sum += c.FromClient.Bytes + c.FromServer.Bytes
				if c.FirstFrame <= 0 || c.EndFrame < c.FirstFrame || c.End.Before(c.Start) || !c.Client.IsValid() ||
					(c.Hello != nil) != (c.HelloFrame != 0) || c.Hello != nil && c.HelloErr != nil || len(c.NotTLS) > 64 {
					t.Fatalf("%+v", c)
				}
			}
			if n != packets || sum != bytesIn {
				t.Fatalf("%d packets of %d bytes in the file, %d of %d in conversations", packets, bytesIn, n, sum)
			}
		}
	})
}

// traffic is a capture of n connections: half of them refused, half with data.
func traffic(b *testing.B, n int) []byte {
	s := newScript(b)
	hello := hello11(b, 164)
	data := record(recordAppData, make([]byte, 1300)...)
	for i := range n {
		f := s.flow("203.0.113.10:10000", "10.0.1.10:443")
		f.client = addPort(f.client, i)
		f.open()
		f.send(true, PSH|ACK, hello)
		if i%2 == 0 {
			f.send(false, ACK, nil)
			f.send(false, RST|ACK, nil)
			continue
		}
		f.send(false, PSH|ACK, record(recordHandshake, serverHello(0xc02f, false, false)...))
		for range 10 {
			f.send(true, PSH|ACK, data)
			f.send(false, PSH|ACK, data)
		}
		f.send(true, FIN|ACK, nil)
		f.send(false, FIN|ACK, nil)
		f.send(true, ACK, nil)
	}
	return s.pcap()
}

func BenchmarkPackets(b *testing.B) {
	file := traffic(b, 2000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, err := range Packets(bytes.NewReader(file), nil) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "packets/s")
}

func BenchmarkConversations(b *testing.B) {
	file := traffic(b, 2000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	var st Stats
	for b.Loop() {
		for _, err := range ConversationsWithin(bytes.NewReader(file), nil, &Limits{Stats: &st}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(st.Frames)/b.Elapsed().Seconds(), "packets/s")
}

func BenchmarkWriteIP(b *testing.B) {
	ip := refused(b, "203.0.113.10:32768", "10.0.1.10:443").packets[3].ip
	b.Run("pcap", func(b *testing.B) {
		w, _ := NewWriter(discard{}, nil)
		for b.Loop() {
			_ = w.WriteIP(start, clientMAC, nodeMAC, ip)
		}
	})
	b.Run("mirror", func(b *testing.B) {
		s := Session{Source: netip.MustParseAddr("10.0.0.1")}
		w, _ := NewMirrorWriter(discard{}, MirrorOptions{Sessions: []Session{s}, Target: netip.MustParseAddr("10.0.0.2")})
		for b.Loop() {
			_ = w.WriteIP(start, 0, clientMAC, nodeMAC, ip)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
