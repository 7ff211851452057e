package clients

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

// sent catches the hello of a call as the server reads it.
func sent(t *testing.T, c Call) *wire.ClientHello {
	t.Helper()
	readers := make(chan *wire.HelloReader, 1)
	to := serve(t, func(c net.Conn) {
		var r wire.HelloReader
		buf := make([]byte, 1<<14)
		for r.State() == wire.HelloNeedMore {
			n, err := c.Read(buf)
			if err != nil {
				break
			}
			r.Feed(buf[:n])
		}
		reset(c)
		readers <- &r
	})
	a := call(t, to, c)
	r := <-readers
	require.NoError(t, r.Err())
	require.Equal(t, wire.HelloComplete, r.State())
	require.Equal(t, []byte(a.Hello), r.Raw())
	return r.Hello()
}

// TestHelloIsWhatIsAsked parses what arrives at the server.
func TestHelloIsWhatIsAsked(t *testing.T) {
	suites := []wire.Suite{0x1234, 0xFEFE, 0x009E, 0xC024, 0x1301, 0x00FF}
	groups := []wire.Group{wire.SECP384R1, 0x0105, wire.X25519, wire.X25519MLKEM768, wire.SECP256R1}
	shares := []wire.Group{wire.SECP256R1, groupX448, wire.X25519MLKEM768, wire.X25519}
	tests := []struct {
		name string
		p    Profile
		want func(*testing.T, *wire.ClientHello)
	}{
		{"suites", Profile{Suites: suites}, func(t *testing.T, h *wire.ClientHello) { require.Equal(t, suites, h.Suites) }},
		{"groups", Profile{Groups: groups}, func(t *testing.T, h *wire.ClientHello) {
			require.Equal(t, groups, h.Groups)
			require.Len(t, h.KeyShares, 1)
			require.Equal(t, wire.SECP384R1, h.KeyShares[0].Group)
			require.Len(t, h.KeyShares[0].Data, 97)
		}},
		{"shares", Profile{Groups: append([]wire.Group{groupX448}, groups...), KeyShares: shares}, func(t *testing.T, h *wire.ClientHello) {
			require.Len(t, h.KeyShares, len(shares))
			for i, n := range []int{65, 56, 1216, 32} {
				require.Equal(t, shares[i], h.KeyShares[i].Group)
				require.Len(t, h.KeyShares[i].Data, n)
			}
		}},
		{"schemes", Profile{Schemes: []wire.Scheme{0x0601, 0x0203, 0x7777}}, func(t *testing.T, h *wire.ClientHello) {
			require.Equal(t, []wire.Scheme{0x0601, 0x0203, 0x7777}, h.Schemes)
		}},
		{"no-schemes", Profile{MaxVersion: wire.TLS12, Schemes: []wire.Scheme{}}, func(t *testing.T, h *wire.ClientHello) { require.False(t, h.HasSchemes) }},
		{"no-groups", Profile{MaxVersion: wire.TLS12, Groups: []wire.Group{}}, func(t *testing.T, h *wire.ClientHello) {
			require.False(t, h.HasGroups)
			require.False(t, h.HasPointFormats)
		}},
		{"alpn", Profile{ALPN: []string{"spdy/3", "h2"}}, func(t *testing.T, h *wire.ClientHello) { require.Equal(t, []string{"spdy/3", "h2"}, h.ALPN) }},
		{"no-alpn", Profile{}, func(t *testing.T, h *wire.ClientHello) { require.Nil(t, h.ALPN) }},
		{"sni", Profile{}, func(t *testing.T, h *wire.ClientHello) { require.Equal(t, host, h.ServerName) }},
		{"no-sni", Profile{NoSNI: true}, func(t *testing.T, h *wire.ClientHello) { require.False(t, h.HasServerName) }},
		{"versions", Profile{MinVersion: wire.TLS11, MaxVersion: wire.TLS13}, func(t *testing.T, h *wire.ClientHello) {
			require.Equal(t, []wire.Version{wire.TLS13, wire.TLS12, wire.TLS11}, h.SupportedVersions)
			require.Equal(t, wire.TLS12, h.LegacyVersion)
			require.Equal(t, wire.TLS10, h.RecordVersion)
		}},
		{"tls10", Profile{MaxVersion: wire.TLS10}, func(t *testing.T, h *wire.ClientHello) {
			require.Equal(t, wire.TLS10, h.LegacyVersion)
			require.False(t, h.HasSupportedVersions)
			require.Empty(t, h.SessionID)
			require.False(t, h.HasSchemes)
		}},
		{"omit", Profile{Omit: []uint16{extEncryptThenMAC, wire.ExtExtendedMasterSecret}}, func(t *testing.T, h *wire.ClientHello) {
			require.False(t, h.ExtendedMasterSecret)
			require.NotContains(t, h.Extensions, uint16(extEncryptThenMAC))
		}},
		{"order", Profile{ALPN: []string{"h2"}}, func(t *testing.T, h *wire.ClientHello) {
			require.Equal(t, []uint16{0, 11, 10, 16, 22, 23, 49, 13, 43, 45, 51, 21}, h.Extensions)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.p.Name = tt.name
			tt.want(t, sent(t, Call{Profile: &tt.p}))
		})
	}
}

// TestHelloLen: every length from the shortest on, also where a padding extension alone would not fit.
func TestHelloLen(t *testing.T) {
	tests := []struct {
		profile string
		from    int
	}{{"tls11-only", 145}, {"tls12-only", 229}, {"tls13-only", 293}, {"pq-tls13", 1474}}
	for _, tt := range tests {
		t.Run(tt.profile, func(t *testing.T) {
			p := profile(t, tt.profile)
			p.HelloLen = 1
			_, err := tryCall(t, serve(t, func(net.Conn) {}), Call{Profile: p})
			require.ErrorContains(t, err, "bytes without padding, more than the 1 asked for")
			to := serve(t, func(c net.Conn) { once(c); reset(c) })
			for n := tt.from; n < tt.from+40; n++ {
				p.HelloLen = n
				a := call(t, to, Call{Profile: p})
				require.Len(t, a.Hello, n)
				_, err := wire.ParseHello(a.Hello)
				require.NoError(t, err)
			}
		})
	}
	require.Len(t, call(t, serve(t, func(c net.Conn) { once(c); reset(c) }), Call{Profile: profile(t, "tls11-max")}).Hello, 164)
}

// TestPaddedHelloCompletes: padding, by whatever means, is still a good hello.
func TestPaddedHelloCompletes(t *testing.T) {
	to := serve(t, tlsServer(t, &tls.Config{}, func(raw *net.TCPConn, c *tls.Conn) { shut(raw) }))
	for _, n := range []int{294, 295, 296, 297, 298, 1000, 4000} {
		p := profile(t, "tls13-only")
		p.HelloLen = n
		a := call(t, to, Call{Profile: p, Roots: certs.RootPool()})
		require.Equal(t, wire.StageRequest, a.Outcome.Stage, "%d: %+v", n, a.Outcome)
		require.Len(t, a.Hello, n)
	}
}

// TestAddressIsNoServerName: RFC 6066, section 3.
func TestAddressIsNoServerName(t *testing.T) {
	require.False(t, sent(t, Call{Profile: Curl(), ServerName: "192.0.2.1"}).HasServerName)
}

func TestBuiltin(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Builtin() {
		t.Run(p.Name, func(t *testing.T) {
			require.NoError(t, p.Validate())
			require.NotEmpty(t, p.Doc)
			require.False(t, seen[p.Name], "twice")
			seen[p.Name] = true
			got, err := ByName(p.Name)
			require.NoError(t, err)
			require.Equal(t, p, got)
			a := call(t, serve(t, func(c net.Conn) {
				if p.Kind != KindSilent {
					once(c)
				}
				shut(c.(*net.TCPConn))
			}), Call{Profile: p})
			require.Equal(t, p.Name, a.Profile)
			require.Equal(t, p.Kind != KindSilent, len(a.Hello) > 0)
			require.Equal(t, wire.EndingFIN, a.Outcome.Ending)
		})
	}
	require.Greater(t, len(seen), 25)
	_, err := ByName("tls12only")
	require.ErrorContains(t, err, `unknown client profile "tls12only"; nearest: tls12-only, `)
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		p    Profile
		want string
	}{
		{"name", Profile{}, "it has no name"},
		{"version", Profile{Name: "x", MinVersion: wire.SSLv3}, "profile x: version SSLv3: a handshake is possible from TLSv1"},
		{"order", Profile{Name: "x", MinVersion: wire.TLS13, MaxVersion: wire.TLS12}, "the lowest version, TLSv1.3, is above the highest, TLSv1.2"},
		{"suites", Profile{Name: "x", Suites: []wire.Suite{}}, "no cipher suites"},
		{"groups", Profile{Name: "x", Groups: []wire.Group{}}, "TLSv1.3 without groups"},
		{"schemes", Profile{Name: "x", Schemes: []wire.Scheme{}}, "TLSv1.3 without signature schemes"},
		{"omit", Profile{Name: "x", Omit: []uint16{43}}, "TLSv1.3 without extension 43"},
		{"share", Profile{Name: "x", Groups: []wire.Group{wire.X25519}, KeyShares: []wire.Group{wire.SECP256R1}}, "key share for secp256r1, which is not among the groups"},
		{"early-share", Profile{Name: "x", MaxVersion: wire.TLS12, KeyShares: []wire.Group{wire.X25519}}, "key shares without TLSv1.3"},
		{"alpn", Profile{Name: "x", ALPN: []string{""}}, `ALPN name ""`},
		{"length", Profile{Name: "x", HelloLen: 20000}, "hello length 20000"},
		{"raw", Profile{Name: "x", Kind: KindRaw}, "kind raw without raw bytes"},
		{"raw-tls", Profile{Name: "x", Raw: []byte{1}}, "raw bytes need kind raw"},
		{"silent", Profile{Name: "x", Kind: KindSilent, Raw: []byte{1}}, "kind silent with raw bytes"},
		{"kind", Profile{Name: "x", Kind: 9}, "unknown kind 9"},
		{"std-len", Profile{Name: "x", Groups: []wire.Group{wire.SecP256r1MLKEM768}, HelloLen: 2000}, "neither pads its hello"},
		{"std-suite", Profile{Name: "x", Groups: []wire.Group{wire.SecP256r1MLKEM768}, Suites: []wire.Suite{0x1234}}, "does not know the suite 0x1234"},
		{"std-group", Profile{Name: "x", Groups: []wire.Group{wire.SecP256r1MLKEM768, 0x16}}, "does not know the group secp256k1"},
		{"std-share", Profile{Name: "x", Groups: []wire.Group{wire.SecP256r1MLKEM768}, KeyShares: []wire.Group{wire.SecP256r1MLKEM768}}, "chooses the key shares itself"},
		{"std-schemes", Profile{Name: "x", Groups: []wire.Group{wire.SecP256r1MLKEM768}, Schemes: []wire.Scheme{0x0403}}, "chooses the signature schemes itself"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorContains(t, tt.p.Validate(), tt.want)
			client, server := net.Pipe()
			defer server.Close()
			_, err := Do(t.Context(), client, Call{Profile: &tt.p})
			require.ErrorContains(t, err, tt.want)
		})
	}
	client, server := net.Pipe()
	defer server.Close()
	_, err := Do(t.Context(), client, Call{})
	require.ErrorContains(t, err, "without a profile")
}

func TestRecorded(t *testing.T) {
	a := call(t, serve(t, func(c net.Conn) { once(c); reset(c) }), Call{Profile: Curl()})
	whole, err := Recorded("whole", a.Hello)
	require.NoError(t, err)
	bare, err := Recorded("bare", a.Hello[5:])
	require.NoError(t, err)
	require.Equal(t, whole.Raw, bare.Raw, "a bare message gets its record")
	_, err = Recorded("cut", a.Hello[:100])
	require.ErrorContains(t, err, "recorded hello cut: byte ")
	_, err = Recorded("none", []byte("GET /"))
	require.Error(t, err)
}

func TestAttemptJSON(t *testing.T) {
	to := serve(t, func(c net.Conn) { once(c); reset(c) })
	a := call(t, to, Call{Profile: Curl(), Listener: "https"})
	j, err := json.Marshal(a)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(j, &fields))
	for _, name := range []string{"time", "profile", "listener", "local", "remote", "hello", "outcome", "words", "lines", "exit"} {
		require.Contains(t, fields, name)
	}
	require.Equal(t, to.String(), fields["remote"])
	require.IsType(t, "", fields["hello"])
	var back Attempt
	require.NoError(t, json.Unmarshal(j, &back))
	require.Equal(t, a, back)
	require.Error(t, new(Hex).UnmarshalText([]byte("0x")))
}

func FuzzFlight(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 4, 14, 0, 0, 0}, 1)
	f.Add([]byte{21, 3, 1, 0, 2, 2, 70}, 3)
	f.Add(slices.Concat([]byte{22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3}, make([]byte, 33), []byte{0xC0, 0x2F, 0, 0, 0}, []byte{22, 3, 3, 0, 7, 12, 0, 0, 3, 3, 0, 23}), 7)
	f.Add([]byte("HTTP/1.1 400"), 2)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		var whole, parts flight
		whole.feed(b)
		step = max(1, step%64)
		for i := 0; i < len(b); i += step {
			parts.feed(b[i:min(i+step, len(b))])
		}
		whole.buf, parts.buf, whole.msgs, parts.msgs = nil, nil, nil, nil
		if len(b) > maxFlight {
			return // where to stop depends on how much came at once
		}
		require.Equal(t, whole, parts)
	})
}
