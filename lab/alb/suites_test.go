package alb

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	utls "github.com/refraction-networking/utls"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// offer is what a hand-made client says.
type offer struct {
	versions []wire.Version // descending
	suites   []wire.Suite
	groups   []wire.Group
	shares   []wire.Group
	schemes  []wire.Scheme
	alpn     []string
	noSNI    bool
	cert     *tls.Certificate
}

// connect makes a handshake by uTLS and one request, and returns what was negotiated.
func (o offer) connect(t testing.TB, conn net.Conn) (utls.ConnectionState, error) {
	t.Helper()
	defer conn.Close()
	c, err := o.handshake(conn)
	if err != nil {
		return utls.ConnectionState{}, err
	}
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+testHost+"\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	b, err := io.ReadAll(c)
	if err == nil {
		require.Contains(t, string(b), "alblab ok")
	}
	return c.ConnectionState(), err
}

func (o offer) handshake(conn net.Conn) (*utls.UConn, error) {
	cfg := &utls.Config{ServerName: testHost, RootCAs: authority.RootPool(), MinVersion: utls.VersionTLS10, OmitEmptyPsk: true}
	if o.cert != nil {
		cfg.Certificates = []utls.Certificate{{Certificate: o.cert.Certificate, PrivateKey: o.cert.PrivateKey, Leaf: o.cert.Leaf}}
	}
	c := utls.UClient(conn, cfg, utls.HelloCustom)
	if err := c.ApplyPreset(o.spec()); err != nil {
		return nil, err
	}
	return c, c.Handshake()
}

func (o offer) spec() *utls.ClientHelloSpec {
	legacy, lowest := uint16(0x0303), uint16(o.versions[len(o.versions)-1])
	var list []uint16
	for _, v := range o.versions {
		list = append(list, uint16(v))
	}
	s := &utls.ClientHelloSpec{TLSVersMin: lowest, TLSVersMax: list[0], CompressionMethods: []byte{0}}
	for _, x := range o.suites {
		s.CipherSuites = append(s.CipherSuites, uint16(x))
	}
	if list[0] < legacy {
		s.TLSVersMax = list[0]
	}
	if !o.noSNI {
		s.Extensions = append(s.Extensions, &utls.SNIExtension{})
	}
	s.Extensions = append(s.Extensions, &utls.ExtendedMasterSecretExtension{}, &utls.RenegotiationInfoExtension{})
	if len(o.groups) > 0 {
		g := &utls.SupportedCurvesExtension{}
		for _, x := range o.groups {
			g.Curves = append(g.Curves, utls.CurveID(x))
		}
		s.Extensions = append(s.Extensions, g, &utls.SupportedPointsExtension{SupportedPoints: []byte{0}})
	}
	if len(o.schemes) > 0 {
		a := &utls.SignatureAlgorithmsExtension{}
		for _, x := range o.schemes {
			a.SupportedSignatureAlgorithms = append(a.SupportedSignatureAlgorithms, utls.SignatureScheme(x))
		}
		s.Extensions = append(s.Extensions, a)
	}
	if len(o.alpn) > 0 {
		s.Extensions = append(s.Extensions, &utls.ALPNExtension{AlpnProtocols: o.alpn})
	}
	if o.versions[0] == wire.TLS13 {
		k := &utls.KeyShareExtension{}
		for _, x := range o.shares {
			k.KeyShares = append(k.KeyShares, utls.KeyShare{Group: utls.CurveID(x)})
		}
		s.Extensions = append(s.Extensions, k, &utls.PSKKeyExchangeModesExtension{Modes: []uint8{1}},
			&utls.SupportedVersionsExtension{Versions: list})
	}
	return s
}

// allSchemes is what a willing client offers.
func allSchemes() []wire.Scheme {
	return []wire.Scheme{0x0804, 0x0403, 0x0401, 0x0805, 0x0503, 0x0501, 0x0806, 0x0603, 0x0601}
}

// certsFor returns certificates that make a policy's every suite possible.
func certsFor(t testing.TB, p *policy.Policy) []tls.Certificate {
	if strings.Contains(p.Name, "RFC9151") {
		return []tls.Certificate{serverCert(t, "ecdsa:p384:sha384"), serverCert(t, "rsa:3072:sha384")}
	}
	return []tls.Certificate{serverCert(t, "ecdsa"), serverCert(t, "rsa")}
}

// TestEverySuite offers each suite of each policy alone, at each version that can carry it.
func TestEverySuite(t *testing.T) {
	done := 0
	for _, p := range allPolicies(t) {
		t.Run(strings.TrimPrefix(p.Name, "ELBSecurityPolicy-"), func(t *testing.T) {
			b := start(t, Listener{Policy: p, Certificates: certsFor(t, p)}, nil)
			for _, s := range p.Suites {
				info, ok := s.Info()
				require.True(t, ok, "%v", s)
				for _, v := range p.Versions {
					if v < info.Min || v > info.Max {
						continue
					}
					done++
					classical := slices.DeleteFunc(slices.Clone(p.Groups), wire.Group.PostQuantum)
					o := offer{versions: []wire.Version{v}, suites: []wire.Suite{s}, groups: classical, shares: classical[:1], schemes: allSchemes()}
					cs, err := o.connect(t, b.dial(t))
					require.NoError(t, err, "%v %v", v, s)
					require.Equal(t, uint16(s), cs.CipherSuite)
					require.Equal(t, uint16(v), cs.Version)
					c := b.wait(t)
					require.NoError(t, c.Err)
					require.Equal(t, wire.StageResponse, c.Outcome.Stage)
				}
			}
			for _, r := range b.connections(t) {
				require.Equal(t, "Success", r.VerifyStatus)
			}
		})
	}
	require.Greater(t, done, 45*2)
}

// TestEveryGroup offers each group of each policy alone, first with a share and then without, by crypto/tls: uTLS lacks the
// hybrids with P-256 and P-384.
func TestEveryGroup(t *testing.T) {
	done := 0
	for _, p := range allPolicies(t) {
		t.Run(strings.TrimPrefix(p.Name, "ELBSecurityPolicy-"), func(t *testing.T) {
			b := start(t, Listener{Policy: p, Certificates: certsFor(t, p)}, nil)
			for _, g := range p.Groups {
				for _, v := range p.Versions {
					if v < wire.TLS12 || g.PostQuantum() && v < wire.TLS13 {
						continue
					}
					done++
					cfg := clientConfig()
					cfg.MinVersion, cfg.MaxVersion = uint16(v), uint16(v)
					cfg.CurvePreferences = []tls.CurveID{tls.CurveID(g)}
					c := tls.Client(b.dial(t), cfg)
					require.NoError(t, c.Handshake(), "%v %v", v, g)
					require.Equal(t, tls.CurveID(g), c.ConnectionState().CurveID)
					c.Close()
					end := b.wait(t)
					require.NoError(t, end.Err)
					require.Equal(t, g, end.Outcome.Group)
				}
			}
		})
	}
	require.Greater(t, done, 100)
}

// TestPreferenceIsThePolicys offers everything in the reverse of each policy's order.
func TestPreferenceIsThePolicys(t *testing.T) {
	for _, p := range allPolicies(t) {
		t.Run(strings.TrimPrefix(p.Name, "ELBSecurityPolicy-"), func(t *testing.T) {
			b := start(t, Listener{Policy: p, Certificates: certsFor(t, p)}, nil)
			classical := slices.DeleteFunc(slices.Clone(p.Groups), wire.Group.PostQuantum)
			slices.Reverse(classical)
			suites := slices.Clone(p.Suites)
			slices.Reverse(suites)
			if !slices.Contains(suites, 0x1301) {
				suites = append([]wire.Suite{0x1301, 0x1303}, suites...) // what an engine would like better
			}
			schemes := allSchemes()
			slices.Reverse(schemes)
			for _, v := range p.Versions {
				o := offer{versions: []wire.Version{v}, suites: suites, groups: classical,
					shares: classical[len(classical)-1:], schemes: schemes} // uTLS keeps the key of one classical share only
				cs, err := o.connect(t, b.dial(t))
				require.NoError(t, err, "%v", v)
				c := b.wait(t)
				require.NoError(t, c.Err)
				require.Equal(t, uint16(c.Decision.Suite), cs.CipherSuite)
				if c.Decision.Group != 0 {
					require.Equal(t, classical[len(classical)-1], c.Decision.Group)
				}
				for _, s := range p.Suites {
					if info, _ := s.Info(); v >= info.Min && v <= info.Max {
						require.Equal(t, s, c.Decision.Suite, "the first suite of the policy that %v can carry", v)
						break
					}
				}
			}
		})
	}
}

// TestSchemes forces each signature scheme by a client that lists it first among all, and reads what the server signed with.
func TestSchemes(t *testing.T) {
	done := 0
	for _, v := range []wire.Version{wire.TLS12, wire.TLS13} {
		for _, key := range []string{"rsa", "ecdsa", "ecdsa:p384:sha384"} {
			b := start(t, Listener{Policy: mustPolicy(t, "TLS13-1-2-Ext2-2021-06"), Certificates: []tls.Certificate{serverCert(t, key)}}, nil)
			for _, s := range append(allSchemes(), 0x0201, 0x0203) {
				suite := wire.Suite(0xc02f)
				if strings.HasPrefix(key, "ecdsa") {
					suite = 0xc02b
				}
				if v == wire.TLS13 {
					suite = 0x1301
				}
				o := offer{versions: []wire.Version{v}, suites: []wire.Suite{suite}, groups: []wire.Group{wire.X25519, wire.SECP256R1, wire.SECP384R1},
					shares: []wire.Group{wire.X25519}, schemes: []wire.Scheme{s}}
				conn := &tapConn{Conn: b.dial(t)}
				_, err := o.handshake(conn)
				conn.Close()
				c := b.wait(t)
				name := fmt.Sprintf("%v %s %v", v, key, s)
				require.NoError(t, c.Err, name)
				if c.Decision.Outcome == policy.Refused {
					require.Error(t, err, name)
					continue
				}
				if v == wire.TLS12 {
					require.Equal(t, c.Decision.Scheme, conn.scheme(t), name)
				}
				if c.Decision.Scheme != s {
					// Where nothing is shared s2n-tls signs with a scheme that the client did not offer, and so does this load
					// balancer; whether the client minds is its own matter.
					continue
				}
				done++
				require.NoError(t, err, name)
			}
		}
	}
	require.Equal(t, 7+4+4+3+1+1, done)
}

// TestSchemeIsThePolicysChoice reads the scheme out of the ServerKeyExchange: the client's order is the reverse of the policy's.
func TestSchemeIsThePolicysChoice(t *testing.T) {
	p := mustPolicy(t, "TLS13-1-2-2021-06")
	b := start(t, Listener{Policy: p, Certificates: []tls.Certificate{serverCert(t, "rsa")}}, nil)
	schemes := allSchemes()
	slices.Reverse(schemes)
	tap := &tapConn{Conn: b.dial(t)}
	o := offer{versions: []wire.Version{wire.TLS12}, suites: []wire.Suite{0xc02f}, groups: []wire.Group{wire.X25519}, schemes: schemes}
	_, err := o.connect(t, tap)
	require.NoError(t, err)
	c := b.wait(t)
	require.Equal(t, c.Decision.Scheme, tap.scheme(t))
	require.Equal(t, wire.Scheme(0x0804), c.Decision.Scheme)
}

// tapConn keeps what a client reads.
type tapConn struct {
	net.Conn
	got []byte
}

func (c *tapConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.got = append(c.got, b[:n]...)
	return n, err
}

// scheme finds the ServerKeyExchange of a TLS 1.2 handshake and returns the scheme of its signature.
func (c *tapConn) scheme(t testing.TB) wire.Scheme {
	var msgs []byte
	for b := c.got; len(b) > 5; {
		n := int(b[3])<<8 | int(b[4])
		if b[0] != recordHandshake {
			break
		}
		msgs = append(msgs, b[5:5+n]...)
		b = b[5+n:]
	}
	for len(msgs) > 4 {
		n := int(msgs[1])<<16 | int(msgs[2])<<8 | int(msgs[3])
		if msgs[0] == 12 {
			body := msgs[4 : 4+n]
			point := int(body[3])
			return wire.Scheme(body[4+point])<<8 | wire.Scheme(body[5+point])
		}
		msgs = msgs[4+n:]
	}
	require.FailNow(t, "no ServerKeyExchange")
	return 0
}

// TestHelloRetryRequest has no share of the policy's only group.
func TestHelloRetryRequest(t *testing.T) {
	for _, name := range []string{"TLS13-1-3-RFC9151-FIPS-2023-07", "TLS13-1-3-FIPS-2023-04", "TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07"} {
		p := mustPolicy(t, name)
		b := start(t, Listener{Policy: p, Certificates: certsFor(t, p)}, nil)
		o := offer{versions: []wire.Version{wire.TLS13}, suites: []wire.Suite{0x1301, 0x1303, 0x1302}, groups: []wire.Group{wire.X25519, wire.SECP384R1},
			shares: []wire.Group{wire.X25519}, schemes: allSchemes()}
		cs, err := o.connect(t, b.dial(t))
		require.NoError(t, err, name)
		c := b.wait(t)
		require.NoError(t, c.Err)
		require.Equal(t, policy.HelloRetry, c.Decision.Outcome, name)
		require.Equal(t, wire.SECP384R1, c.Outcome.Group)
		require.Equal(t, uint16(c.Decision.Suite), cs.CipherSuite)
	}
}

// TestDowngradeSentinel: RFC 8446, section 4.1.3.
func TestDowngradeSentinel(t *testing.T) {
	for _, tt := range []struct {
		policy string
		want   bool
	}{{"TLS13-1-2-2021-06", true}, {"TLS-1-2-2017-01", false}} {
		b := start(t, Listener{Policy: mustPolicy(t, tt.policy)}, nil)
		tap := &tapConn{Conn: b.dial(t)}
		o := offer{versions: []wire.Version{wire.TLS12}, suites: []wire.Suite{0xc02b}, groups: []wire.Group{wire.SECP256R1}, schemes: allSchemes()}
		_, err := o.connect(t, tap)
		require.NoError(t, err)
		random := tap.got[5+4+2:][:32]
		require.Equal(t, tt.want, string(random[24:]) == "DOWNGRD\x01", tt.policy)
		b.wait(t)
	}
}

// TestLimitationsDoNotGrow: this list is a promise.
func TestLimitationsDoNotGrow(t *testing.T) {
	var names []string
	for _, l := range Limitations() {
		names = append(names, l.Name)
		require.NotEmpty(t, l.Why)
	}
	require.Equal(t, []string{"sslv2-format", "ecdhe-without-groups", "sha224", "early-data", "quic-parameters", "retry-unoffered-scheme", "server-name-form"}, names)
}

func TestCBCSuitesAreThePolicysRest(t *testing.T) {
	known := map[wire.Suite]bool{}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		known[wire.Suite(s.ID)] = true
	}
	var missing []wire.Suite
	for _, p := range allPolicies(t) {
		for _, s := range p.Suites {
			if !known[s] && !slices.Contains(missing, s) {
				missing = append(missing, s)
			}
		}
	}
	require.ElementsMatch(t, cbcSuites(), missing)
}

func allPolicies(t testing.TB) []*policy.Policy {
	var out []*policy.Policy
	for _, name := range policy.Names() {
		out = append(out, mustPolicy(t, name))
	}
	require.Len(t, out, 45)
	return out
}
