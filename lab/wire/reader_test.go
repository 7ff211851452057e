package wire

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHelloReaderTakesAnyCut(t *testing.T) {
	for _, r := range recordedHellos(t) {
		msg := r.raw[5:]
		for _, fragment := range []int{1, 3, 40, len(msg) - 1, 0} {
			stream := append(AppendRecords(nil, msg, TLS10, fragment), "later bytes"...)
			for _, segment := range []int{1, 7, len(stream)} {
				var rd HelloReader
				fed := 0
				for rd.State() == HelloNeedMore && fed < len(stream) {
					n := min(segment, len(stream)-fed)
					rd.Feed(stream[fed : fed+n])
					fed += n
				}
				require.Equal(t, HelloComplete, rd.State(), "%s, records of %d, segments of %d: %v", r.name, fragment, segment, rd.Err())
				assert.Equal(t, msg, rd.Message())
				assert.Equal(t, TLS10, rd.Hello().RecordVersion)
				assert.Equal(t, len(stream)-len("later bytes"), rd.Consumed())
				assert.Equal(t, stream[:fed], rd.Raw())
			}
		}
	}
}

func TestHelloReaderStates(t *testing.T) {
	hello := unhex(t, minimal())
	big := append([]byte{1, 1, 0, 0}, make([]byte, 100)...)
	tests := []struct {
		name   string
		stream string
		want   HelloState
		err    string
	}{
		{"nothing", "", HelloNeedMore, ""},
		{"first byte of TLS", "\x16", HelloNeedMore, ""},
		{"half a header", "\x16\x03\x01", HelloNeedMore, ""},
		{"SSLv3 record", string(AppendRecords(nil, hello, SSLv3, 0)), HelloComplete, ""},
		{"http", "GET / HTTP/1.1\r\n", HelloNotTLS, ""},
		{"one letter", "G", HelloNotTLS, ""},
		{"handshake byte, then text", "\x16GET", HelloNotTLS, ""},
		{"ssh", "SSH-2.0-x", HelloNotTLS, ""},
		{"high byte, then text", "\x80AGET", HelloNotTLS, ""},
		{"SSLv2, cut", "\x80\x2a\x01\x03", HelloNeedMore, ""},
		{"alert", "\x15\x03\x01\x00\x02\x02\x28", HelloMalformed, "byte 0: alert instead of a client hello: fatal handshake_failure"},
		{"application data", "\x17\x03\x01\x00\x02\x02\x28", HelloMalformed, "byte 0: record of type 23 instead of a client hello"},
		{"empty record", "\x16\x03\x01\x00\x00", HelloMalformed, "byte 3: handshake record of 0 bytes"},
		{"large record", "\x16\x03\x01\x40\x01", HelloMalformed, "byte 3: handshake record of 16385 bytes"},
		{"another message", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", HelloMalformed, "byte 5: handshake message of type 2 before a client hello"},
		{"huge hello", string(AppendRecords(nil, big, TLS10, 0)), HelloMalformed, "byte 109: client hello of 65540 bytes"},
		{"huge hello, record not whole", "\x16\x03\x01\x40\x00\x01\x01\x00\x00", HelloMalformed, "byte 0: client hello of 65540 bytes"},
		{"bytes after it", string(AppendRecords(nil, append(hello[:len(hello):len(hello)], 7), TLS10, 0)), HelloMalformed, "byte 50: bytes after the client hello in its record"},
		{"record of something else inside", "\x16\x03\x01\x00\x04\x01\x00\x00\x10\x17\x03\x01\x00\x01\x00", HelloMalformed, "byte 9: record of type 23 instead of a client hello"},
		{"damaged hello", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", HelloMalformed, "byte 4: version is cut short"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var whole, bytewise HelloReader
			whole.Feed([]byte(tt.stream))
			for i := range len(tt.stream) {
				bytewise.Feed([]byte{tt.stream[i]})
			}
			for _, r := range []*HelloReader{&whole, &bytewise} {
				assert.Equal(t, tt.want.String(), r.State().String())
				assert.Equal(t, tt.want == HelloComplete, r.Hello() != nil)
			}
			if tt.err != "" {
				require.EqualError(t, whole.Err(), tt.err)
			} else {
				require.NoError(t, whole.Err())
			}
		})
	}
}

func TestHelloReaderReset(t *testing.T) {
	var r HelloReader
	require.Equal(t, HelloNotTLS, r.Feed([]byte("GET /")))
	r.Reset()
	require.Equal(t, HelloComplete, r.Feed(AppendRecords(nil, unhex(t, minimal()), TLS10, 0)))
	require.Equal(t, HelloComplete, r.Feed([]byte("more")), "a final state takes no more")
}

func TestParseHello(t *testing.T) {
	msg := unhex(t, minimal())
	for _, b := range [][]byte{msg, AppendRecords(nil, msg, TLS10, 9)} {
		h, err := ParseHello(b)
		require.NoError(t, err)
		assert.Equal(t, []Suite{0xC02F}, h.Suites)
	}
	_, err := ParseHello(AppendRecords(nil, msg, TLS10, 9)[:20])
	require.EqualError(t, err, "byte 20: client hello is cut short")
	_, err = ParseHello(nil)
	require.EqualError(t, err, "byte 0: client hello is cut short")
	_, err = ParseHello([]byte("GET /"))
	require.EqualError(t, err, "byte 0: neither a TLS record nor a client hello")
}

func TestParseServerHelloDamage(t *testing.T) {
	tests := []struct{ name, hex, want string }{
		{"nothing", "", "byte 0: header is cut short"},
		{"a client's", rfc8448Hello, "byte 0: handshake message of type 1 is not a server hello"},
		{"cut", rfc8448ServerHello[:40], "byte 4: server hello is cut short"},
		{"alert first", "15030100020228", "byte 0: handshake message of type 21 is not a server hello"},
		{"alert inside", "160303000402000056" + "15030300020228", "byte 9: record of type 21 within a handshake message"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseServerHello(unhex(t, tt.hex))
			require.EqualError(t, err, tt.want)
		})
	}
}
