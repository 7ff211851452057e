package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What changes with each connection is not in the shape; each part of an offer is.
func TestShape(t *testing.T) {
	parse := func() *ClientHello {
		h, err := ParseClientHello(testChrome(t))
		require.NoError(t, err)
		return h
	}
	shape := func(change func(*ClientHello)) string {
		h := parse()
		change(h)
		return string(h.AppendShape(nil))
	}
	want := shape(func(*ClientHello) {})
	for name, change := range map[string]func(*ClientHello){
		"random":  func(h *ClientHello) { h.Random = make([]byte, 32) },
		"session": func(h *ClientHello) { h.SessionID = nil },
		"name":    func(h *ClientHello) { h.ServerName = "other.example" },
		"key":     func(h *ClientHello) { h.KeyShares[0].Data = nil },
	} {
		require.Equal(t, want, shape(change), name)
	}
	for name, change := range map[string]func(*ClientHello){
		"version":    func(h *ClientHello) { h.LegacyVersion = TLS10 },
		"record":     func(h *ClientHello) { h.RecordVersion = TLS11 },
		"versions":   func(h *ClientHello) { h.SupportedVersions = h.SupportedVersions[1:] },
		"suites":     func(h *ClientHello) { h.Suites[1], h.Suites[2] = h.Suites[2], h.Suites[1] },
		"extensions": func(h *ClientHello) { h.Extensions = h.Extensions[1:] },
		"groups":     func(h *ClientHello) { h.Groups[0]++ },
		"no groups":  func(h *ClientHello) { h.HasGroups = false },
		"schemes":    func(h *ClientHello) { h.Schemes = h.Schemes[:2] },
		"shares":     func(h *ClientHello) { h.KeyShares = nil },
		"formats":    func(h *ClientHello) { h.PointFormats = []byte{1} },
		"protocols":  func(h *ClientHello) { h.ALPN = h.ALPN[:1] },
		"no name":    func(h *ClientHello) { h.HasServerName = false },
	} {
		require.NotEqual(t, want, shape(change), name)
	}
}

// A hello without extensions has no name, also where one with a name was parsed before into the same memory.
func TestParseForgetsTheName(t *testing.T) {
	h, err := ParseClientHello(testChrome(t))
	require.NoError(t, err)
	require.NotEmpty(t, h.ServerName)
	bare, err := AppendClientHello(nil, &ClientHello{LegacyVersion: SSLv3, Random: make([]byte, 32), Suites: []Suite{4}, Extensions: []uint16{}}, nil)
	require.NoError(t, err)
	require.NoError(t, h.Parse(bare))
	require.Empty(t, h.Extensions)
	require.Empty(t, h.ServerName)
}
