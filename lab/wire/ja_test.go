package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The two examples of https://github.com/salesforce/ja3 (README).
func TestJA3Published(t *testing.T) {
	h := &ClientHello{
		LegacyVersion: TLS10, Suites: []Suite{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
		Extensions: []uint16{0, 10, 11}, Groups: []Group{23, 24, 25}, PointFormats: []byte{0},
	}
	assert.Equal(t, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", h.JA3String())
	assert.Equal(t, "ada70206e40642a3e4461f35503241d5", h.JA3())
	h = &ClientHello{LegacyVersion: TLS10, Suites: []Suite{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}}
	assert.Equal(t, "769,4-5-10-9-100-98-3-6-19-18-99,,,", h.JA3String())
	assert.Equal(t, "de350869b8c85de67a350c8d186f11e6", h.JA3())
}

// The example of https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md, a Chrome.
func TestJA4Published(t *testing.T) {
	h := &ClientHello{
		LegacyVersion: TLS12,
		Suites: []Suite{0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D,
			0x002F, 0x0035},
		Extensions: []uint16{0x3A3A, 0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B,
			0xFF01, 0x000B, 0x000A, 0x0015},
		HasServerName: true, ALPN: []string{"h2", "http/1.1"},
		HasSupportedVersions: true, SupportedVersions: []Version{0x0A0A, TLS13, TLS12},
		Schemes: []Scheme{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
	}
	assert.Equal(t, "t13d1516h2_8daaf6152771_e5627efa2ab1", h.JA4())
	assert.Equal(t, "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_"+
		"0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601", h.JA4Raw())
}

func TestJA4Corners(t *testing.T) {
	tests := []struct {
		name string
		h    ClientHello
		want string
	}{
		{"nothing", ClientHello{LegacyVersion: SSLv3}, "ts3i000000_000000000000_000000000000"},
		{"no schemes: no underscore", ClientHello{LegacyVersion: TLS11, Suites: []Suite{0x2F}, Extensions: []uint16{23}}, "t11i010100_002f_0017"},
		{"only names: an empty list", ClientHello{LegacyVersion: TLS12, Extensions: []uint16{0, 16}, HasServerName: true, ALPN: []string{"x"}}, "t12d0002xx__"},
		{"protocol that is no text", ClientHello{LegacyVersion: TLS12, ALPN: []string{"\xab\xcd"}}, "t12i0000ad__"},
		{"protocol of one odd byte", ClientHello{LegacyVersion: TLS12, ALPN: []string{"\xab"}}, "t12i0000ab__"},
		{"many suites", ClientHello{LegacyVersion: TLS10, Suites: make([]Suite, 120)}, "t10i990000_" + strings.TrimSuffix(strings.Repeat("0000,", 120), ",") + "_"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.want, "000000000000_0") {
				assert.Equal(t, tt.want, tt.h.JA4())
				return
			}
			assert.Equal(t, tt.want, tt.h.JA4Raw())
		})
	}
	for _, r := range recordedHellos(t) {
		h, err := ParseHello(r.raw)
		require.NoError(t, err)
		assert.Regexp(t, `^t1[0-3][di]\d\d\d\d..(_[0-9a-f]{12}){2}$`, h.JA4())
	}
}
