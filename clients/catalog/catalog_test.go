package catalog

import (
	"context"
	"crypto/tls"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

const host = "lab.alblab.example"

func TestAll(t *testing.T) {
	all := All()
	from := map[string]int{}
	for _, c := range all {
		source, _, _ := strings.Cut(c.Source, " ")
		from[source]++
	}
	require.Equal(t, 110, from[""], "published lists")
	require.Equal(t, 38, from["uTLS"], "browsers of uTLS")
	require.GreaterOrEqual(t, from["captured"], 8, "programs of a Debian machine")
	require.Len(t, from, 3)
	seen := map[string]bool{}
	for _, c := range all {
		require.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
		require.True(t, c.Year == 0 || c.Year > 2000 && c.Year < 2030, c.Name)
		require.Equal(t, c.RawReason() == nil, c.Max >= wire.TLS10 && !c.SSLv2Format, c.Name)
		require.Equal(t, len(c.Groups) > 0, slices.Contains(c.Extensions, wire.ExtSupportedGroups), c.Name)
		require.Equal(t, c.Max >= wire.TLS13, len(c.KeyShares) > 0 && slices.Contains(c.SupportedVersions, wire.TLS13), c.Name)
		for _, g := range c.KeyShares {
			require.Contains(t, c.Groups, g, c.Name)
		}
	}
	require.True(t, slices.IsSortedFunc(all, func(a, b *Client) int {
		if a.Family != b.Family {
			return 0
		}
		return a.Year - b.Year
	}))
}

// TestText: every file is what AppendText makes of what Parse read.
func TestText(t *testing.T) {
	names, err := fs.Glob(files, "clients/*.txt")
	require.NoError(t, err)
	require.Len(t, names, len(All()))
	for _, name := range names {
		text, err := files.ReadFile(name)
		require.NoError(t, err)
		c, err := Parse(string(text))
		require.NoError(t, err, name)
		back, err := c.AppendText(nil)
		require.NoError(t, err)
		require.Equal(t, string(text), string(back), name)
		if c.Source != "" {
			require.Equal(t, path.Base(name), c.FileName())
		}
	}
}

func TestParseErrors(t *testing.T) {
	const good = "[name]\nx\n[family]\nf\n[lowest version]\nTLSv1\n[highest version]\nTLSv1.2\n[record version]\nTLSv1\n[client version]\nTLSv1.2\n[suites]\n0x002F\n"
	_, err := Parse(good)
	require.NoError(t, err)
	tests := []struct{ text, want string }{
		{"", "a client needs a name and a family"},
		{good + "[suites]\nTLS_NONSENSE\n", `line 16: unknown cipher suite "TLS_NONSENSE"`},
		{good + "[suites]\n0x010080\n", "suite 0x010080 needs SSLv2's framing"},
		{good + "[groups]\nsecp257\n", "secp257"},
		{good + "[extensions]\nnothing\n", `unknown extension "nothing"`},
		{good + "[extensions]\n0xZZ\n", "invalid syntax"},
		{good + "[colour]\nred\n", `value "red" in unknown section "colour"`},
		{good + "[name]\ny\n", `a second value in section "name"`},
		{good + "[year]\nlast\n", "line 16"},
		{good + "[platform]\nx\x1b[31m\n", "line 16: control character"},
		{good + "[framing]\nquic\n", `unknown framing "quic"`},
		{"[name]\nx\n[family]\nf\n", "a client needs suites, versions"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.text)
		require.ErrorContains(t, err, tt.want)
	}
}

func TestMatch(t *testing.T) {
	names := func(patterns ...string) (list []string) {
		t.Helper()
		found, err := Match(patterns...)
		require.NoError(t, err)
		for _, c := range found {
			list = append(list, c.Name)
		}
		return list
	}
	require.Len(t, names(), len(All()))
	require.Equal(t, []string{"IE 6 XP", "IE 8 XP"}, names("ie ? xp"))
	require.Equal(t, []string{"Java 6u45", "Java 7u25"}, names("Java 7*", "java 6*"))
	require.Equal(t, []string{"Safari 26.4 (macOS/iOS/iPadOS 26.4)"}, names("*(macOS/*)"))
	require.Equal(t, []string{"Android 16 (native)"}, names("ANDROID 16 (native)"))
	_, err := Match("Java*", "Chrom 70*")
	require.ErrorContains(t, err, `unknown client "Chrom 70*"; nearest: Chrome 70`)
	_, err = Match("[")
	require.Error(t, err)
}

// TestHello parses each client's hello again and compares it with the client's lists.
func TestHello(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			b, err := c.Hello(host)
			require.NoError(t, err)
			again, err := c.Hello(host)
			require.NoError(t, err)
			require.Equal(t, b, again)
			h, err := wire.ParseHello(b)
			require.NoError(t, err)
			require.Equal(t, c.LegacyVersion, h.LegacyVersion)
			require.Equal(t, c.RecordVersion, h.RecordVersion)
			require.Equal(t, c.SSLv2Format, h.Format == wire.FormatSSLv2)
			if !c.SSLv2Format {
				require.Len(t, h.Suites, len(c.Suites))
				for i, s := range c.Suites {
					require.Equal(t, wire.Suite(s), h.Suites[i])
				}
			}
			same := func(want, got any) {
				t.Helper()
				require.ElementsMatch(t, want, got)
			}
			same(c.Groups, h.Groups)
			same(c.Schemes, h.Schemes)
			same(c.SupportedVersions, h.SupportedVersions)
			same(c.ALPN, h.ALPN)
			require.Len(t, h.KeyShares, len(c.KeyShares))
			sent := slices.DeleteFunc(slices.Clone(c.Extensions), func(e uint16) bool { return e == wire.ExtPreSharedKey || e == wire.ExtPadding })
			got := slices.DeleteFunc(slices.Clone(h.Extensions), func(e uint16) bool { return e == wire.ExtPadding })
			require.Equal(t, len(sent), len(got))
			for i := range sent {
				require.Equal(t, sent[i], got[i])
			}
			if slices.Contains(c.Extensions, wire.ExtServerName) {
				require.Equal(t, host, h.ServerName)
			}
		})
	}
}

// TestAnswered sends each hello to crypto/tls, which must choose the best version that both have.
func TestAnswered(t *testing.T) {
	certs := pki.New(host)
	rsa, err := certs.Server("rsa")
	require.NoError(t, err)
	ecdsa, err := certs.Server("ecdsa")
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	var suites []uint16
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, c := range list {
			suites = append(suites, c.ID)
		}
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ecdsa, rsa}, MinVersion: tls.VersionTLS10, CipherSuites: suites}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			p, err := c.Profile(host)
			require.NoError(t, err)
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
			require.NoError(t, err)
			a, err := clients.Do(ctx, conn, clients.Call{Profile: p, ServerName: host})
			require.NoError(t, err)
			if c.SSLv2Format || c.Max < wire.TLS10 { // crypto/tls reads neither
				require.Equal(t, wire.StageHello, a.Outcome.Stage)
				return
			}
			require.Equal(t, wire.StageRequest, a.Outcome.Stage, "%+v", a.Outcome)
			require.Equal(t, c.Max, a.Outcome.Version)
			require.Empty(t, a.Outcome.Ending)
		})
	}
}

func FuzzParse(f *testing.F) {
	names, err := fs.Glob(files, "clients/*.txt")
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, name := range names {
		text, err := files.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		b, err := c.AppendText(nil)
		require.NoError(t, err)
		_, err = Parse(string(b))
		require.NoError(t, err)
		if hello, err := c.Hello(host); err == nil {
			require.NotEmpty(t, hello)
		}
	})
}
