package redact

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newTestMapper(t testing.TB) *Mapper {
	t.Helper()
	m, err := NewMapper([]byte("a key of sixteen bytes and more"))
	require.NoError(t, err)
	return m
}

// TestAddrKeepsPrefixes: two addresses share as many leading bits afterwards as before, and no two become one.
func TestAddrKeepsPrefixes(t *testing.T) {
	m := newTestMapper(t)
	r := rand.New(rand.NewPCG(1, 2))
	made := map[netip.Addr]netip.Addr{}
	for range 3000 {
		// Within one of the ranges that stay, where no address has to walk on.
		a := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(8)), byte(r.IntN(256))})
		b := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(8)), byte(r.IntN(256))})
		require.Equal(t, common(a, b), common(m.Addr(a), m.Addr(b)), "%s %s", a, b)
		for _, x := range []netip.Addr{a, b} {
			other, met := made[m.Addr(x)]
			require.True(t, !met || other == x)
			made[m.Addr(x)] = x
		}
	}
	changed := 0
	for range 3000 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], r.Uint32())
		a := netip.AddrFrom4(b)
		n := netip.AddrFrom4([4]byte{b[0], b[1], b[2], b[3] ^ 1})
		if specialBits(a) != 0 {
			require.Equal(t, specialBits(a), specialBits(m.Addr(a)))
			continue
		}
		require.Zero(t, specialBits(m.Addr(a)), "%s became special: %s", a, m.Addr(a))
		require.Equal(t, 31, common(m.Addr(a), m.Addr(n)))
		require.Equal(t, m.Addr(a), m.Addr(a))
		if m.Addr(a) != a {
			changed++
		}
	}
	require.Greater(t, changed, 2000)
}

func common(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range 8 * len(x) {
		if (x[i/8]^y[i/8])>>(7-i%8)&1 != 0 {
			return i
		}
	}
	return 8 * len(x)
}

func TestAddrKinds(t *testing.T) {
	m := newTestMapper(t)
	for _, s := range []string{"203.0.113.10", "10.0.1.10", "192.168.1.1", "2001:db8::10", "fd00::1", "fe80::1", "::ffff:203.0.113.10", "169.254.169.254"} {
		a := netip.MustParseAddr(s)
		r := m.Addr(a)
		require.NotEqual(t, a, r, s)
		require.Equal(t, a.Is4(), r.Is4(), s)
		require.Equal(t, a.IsPrivate(), r.IsPrivate(), s)
		require.Equal(t, a.IsLinkLocalUnicast(), r.IsLinkLocalUnicast(), s)
	}
	require.Equal(t, m.Addr(netip.MustParseAddr("203.0.113.10")), m.Addr(netip.MustParseAddr("::ffff:203.0.113.10")).Unmap())
	require.Equal(t, netip.MustParseAddr("0.0.0.0"), m.Addr(netip.MustParseAddr("0.0.0.0")))
	_, err := NewMapper([]byte("short"))
	require.Error(t, err)
}

// TestNames: what is replaced, what stays, and that lengths do.
func TestNames(t *testing.T) {
	m := newTestMapper(t)
	tests := []struct {
		name, in string
		f        func(string) string
		gone     []string // must not be in the result
		stays    []string
		longer   bool // an address may change the length
	}{
		{"host", "shop.Example.com:8443", m.Host, []string{"shop", "xample"}, []string{".com:8443"}, false},
		{"elb", "my-alb-123.eu-west-1.elb.amazonaws.com", m.Host, []string{"my-alb"}, []string{".eu-west-1.elb.amazonaws.com"}, false},
		{"one label", "localhost", m.Host, []string{"local"}, nil, false},
		{"host address", "[2001:db8::1]:443", m.Host, []string{"2001:db8"}, []string{"]:443"}, true},
		{"request", "GET https://shop.example.com:443/orders/17?user=jane&x HTTP/2.0", m.Request, []string{"shop", "orders", "17", "user", "jane"}, []string{"GET https://", ".com:443/", " HTTP/2.0", "="}, false},
		{"no request", "- http://10.0.0.1:80- -", m.Request, []string{"10.0.0.1"}, []string{"- http://"}, true},
		{"path", "/a%20b/c", m.Path, []string{"%20"}, []string{"/"}, false},
		{"ARN", "arn:aws:acm:us-east-1:111122223333:certificate/3d1de2de-6a6a-4d3b-a464-4bf9d7605bc4", m.ARN, []string{"111122223333", "3d1de2de", "4bf9d7605bc4"}, []string{"arn:aws:acm:us-east-1:", ":certificate/"}, false},
		{"load balancer", "app/my-alb/29e3bfe06d09d7be", m.LoadBalancer, []string{"my", "29e3"}, []string{"app/", "-"}, false},
		{"subject", `CN=Jane Doe,O="Acme, Inc.",C=US`, m.Subject, []string{"Jane", "Doe", "Acme", "Inc", "US"}, []string{"CN=", ",O=", ",C="}, false},
		{"serial", "025FAAF9FEF949554A6CD8E839841652", m.Serial, []string{"025FAAF9"}, nil, false},
		{"trace", "Root=1-6955b941-0eaaf40b0e91c42360c06f55", m.Trace, []string{"0eaaf40b"}, []string{"Root=1-6955b941-"}, false},
		{"id", "eni-8aa4b77bcd86feec4", m.ID, []string{"8aa4"}, []string{"eni-"}, false},
		{"words", "connection to shop.example.com (203.0.113.10) port 443 failed: TLSv1.3, error:0A000126", m.text, []string{"shop", "203.0.113.10"}, []string{"connection to ", "port 443 failed: TLSv1.3, error:0A000126"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.f(tt.in)
			for _, s := range tt.gone {
				require.NotContains(t, strings.ToLower(got), strings.ToLower(s))
			}
			for _, s := range tt.stays {
				require.Contains(t, got, s)
			}
			if !tt.longer {
				require.Len(t, got, len(tt.in))
			}
			require.Equal(t, got, tt.f(tt.in), "the same becomes the same")
		})
	}
	require.Equal(t, m.Host("A.example.com"), m.Host("a.example.com"))
	require.NotEqual(t, m.Host("a.example.com"), m.Host("b.example.com"))
	require.Contains(t, m.ARN("arn:aws:x:y:111122223333:targetgroup/web/0123456789abcdef"), m.Digits("111122223333"))
	kept := m.Agent("curl/7.88.1")
	require.Equal(t, "curl/7.88.1", kept)
	m.agents = true
	require.NotContains(t, m.Agent("curl/7.88.1"), "curl")
}

// TestWordsDiffer: short names do not meet as long as there is room.
func TestWordsDiffer(t *testing.T) {
	m := newTestMapper(t)
	seen := map[string]bool{}
	for a := byte('a'); a <= 'z'; a++ {
		for b := byte('a'); b <= 'j'; b++ {
			r := m.word("name", string([]byte{a, b}), false)
			require.False(t, seen[r])
			seen[r] = true
		}
	}
}

// TestChecksums: RFC 1071 and RFC 1624, on a header of RFC 1071's kind: right stays right, and wrong by as much as it was.
func TestChecksums(t *testing.T) {
	b := []byte{0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7}
	require.EqualValues(t, 0xffff, sum(b), "a right header sums up to all ones")
	for _, wrong := range []uint16{0, 1, 0x1234} {
		c := append([]byte(nil), b...)
		binary.BigEndian.PutUint16(c[10:], binary.BigEndian.Uint16(c[10:])+wrong)
		was := sum(c)
		before := sum(c)
		copy(c[12:], []byte{1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff})
		adjust(c, 10, before, sum(c))
		require.Equal(t, was, sum(c))
	}
}

func BenchmarkAddr(b *testing.B) {
	m := newTestMapper(b)
	i := uint32(0)
	for b.Loop() {
		i++
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], i*2654435761)
		m.permute(netip.AddrFrom4(a), 0)
	}
}

func mustTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}
