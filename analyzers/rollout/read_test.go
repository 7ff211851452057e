package rollout

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

var start = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

func connection(second int, ip, version, suite, group, status string) string {
	r := connlog.Record{Time: start.Add(time.Duration(second) * time.Second), ClientIP: netip.MustParseAddr(ip), ClientPort: uint16(20000 + second),
		ListenerPort: 443, TLSProtocol: version, TLSCipher: suite, HandshakeLatency: -1, VerifyStatus: status,
		ConnTraceID: fmt.Sprintf("TID_%032x", second), KeyExchange: group, ELB: "app/web/0123456789abcdef", NodeIP: "10.0.1.10"}
	b, err := r.AppendText(nil)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func request(second int, ip, agent, version, suite string) string {
	at := start.Add(time.Duration(second) * time.Second)
	r := accesslog.Record{Type: "https", Time: at, RequestCreationTime: at, ELB: "app/web/0123456789abcdef",
		Client: netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(20000+second)), RequestProcessingTime: -1, TargetProcessingTime: -1,
		ResponseProcessingTime: -1, ELBStatusCode: 200, TargetStatusCode: -1, Request: "GET https://www.example.com:443/ HTTP/1.1",
		UserAgent: agent, SSLProtocol: version, SSLCipher: suite, ConnTraceID: fmt.Sprintf("TID_%032x", second)}
	b, err := r.AppendText(nil)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func text(k evidence.Kind, s string) Input {
	return Input{Kind: k, Name: string(k) + ".log", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }}
}

func question(t testing.TB, from, to string) *Question {
	q := &Question{Assume: AssumeStandard}
	var err error
	q.To, err = policy.ByName(to)
	require.NoError(t, err)
	if from != "" {
		q.From, err = policy.ByName(from)
		require.NoError(t, err)
	}
	q.Certs, err = policy.ParseCertSet("both")
	require.NoError(t, err)
	return q
}

const (
	gcm = "ECDHE-RSA-AES128-GCM-SHA256"
	cbc = "ECDHE-RSA-AES128-SHA"
)

func client(t testing.TB, r *Report, name string) ClientReport {
	t.Helper()
	for _, c := range r.Clients {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no client %s in %+v", name, r.Clients)
	return ClientReport{}
}

var mixture = connection(0, "198.51.100.1", "TLSv1.2", gcm, "secp256r1", "Success") +
	connection(10, "198.51.100.1", "TLSv1.2", gcm, "secp256r1", "Success") +
	connection(1, "203.0.113.1", "TLSv1", cbc, "secp256r1", "Success") +
	connection(2, "203.0.113.2", "TLSv1.2", "AES128-SHA", "", "Success") +
	connection(3, "203.0.113.3", "", "", "", "Failed:UnmappedConnectionError") +
	connection(4, "203.0.113.4", "TLSv1.2", gcm, "secp256r1", "Failed:ClientCertExpired") +
	connection(5, "203.0.113.5", "", "", "", "") // plain HTTP

func TestConnectionLog(t *testing.T) {
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, mixture)}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 7, traffic.Stats.Lines)
	require.EqualValues(t, 1, traffic.Stats.NotTLS)
	r := Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06"), traffic)

	keeps := client(t, r, "198.51.100.1")
	require.Equal(t, Keeps, keeps.Effect)
	require.EqualValues(t, 2, keeps.Connections)
	require.Equal(t, 10*time.Second, keeps.Last.Sub(*keeps.First))
	require.Equal(t, "198.51.100.0/24", keeps.Network)
	old := client(t, r, "203.0.113.1")
	require.Equal(t, Breaks, old.Effect)
	require.Equal(t, ReasonVersion, old.Reason)
	require.Contains(t, old.Cure, "TLSv1.2")
	require.InDelta(t, 0.2, old.Share, 1e-9)
	require.Equal(t, Breaks, client(t, r, "203.0.113.2").Effect, "the old policy prefers all that the new one has")
	failed := client(t, r, "203.0.113.3")
	require.True(t, failed.FailsToday)
	require.Equal(t, Keeps, client(t, r, "203.0.113.4").Effect, "its certificate is refused, the hello was not")

	require.EqualValues(t, 5, r.Total.Clients)
	require.EqualValues(t, 5, r.Total.Connections)
	require.EqualValues(t, 2, r.Breaks.Clients)
	require.EqualValues(t, 1, r.FailsToday.Clients)
	require.Equal(t, "breaks", r.Clients[0].Effect.String(), "who breaks comes first")

	// Without the old policy nothing proves that a client breaks.
	r = Judge(question(t, "", "TLS13-1-2-Res-2021-06"), traffic)
	require.Zero(t, r.Breaks.Clients)
	require.Contains(t, client(t, r, "203.0.113.1").Settle, SettleFrom)
	require.Equal(t, Keeps, client(t, r, "198.51.100.1").Effect)
}

func TestChoices(t *testing.T) {
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, mixture)}, nil)
	require.NoError(t, err)
	q := question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06")
	r := Judge(q, traffic)
	for _, name := range r.Choices.KeepsAll {
		other := Judge(question(t, "TLS13-1-0-2021-06", name), traffic)
		require.Zero(t, other.Breaks.Connections+other.Unknown.Connections, name)
	}
	require.NotEmpty(t, r.Choices.KeepsAll)
	require.Equal(t, r.Choices.KeepsAll[0], r.Choices.Nearest.Policy)
	require.Contains(t, r.Choices.KeepsAll, r.Choices.Strictest.Policy)
	require.NotEmpty(t, r.Choices.Nearest.Price)
	for _, p := range policy.All() { // and nobody who keeps all is left out
		other := Judge(question(t, "TLS13-1-0-2021-06", p.Name), traffic)
		if p.Status == "documented" && other.Breaks.Connections+other.Unknown.Connections == 0 {
			require.Contains(t, r.Choices.KeepsAll, p.Name)
		}
	}
}

func TestGate(t *testing.T) {
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, mixture)}, nil)
	require.NoError(t, err)
	r := Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06"), traffic)
	require.False(t, r.Decide(FailOnBreaks, 0).Passed)
	require.InDelta(t, 0.4, r.Gate.Share, 1e-9)
	require.True(t, r.Decide(FailOnBreaks, 0.4).Passed)
	require.False(t, r.Decide(FailOnBreaks, 0.39).Passed)
	require.True(t, r.Decide(FailOnNever, 0).Passed)
	r = Judge(question(t, "", "TLS13-1-2-Res-2021-06"), traffic)
	require.True(t, r.Decide(FailOnBreaks, 0).Passed)
	require.False(t, r.Decide(FailOnUnknown, 0).Passed)
	for _, bad := range []string{"", "x", "-1%", "101%", "NaN", "2"} {
		_, err := ParseShare(bad)
		require.Error(t, err, bad)
	}
}

// TestAccessLog: requests are not connections, and a connection log of the same time has the connections.
func TestAccessLog(t *testing.T) {
	log := request(20, "198.51.100.9", "curl/8.5.0", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
	log += log + request(21, "203.0.113.1", "Java/1.7.0_25", "TLSv1", cbc) + request(1, "203.0.113.1", "Java/1.7.0_25", "TLSv1", cbc)
	traffic, err := Read(t.Context(), []Input{text(evidence.KindAccess, log)}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, traffic.Stats.Connections, "the second request on a connection does not count")
	r := Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06"), traffic)
	java := client(t, r, "Java/1.7.0_25")
	require.Equal(t, KindUserAgent, java.Kind)
	require.Equal(t, Breaks, java.Effect)
	require.Equal(t, []string{"203.0.113.1"}, java.Addresses)

	traffic, err = Read(t.Context(), []Input{text(evidence.KindAccess, log), text(evidence.KindConnection, mixture)}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 6+2, traffic.Stats.Connections, "two are after the connection log's end")
	r = Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06"), traffic)
	require.Equal(t, []string{"Java/1.7.0_25"}, client(t, r, "203.0.113.1").UserAgents)
}

// TestGuess: what the log leaves open, the user agent and the catalogue make likely, and it stays unknown.
func TestGuess(t *testing.T) {
	log := request(1, "203.0.113.1", "Java/1.7.0_25", "TLSv1", "ECDHE-RSA-AES128-SHA")
	traffic, err := Read(t.Context(), []Input{text(evidence.KindAccess, log)}, nil)
	require.NoError(t, err)
	r := Judge(question(t, "", "TLS13-1-2-Res-2021-06"), traffic)
	c := client(t, r, "Java/1.7.0_25")
	require.Equal(t, Unknown, c.Effect)
	require.NotNil(t, c.Guess)
	require.Equal(t, Breaks, c.Guess.Effect)
	require.Contains(t, c.Guess.Basis, "Java 7u25")
	require.EqualValues(t, 1, r.LikelyBreaks.Clients)
	require.Zero(t, r.Breaks.Clients)
}

func TestGrouping(t *testing.T) {
	for _, tt := range []struct {
		by   By
		want []string
	}{
		{ByAuto, []string{"198.51.100.1", "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"}},
		{ByNetwork, []string{"198.51.100.0/24", "203.0.113.0/24"}},
	} {
		traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, mixture)}, &ReadOptions{By: tt.by})
		require.NoError(t, err)
		var got []string
		for _, c := range traffic.Clients {
			got = append(got, c.Name)
		}
		require.ElementsMatch(t, tt.want, got)
	}
}

// TestWorkers: how many read makes no difference.
func TestWorkers(t *testing.T) {
	var want []byte
	for _, workers := range []int{1, 3} {
		in := Input{Kind: evidence.KindConnection, Name: "connection.log", Open: func() (io.ReadCloser, error) { return io.NopCloser(newLogReader(t, 30_000)), nil }}
		traffic, err := Read(t.Context(), []Input{in, text(evidence.KindConnection, "damaged\n")}, &ReadOptions{Workers: workers})
		require.NoError(t, err)
		require.EqualValues(t, 30_001, traffic.Stats.Lines)
		require.EqualValues(t, 1, traffic.Stats.Damaged)
		require.EqualValues(t, 30_000, traffic.Stats.Connections)
		got, err := json.Marshal(Judge(question(t, "TLS13-1-0-2021-06", "TLS13-1-2-2021-06"), traffic))
		require.NoError(t, err)
		if want == nil {
			want = got
		}
		require.JSONEq(t, string(want), string(got))
	}
}

// captured is a capture of clients of the catalogue, each saying hello on a connection of its own.
func captured(t testing.TB, list []*catalog.Client, answer ...byte) []byte {
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, nil)
	require.NoError(t, err)
	server := netip.MustParseAddrPort("10.0.1.10:443")
	for i, c := range list {
		hello, err := c.Hello("www.example.com")
		require.NoError(t, err)
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), uint16(20000+i))
		at, seq := start.Add(time.Duration(i)*time.Second), uint32(1000)
		send := func(src, dst netip.AddrPort, flags byte, seq, ack uint32, data []byte) {
			at = at.Add(time.Millisecond)
			require.NoError(t, w.WriteIP(at, capture.MAC{2}, capture.MAC{4}, segment(src, dst, flags, seq, ack, data)))
		}
		send(from, server, 0x02, seq, 0, nil)
		send(server, from, 0x12, 9000, seq+1, nil)
		seq++
		for len(hello) > 0 {
			n := min(len(hello), 1400)
			send(from, server, 0x18, seq, 9001, hello[:n])
			seq, hello = seq+uint32(n), hello[n:]
		}
		if len(answer) > 0 {
			send(server, from, 0x18, 9001, seq, answer)
		}
		send(server, from, 0x14, 9001+uint32(len(answer)), seq, nil)
	}
	require.NoError(t, w.Flush())
	return out.Bytes()
}

// segment is an IPv4 packet with a TCP segment: RFC 791, RFC 9293. Checksums are 0, as where a network card makes them.
func segment(src, dst netip.AddrPort, flags byte, seq, ack uint32, data []byte) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(40+len(data)))
	b = append(append(b, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	return append(append(b, 0x50, flags, 0xFF, 0xFF, 0, 0, 0, 0), data...)
}

// TestCaptures: a capture settles every client, and agrees with the catalogue itself.
func TestCaptures(t *testing.T) {
	list := catalog.All()[:120]
	pcap := captured(t, list)
	in := Input{Kind: evidence.KindCapture, Name: "capture.pcap", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pcap)), nil }}
	// A line of a connection that was captured does not count again.
	line := connection(0, "203.0.113.0", "TLSv1.2", gcm, "secp256r1", "Success")
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, line), in}, &ReadOptions{By: ByAddress})
	require.NoError(t, err)
	require.EqualValues(t, len(list), traffic.Stats.Connections)
	require.EqualValues(t, 1, traffic.Stats.Repeated)
	for _, to := range []string{"TLS13-1-2-Res-PQ-2025-09", "TLS13-1-3-2021-06", "2016-08", "TLS13-1-2-RFC9151-FIPS-2023-07"} {
		q := question(t, "", to)
		r := Judge(q, traffic)
		require.Zero(t, r.Unknown.Clients)
		for i, c := range list {
			raw, err := c.Hello("www.example.com")
			require.NoError(t, err)
			h, err := wire.ParseHello(raw)
			require.NoError(t, err)
			got := client(t, r, fmt.Sprintf("203.0.113.%d", i))
			require.Equal(t, Connects(q.To.Decide(h, q.Certs)), got.Effect == Keeps, "%s under %s", c.Name, to)
			require.Equal(t, h.JA4(), got.JA4)
		}
	}
	traffic, err = Read(t.Context(), []Input{in}, nil)
	require.NoError(t, err)
	for _, c := range traffic.Clients {
		require.Equal(t, KindJA4, c.Kind)
		require.NotEmpty(t, c.Addresses)
	}
	// Cut in the middle of a packet: what was read counts, and the damage is told.
	in.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pcap[:len(pcap)/2])), nil }
	traffic, err = Read(t.Context(), []Input{in}, nil)
	require.NoError(t, err)
	require.Positive(t, traffic.Stats.Damaged)
	require.Greater(t, traffic.Stats.Connections, int64(40))
}

// TestAnswered: a client that the server accepted does not fail today, whatever policy is said to be the old one.
func TestAnswered(t *testing.T) {
	old, err := catalog.ByName("IE 8 XP")
	require.NoError(t, err)
	serverHello := append([]byte{22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, append(make([]byte, 32), 0, 0, 0x0A, 0)...)
	for _, tt := range []struct {
		answer []byte
		fails  int64
	}{{nil, 1}, {serverHello, 0}} {
		pcap := captured(t, []*catalog.Client{old}, tt.answer...)
		in := Input{Kind: evidence.KindCapture, Name: "capture.pcap", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pcap)), nil }}
		traffic, err := Read(t.Context(), []Input{in}, nil)
		require.NoError(t, err)
		r := Judge(question(t, "TLS13-1-2-2021-06", "TLS13-1-2-Res-2021-06"), traffic)
		require.EqualValues(t, tt.fails, r.FailsToday.Clients)
		require.EqualValues(t, 1-tt.fails, r.Breaks.Clients)
		require.EqualValues(t, 1-tt.fails, r.Foreign)
	}
}

func TestCatalogue(t *testing.T) {
	traffic := &Traffic{}
	require.NoError(t, traffic.AddCatalogue(catalog.All()))
	q := question(t, "", "TLS13-1-3-2021-06")
	r := Judge(q, traffic)
	require.EqualValues(t, len(catalog.All()), r.Total.Clients)
	require.Zero(t, r.Unknown.Clients)
	require.Equal(t, Breaks, client(t, r, "IE 6 XP").Effect)
	require.Equal(t, Keeps, client(t, r, "Chrome 133 (uTLS)").Effect)
	require.Contains(t, r.Answer().Headline, "Do not change yet")
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("broken disk")
	in := Input{Kind: evidence.KindConnection, Name: "x", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader([]byte(mixture)), failing{broken})), nil
	}}
	_, err := Read(t.Context(), []Input{in}, nil)
	require.ErrorIs(t, err, broken)
	in.Open = func() (io.ReadCloser, error) { return nil, broken }
	_, err = Read(t.Context(), []Input{in}, nil)
	require.ErrorIs(t, err, broken)
	traffic, err := Read(t.Context(), []Input{text(evidence.KindConnection, "x\n"+connection(1, "203.0.113.1", "TLSv9", "NO-SUCH", "nothing", "Success"))}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, traffic.Stats.Damaged)
	var pe *evidence.ParseError
	require.ErrorAs(t, traffic.Problems[0], &pe)
	require.EqualValues(t, 1, traffic.Stats.Connections, "it was seen, with we do not know what")
	require.Equal(t, Unknown, Judge(question(t, "", "2016-08"), traffic).Clients[0].Effect)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestUserAgents(t *testing.T) {
	for text, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":                                "Chrome [141 0 0 0]",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91":              "Edge [120 0 2210 91]",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1":        "Safari [18 5]",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1": "Safari [17 4]",
		"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                           "IE [11 0]",
		"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)":                                                                                             "IE [6 0]",
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                         "Firefox [128 0]",
		"Java/1.8.0_292":                            "Java [8 0 292]",
		"Java-http-client/17.0.9":                   "Java [17 0 9]",
		"python-requests/2.32.3":                    "Python []",
		"Python/3.11 aiohttp/3.9.1":                 "Python [3 11]",
		"Go-http-client/2.0":                        "Go []",
		"curl/7.88.1":                               "curl [7 88 1]",
		"Dalvik/2.1.0 (Linux; U; Android 8.1.0; x)": "Android [8 1 0]",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "Googlebot []",
		"ELB-HealthChecker/2.0": "",
		"":                      "",
	} {
		a, ok := parseAgent(text)
		got := ""
		if ok {
			got = fmt.Sprint(a.family, " ", a.version)
		}
		require.Equal(t, want, got, text)
	}
}

// TestGuessDirection: a later version that connects says nothing of an earlier one.
func TestGuessDirection(t *testing.T) {
	q := question(t, "", "TLS13-1-2-Res-2021-06")
	g := newGuesser(q)
	s := Seen{Version: wire.TLS12, Suite: 0xC02F}
	require.Equal(t, Unknown, g.guess(s, []string{"curl/7.29.0"}).Effect)
	require.Equal(t, Keeps, g.guess(s, []string{"curl/8.9.1"}).Effect)
	require.Nil(t, g.guess(Seen{Failed: true}, []string{"curl/8.9.1"}))
}
