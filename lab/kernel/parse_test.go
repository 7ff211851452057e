package kernel

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// Packets: a SYN to port 443 over IPv4 with an option in its IP header, and over IPv6.
const (
	syn4 = "460000400000400040060000" + "cb00710a" + "0a00010a" + "01010100" + "9c4001bb0000000000000000a002faf000000000"
	syn6 = "6000000000280640" + "20010db8000000000000000000000010" + "20010db8000100000000000000000010" + "9c4001bb0000000000000000a002faf000000000"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, packet, want string
		change             func([]byte) []byte
	}{
		{name: "IPv4", packet: syn4, want: "203.0.113.10 10.0.1.10 443"},
		{name: "IPv6", packet: syn6, want: "2001:db8::10 2001:db8:1::10 443"},
		{name: "UDP", packet: syn4, change: func(b []byte) []byte { b[9] = 17; return b }},
		{name: "ICMPv6", packet: syn6, change: func(b []byte) []byte { b[6] = 58; return b }},
		{name: "later fragment", packet: syn4, change: func(b []byte) []byte { b[7] = 1; return b }},
		{name: "cut IPv4", packet: syn4, change: func(b []byte) []byte { return b[:26] }},
		{name: "cut IPv6", packet: syn6, change: func(b []byte) []byte { return b[:43] }},
		{name: "nothing", change: func([]byte) []byte { return nil }},
		{name: "IP version 5", packet: syn4, change: func(b []byte) []byte { b[0] = 0x56; return b }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.packet)
			require.NoError(t, err)
			if tt.change != nil {
				b = tt.change(b)
			}
			e, ok := parse(b)
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, e.src.String()+" "+e.dst.String()+" 443")
				require.EqualValues(t, 443, e.dstPort)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{syn4, syn6} {
		b, err := hex.DecodeString(s)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := parse(b); ok {
			require.True(t, e.src.IsValid() && e.dst.IsValid())
		}
	})
}
