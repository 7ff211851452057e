package wire

import (
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// RFC 8448, section 3: the first hello and its answer, byte by byte; section 5: a HelloRetryRequest.
const (
	rfc8448Hello = "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b000900000673" +
		"6572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43d23d8e435a7dba" +
		"feb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00" +
		"020101001c00024001"
	rfc8448ServerHello = "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828876112095fe66" +
		"762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// recorded is a line of testdata/hellos.tsv.
type recorded struct {
	name, command                                       string
	raw                                                 []byte
	ja3String, ja3, sni, alpn, versions, schemes, share string
}

func recordedHellos(t testing.TB) []recorded {
	t.Helper()
	text, err := os.ReadFile("testdata/hellos.tsv")
	require.NoError(t, err)
	var all []recorded
	for _, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		require.Len(t, f, 4)
		v := strings.Split(f[3], ";")
		require.Len(t, v, 7)
		all = append(all, recorded{f[0], f[1], unhex(t, f[2]), v[0], v[1], v[2], v[3], v[4], v[5], v[6]})
	}
	require.NotEmpty(t, all)
	return all
}

func testChrome(t testing.TB) []byte {
	for _, r := range recordedHellos(t) {
		if r.name == "curl" {
			return r.raw[5:]
		}
	}
	t.Fatal("no recorded hello of curl")
	return nil
}

func lowerHex[T ~uint16](ids []T) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strings.ToLower(hex16(uint16(id)))
	}
	return strings.Join(words, ",")
}

func TestRecordedHellosAgreeWithTshark(t *testing.T) {
	for _, r := range recordedHellos(t) {
		t.Run(r.name, func(t *testing.T) {
			h, err := ParseHello(r.raw)
			require.NoError(t, err)
			assert.Equal(t, r.ja3String, h.JA3String())
			assert.Equal(t, r.ja3, h.JA3())
			assert.Equal(t, r.sni, h.ServerName)
			assert.Equal(t, r.alpn, strings.Join(h.ALPN, ","))
			assert.Equal(t, r.versions, lowerHex(h.SupportedVersions))
			assert.Equal(t, r.schemes, lowerHex(h.Schemes))
			var shares []string
			for _, k := range h.KeyShares {
				shares = append(shares, strconv.Itoa(int(k.Group)))
			}
			assert.Equal(t, r.share, strings.Join(shares, ","))
			assert.Equal(t, len(r.raw)-5, h.Len)

			again, err := AppendClientHello(nil, h, nil)
			require.NoError(t, err)
			assert.Equal(t, r.raw[5:], again, "written again, it is the same")
			assert.Equal(t, r.raw, AppendRecords(nil, again, h.RecordVersion, 0))
		})
	}
}

func TestRFC8448(t *testing.T) {
	h, err := ParseClientHello(unhex(t, rfc8448Hello))
	require.NoError(t, err)
	assert.Equal(t, "server", h.ServerName)
	assert.Equal(t, []Suite{0x1301, 0x1303, 0x1302}, h.Suites)
	assert.Equal(t, []Version{TLS13}, h.SupportedVersions)
	assert.Equal(t, []Group{X25519, SECP256R1, SECP384R1, SECP521R1, 0x100, 0x101, 0x102, 0x103, 0x104}, h.Groups)
	require.Len(t, h.KeyShares, 1)
	assert.Equal(t, X25519, h.KeyShares[0].Group)
	assert.Len(t, h.KeyShares[0].Data, 32)
	assert.Equal(t, []byte{1}, h.PSKModes)
	assert.True(t, h.SessionTicket)
	assert.True(t, h.RenegotiationInfo)

	s, err := ParseServerHello(unhex(t, rfc8448ServerHello))
	require.NoError(t, err)
	assert.Equal(t, TLS13, s.Version)
	assert.Equal(t, TLS12, s.LegacyVersion)
	assert.Equal(t, Suite(0x1301), s.Suite)
	assert.Equal(t, X25519, s.Group)
	assert.False(t, s.HelloRetry)

	inRecords, err := ParseServerHello(AppendRecords(nil, unhex(t, rfc8448ServerHello), TLS12, 30))
	require.NoError(t, err)
	assert.Equal(t, s.Random, inRecords.Random)
}

func TestHelloRetryRequest(t *testing.T) {
	// RFC 8446, section 4.1.4, written by hand: version, the special random, no session id, suite, then key_share with a
	// group alone and supported_versions.
	body := "0303" + hex.EncodeToString(retryRandom) + "00" + "1301" + "00" + "000c" + "003300020017" + "002b00020304"
	s, err := ParseServerHello(append([]byte{2, 0, 0, byte(len(body) / 2)}, unhex(t, body)...))
	require.NoError(t, err)
	assert.True(t, s.HelloRetry)
	assert.Equal(t, SECP256R1, s.Group)
	assert.Equal(t, TLS13, s.Version)
}

// minimal is a hello by hand: TLS 1.2, one suite, the null method, and the extensions given.
func minimal(extensions ...string) string {
	body := "0303" + strings.Repeat("00", 32) + "00" + "0002c02f" + "0100"
	if len(extensions) > 0 {
		all := strings.Join(extensions, "")
		body += hex.EncodeToString(append16(nil, len(all)/2)) + all
	}
	return "010000" + hex.EncodeToString([]byte{byte(len(body) / 2)}) + body
}

func TestParseRefusesDamage(t *testing.T) {
	tests := []struct {
		name, hello string
		want        string
	}{
		{"nothing", "", "byte 0: header is cut short"},
		{"another message", "02000000", "byte 0: handshake message of type 2 is not a client hello"},
		{"header too long", "01000001", "byte 1: header says 1 bytes, 0 are there"},
		{"cut in the random", "010000040303ffff", "byte 6: random is cut short"},
		{"session id of 33", "01000023" + "0303" + strings.Repeat("00", 32) + "21", "byte 39: session id is longer than 32 bytes"},
		{"no suites", "01000027" + "0303" + strings.Repeat("00", 32) + "00" + "0000" + "0100", "byte 41: no cipher suites"},
		{"odd suites", "01000028" + "0303" + strings.Repeat("00", 32) + "00" + "0001c0" + "0100", "byte 41: cipher suites: odd length"},
		{"bytes after extensions", "0100002c" + "0303" + strings.Repeat("00", 32) + "00" + "0002c02f" + "0100" + "0000" + "ff", "byte 47: bytes after extensions"},
		{"extension over the end", minimal("00170001"), "byte 51: extension is cut short"},
		{"twice", minimal("00170000", "00170000"), "byte 51: extension 23 occurs twice"},
		{"twice, large", minimal("ff01000100", "ff01000100"), "byte 52: extension 65281 occurs twice"},
		{"GREASE twice", minimal("0a0a0000", "0a0a0000"), "byte 51: extension 2570 occurs twice"},
		{"groups odd", minimal("000a00030001aa"), "byte 53: supported_groups: odd length"},
		{"groups length", minimal("000a00040003001d"), "byte 53: supported_groups: length does not fit"},
		{"versions length", minimal("002b0003040304"), "byte 52: supported_versions: length does not fit"},
		{"key share over the end", minimal("003300060004001d0020"), "byte 57: key_share is cut short"},
		{"alpn over the end", minimal("0010000500030468320a"), "byte 54: alpn is cut short"},
		{"psk not last", minimal("00290000", "00170000"), "byte 51: extension after pre_shared_key, which must be last"},
		{"point formats", minimal("000b0002020000"), "byte 52: ec_point_formats is cut short"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseClientHello(unhex(t, tt.hello))
			require.EqualError(t, err, tt.want)
			var pe *ParseError
			require.True(t, errors.As(err, &pe))
		})
	}
}

func TestParseKeepsWhatIsOdd(t *testing.T) {
	_, err := ParseClientHello(unhex(t, minimal("002b000100", "000a00020000", "00000000", "0010000702683200")))
	require.Error(t, err, "an ALPN list whose length is wrong")
	h, err := ParseClientHello(unhex(t, minimal("002b000100", "000a00020000", "00000000", "003300020000")))
	require.NoError(t, err)
	assert.True(t, h.HasSupportedVersions)
	assert.Empty(t, h.SupportedVersions)
	assert.True(t, h.HasGroups)
	assert.Empty(t, h.Groups)
	assert.True(t, h.HasServerName)
	assert.True(t, h.HasKeyShare)
	body, ok := h.ExtensionData(ExtSupportedVersions)
	assert.True(t, ok)
	assert.Equal(t, []byte{0}, body)
	_, ok = h.ExtensionData(999)
	assert.False(t, ok)
}

func TestManyExtensionsAreNoWork(t *testing.T) {
	var exts []string
	for i := range 70 {
		exts = append(exts, hex.EncodeToString(append16(nil, 0x4000+i))+"0000")
	}
	all := strings.Join(exts, "")
	body := "0303" + strings.Repeat("00", 32) + "00" + "0002c02f" + "0100" + hex.EncodeToString(append16(nil, len(all)/2)) + all
	msg := append([]byte{1, 0}, append16(nil, len(body)/2)...)
	_, err := ParseClientHello(append(msg, unhex(t, body)...))
	require.ErrorContains(t, err, "too many extensions")
}

func TestParseAllocatesNothingTheSecondTime(t *testing.T) {
	msg := testChrome(t)
	var h ClientHello
	require.NoError(t, h.Parse(msg))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if h.Parse(msg) != nil {
			t.Fatal("parse failed")
		}
	}))
	assert.Equal(t, "localhost", h.ServerName)
	assert.Equal(t, []string{"h2", "http/1.1"}, h.ALPN)
}

func TestSSLv2(t *testing.T) {
	// RFC 5246, appendix E.2: 3 suites (one of SSLv2's own), no session id, a challenge of 16 bytes.
	hello := "802a01030100090000001000002f0100800000ff" + strings.Repeat("ab", 16)
	raw := unhex(t, hello)
	raw[1] = byte(len(raw) - 2)
	h, err := ParseHello(raw)
	require.NoError(t, err)
	assert.Equal(t, FormatSSLv2, h.Format)
	assert.Equal(t, TLS10, h.LegacyVersion)
	assert.Equal(t, []Suite{0x002F, 0x00FF}, h.Suites)
	assert.True(t, h.RenegotiationInfo)
	assert.Len(t, h.Random, 16)

	again, err := AppendSSLv2(nil, h)
	require.NoError(t, err)
	back, err := ParseHello(again)
	require.NoError(t, err)
	assert.Equal(t, h.Suites, back.Suites)

	raw[6] = 8 // not a multiple of three
	_, err = ParseHello(raw)
	require.ErrorContains(t, err, "multiple of three")
}

func TestPadding(t *testing.T) {
	h, err := ParseClientHello(unhex(t, minimal("00170000")))
	require.NoError(t, err)
	for _, n := range []int{h.Len + 4, 216 - 5, 1000} {
		msg, err := AppendClientHello(nil, h, &EncodeOptions{PadTo: n})
		require.NoError(t, err)
		assert.Len(t, msg, n)
		back, err := ParseClientHello(msg)
		require.NoError(t, err)
		assert.Equal(t, ExtPadding, back.Extensions[len(back.Extensions)-1])
	}
	_, err = AppendClientHello(nil, &ClientHello{Extensions: []uint16{21}}, &EncodeOptions{Raw: map[uint16][]byte{21: make([]byte, 1<<17)}})
	require.Error(t, err)
}
