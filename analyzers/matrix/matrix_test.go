package matrix

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// shareLen is the length of a client's share: RFC 8446, section 4.2.8.2; draft-ietf-tls-ecdhe-mlkem.
var shareLen = map[string]int{"x25519": 32, "secp256r1": 65, "X25519MLKEM768": 1216, "X25519Kyber768Draft00": 1216, "SecP256r1MLKEM768": 65 + 1184}

// hello makes a hello that has what a test names.
func hello(t *testing.T, versions, suites, groups, shares, schemes string) *wire.ClientHello {
	t.Helper()
	h := &wire.ClientHello{LegacyVersion: 0x0303, Random: make([]byte, 32), Compression: []byte{0}}
	if versions == "TLSv1" {
		h.LegacyVersion, versions = 0x0301, ""
	}
	for _, s := range strings.Fields(versions) {
		v, err := wire.ParseVersion(s)
		require.NoError(t, err)
		h.SupportedVersions, h.HasSupportedVersions = append(h.SupportedVersions, v), true
	}
	for _, s := range strings.Fields(suites) {
		v, err := wire.ParseSuite(s)
		require.NoError(t, err)
		h.Suites = append(h.Suites, v)
	}
	for _, s := range strings.Fields(groups) {
		v, err := wire.ParseGroup(s)
		require.NoError(t, err)
		h.Groups, h.HasGroups = append(h.Groups, v), true
	}
	for _, s := range strings.Fields(shares) {
		v, err := wire.ParseGroup(s)
		require.NoError(t, err)
		h.KeyShares, h.HasKeyShare = append(h.KeyShares, wire.KeyShare{Group: v, Data: make([]byte, shareLen[s])}), true
	}
	for _, s := range strings.Fields(schemes) {
		v, err := wire.ParseScheme(s)
		require.NoError(t, err)
		h.Schemes, h.HasSchemes = append(h.Schemes, v), true
	}
	return h
}

const (
	modern  = "TLS_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	schemes = "rsa_pss_rsae_sha256 rsa_pkcs1_sha256 ecdsa_secp256r1_sha256"
)

func policies(t *testing.T, names ...string) (list []*policy.Policy) {
	t.Helper()
	for _, n := range names {
		p, err := policy.ByName(n)
		require.NoError(t, err)
		list = append(list, p)
	}
	return list
}

// TestClasses: what RFC 8446 and the policies' published tables say of simple hellos.
func TestClasses(t *testing.T) {
	certs, err := policy.ParseCertSet("rsa")
	require.NoError(t, err)
	rows := []Row{
		{Name: "modern", Hello: hello(t, "TLSv1.3 TLSv1.2", modern, "x25519 secp256r1", "x25519", schemes)},
		{Name: "TLS 1.2", Hello: hello(t, "TLSv1.2", modern, "secp256r1", "", schemes)},
		{Name: "TLS 1.0", Hello: hello(t, "TLSv1", "TLS_RSA_WITH_AES_128_CBC_SHA", "", "", "")},
		{Name: "no suite", Hello: hello(t, "TLSv1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", "secp256r1", "", schemes)},
		{Name: "no group", Hello: hello(t, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "ffdhe2048", "", schemes)},
	}
	m := New(rows, policies(t, "TLS13-1-3-2021-06", "TLS13-1-2-2021-06", "2016-08", "TLS13-1-2-FIPS-2023-04"), certs)
	want := []string{"332r", "v222", "vv0v", "vs2s", "ggsg"}
	for r := range rows {
		got := ""
		for p := range m.Policies {
			got += string(Of(m.At(r, p)))
		}
		require.Equal(t, want[r], got, rows[r].Name)
	}
	require.Equal(t, Sum{Connects: 1, Refused: 4}, m.OfPolicy(0))
	require.Equal(t, Sum{Connects: 2, Retries: 1, Refused: 3}, m.OfPolicy(3))
	require.Equal(t, Sum{Connects: 4, Retries: 1}, m.OfRow(0))
	require.Contains(t, m.Words(0, 3), "TLSv1.3 TLS_AES_128_GCM_SHA256 secp256r1, after a HelloRetryRequest")
	require.Contains(t, m.Words(1, 0), "refused: ")
	for _, c := range Classes() {
		require.NotEqual(t, "unknown", c.Words())
	}
}

// TestHTML: the page is well-formed, needs no network, escapes what a capture may contain, and has a cell for each pair.
func TestHTML(t *testing.T) {
	certs, err := policy.ParseCertSet("both")
	require.NoError(t, err)
	evil := `"><script>alert(1)</script>&`
	rows := []Row{
		{Name: evil, Note: evil, Family: "a", Connections: 3, Hello: hello(t, "TLSv1.2", modern, "secp256r1", "", schemes), Bytes: 100},
		{Name: "two", Family: "b", Connections: 1, Hello: hello(t, "TLSv1.3", modern, "x25519", "x25519", schemes), Bytes: 1800},
	}
	m := New(rows, policies(t, "TLS13-1-3-2021-06", "2016-08", "TLS13-1-2-Res-PQ-2025-09"), certs)
	var b strings.Builder
	require.NoError(t, m.WriteHTML(&b, Source{Clients: evil, Footer: evil}))
	checkPage(t, b.String())
	require.Equal(t, 6, strings.Count(b.String(), "<use "))
	require.Contains(t, b.String(), "75%", "the share of connections that TLS 1.3 alone refuses")

	require.Contains(t, b.String(), "What to do next")

	r, err := NewReadiness(rows, m.Policies[2], certs)
	require.NoError(t, err)
	b.Reset()
	require.NoError(t, r.WriteHTML(&b, Source{Clients: evil, Footer: evil}))
	checkPage(t, b.String())
}

// TestDetails: the tables say of every pair what the map says.
func TestDetails(t *testing.T) {
	certs, err := policy.ParseCertSet("rsa")
	require.NoError(t, err)
	rows := []Row{
		{Name: "modern", Family: "a", Hello: hello(t, "TLSv1.3 TLSv1.2", modern, "x25519 secp256r1", "x25519", schemes)},
		{Name: "TLS 1.2", Family: "b", Hello: hello(t, "TLSv1.2", modern, "secp256r1", "", schemes)},
		{Name: "TLS 1.0", Family: "b", Hello: hello(t, "TLSv1", "TLS_RSA_WITH_AES_128_CBC_SHA", "", "", "")},
	}
	m := New(rows, policy.All(), certs)
	families := m.details()
	require.Len(t, families, 2)
	r := 0
	for _, f := range families {
		for _, c := range f.Clients {
			require.Equal(t, rows[r].Name, c.Name)
			told := map[string]string{}
			for _, a := range c.Answers {
				for _, name := range strings.Split(a.Policies, ", ") {
					require.Empty(t, told[name], "once for each policy")
					told[name] = a.Words
				}
			}
			require.Len(t, told, len(m.Policies))
			for p, pol := range m.Policies {
				d := m.At(r, p)
				if d.Outcome == policy.Refused {
					require.Equal(t, Of(d).Words(), told[short(pol)])
					continue
				}
				require.Contains(t, told[short(pol)], d.Version.String()+" "+d.Suite.String())
			}
			r++
		}
	}
}

// TestNext: of the policies that refuse the fewest the strictest, which is neither a FIPS one nor one that nobody can choose.
func TestNext(t *testing.T) {
	certs, err := policy.ParseCertSet("rsa")
	require.NoError(t, err)
	good := Row{Name: "modern", Hello: hello(t, "TLSv1.3 TLSv1.2", modern, "x25519 secp256r1", "x25519", schemes)}
	old := Row{Name: "TLS 1.0", Hello: hello(t, "TLSv1", "TLS_RSA_WITH_AES_128_CBC_SHA", "", "", "")}
	none := Row{Name: "no group", Hello: hello(t, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "ffdhe2048", "", schemes)}
	for _, tt := range []struct {
		rows []Row
		want []string
	}{
		{[]Row{good}, []string{"take TLS13-1-3-PQ-2025-09: it is the strictest", "Ask your own captures and logs"}},
		{[]Row{good, old}, []string{"If all of these clients must connect, take TLS13-1-0-PQ-2025-09", "TLS13-1-2-Res-PQ-2025-09, which the AWS console preselects, refuses 1 (TLS 1.0). If you can do without those, take it.", "Ask"}},
		{[]Row{good, none}, []string{"TLS13-1-3-PQ-2025-09 refuses the fewest: 1 (no group)", "preselects, refuses 1 (no group)", "Ask"}},
	} {
		steps := New(tt.rows, policy.All(), certs).next()
		require.Len(t, steps, len(tt.want))
		for i, s := range steps {
			require.Contains(t, s.Text, tt.want[i])
		}
		require.Contains(t, steps[len(steps)-1].Command, "alblab who-breaks")
	}
	require.Empty(t, New(nil, policy.All(), certs).next())
	rows := []Row{good}
	rows[0].Connections = 5
	steps := New(rows, policies(t, "TLS13-1-2-FIPS-2023-04"), certs).next()
	require.Contains(t, steps[0].Text, "TLS13-1-2-FIPS-2023-04", "where there is nothing else")
	require.Contains(t, steps[1].Text, "Add logs of a longer time")
}

func checkPage(t *testing.T, html string) {
	t.Helper()
	require.NotContains(t, html, "<script")
	for _, outside := range []string{"http://", "https://", " src=", "@import", "url("} {
		require.NotContains(t, html, outside, "the page must not need the network")
	}
	body := html[strings.Index(html, "<main>"):strings.Index(html, "</body>")]
	d := xml.NewDecoder(strings.NewReader(strings.ReplaceAll("<x>"+body+"</x>", "&nbsp;", " ")))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err, "the page is not well-formed")
	}
}

// TestReadiness: a share, a list, a draft, none, no TLS 1.3; and who a strongly preferring policy asks again (RFC 8446,
// section 4.1.4).
func TestReadiness(t *testing.T) {
	certs, err := policy.ParseCertSet("rsa")
	require.NoError(t, err)
	rows := []Row{
		{Name: "none", Hello: hello(t, "TLSv1.3", modern, "x25519", "x25519", schemes), Bytes: 517},
		{Name: "old", Hello: hello(t, "TLSv1.2", modern, "secp256r1", "", schemes), Bytes: 200},
		{Name: "list", Hello: hello(t, "TLSv1.3", modern, "X25519MLKEM768 x25519", "x25519", schemes), Bytes: 540},
		{Name: "other list", Hello: hello(t, "TLSv1.3", modern, "X25519MLKEM768 SecP256r1MLKEM768", "SecP256r1MLKEM768", schemes), Bytes: 1400},
		{Name: "draft", Hello: hello(t, "TLSv1.3", modern, "X25519Kyber768Draft00 x25519", "X25519Kyber768Draft00 x25519", schemes), Bytes: 1441},
		{Name: "share", Hello: hello(t, "TLSv1.3", modern, "X25519MLKEM768 x25519", "X25519MLKEM768 x25519", schemes), Bytes: 1725, Connections: 7},
	}
	r, err := NewReadiness(rows, policies(t, "TLS13-1-2-Res-PQ-2025-09")[0], certs)
	require.NoError(t, err)
	tests := []struct {
		name   string
		offer  Offer
		agrees string
		retry  bool
		segs   [2]int
	}{
		{"other list", OfferShare, "SecP256r1MLKEM768", false, [2]int{1, 1}},
		{"share", OfferShare, "X25519MLKEM768", false, [2]int{2, 2}},
		{"list", OfferList, "X25519MLKEM768", true, [2]int{1, 1}},
		{"draft", OfferOther, "x25519", false, [2]int{1, 2}},
		{"none", OfferNone, "x25519", false, [2]int{1, 1}},
		{"old", OfferNoTLS13, "secp256r1", false, [2]int{1, 1}},
	}
	require.Len(t, r.Rows, len(tests))
	for i, tt := range tests {
		row := r.Rows[i]
		require.Equal(t, tt.name, row.Name)
		require.Equal(t, tt.offer, row.Offer, tt.name)
		require.Equal(t, tt.agrees, agreed(row.Now), tt.name)
		require.Equal(t, tt.retry, row.Retries(), tt.name)
		require.Equal(t, tt.segs, [2]int{row.Segments4, row.Segments6}, tt.name)
	}
	s := r.Summarize()
	require.Equal(t, 3, s.Agree)
	require.Equal(t, 1, s.Retry)
	require.Equal(t, 2, s.RetryStrict, "the policy's first group is X25519MLKEM768")
	require.Equal(t, 2, s.TwoSegments)
	require.Equal(t, 1725, s.LargestBytes)
	require.Equal(t, Count{OfferShare, 2, 7}, s.Offers[0])

	require.Zero(t, s.Refused)
	r, err = NewReadiness(append(rows, Row{Name: "TLS 1.0", Hello: hello(t, "TLSv1", "TLS_RSA_WITH_AES_128_CBC_SHA", "", "", "")}), r.Policy, certs)
	require.NoError(t, err)
	require.Equal(t, 1, r.Summarize().Refused)
	var page strings.Builder
	require.NoError(t, r.WriteHTML(&page, Source{Clients: "7 clients"}))
	require.Contains(t, page.String(), "refuses 1 of the 7 here")
	require.Contains(t, page.String(), `<span class="word">POLICY-OF-TODAY</span> <span class="word">--to</span> <span class="word">TLS13-1-2-Res-PQ-2025-09</span> <span class="word">./my-logs</span>`)

	_, err = NewReadiness(rows, policies(t, "2016-08")[0], certs)
	require.EqualError(t, err, "ELBSecurityPolicy-2016-08 has no post-quantum group")
	for _, p := range policy.All() {
		if p.PostQuantum() {
			_, err := NewReadiness(rows, p, certs)
			require.NoError(t, err, p.Name)
		}
	}
}

func BenchmarkMatrix(b *testing.B) {
	h := &wire.ClientHello{}
	rows := make([]Row, 110)
	for i := range rows {
		rows[i].Hello = h
	}
	for b.Loop() {
		New(rows, policy.All(), nil)
	}
}
