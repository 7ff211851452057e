package rollout

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// TestFailedAttemptsDoNotCount: a client that keeps, keeps also if one of its attempts came to nothing.
func TestFailedAttemptsDoNotCount(t *testing.T) {
	var log strings.Builder
	for i := range 20 {
		log.WriteString(connection(i, "198.51.100.1", "TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "Success"))
	}
	log.WriteString(connection(100, "198.51.100.1", "", "", "", "Failed:UnmappedConnectionError"))
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, log.String())}, nil)
	require.NoError(t, err)
	r := Judge(question(t, "TLS13-1-2-2021-06", "TLS13-1-2-Res-PQ-2025-09"), traffic)
	require.EqualValues(t, 1, r.Keeps.Clients)
	require.Zero(t, r.Unknown.Clients)
	require.EqualValues(t, 1, r.FailsToday.Connections)
	require.Equal(t, "Safe to change: the one client keeps connecting", r.Answer().Headline)
}

// TestRefusedAttemptsDoNotCount: the same of captures, where one address has a client that is served and one that is refused
// before and after.
func TestRefusedAttemptsDoNotCount(t *testing.T) {
	var list []*catalog.Client
	for _, c := range catalog.All() {
		if c.Name == "IE 6 XP" || c.Name == "Chrome 133 (uTLS)" {
			list = append(list, c)
		}
	}
	require.Len(t, list, 2)
	in := Input{Kind: evidence.KindCapture, Name: "capture.pcap", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(captured(t, list))), nil
	}}
	traffic, err := Read(t.Context(), []Input{in}, &ReadOptions{By: ByNetwork})
	require.NoError(t, err)
	require.Len(t, traffic.Clients, 1)
	r := Judge(question(t, "TLS13-1-2-2021-06", "TLS13-1-2-Res-2021-06"), traffic)
	require.Equal(t, Keeps, r.Clients[0].Effect)
	require.Zero(t, r.Breaks)
	a := r.Answer()
	require.Equal(t, Keeps, a.Effect, a.Headline)
}

// TestAdviceIsAnother: what is to be taken instead of a policy is not that policy.
func TestAdviceIsAnother(t *testing.T) {
	to := "ELBSecurityPolicy-TLS13-1-2-2021-06"
	r := &Report{To: to, Choices: Choices{Nearest: &Choice{Policy: to}, Strictest: &Choice{Policy: to}}}
	for _, s := range append(r.nextBreaks(), r.nextUnknown()...) {
		require.NotContains(t, s.Text, "ake "+Short(to))
	}
}

// TestSameConnectionTwice: a capture and a copy of it, as a mirror makes one, are the same connections; two logs that begin with
// the same line are told.
func TestSameConnectionTwice(t *testing.T) {
	pcap := captured(t, catalog.All()[:5])
	in := func(k evidence.Kind, name string) Input {
		return Input{Kind: k, Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pcap)), nil }}
	}
	for _, k := range []evidence.Kind{evidence.KindCapture, evidence.KindMirror} {
		traffic, err := Read(t.Context(), []Input{in(evidence.KindCapture, "capture.pcap"), in(k, "again.pcap")}, nil)
		require.NoError(t, err)
		require.EqualValues(t, 5, traffic.Stats.Connections)
		require.EqualValues(t, 5, traffic.Stats.Repeated)
		require.EqualValues(t, 10, traffic.Stats.Captured)
	}

	one, other := text(evidence.KindConnection, mixture), text(evidence.KindConnection, mixture)
	other.Name = "copy.log"
	third := text(evidence.KindConnection, connection(77, "198.51.100.1", "TLSv1.2", gcm, "secp256r1", "Success"))
	traffic, err := Read(t.Context(), []Input{one, third, other}, nil)
	require.NoError(t, err)
	require.Equal(t, [][2]string{{one.Name, "copy.log"}}, traffic.Alike)
}

// TestFailsTodayWithoutFrom: also where the old policy is not known, a capture tells who is refused now, and nobody can have
// served a hello that no policy serves.
func TestFailsTodayWithoutFrom(t *testing.T) {
	read := func(name string, answer ...byte) *Report {
		c, err := catalog.ByName(name)
		require.NoError(t, err)
		in := Input{Kind: evidence.KindCapture, Name: "capture.pcap", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(captured(t, []*catalog.Client{c}, answer...))), nil
		}}
		traffic, err := Read(t.Context(), []Input{in}, nil)
		require.NoError(t, err)
		return Judge(question(t, "", "TLS13-1-2-Res-2021-06"), traffic)
	}
	serverHello := append([]byte{22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, append(make([]byte, 32), 0, 0, 0x0A, 0)...)
	alert := []byte{21, 3, 1, 0, 2, 2, 40}
	require.EqualValues(t, 1, read("IE 8 XP").FailsToday.Clients, "RST")
	require.EqualValues(t, 1, read("IE 8 XP", alert...).FailsToday.Clients, "an alert")
	served := read("IE 8 XP", serverHello...)
	require.EqualValues(t, 1, served.Breaks.Clients)
	require.NotContains(t, served.Answer().Lead, "any more", "nobody said that it can today")

	traffic := &Traffic{}
	require.NoError(t, traffic.AddCatalogue(catalog.All()))
	r := Judge(question(t, "", "TLS13-1-3-2021-06"), traffic)
	require.True(t, client(t, r, "IE 6 XP").FailsToday)
	require.True(t, client(t, r, "YandexBot 3.0").FailsToday)
	require.False(t, client(t, r, "Java 7u25").FailsToday)
}

// TestWrongFrom: where lines cannot be --from's, to say --from is no advice.
func TestWrongFrom(t *testing.T) {
	log := connection(0, "198.51.100.1", "TLSv1.2", "AES128-SHA", "", "Success")
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, log)}, nil)
	require.NoError(t, err)
	r := Judge(question(t, "TLS13-1-2-Res-2021-06", "TLS13-1-2-Res-2021-06"), traffic)
	require.EqualValues(t, 1, r.Foreign)
	require.NotContains(t, r.Clients[0].Settle, SettleFrom)
	var all []string
	for _, s := range r.Answer().Next {
		all = append(all, s.Text)
	}
	next := strings.Join(all, "\n")
	require.NotContains(t, next, "Say which policy")
	require.Contains(t, next, "1 connection cannot have been made under TLS13-1-2-Res-2021-06: check --from and --from-cert")
}

// TestFIPSIsNoAdvice: who asks of no FIPS policy is given none where another does as well.
func TestFIPSIsNoAdvice(t *testing.T) {
	for _, c := range catalog.All() {
		traffic := &Traffic{}
		require.NoError(t, traffic.AddCatalogue([]*catalog.Client{c}))
		for _, to := range []string{"TLS13-1-3-2021-06", "TLS13-1-2-Res-2021-06"} {
			r := Judge(question(t, "", to), traffic)
			for _, choice := range []*Choice{r.Choices.Nearest, r.Choices.Fewest} {
				require.True(t, choice == nil || !choice.policy.FIPS(), "%s, %s", c.Name, to)
			}
		}
	}
}

// TestGuessPlatform: Internet Explorer's TLS is that of its Windows.
func TestGuessPlatform(t *testing.T) {
	q := question(t, "", "TLS13-1-2-Res-2021-06")
	var err error
	q.Certs, err = policy.ParseCertSet("rsa")
	require.NoError(t, err)
	g := newGuesser(q)
	for agent, want := range map[string]Effect{
		"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko":  Breaks,
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko": Keeps,
	} {
		got := g.guess(Seen{Version: wire.TLS12, Suite: 0xC027}, []string{agent})
		require.NotNil(t, got, agent)
		require.Equal(t, want, got.Effect, "%s: %v", agent, got)
	}
}

// TestGroupOfTLS13Line: a client that was served with x25519 may have nothing else, as "openssl s_client -groups X25519", which
// breaks under a policy of NIST curves: what the standard makes mandatory says nothing against the line.
func TestGroupOfTLS13Line(t *testing.T) {
	line := connection(1, "198.51.100.1", "TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", "Success")
	for to, want := range map[string]Effect{"TLS13-1-2-FIPS-2023-04": Unknown, "TLS13-1-2-Res-2021-06": Keeps} {
		traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, line)}, nil)
		require.NoError(t, err)
		r := Judge(question(t, "TLS13-1-2-2021-06", to), traffic)
		require.Equal(t, want, r.Clients[0].Effect, to)
	}
}
