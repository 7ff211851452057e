package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/vnet"
	"github.com/alblab/alblab/lab/wire"
)

// simulationFile writes clients as testssl.sh's file has them.
func simulationFile(t testing.TB, list ...*Client) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("#!/usr/bin/env bash\n# made by the test\n\n")
	for _, c := range list {
		hello, err := c.Hello("www.example.com")
		require.NoError(t, err)
		fmt.Fprintf(&b, "     names+=(%q)\n     short+=(\"x\")\n     ch_sni+=(\"$SNI\")\n     warning+=(\"\")\n     handshakebytes+=(\"%x\")\n", c.Name+"   ", hello)
		fmt.Fprintf(&b, "     lowest_protocol+=(\"0x%04x\")\n     minDhBits+=(-1)\n     current+=(true)\n\n", uint16(c.Min))
	}
	return b.String()
}

func collect(seq iter.Seq2[*Client, error]) (list []*Client, errs []error) {
	for c, err := range seq {
		if err != nil {
			errs = append(errs, err)
		} else {
			list = append(list, c)
		}
	}
	return list, errs
}

// TestFromTestSSL: the catalogue, written in testssl.sh's form, comes back.
func TestFromTestSSL(t *testing.T) {
	text := simulationFile(t, All()...)
	list, errs := collect(FromTestSSL(strings.NewReader(text), "a test", nil))
	require.Empty(t, errs)
	require.Len(t, list, len(All()))
	for i, c := range All() {
		require.Equal(t, c.Name, list[i].Name)
		require.Equal(t, c.Max, list[i].Max, c.Name)
		require.Equal(t, len(c.Suites), len(list[i].Suites), c.Name)
		if len(c.SupportedVersions) == 0 {
			require.Equal(t, c.Min, list[i].Min, c.Name)
		}
		require.Equal(t, "a test", list[i].Source)
		require.NotEmpty(t, list[i].Family)
	}
	require.Equal(t, "IE", list[indexOf(list, "IE 6 XP")].Family)
	require.Equal(t, "6", list[indexOf(list, "IE 6 XP")].Version)
}

func indexOf(list []*Client, name string) int {
	for i, c := range list {
		if c.Name == name {
			return i
		}
	}
	return -1
}

func TestFromTestSSLDamage(t *testing.T) {
	good := simulationFile(t, All()[0])
	tests := []struct{ text, want string }{
		{"rm -rf /\n", "sims:1: not of the form NAME+=(VALUE): "},
		{"names+=(\"\")\n", "sims:1: field names: a client without a name"},
		{"handshakebytes+=(\"16\")\n", "sims:1: field handshakebytes: stands before the first names+="},
		{"names+=(\"a 1\")\n", `sims:1: field names: client "a 1": it has no handshakebytes`},
		{"names+=(\"a 1\")\nhandshakebytes+=(\"1603\")\n", `sims:1: field names: client "a 1": hello of a 1: `},
		{"names+=(\"a 1\")\nhandshakebytes+=(\"16x3\")\n", "sims:2: field handshakebytes: no hex"},
		{"names+=(\"a 1\")\nlowest_protocol+=(\"old\")\n", `sims:2: field lowest_protocol: "old" is no version`},
		{"names+=(\"a 1\"); touch x\n", "sims:1: not of the form"},
		{strings.Repeat("x", 3000) + "\n", "sims:1: "},
	}
	for _, tt := range tests {
		list, errs := collect(FromTestSSL(strings.NewReader(tt.text+good), "a test", &evidence.Options{File: "sims", MaxLine: 2000}))
		require.NotEmpty(t, errs, tt.text)
		require.ErrorContains(t, errs[0], tt.want)
		for _, err := range errs {
			var damaged *evidence.ParseError
			require.ErrorAs(t, err, &damaged)
		}
		require.Len(t, list, 1, "the rest is still read")
	}
	_, errs := collect(FromTestSSL(failing{}, "a test", nil))
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "broken disk")
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken disk") }

func FuzzFromTestSSL(f *testing.F) {
	f.Add([]byte(simulationFile(f, All()[:3]...)))
	f.Add([]byte("names+=('x 1' )\nhandshakebytes+=(\"\")\n$(touch x)\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, errs := collect(FromTestSSL(bytes.NewReader(b), "fuzzed", nil))
		for _, err := range errs {
			var damaged *evidence.ParseError
			require.ErrorAs(t, err, &damaged)
		}
		for _, c := range list {
			text, err := c.AppendText(nil)
			require.NoError(t, err)
			if _, err := Parse(string(text)); err != nil {
				require.ErrorContains(t, err, "a client needs")
			}
		}
	})
}

// TestFromCapture: two connections with the same client's hello make one client, another one a second; a damaged hello is told.
func TestFromCapture(t *testing.T) {
	chrome, err := ByName("Chrome 133 (uTLS)")
	require.NoError(t, err)
	java, err := ByName("Java 8u31")
	require.NoError(t, err)
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, nil)
	require.NoError(t, err)
	mac := []byte{2, 0, 0, 0, 0, 1}
	server := netip.MustParseAddrPort("10.0.1.10:443")
	n, err := vnet.New(vnet.Config{
		Clock: vnet.WallClock(), Seed: 1, Clients: []netip.Addr{netip.MustParseAddr("203.0.113.10")},
		Nodes: []vnet.Interface{{ID: "eni-1", MAC: mac, IPv4: server.Addr(), IPv6: netip.MustParseAddr("2001:db8:1::10")}},
		Tap: func(p *vnet.Packet) {
			require.NoError(t, w.WriteIP(p.Time, capture.MAC(mac), capture.MAC(mac), p.Data))
		},
	})
	require.NoError(t, err)
	l, err := n.Listen(server)
	require.NoError(t, err)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 1)
			_, _ = c.Read(buf)
			_ = c.(*vnet.Conn).Reset()
		}
	}()
	send := func(b []byte) {
		c, err := n.Dial(t.Context(), netip.MustParseAddr("203.0.113.10"), server)
		require.NoError(t, err)
		_, err = c.Write(b)
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.Error(t, err)
		_ = c.Close()
	}
	for _, x := range []*Client{chrome, java, chrome} {
		b, err := x.Hello("some.example")
		require.NoError(t, err)
		send(b)
	}
	send([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 3})
	send([]byte("GET / HTTP/1.1\r\n\r\n"))
	n.Close()
	require.NoError(t, w.Flush())

	list, errs := collect(FromCapture(bytes.NewReader(file.Bytes()), "a test", &evidence.Options{File: "x.pcap"}))
	require.Len(t, list, 2)
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "x.pcap:")
	require.ErrorContains(t, errs[0], "client 203.0.113.10:")
	for i, x := range []*Client{chrome, java} {
		require.Equal(t, "captured", list[i].Family)
		require.Contains(t, list[i].Name, "203.0.113.10 t1")
		got, err := list[i].Hello("other.example")
		require.NoError(t, err)
		want, err := x.Hello("other.example")
		require.NoError(t, err)
		g, err := wire.ParseHello(got)
		require.NoError(t, err)
		h, err := wire.ParseHello(want)
		require.NoError(t, err)
		require.Equal(t, h.JA4(), g.JA4())
	}
}
