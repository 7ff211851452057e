package signatures_test

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// A packets.txt makes a capture, one segment a line:
//
//	conn 2026-03-02T12:00:00Z 203.0.113.10:40000 10.0.1.10:443
//	0.000 > SYN
//	0.001 < SYN-ACK
//	0.002 > hello max=TLSv1.1 suites=TLS_RSA_WITH_AES_128_CBC_SHA groups=x25519
//	0.003 < RST
//
// ">" is from the client. Segments: SYN, SYN-ACK, ACK, FIN, RST; hello with max=, versions=, suites=, groups=, schemes=,
// fallback, pad= and cut= (bytes of the record that are sent); server-hello with version= and suite=; the messages
// certificate, empty-certificate, certificate-request, server-key-exchange, hello-done, client-key-exchange, several joined
// with +; ccs; encrypted=N; alert=LEVEL,DESCRIPTION; text=...; hex=...; lost=N, bytes that did not come.
func writeCapture(t *testing.T, script string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, nil)
	require.NoError(t, err)
	var c *scripted
	for i, line := range strings.Split(strings.TrimSpace(script), "\n") {
		f := strings.Fields(line)
		if len(f) == 4 && f[0] == "conn" {
			start, err := time.Parse(time.RFC3339, f[1])
			require.NoError(t, err)
			c = &scripted{start: start, client: netip.MustParseAddrPort(f[2]), server: netip.MustParseAddrPort(f[3]), seq: [2]uint32{1000, 9000}}
			continue
		}
		require.GreaterOrEqual(t, len(f), 3, "packets.txt:%d: %s", i+1, line)
		at, err := strconv.ParseFloat(f[0], 64)
		require.NoError(t, err)
		_, what, _ := strings.Cut(line, f[1]+" ")
		c.segment(t, w, at, f[1] == ">", what)
	}
	require.NoError(t, w.Flush())
	return out.Bytes()
}

type scripted struct {
	start          time.Time
	client, server netip.AddrPort
	seq            [2]uint32
	version        wire.Version
}

func (c *scripted) segment(t *testing.T, w *capture.Writer, at float64, out bool, what string) {
	me, src, dst := 0, c.client, c.server
	if !out {
		me, src, dst = 1, c.server, c.client
	}
	if n, ok := strings.CutPrefix(what, "lost="); ok {
		lost, err := strconv.Atoi(n)
		require.NoError(t, err)
		c.seq[me] += uint32(lost)
		return
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(src.Port()), DstPort: layers.TCPPort(dst.Port()), Seq: c.seq[me], Window: 64240}
	tcp.ACK, tcp.Ack = true, c.seq[1-me]
	var data []byte
	switch what {
	case "SYN":
		tcp.SYN, tcp.ACK, tcp.Ack = true, false, 0
	case "SYN-ACK":
		tcp.SYN = true
	case "FIN":
		tcp.FIN = true
	case "RST":
		tcp.RST = true
	case "ACK":
	default:
		data, tcp.PSH = c.payload(t, what), true
	}
	c.seq[me] += uint32(len(data))
	if tcp.SYN || tcp.FIN {
		c.seq[me]++
	}
	var ip gopacket.NetworkLayer
	var s gopacket.SerializableLayer
	if src.Addr().Is4() {
		l := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IP(src.Addr().AsSlice()), DstIP: net.IP(dst.Addr().AsSlice())}
		ip, s = l, l
	} else {
		l := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: net.IP(src.Addr().AsSlice()), DstIP: net.IP(dst.Addr().AsSlice())}
		ip, s = l, l
	}
	require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, s, tcp, gopacket.Payload(data)))
	when := c.start.Add(time.Duration(at * float64(time.Second)))
	require.NoError(t, w.WriteIP(when, capture.MAC{2, 0, 0, 0, 0, byte(me)}, capture.MAC{2, 0, 0, 0, 0, byte(1 - me)}, buf.Bytes()))
}

const (
	typeCCS       = 20
	typeAlert     = 21
	typeHandshake = 22
	typeData      = 23
)

func record(typ byte, v wire.Version, body []byte) []byte {
	return append([]byte{typ, byte(v >> 8), byte(v), byte(len(body) >> 8), byte(len(body))}, body...)
}

func message(typ byte, n int) []byte {
	b := make([]byte, n)
	return append([]byte{typ, 0, byte(n >> 8), byte(n)}, b...)
}

func (c *scripted) payload(t *testing.T, what string) []byte {
	kind, rest, _ := strings.Cut(what, " ")
	switch {
	case kind == "hello":
		return hello(t, rest)
	case kind == "server-hello":
		return c.serverHello(t, rest)
	case strings.HasPrefix(what, "text="):
		s, err := strconv.Unquote(strings.TrimPrefix(what, "text="))
		require.NoError(t, err)
		return []byte(s)
	case strings.HasPrefix(what, "hex="):
		b, err := hex.DecodeString(strings.TrimPrefix(what, "hex="))
		require.NoError(t, err)
		return b
	}
	var out []byte
	for _, m := range strings.Split(what, "+") {
		name, value, _ := strings.Cut(m, "=")
		out = append(out, c.message(t, name, value)...)
	}
	return out
}

func (c *scripted) message(t *testing.T, name, value string) []byte {
	v := min(c.version, wire.TLS12)
	if v == 0 {
		v = wire.TLS12
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		return n
	}
	switch name {
	case "certificate": // one certificate of 900 bytes, content not looked at
		body := append([]byte{0, 0x03, 0x87, 0, 0x03, 0x84}, make([]byte, 900)...)
		return record(typeHandshake, v, append([]byte{11, 0, byte(len(body) >> 8), byte(len(body))}, body...))
	case "empty-certificate":
		return record(typeHandshake, v, []byte{11, 0, 0, 3, 0, 0, 0})
	case "server-key-exchange":
		return record(typeHandshake, v, message(12, 300))
	case "certificate-request":
		return record(typeHandshake, v, message(13, 30))
	case "hello-done":
		return record(typeHandshake, v, message(14, 0))
	case "client-key-exchange":
		return record(typeHandshake, v, message(16, 66))
	case "ccs":
		return record(typeCCS, v, []byte{1})
	case "finished": // encrypted, below TLS 1.3
		return record(typeHandshake, v, make([]byte, 40))
	case "encrypted":
		return record(typeData, v, make([]byte, number(value)))
	case "alert":
		level, desc, _ := strings.Cut(value, ",")
		return record(typeAlert, v, []byte{byte(number(level)), byte(number(desc))})
	}
	t.Fatalf("packets.txt: what is %q?", name)
	return nil
}

// settings reads "a=1,2 b" into a map.
func settings(s string) map[string]string {
	out := map[string]string{}
	for _, f := range strings.Fields(s) {
		k, v, _ := strings.Cut(f, "=")
		out[k] = v
	}
	return out
}

func parsed[T any](t *testing.T, list string, parse func(string) (T, error)) (out []T) {
	if list == "" {
		return nil
	}
	for _, s := range strings.Split(list, ",") {
		v, err := parse(s)
		require.NoError(t, err)
		out = append(out, v)
	}
	return out
}

func hello(t *testing.T, spec string) []byte {
	o := settings(spec)
	h := &wire.ClientHello{LegacyVersion: wire.TLS12, ServerName: "lab.example", HasServerName: true}
	if o["max"] != "" {
		h.LegacyVersion = parsed(t, o["max"], wire.ParseVersion)[0]
	}
	if h.SupportedVersions = parsed(t, o["versions"], wire.ParseVersion); h.SupportedVersions != nil {
		h.HasSupportedVersions = true
	}
	h.Suites = parsed(t, o["suites"], wire.ParseSuite)
	if _, ok := o["fallback"]; ok {
		h.Suites = append(h.Suites, 0x5600) // TLS_FALLBACK_SCSV, RFC 7507
	}
	if h.Groups = parsed(t, o["groups"], wire.ParseGroup); h.Groups != nil {
		h.HasGroups, h.HasPointFormats, h.PointFormats = true, true, []byte{0}
	}
	if h.Schemes = parsed(t, o["schemes"], wire.ParseScheme); h.Schemes != nil {
		h.HasSchemes = true
	}
	if h.HasSupportedVersions {
		h.HasKeyShare = true
		for _, g := range h.Groups[:min(1, len(h.Groups))] {
			h.KeyShares = append(h.KeyShares, wire.KeyShare{Group: g, Data: make([]byte, shareLen(g))})
		}
	}
	eo := &wire.EncodeOptions{}
	if o["pad"] != "" {
		n, err := strconv.Atoi(o["pad"])
		require.NoError(t, err)
		eo.PadTo = n - 5 // the record's header
	}
	msg, err := wire.AppendClientHello(nil, h, eo)
	require.NoError(t, err)
	rec := record(typeHandshake, min(h.LegacyVersion, wire.TLS10), msg)
	if o["cut"] != "" {
		n, err := strconv.Atoi(o["cut"])
		require.NoError(t, err)
		rec = rec[:n]
	}
	return rec
}

func shareLen(g wire.Group) int {
	switch g {
	case wire.X25519:
		return 32
	case wire.SECP256R1:
		return 65
	case wire.SECP384R1:
		return 97
	case wire.X25519MLKEM768:
		return 1216
	}
	return 133
}

func (c *scripted) serverHello(t *testing.T, spec string) []byte {
	o := settings(spec)
	c.version = parsed(t, o["version"], wire.ParseVersion)[0]
	suite := parsed(t, o["suite"], wire.ParseSuite)[0]
	legacy := min(c.version, wire.TLS12)
	body := append([]byte{byte(legacy >> 8), byte(legacy)}, make([]byte, 32)...)
	body = append(body, 0, byte(suite>>8), byte(suite), 0)
	if c.version == wire.TLS13 { // supported_versions, key_share x25519
		ext := append([]byte{0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32}, make([]byte, 32)...)
		body = append(append(body, 0, byte(len(ext))), ext...)
	}
	return record(typeHandshake, legacy, append([]byte{2, 0, byte(len(body) >> 8), byte(len(body))}, body...))
}

func TestWriteCaptureIsDeterministic(t *testing.T) {
	script := "conn 2026-03-02T12:00:00Z 203.0.113.10:40000 10.0.1.10:443\n0.000 > SYN\n0.001 < SYN-ACK\n0.002 > hello suites=TLS_RSA_WITH_AES_128_CBC_SHA\n0.003 < RST"
	require.Equal(t, writeCapture(t, script), writeCapture(t, script), "same script")
}
