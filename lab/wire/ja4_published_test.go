package wire

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Results that FoxIO publishes for its own captures: JA4_ro, which is what the client offered in its own order, JA4_r and JA4.
// https://github.com/FoxIO-LLC/ja4/tree/main/python/test/testdata (sigalg-grease, badcurveball, socks-https-example)
func TestJA4OfPublishedCaptures(t *testing.T) {
	for _, tt := range []struct{ name, offered, raw, want string }{
		{
			"sigalg-grease.pcapng",
			"t13d1517h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_fe0d,0010,0017,0033,44cd,ff01,000a,000d,0023,002b,000b,ca34,002d,0000,0005,001b,0012_0904,0905,0906,0403,0804,0401,0503,0805,0501,0806,0601",
			"t13d1517h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,0017,001b,0023,002b,002d,0033,44cd,ca34,fe0d,ff01_0904,0905,0906,0403,0804,0401,0503,0805,0501,0806,0601",
			"t13d1517h2_8daaf6152771_cb7bf5808d99",
		},
		{
			"badcurveball.pcap",
			"t13d1615h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035,000a_0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015_0403,0804,0401,0503,0805,0501,0806,0601,0201",
			"t13d1615h2_000a,002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,ff01_0403,0804,0401,0503,0805,0501,0806,0601,0201",
			"t13d1615h2_46e7e9700bed_45f260be83e2",
		},
		{
			"socks-https-example.pcap",
			"t10d230100_0039,0038,0035,0016,0013,000a,0033,0032,002f,009a,0099,0096,0005,0004,0015,0012,0009,0014,0011,0008,0006,0003,00ff_0000",
			"t10d230100_0003,0004,0005,0006,0008,0009,000a,0011,0012,0013,0014,0015,0016,002f,0032,0033,0035,0038,0039,0096,0099,009a,00ff_",
			"t10d230100_6a57a6f57151_000000000000",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parts := strings.Split(tt.offered, "_")
			h := &ClientHello{LegacyVersion: TLS10, HasServerName: true, Suites: hexIDs[Suite](t, parts[1]), Extensions: hexIDs[uint16](t, parts[2])}
			if strings.HasPrefix(tt.offered, "t13") {
				h.LegacyVersion, h.HasSupportedVersions, h.SupportedVersions = TLS12, true, []Version{0x2A2A, TLS13, TLS12}
				h.ALPN, h.Schemes = []string{"h2", "http/1.1"}, append([]Scheme{0x5A5A}, hexIDs[Scheme](t, parts[3])...)
			}
			require.Equal(t, tt.want, h.JA4())
			require.Equal(t, tt.raw, h.JA4Raw())
		})
	}
}

func hexIDs[T ~uint16](t *testing.T, list string) (ids []T) {
	t.Helper()
	for s := range strings.SplitSeq(list, ",") {
		v, err := strconv.ParseUint(s, 16, 16)
		require.NoError(t, err)
		ids = append(ids, T(v))
	}
	return ids
}
