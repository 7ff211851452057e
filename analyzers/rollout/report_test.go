package rollout

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/evidence"
)

// TestCatalogueBesideTraffic: the catalogue's clients are counted for themselves, and change nothing of what is said of traffic.
func TestCatalogueBesideTraffic(t *testing.T) {
	q := question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06")
	read := func() *Traffic {
		traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, mixture)}, nil)
		require.NoError(t, err)
		return traffic
	}
	alone := Judge(q, read())
	traffic := read()
	require.NoError(t, traffic.AddCatalogue(catalog.All()))
	both := Judge(q, traffic)

	n := both.Catalogue
	require.NotNil(t, n)
	require.EqualValues(t, len(catalog.All()), n.Clients)
	require.Equal(t, n.Clients, n.Keeps+n.Breaks+n.FailsToday)
	require.NotZero(t, n.Breaks)
	require.Contains(t, both.BesideWords(), "clients of the catalogue")
	require.Empty(t, alone.BesideWords())
	for i, c := range both.Clients {
		require.Equal(t, i >= len(alone.Clients), both.Beside(&c), "the catalogue stands last")
	}
	for _, fail := range []FailOn{FailOnBreaks, FailOnUnknown} {
		require.Equal(t, alone.Decide(fail, 0), both.Decide(fail, 0))
	}
	require.Equal(t, alone.Answer(), both.Answer())
	require.Equal(t, alone.Caveats(), both.Caveats())
	both.Catalogue, both.Clients = nil, both.Clients[:len(alone.Clients)]
	require.Equal(t, alone, both)
}

// TestCatalogueAlone: a catalogue is nobody's traffic, whatever it says.
func TestCatalogueAlone(t *testing.T) {
	for to, want := range map[string]struct {
		effect   Effect
		headline string
	}{
		"TLS13-1-3-2021-06": {Breaks, "Do not change yet: "},
		"TLS13-1-0-2021-06": {Keeps, "Nothing known against it: all "},
	} {
		traffic := &Traffic{}
		require.NoError(t, traffic.AddCatalogue(catalog.All()))
		r := Judge(question(t, "", to), traffic)
		require.Nil(t, r.Catalogue)
		a := r.Answer()
		require.Equal(t, want.effect, a.Effect)
		require.True(t, strings.HasPrefix(a.Headline, want.headline), a.Headline)
		require.Contains(t, a.Headline, "of the catalogue")
		require.Contains(t, a.Next[0].Text, "Ask your own logs and captures first")
		require.Contains(t, a.Next[0].Command, "--to "+to)
	}
}

// TestNetworks: a network has many clients, of which each connection counts for itself.
func TestNetworks(t *testing.T) {
	var log strings.Builder
	add := func(n int, ip, version, suite, group string) {
		for range n {
			log.WriteString(connection(log.Len()%3000, ip, version, suite, group, "Success"))
		}
	}
	add(50, "198.51.100.1", "TLSv1.2", gcm, "secp256r1")
	add(3, "198.51.100.2", "TLSv1", cbc, "secp256r1")
	add(5, "198.51.100.3", "TLSv1.2", "AES128-SHA", "")
	add(2, "198.51.100.4", "TLSv1.2", "ECDHE-RSA-AES128-SHA256", "")
	add(7, "203.0.113.1", "TLSv1.2", gcm, "secp256r1")
	add(4, "192.0.2.1", "TLSv1.2", gcm, "")                                // the group is not named
	add(6, "192.0.2.2", "TLSv1.2", "ECDHE-RSA-AES128-SHA256", "secp256r1") // the suite goes
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, log.String())}, &ReadOptions{By: ByNetwork})
	require.NoError(t, err)
	r := Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06"), traffic)

	require.Equal(t, "network", r.Noun())
	a := r.Answer()
	require.Equal(t, "Do not change yet: clients in 1 of 3 networks break (10.4% of connections)", a.Headline)
	require.Contains(t, a.Lead, "Of the other networks, 1 keeps as a whole, and of 1 the evidence does not tell.")
	require.Contains(t, strings.Join(r.Caveats(), "\n"), "--by address")

	worst := client(t, r, "198.51.100.0/24")
	n, part := worst.Part()
	require.True(t, part)
	require.EqualValues(t, 8, n)
	require.EqualValues(t, 60, worst.Connections)
	var reasons []Reason
	for _, x := range worst.Reasons {
		reasons = append(reasons, x.Reason)
		require.Equal(t, x.Effect == Breaks, x.Cure != "")
	}
	require.Equal(t, []Reason{ReasonSuite, ReasonVersion, ReasonSuite}, reasons, "what most break on first, then what may")
	require.Equal(t, ReasonSuite, worst.Reason)
	require.Equal(t, []Evidence{SettleCapture}, worst.Settle, "of those of its connections that may break")

	fips := client(t, Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-FIPS-2023-04"), traffic), "192.0.2.0/24")
	require.Equal(t, Unknown, fips.Effect)
	require.Equal(t, []Evidence{SettleKeyExchange, SettleCapture}, fips.Settle, "of both kinds of its lines")
	require.Len(t, fips.Reasons, 2)
	_, part = fips.Part()
	require.False(t, part, "all of them may break")
	for _, x := range r.Reasons {
		if x.Effect == Unknown && x.Reason == ReasonSuite {
			require.EqualValues(t, 2, x.Clients)
			require.EqualValues(t, 8, x.Connections)
		}
	}
}

// TestManyReasons: who was seen in very many ways has a list that ends, in which everything counts.
func TestManyReasons(t *testing.T) {
	var c ClientReport
	for i := range 3 * maxReasons {
		c.because(&Judgement{Effect: Unknown, Reason: ReasonSuite, Why: strings.Repeat("x", i)}, 1, nil)
	}
	require.Len(t, c.Reasons, maxReasons)
	sum := int64(0)
	for _, x := range c.Reasons {
		sum += x.Connections
	}
	require.EqualValues(t, 3*maxReasons, sum)
}

// TestManyUses: a client that was seen with very many offers, and merging them.
func TestManyUses(t *testing.T) {
	a, b := new(tally), new(tally)
	ids := make([]int, 200)
	for i := range ids {
		ids[i] = len(ids) - 1 - i
		a.use(i, 1)
		b.use(i, 2)
		b.use(i, 3)
	}
	to := map[int]*tally{}
	mergeInto(to, map[int]*tally{1: b}, ids)
	mergeInto(to, map[int]*tally{1: a}, ids)
	require.Len(t, to[1].all(), len(ids))
	for _, u := range to[1].all() {
		require.EqualValues(t, 6, u.Connections)
	}
}

// TestAgentsAlone: an access log all of whose connections a connection log has gives nothing but user agents.
func TestAgentsAlone(t *testing.T) {
	connections := connection(0, "198.51.100.1", "TLSv1.2", gcm, "secp256r1", "Success") + connection(9, "198.51.100.1", "TLSv1.2", gcm, "secp256r1", "Success")
	requests := request(1, "198.51.100.1", "curl/8.0", "TLSv1.2", gcm) + request(2, "203.0.113.9", "other/1.0", "TLSv1.2", gcm)
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, connections), text(evidence.KindAccess, requests)}, nil)
	require.NoError(t, err)
	require.Len(t, traffic.Clients, 1)
	require.Equal(t, []string{"curl/8.0"}, traffic.Clients[0].Agents)
	require.EqualValues(t, 2, traffic.Stats.Repeated)
}

// TestNobodyConnects: where all fail today, nothing is called safe.
func TestNobodyConnects(t *testing.T) {
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, connection(0, "198.51.100.1", "", "", "", "Failed:UnmappedConnectionError"))}, nil)
	require.NoError(t, err)
	a := Judge(question(t, "", "TLS13-1-2-Res-2021-06"), traffic).Answer()
	require.Equal(t, "Nothing to break: none of 1 client can connect today", a.Headline)
}

// TestCutLine: a log that ends in the middle of a line is told, with its position, and the rest is read.
func TestCutLine(t *testing.T) {
	connections := connection(1, "198.51.100.7", "TLSv1.2", gcm, "secp256r1", "Success") + connection(2, "198.51.100.8", "TLSv1.2", gcm, "secp256r1", "Success")
	requests := request(1, "198.51.100.7", "curl/8.0", "TLSv1.2", gcm) + request(2, "198.51.100.8", "curl/8.0", "TLSv1.2", gcm)
	for kind, whole := range map[evidence.Kind]string{evidence.KindConnection: connections, evidence.KindAccess: requests} {
		lines := strings.Count(whole, "\n")
		all, err := Read(t.Context(), []Input{text(kind, whole)}, nil)
		require.NoError(t, err)
		require.Empty(t, all.Problems)
		fields := strings.Split(strings.TrimSuffix(whole, "\n"), " ")
		for _, less := range []int{1, 2, 3} { // fields that came later
			cut := strings.Join(fields[:len(fields)-less], " ")
			if kind == evidence.KindAccess {
				cut = strings.Join(fields[:len(fields)-less-2], " ")
			}
			traffic, err := Read(t.Context(), []Input{text(kind, cut)}, nil)
			require.NoError(t, err)
			require.Len(t, traffic.Problems, 1, "%s without %d fields", kind, less)
			var pe *evidence.ParseError
			require.ErrorAs(t, traffic.Problems[0], &pe)
			require.Equal(t, lines, pe.Line)
			require.Contains(t, pe.Msg, "the line is cut")
			require.EqualValues(t, lines, traffic.Stats.Lines)
			require.Less(t, traffic.Stats.Connections, all.Stats.Connections+1)
		}
		unended, err := Read(t.Context(), []Input{text(kind, strings.TrimSuffix(whole, "\n"))}, nil)
		require.NoError(t, err)
		require.Empty(t, unended.Problems, "a line without its end is whole if no field lacks")
		require.Equal(t, all.Stats, unended.Stats)
	}
}

// TestNoReasons: where nothing breaks, the lists in JSON are empty, not null.
func TestNoReasons(t *testing.T) {
	text, err := json.Marshal(Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-2021-06"), &Traffic{}))
	require.NoError(t, err)
	for _, list := range []string{"reasons", "keeps_all", "clients"} {
		require.Contains(t, string(text), `"`+list+`":[`)
	}
}
