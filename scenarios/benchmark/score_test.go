package benchmark

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence/connlog"
)

// TestScore: a right cause with another code is no hit; what nobody made counts against precision; where nothing was measured no
// figure is shown.
func TestScore(t *testing.T) {
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	client, server := netip.MustParseAddrPort("203.0.113.10:40000"), netip.MustParseAddrPort("10.0.1.10:443")
	conn := &correlate.Conn{Client: client, Server: server, Start: start, End: start, ConnLog: &connlog.Record{VerifyStatus: "Failed:ClientCertExpired"}}
	stray := &correlate.Conn{Client: netip.MustParseAddrPort("203.0.113.11:40000"), Server: server, Start: start, End: start}
	rep := &analyzers.Report{
		Result: &correlate.Result{Conns: []*correlate.Conn{conn, stray}},
		Findings: []*analyzers.Finding{
			{Conn: conn, Signature: signatures.ClientCertificateRefused, Stage: analyzers.StageRefusedLater, Message: "it has expired (ClientCertExpired)"},
			{Conn: stray, Signature: signatures.RefusedLater, Stage: analyzers.StageRefusedLater},
		},
	}
	for code, exact := range map[string]int{"ClientCertExpired": 1, "ClientCertUntrusted": 0} {
		var d *Score
		for _, s := range newScores() {
			if s.View == "d" {
				d = s
			}
		}
		d.add([]*truth{{shape: "x", client: client, port: 443, start: start, stage: analyzers.StageRefusedLater, cause: signatures.ClientCertificateRefused, code: code}}, rep)
		require.Equal(t, 1, d.Coded)
		require.Equal(t, exact, d.CodedExact, code)
		require.Equal(t, 1, d.Exact, "the cause is right")
		require.InDelta(t, 0.5, d.Precision(analyzers.StageRefusedLater), 1e-9, "one of two is nobody's")
		require.Equal(t, "-", figure(d.Recall(analyzers.StageBlocked)))
		require.Equal(t, "-", figure(d.Precision(analyzers.StageBlocked)))
	}
	m := &MixResult{Name: "empty", Views: newScores()}
	for _, g := range m.Goals() {
		if strings.Contains(g.String(), "precision") {
			require.Equal(t, "(c) precision of first flight refused: nothing to measure", g.String())
			return
		}
	}
	require.Fail(t, "no such goal")
}

// TestTied: of connections that both ends reset no log tells who was first. The goal takes a stage that was named second for right, but
// only in doubt and with the truth among the causes; and of no other connection.
func TestTied(t *testing.T) {
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	server := netip.MustParseAddrPort("10.0.1.10:443")
	both := []string{signatures.ClosedByClient, signatures.RefusedLater}
	for _, x := range []struct {
		name  string
		flags int // the client's
		sure  analyzers.Certainty
		set   []string
		inSet int
		goal  string
	}{
		{"in doubt, in the set", 6, analyzers.Likely, both, 1, "(d) stage (of 1 that both ends reset, 1 only in a set of two stages): 1.0000, goal 1: met"},
		{"certain, and wrong", 6, analyzers.Certain, both, 0, "(d) stage (of 1 that both ends reset, 0 only in a set of two stages): 0.5000, goal 1: missed"},
		{"not in the set", 6, analyzers.Likely, []string{signatures.ClosedByClient}, 0, "(d) stage (of 1 that both ends reset, 0 only in a set of two stages): 0.5000, goal 1: missed"},
		{"the client reset nothing", 2, analyzers.Likely, both, 0, "(d) stage: 0.5000, goal 1: missed"},
		{"the client closed", 3, analyzers.Likely, both, 0, "(d) stage: 0.5000, goal 1: missed"},
	} {
		var truths []*truth
		rep := &analyzers.Report{Result: &correlate.Result{}}
		for i := range 2 { // one that is plain and right, and the one that is asked about
			client := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.10"), uint16(40000+i))
			conn := &correlate.Conn{Client: client, Server: server, Start: start, End: start, In: correlate.Flow{Flags: 2}, Out: correlate.Flow{Flags: 22}}
			f := &analyzers.Finding{Conn: conn, Signature: signatures.RefusedLater, Stage: analyzers.StageRefusedLater, Certainty: analyzers.Certain}
			if i == 1 {
				conn.In.Flags = x.flags
				f = &analyzers.Finding{Conn: conn, Signature: x.set[0], Stage: analyzers.StageClosedByOther, Certainty: x.sure, Causes: x.set}
			}
			rep.Result.Conns, rep.Findings = append(rep.Result.Conns, conn), append(rep.Findings, f)
			truths = append(truths, &truth{client: client, port: 443, start: start, stage: analyzers.StageRefusedLater, cause: signatures.RefusedLater})
		}
		m := &MixResult{Name: "tied", Views: newScores()}
		for _, s := range m.Views {
			if s.View == "d" {
				s.add(truths, rep)
				require.Equal(t, x.inSet, s.TiedInSet, x.name)
				require.InDelta(t, 0.5, s.StageRight(), 1e-9, "the column hides nothing")
			}
		}
		require.Contains(t, goals(m), x.goal, x.name)
	}
}

// TestOddCalls: a call on a good path that went wrong is a missed goal.
func TestOddCalls(t *testing.T) {
	m := &MixResult{Name: "odd", Kernel: true, Views: newScores()}
	require.Contains(t, goals(m), "calls on good paths that did not go as they were to: 0, goal 0: met")
	m.Odd = []string{"curl: exit code 28"}
	require.Contains(t, goals(m), "calls on good paths that did not go as they were to: 1, goal 0: missed")
	var page strings.Builder
	(&Result{Kernel: []*MixResult{m}}).kernel(&page)
	require.Contains(t, page.String(), "- not as it was to be: curl: exit code 28\n")
}

func goals(m *MixResult) []string {
	var all []string
	for _, g := range m.Goals() {
		all = append(all, g.String())
	}
	return all
}
