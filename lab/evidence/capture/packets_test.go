package capture

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/wire"
)

var (
	clientMAC = MAC{2, 0, 0, 0, 0, 1}
	nodeMAC   = MAC{2, 0, 0, 0, 0, 2}
	start     = time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC)
)

// script makes the packets of connections by hand, so that tests know the truth about them.
type script struct {
	t       testing.TB
	now     time.Time
	packets []scripted
}

type scripted struct {
	at time.Time
	ip []byte
}

// flow is one connection of a script.
type flow struct {
	s              *script
	client, server netip.AddrPort
	cSeq, sSeq     uint32 // next of each
	mss            uint16
}

func newScript(t testing.TB) *script { return &script{t: t, now: start} }

func (s *script) flow(client, server string) *flow {
	return &flow{s: s, client: netip.MustParseAddrPort(client), server: netip.MustParseAddrPort(server),
		cSeq: 0xffffff00, sSeq: 1000, mss: 1460} // the client's numbers go over the edge
}

func (s *script) add(ip []byte) {
	s.packets = append(s.packets, scripted{s.now, ip})
	s.now = s.now.Add(time.Millisecond)
}

// send sends a segment of one side, with 12 bytes of timestamps as Linux does, 40 bytes in all on a SYN.
func (f *flow) send(fromClient bool, flags TCPFlags, payload []byte) {
	src, dst, seq, ack := f.server, f.client, &f.sSeq, f.cSeq
	if fromClient {
		src, dst, seq, ack = f.client, f.server, &f.cSeq, f.sSeq
	}
	f.s.add(segment(src, dst, *seq, ack, flags, f.mss, payload))
	*seq += uint32(len(payload))
	if flags&(SYN|FIN) != 0 {
		*seq++
	}
}

func (f *flow) open() {
	f.send(true, SYN, nil)
	f.send(false, SYN|ACK, nil)
	f.send(true, ACK, nil)
}

// segment makes an IP packet with a TCP segment, checksums right.
func segment(src, dst netip.AddrPort, seq, ack uint32, flags TCPFlags, mss uint16, payload []byte) []byte {
	options := []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}
	if flags&SYN != 0 {
		options = append([]byte{2, 4, byte(mss >> 8), byte(mss), 4, 2}, options[2:]...)
		options = append(options, 1, 3, 3, 7)
	}
	if flags&ACK == 0 {
		ack = 0
	}
	var tcp []byte
	tcp = be.AppendUint16(tcp, src.Port())
	tcp = be.AppendUint16(tcp, dst.Port())
	tcp = be.AppendUint32(tcp, seq)
	tcp = be.AppendUint32(tcp, ack)
	tcp = append(tcp, byte(20+len(options))<<2, byte(flags), 0xfa, 0xf0, 0, 0, 0, 0)
	tcp = append(append(tcp, options...), payload...)
	a, b := src.Addr().AsSlice(), dst.Addr().AsSlice()
	sum := sum16(a) + sum16(b) + protoTCP + uint32(len(tcp)) + sum16(append(bytes.Clone(tcp), 0))
	be.PutUint16(tcp[16:], fold(sum))
	var ip []byte
	if src.Addr().Is4() {
		ip = be.AppendUint16([]byte{0x45, 0}, uint16(20+len(tcp)))
		ip = append(ip, 0, 7, 0x40, 0, 64, protoTCP, 0, 0)
		ip = append(append(ip, a...), b...)
		be.PutUint16(ip[10:], fold(sum16(ip)))
	} else {
		ip = be.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(tcp)))
		ip = append(ip, protoTCP, 64)
		ip = append(append(ip, a...), b...)
	}
	return append(ip, tcp...)
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// pcap writes the script as a capture.
func (s *script) pcap() []byte {
	var buf bytes.Buffer
	w, err := NewWriter(&buf, nil)
	require.NoError(s.t, err)
	for _, p := range s.packets {
		require.NoError(s.t, w.WriteIP(p.at, clientMAC, nodeMAC, p.ip))
	}
	require.NoError(s.t, w.Flush())
	require.Equal(s.t, len(s.packets), w.Count())
	return buf.Bytes()
}

// mirror writes the script as a mirror target receives it.
func (s *script) mirror(length int) []byte {
	var buf bytes.Buffer
	w, err := NewMirrorWriter(&buf, MirrorOptions{
		Sessions: []Session{{VNI: 7777, Source: netip.MustParseAddr("10.0.1.10")}},
		Target:   netip.MustParseAddr("10.0.9.10"), TargetMAC: MAC{2, 0, 0, 0, 9, 10}, GatewayMAC: MAC{2, 0, 0, 0, 9, 1},
		PacketLength: length,
	})
	require.NoError(s.t, err)
	for _, p := range s.packets {
		require.NoError(s.t, w.WriteIP(p.at, 0, clientMAC, nodeMAC, p.ip))
	}
	require.NoError(s.t, w.Flush())
	require.Equal(s.t, len(s.packets), w.Count())
	return buf.Bytes()
}

func conversations(t testing.TB, file []byte, l *Limits) []*Conversation {
	t.Helper()
	var all []*Conversation
	for c, err := range ConversationsWithin(bytes.NewReader(file), &evidence.Options{File: "x.pcap"}, l) {
		require.NoError(t, err)
		all = append(all, c)
	}
	return all
}

func (s *script) one() *Conversation {
	s.t.Helper()
	all := conversations(s.t, s.pcap(), nil)
	require.Len(s.t, all, 1)
	return all[0]
}

// hello11 is the hello of a client that offers TLS 1.1 at most, in one record; n, if not 0, is the length of the record.
func hello11(t testing.TB, n int) []byte {
	t.Helper()
	h := &wire.ClientHello{
		LegacyVersion: wire.TLS11, Random: bytes.Repeat([]byte{7}, 32), Suites: []wire.Suite{0xc014, 0x0035, 0x00ff},
		HasServerName: true, ServerName: "lab.alblab.example", HasGroups: true, Groups: []wire.Group{wire.X25519, wire.SECP256R1},
		HasPointFormats: true, PointFormats: []byte{0}, ExtendedMasterSecret: true,
	}
	var o wire.EncodeOptions
	if n > 0 {
		o.PadTo = n - 5
		h.Extensions = []uint16{wire.ExtServerName, wire.ExtPointFormats, wire.ExtSupportedGroups, wire.ExtExtendedMasterSecret, 21}
	}
	msg, err := wire.AppendClientHello(nil, h, &o)
	require.NoError(t, err)
	rec := wire.AppendRecords(nil, msg, wire.TLS10, 0)
	if n > 0 {
		require.Len(t, rec, n)
	}
	return rec
}

// record makes a TLS record.
func record(typ byte, body ...byte) []byte {
	return append([]byte{typ, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// message makes a handshake message.
func message(typ byte, body ...byte) []byte {
	return append([]byte{typ, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// serverHello makes a ServerHello of TLS 1.2, or with a key share of TLS 1.3 or its retry.
func serverHello(suite wire.Suite, tls13, retry bool) []byte {
	b := []byte{3, 3}
	if retry {
		b = append(b, 0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
			0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C)
	} else {
		b = append(b, bytes.Repeat([]byte{9}, 32)...)
	}
	b = append(b, 0, byte(suite>>8), byte(suite), 0)
	if tls13 {
		ext := []byte{0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 23}
		if !retry {
			ext = append([]byte{0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32}, make([]byte, 32)...)
		}
		b = append(be.AppendUint16(b, uint16(len(ext))), ext...)
	}
	return message(msgServerHello, b...)
}

func addPort(a netip.AddrPort, n int) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), a.Port()+uint16(n))
}
