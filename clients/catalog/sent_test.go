package catalog

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

// TestRawReasons keeps the list of reasons, and of clients that are only bytes, from growing.
func TestRawReasons(t *testing.T) {
	var names []string
	for _, r := range RawReasons() {
		names = append(names, r.Name)
		require.NotEmpty(t, r.Why)
	}
	require.Equal(t, []string{"sslv2-framing", "sslv3", "no-key-share"}, names)
	raw := map[string][]string{}
	for _, c := range All() {
		if r := c.RawReason(); r != nil {
			raw[r.Name] = append(raw[r.Name], c.Name)
		}
	}
	require.Equal(t, map[string][]string{"sslv2-framing": {"IE 6 XP", "Java 6u45"}, "sslv3": {"YandexBot 3.0"}}, raw)
}

// sent returns what a client's profile writes to a server that answers nothing.
func sent(t *testing.T, c *Client, name string) *wire.ClientHello {
	t.Helper()
	p, err := c.Profile(name)
	require.NoError(t, err)
	ours, theirs := net.Pipe()
	got := make(chan []byte, 1)
	go func() {
		var r wire.HelloReader
		buf := make([]byte, 1<<14)
		for r.State() == wire.HelloNeedMore {
			n, err := theirs.Read(buf)
			r.Feed(buf[:n])
			if err != nil {
				break
			}
		}
		_ = theirs.Close()
		got <- r.Raw()
	}()
	_, err = clients.Do(t.Context(), ours, clients.Call{Profile: p, ServerName: name})
	require.NoError(t, err)
	h, err := wire.ParseHello(<-got)
	require.NoError(t, err)
	return h
}

// TestSentInFull: what goes over the wire is what the file says, extension by extension; the server's name, the random, GREASE
// values and key shares are the call's own.
func TestSentInFull(t *testing.T) {
	n := 0
	for _, c := range All() {
		if c.RawReason() != nil {
			continue
		}
		n++
		t.Run(c.Name, func(t *testing.T) {
			const name = "another.alblab.example"
			h := sent(t, c, name)
			again := sent(t, c, name)
			msg, err := wire.AppendClientHello(nil, h, nil)
			require.NoError(t, err)
			back, err := FromHello(c.Name, wire.AppendRecords(nil, msg, h.RecordVersion, 0))
			require.NoError(t, err)
			want, err := c.Hello(name)
			require.NoError(t, err)
			wanted, err := FromHello(c.Name, want)
			require.NoError(t, err)
			noPadding := func(c *Client) { // depends on the length
				c.Extensions = slices.DeleteFunc(c.Extensions, func(e uint16) bool { return e == wire.ExtPadding })
			}
			noPadding(back)
			noPadding(wanted)
			require.Equal(t, wanted, back)
			if slices.Contains(c.Extensions, wire.ExtServerName) {
				require.Equal(t, name, h.ServerName)
			}
			require.NotEqual(t, h.Random, again.Random)
			for i, k := range h.KeyShares {
				if !wire.IsGREASE(k.Group) {
					require.NotEqual(t, k.Data, again.KeyShares[i].Data, "%s", k.Group)
				}
			}
		})
	}
	require.Greater(t, n, 150)
}

// TestFreshGREASE: over some hellos a client's GREASE values differ, and those that belong together agree.
func TestFreshGREASE(t *testing.T) {
	c, err := ByName("Chrome 133 (uTLS)")
	require.NoError(t, err)
	seen := map[wire.Suite]bool{}
	for range 20 {
		h := sent(t, c, host)
		require.True(t, wire.IsGREASE(h.Suites[0]))
		require.Equal(t, h.Groups[0], h.KeyShares[0].Group)
		require.NotEqual(t, h.Extensions[0], h.Extensions[len(h.Extensions)-1])
		seen[h.Suites[0]] = true
	}
	require.Greater(t, len(seen), 3)
}

// TestFromHello: a client's hello makes the client again.
func TestFromHello(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			b, err := c.Hello(host)
			require.NoError(t, err)
			made, err := FromHello(c.Name, b)
			require.NoError(t, err)
			text, err := made.withWho(c).AppendText(nil)
			require.NoError(t, err)
			read, err := Parse(string(text))
			require.NoError(t, err)
			again, err := read.Hello(host)
			require.NoError(t, err)
			want, err := FromHello(c.Name, again)
			require.NoError(t, err)
			require.Equal(t, made.withWho(c), want.withWho(c))
			require.Equal(t, c.Max, made.Max)
		})
	}
	_, err := FromHello("x", []byte("GET / HTTP/1.1\r\n\r\n"))
	require.ErrorContains(t, err, "hello of x: ")
}

func (c *Client) withWho(other *Client) *Client {
	d := *c
	d.Family, d.Version, d.Platform, d.Year, d.Source, d.Min = other.Family, other.Version, other.Platform, other.Year, other.Source, other.Min
	return &d
}

func TestLimit(t *testing.T) {
	for _, c := range All() {
		for _, v := range []wire.Version{wire.TLS10, wire.TLS11, wire.TLS12, wire.TLS13} {
			l, err := c.Limit(v)
			if v < c.Min {
				require.ErrorContains(t, err, "offers nothing below")
				continue
			}
			require.NoError(t, err, c.Name)
			b, err := l.Hello(host)
			require.NoError(t, err, c.Name)
			h, err := wire.ParseHello(b)
			require.NoError(t, err)
			require.LessOrEqual(t, l.Max, v)
			require.LessOrEqual(t, h.LegacyVersion, max(v, c.LegacyVersion))
			require.Equal(t, l.Max >= wire.TLS13, slices.Contains(h.SupportedVersions, wire.TLS13), c.Name)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my [clients]")
	_, err := Load(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Mkdir(dir, 0o755))
	_, err = Load(dir)
	require.ErrorContains(t, err, "no client (*.txt)")
	for _, c := range All()[:3] {
		text, err := c.AppendText(nil)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, c.FileName()), text, 0o600))
	}
	all, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, All()[:3], all)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "zz.txt"), []byte("[name]\nx\n"), 0o600))
	all, err = Load(dir)
	require.ErrorContains(t, err, "zz.txt: a client needs")
	require.Len(t, all, 3)
}

func FuzzFromHello(f *testing.F) {
	for _, c := range All() {
		b, err := c.Hello(host)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := FromHello("fuzzed", b)
		if err != nil {
			return
		}
		c.Family = "fuzzed"
		text, err := c.AppendText(nil)
		require.NoError(t, err)
		read, err := Parse(string(text))
		if err != nil {
			require.ErrorContains(t, err, "a client needs") // no versions, or suites of none
			return
		}
		again, err := read.AppendText(nil)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
		_, err = read.Profile(host)
		require.NoError(t, err)
	})
}
