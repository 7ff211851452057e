package capture

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

// The packets of experiment 1: three each way, 328 and 164 bytes, flags 2 and 22.
func TestExperiment1(t *testing.T) {
	for _, tt := range []struct {
		client, server string
		in, out        int64
	}{
		{"203.0.113.10:32768", "10.0.1.10:443", 328, 164},
		{"[2001:db8::10]:32768", "[2001:db8:1::10]:443", 388, 224},
	} {
		s := newScript(t)
		f := s.flow(tt.client, tt.server)
		hello := hello11(t, 164) // 52 bytes of headers: a segment of 216 over IPv4
		f.open()
		f.send(true, PSH|ACK, hello)
		f.send(false, ACK, nil)
		f.send(false, RST|ACK, nil)
		c := s.one()
		require.Equal(t, f.client, c.Client)
		require.Equal(t, f.server, c.Server)
		require.Equal(t, -1, c.VNI)
		require.EqualValues(t, 3, c.FromClient.Packets)
		require.EqualValues(t, 3, c.FromServer.Packets)
		require.Equal(t, tt.in, c.FromClient.Bytes)
		require.Equal(t, tt.out, c.FromServer.Bytes)
		require.EqualValues(t, 2, c.FromClient.Flags)
		require.EqualValues(t, 22, c.FromServer.Flags)
		require.EqualValues(t, 1460, c.FromClient.MSS)
		require.Equal(t, HandshakeComplete, c.Handshake)
		require.Equal(t, hello, c.HelloBytes)
		require.Equal(t, "lab.alblab.example", c.Hello.ServerName)
		require.Equal(t, wire.TLS11, c.Hello.LegacyVersion)
		require.Equal(t, 1, c.HelloSegments)
		require.Equal(t, []int{1, 4, 6}, []int{c.FirstFrame, c.HelloFrame, c.EndFrame})
		require.Equal(t, EndingRST, c.Ending)
		require.Equal(t, SideServer, c.EndedBy)
		require.Nil(t, c.ServerHello)
		require.False(t, c.Incomplete)
	}
}

// play is a connection and what is to be seen of it.
type play struct {
	name  string
	play  func(f *flow)
	check func(*testing.T, *Conversation)
}

func playAll(t *testing.T, all []play) {
	t.Helper()
	for _, tt := range all {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t)
			tt.play(s.flow("203.0.113.10:40000", "10.0.1.10:443"))
			tt.check(t, s.one())
		})
	}
}

func TestHandshakes(t *testing.T) {
	playAll(t, []play{
		{"SYN without answer", func(f *flow) {
			f.send(true, SYN, nil)
			f.cSeq--
			f.send(true, SYN, nil) // again
		}, func(t *testing.T, c *Conversation) {
			require.True(t, c.Unanswered())
			require.False(t, c.Refused() || c.HalfOpen() || c.Silent() || c.Incomplete)
			require.EqualValues(t, 2, c.FromClient.Packets)
		}},
		{"SYN refused", func(f *flow) {
			f.send(true, SYN, nil)
			f.send(false, RST|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.True(t, c.Refused())
			require.False(t, c.Unanswered() || c.HalfOpen())
		}},
		{"half-open scan", func(f *flow) {
			f.send(true, SYN, nil)
			f.send(false, SYN|ACK, nil)
			f.send(true, RST, nil)
		}, func(t *testing.T, c *Conversation) {
			require.True(t, c.HalfOpen())
			require.Equal(t, SideClient, c.EndedBy)
			require.EqualValues(t, 6, c.FromClient.Flags)
			require.EqualValues(t, 18, c.FromServer.Flags)
		}},
		{"half-open, abandoned", func(f *flow) {
			f.send(true, SYN, nil)
			f.send(false, SYN|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.True(t, c.HalfOpen())
			require.Equal(t, EndingOpen, c.Ending)
		}},
		{"connected, no data", func(f *flow) {
			f.open()
			f.send(false, FIN|ACK, nil)
			f.send(true, FIN|ACK, nil)
			f.send(false, ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.True(t, c.Silent())
			require.Equal(t, EndingFIN, c.Ending)
			require.Equal(t, SideServer, c.EndedBy)
			require.Equal(t, 5, c.EndFrame)
			require.EqualValues(t, 3, c.FromClient.Packets)
			require.EqualValues(t, 3, c.FromServer.Packets, "the last ACK lingers")
			require.EqualValues(t, 19, c.FromServer.Flags)
			require.EqualValues(t, 3, c.FromClient.Flags)
		}},
	})
}

func TestFirstBytes(t *testing.T) {
	playAll(t, []play{
		{"plain HTTP", func(f *flow) {
			f.open()
			f.send(true, PSH|ACK, []byte("GET / HTTP/1.1\r\nHost: lab\r\n\r\n"+string(bytes.Repeat([]byte("x"), 100))))
			f.send(false, RST|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.Equal(t, "GET / HTTP/1.1", string(c.NotTLS[:14]))
			require.Len(t, c.NotTLS, 64)
			require.Nil(t, c.Hello)
			require.NoError(t, c.HelloErr)
			require.Empty(t, c.HelloBytes)
		}},
		{"malformed hello", func(f *flow) {
			f.open()
			h := hello11(f.s.t, 0)
			h[5+4+2+32] = 200 // the session id goes over the end
			f.send(true, PSH|ACK, h)
			f.send(false, RST|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.Nil(t, c.Hello)
			var pe *wire.ParseError
			require.ErrorAs(t, c.HelloErr, &pe)
			require.NotEmpty(t, c.HelloBytes)
		}},
		{"half a hello", func(f *flow) {
			f.open()
			f.send(true, PSH|ACK, hello11(f.s.t, 0)[:40])
			f.send(true, FIN|ACK, nil)
			f.send(false, FIN|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.Nil(t, c.Hello)
			require.NoError(t, c.HelloErr)
			require.Len(t, c.HelloBytes, 40)
			require.Equal(t, 1, c.HelloSegments)
			require.Zero(t, c.HelloFrame)
			require.False(t, c.Incomplete, "the client sent no more")
		}},
	})
}

func TestEndings(t *testing.T) {
	playAll(t, []play{
		{"alert, then FIN", func(f *flow) {
			f.open()
			f.send(true, PSH|ACK, hello11(f.s.t, 0))
			f.send(false, PSH|ACK, record(recordAlert, 1, 112))
			f.send(false, PSH|ACK, record(recordAlert, 2, 70))
			f.send(false, FIN|ACK, nil)
			f.send(true, FIN|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			a, by := c.Alert()
			require.Equal(t, &wire.Alert{Level: 2, Description: 70}, a, "the fatal one counts")
			require.Equal(t, SideServer, by)
			require.Equal(t, 6, c.FromServer.AlertFrame)
			require.Equal(t, EndingFIN, c.Ending)
		}},
		{"RST of the client after the server's FIN", func(f *flow) {
			f.open()
			f.send(false, FIN|ACK, nil)
			f.send(true, RST|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.Equal(t, EndingFIN, c.Ending)
			require.Equal(t, SideServer, c.EndedBy)
			require.Equal(t, 5, c.FromClient.RSTFrame)
			require.Equal(t, 5, c.EndFrame)
		}},
	})
}

func TestOddCaptures(t *testing.T) {
	playAll(t, []play{
		{"capture begins later", func(f *flow) {
			f.send(true, PSH|ACK, record(recordAppData, 1, 2, 3))
			f.send(false, PSH|ACK, record(recordAppData, 1, 2, 3))
		}, func(t *testing.T, c *Conversation) {
			require.Equal(t, HandshakeUnseen, c.Handshake)
			require.True(t, c.Incomplete)
			require.Equal(t, 1, c.FromServer.AppData)
			require.NoError(t, c.HelloErr)
			require.EqualValues(t, 443, c.Server.Port(), "the lower port")
		}},
		{"capture begins with the hello, of an odd port", func(f *flow) {
			f.server, f.client = f.client, f.server // the client has the lower port
			f.send(true, PSH|ACK, hello11(f.s.t, 0))
			f.send(false, RST|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.NotNil(t, c.Hello)
			require.EqualValues(t, 443, c.Client.Port())
			require.Equal(t, SideServer, c.EndedBy)
		}},
		{"SYN-ACK before its SYN in the capture", func(f *flow) {
			f.open()
			f.s.packets[0], f.s.packets[1] = f.s.packets[1], f.s.packets[0]
			f.send(true, PSH|ACK, hello11(f.s.t, 0))
			f.send(false, RST|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.EqualValues(t, 443, c.Server.Port())
			require.NotNil(t, c.Hello)
			require.EqualValues(t, 2, c.FromClient.Flags)
		}},
		{"SYN with data", func(f *flow) {
			h := hello11(f.s.t, 0)
			f.send(true, SYN, h)
			f.cSeq--
			f.cSeq++
			f.send(false, SYN|ACK, nil)
			f.send(true, ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.NotNil(t, c.Hello)
			require.Equal(t, 1, c.HelloFrame)
		}},
		{"SSLv2 framing", func(f *flow) {
			f.open()
			v2 := []byte{0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10}
			v2 = append(v2, 0, 0, 0x39, 0, 0, 0x38, 0, 0, 0x35, 0, 0, 0x16, 0, 0, 0x13, 0, 0, 0x0a, 7, 0, 0xc0)
			v2 = append(v2, make([]byte, 16)...)
			f.send(true, PSH|ACK, v2)
			f.send(true, PSH|ACK, record(recordAlert, 2, 40))
			f.send(false, RST|ACK, nil)
		}, func(t *testing.T, c *Conversation) {
			require.NotNil(t, c.Hello)
			require.Equal(t, wire.FormatSSLv2, c.Hello.Format)
			require.Equal(t, &wire.Alert{Level: 2, Description: 40}, c.FromClient.Alert, "what follows is followed")
		}},
	})
}

// Mutual TLS under TLS 1.2 as in experiment 2: CertificateRequest, an empty Certificate, then a reset.
func TestTLS12WithClientCertificate(t *testing.T) {
	for _, sent := range []bool{false, true} {
		s := newScript(t)
		f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
		f.open()
		f.send(true, PSH|ACK, hello11(t, 0))
		flight := serverHello(0xc02f, false, false)
		flight = append(flight, message(msgCertificate, make([]byte, 3000)...)...)
		flight = append(flight, message(msgServerKeyExchange, append([]byte{3, 0, 23, 65}, make([]byte, 100)...)...)...)
		flight = append(flight, message(msgCertificateRequest, 1, 1, 0, 0, 0, 0)...)
		flight = append(flight, message(14)...)
		records := wire.AppendRecords(nil, flight, wire.TLS12, 1000) // messages over record borders
		for len(records) > 0 {
			n := min(len(records), 1448)
			f.send(false, PSH|ACK, records[:n])
			records = records[n:]
		}
		certificate := []byte{0, 0, 0}
		if sent {
			certificate = append([]byte{0, 0, 8, 0, 0, 5}, "abcde"...)
		}
		answer := append(message(msgCertificate, certificate...), message(16, make([]byte, 66)...)...)
		out := record(recordHandshake, answer...)
		out = append(out, record(recordCCS, 1)...)
		out = append(out, record(recordHandshake, bytes.Repeat([]byte{1}, 40)...)...) // looks like a hello, but is encrypted
		f.send(true, PSH|ACK, out)
		if sent {
			f.send(false, PSH|ACK, append(record(recordCCS, 1), record(recordHandshake, make([]byte, 40)...)...))
			f.send(true, PSH|ACK, record(recordAppData, make([]byte, 50)...))
			f.send(false, PSH|ACK, append(record(recordAppData, make([]byte, 50)...), record(recordAlert, make([]byte, 26)...)...))
		}
		f.send(false, RST|ACK, nil)
		c := s.one()
		require.Equal(t, wire.TLS12, c.Version())
		require.Equal(t, wire.Suite(0xc02f), c.Suite())
		require.Equal(t, wire.SECP256R1, c.Group)
		require.Equal(t, 5, c.ServerHelloFrame)
		require.True(t, c.CertificateRequest)
		require.True(t, c.FromClient.ChangeCipherSpec)
		require.Equal(t, sent, c.FromServer.ChangeCipherSpec)
		require.False(t, c.Incomplete)
		if sent {
			require.Equal(t, CertificateSent, c.ClientCertificate)
			require.Equal(t, 1, c.FromClient.AppData)
			require.Equal(t, 1, c.FromServer.AppData)
			require.Equal(t, 1, c.FromServer.EncryptedAlerts)
		} else {
			require.Equal(t, CertificateEmpty, c.ClientCertificate)
		}
		require.Nil(t, c.FromServer.Alert)
	}
}

func TestTLS13WithHelloRetry(t *testing.T) {
	s := newScript(t)
	f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
	f.open()
	hello := hello11(t, 0)
	f.send(true, PSH|ACK, hello)
	f.send(false, PSH|ACK, append(record(recordHandshake, serverHello(0x1301, true, true)...), record(recordCCS, 1)...))
	f.send(true, PSH|ACK, append(record(recordCCS, 1), hello...))
	f.send(false, PSH|ACK, record(recordHandshake, serverHello(0x1301, true, false)...))
	f.send(false, PSH|ACK, record(recordAppData, make([]byte, 900)...))
	f.send(true, PSH|ACK, record(recordAppData, make([]byte, 60)...))
	c := s.one()
	require.NotNil(t, c.HelloRetry)
	require.Equal(t, wire.SECP256R1, c.HelloRetry.Group)
	require.NotNil(t, c.SecondHello)
	require.Equal(t, "lab.alblab.example", c.SecondHello.ServerName)
	require.Equal(t, wire.TLS13, c.Version())
	require.Equal(t, wire.X25519, c.Group)
	require.Equal(t, hello, c.HelloBytes)
	require.Equal(t, 1, c.FromServer.AppData)
	require.Equal(t, EndingOpen, c.Ending)
	require.Equal(t, 9, c.EndFrame)
}

// A hello in three segments, delivered in every way that networks do.
func TestReassembly(t *testing.T) {
	hello := hello11(t, 600)
	type piece struct{ from, to int }
	tests := []struct {
		name     string
		pieces   []piece
		segments int
		retrans  int64
		frame    int
		lost     bool
	}{
		{"in order", []piece{{0, 200}, {200, 400}, {400, 600}}, 3, 0, 6, false},
		{"reversed", []piece{{400, 600}, {200, 400}, {0, 200}}, 3, 0, 6, false},
		{"retransmitted", []piece{{0, 200}, {0, 200}, {200, 400}, {0, 400}, {400, 600}}, 3, 2, 8, false},
		{"overlapping", []piece{{0, 250}, {200, 450}, {100, 600}}, 3, 0, 6, false},
		{"held twice", []piece{{400, 600}, {400, 500}, {200, 600}, {0, 200}}, 2, 2, 7, false},
		{"a byte at a time at the start", []piece{{0, 1}, {1, 2}, {2, 3}, {3, 600}}, 4, 0, 7, false},
		{"lost", []piece{{0, 200}, {400, 600}}, 1, 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t)
			f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
			f.open()
			base := f.cSeq
			for _, p := range tt.pieces {
				f.cSeq = base + uint32(p.from)
				f.send(true, PSH|ACK, hello[p.from:p.to])
			}
			f.cSeq = base + uint32(len(hello))
			f.send(true, FIN|ACK, nil)
			c := s.one()
			require.Equal(t, tt.lost, c.FromClient.Lost)
			require.Equal(t, tt.lost, c.Incomplete)
			require.Equal(t, tt.segments, c.HelloSegments)
			require.Equal(t, tt.frame, c.HelloFrame)
			require.Equal(t, tt.retrans, c.FromClient.Retransmitted)
			if tt.lost {
				require.Nil(t, c.Hello)
				require.Equal(t, hello[:200], c.HelloBytes)
				return
			}
			require.Equal(t, hello, c.HelloBytes)
			require.EqualValues(t, len(hello), c.FromClient.Data)
		})
	}
}

func TestTruncatedCaptureIsMarkedIncomplete(t *testing.T) {
	s := newScript(t)
	f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
	f.open()
	f.send(true, PSH|ACK, hello11(t, 600))
	f.send(true, PSH|ACK, record(recordAppData, 1))
	f.send(false, RST|ACK, nil)
	var buf bytes.Buffer
	w, err := NewWriter(&buf, &WriterOptions{SnapLen: 128})
	require.NoError(t, err)
	for _, p := range s.packets {
		require.NoError(t, w.WriteIP(p.at, clientMAC, nodeMAC, p.ip))
	}
	require.NoError(t, w.Flush())
	var st Stats
	c := conversations(t, buf.Bytes(), &Limits{Stats: &st})[0]
	require.True(t, c.FromClient.Lost)
	require.True(t, c.Incomplete)
	require.Nil(t, c.Hello)
	require.Len(t, c.HelloBytes, 128-14-52)
	require.EqualValues(t, 60+52+652+58, c.FromClient.Bytes, "lengths are those on the wire")
	require.EqualValues(t, 1, st.Truncated)
	require.EqualValues(t, 6, st.Frames)

	// Mirror sessions cut behind the VXLAN header.
	c = conversations(t, s.mirror(128), nil)[0]
	require.Equal(t, 7777, c.VNI)
	require.Len(t, c.HelloBytes, 128-14-52)
}

func TestPortReuse(t *testing.T) {
	s := newScript(t)
	f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
	f.open()
	f.send(true, PSH|ACK, hello11(t, 0))
	f.send(false, RST|ACK, nil)
	f.cSeq, f.sSeq = 5, 6
	f.open() // at once, on the same port
	f.send(true, PSH|ACK, []byte("GET /"))
	f.cSeq, f.sSeq = 50000, 60000
	f.open() // and again, with no end of the second
	all := conversations(t, s.pcap(), nil)
	require.Len(t, all, 3)
	require.NotNil(t, all[0].Hello)
	require.Equal(t, "GET /", string(all[1].NotTLS))
	require.Equal(t, EndingOpen, all[1].Ending)
	require.True(t, all[2].Silent())
	require.Equal(t, []int{1, 6, 10}, []int{all[0].FirstFrame, all[1].FirstFrame, all[2].FirstFrame})
}

func TestOrderOfEnding(t *testing.T) {
	s := newScript(t)
	a := s.flow("203.0.113.10:40001", "10.0.1.10:443")
	b := s.flow("203.0.113.10:40002", "10.0.1.10:443")
	c := s.flow("203.0.113.10:40003", "10.0.1.10:443")
	d := s.flow("203.0.113.10:40004", "10.0.1.10:443")
	for _, f := range []*flow{a, b, c, d} {
		f.open()
	}
	c.send(false, RST|ACK, nil)
	a.send(true, PSH|ACK, []byte("x"))
	b.send(false, RST|ACK, nil)
	var ports []uint16
	for _, v := range conversations(t, s.pcap(), nil) {
		ports = append(ports, v.Client.Port())
	}
	require.Equal(t, []uint16{40003, 40002, 40001, 40004}, ports)
}

func TestStragglersWithinTheLinger(t *testing.T) {
	s := newScript(t)
	f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
	f.open()
	f.send(false, RST|ACK, nil)
	f.send(true, PSH|ACK, []byte("late"))
	s.now = s.now.Add(time.Minute)
	f.send(true, ACK, []byte("much later"))
	all := conversations(t, s.pcap(), nil)
	require.Len(t, all, 2)
	require.EqualValues(t, 3, all[0].FromClient.Packets)
	require.Equal(t, 4, all[0].EndFrame)
	require.Equal(t, HandshakeUnseen, all[1].Handshake)
}

func TestMemoryIsBounded(t *testing.T) {
	s := newScript(t)
	for i := range 50 {
		f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
		f.client = addPort(f.client, i)
		f.open()
		f.send(true, PSH|ACK, hello11(t, 600)[:500])
	}
	var st Stats
	all := conversations(t, s.pcap(), &Limits{Open: 10, Stats: &st})
	require.Len(t, all, 50)
	require.EqualValues(t, 40, st.Evicted)
	require.True(t, all[0].Evicted)
	require.False(t, all[49].Evicted)

	st = Stats{}
	all = conversations(t, s.pcap(), &Limits{Bytes: 10 << 10, Stats: &st})
	require.Len(t, all, 50)
	require.Greater(t, st.Evicted, int64(40))

	all = conversations(t, s.pcap(), &Limits{Idle: 10 * time.Millisecond})
	require.Len(t, all, 50)
	require.False(t, all[0].Evicted, "expired by its silence")
}

func TestFlowLogFlags(t *testing.T) {
	for _, tt := range []struct{ in, want TCPFlags }{
		{SYN, 2}, {SYN | ACK, 18}, {ACK, 0}, {PSH | ACK, 0}, {FIN | ACK, 1}, {RST | ACK, 4}, {RST, 4}, {FIN | PSH | ACK, 1}, {SYN | 0x40, 2},
	} {
		require.Equal(t, tt.want, tt.in.FlowLog(), tt.in.String())
	}
	require.Equal(t, "S.", (SYN | ACK).String())
}
