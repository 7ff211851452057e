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

// TestTied: of connections that both ends reset nobody knows who was first; the goal leaves them out, and says how many they were.
func TestTied(t *testing.T) {
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	server := netip.MustParseAddrPort("10.0.1.10:443")
	var truths []*truth
	rep := &analyzers.Report{Result: &correlate.Result{}}
	for i, flags := range []int{6, 2, 3} { // the client's: reset, nothing of its own, closed
		client := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.10"), uint16(40000+i))
		conn := &correlate.Conn{Client: client, Server: server, Start: start, End: start, In: correlate.Flow{Flags: flags}, Out: correlate.Flow{Flags: 22}}
		rep.Result.Conns = append(rep.Result.Conns, conn)
		found := analyzers.StageRefusedLater
		if i == 0 {
			found = analyzers.StageClosedByOther
		}
		rep.Findings = append(rep.Findings, &analyzers.Finding{Conn: conn, Signature: signatures.RefusedLater, Stage: found})
		truths = append(truths, &truth{client: client, port: 443, start: start, stage: analyzers.StageRefusedLater, cause: signatures.RefusedLater})
	}
	m := &MixResult{Name: "tied", Views: newScores()}
	for _, s := range m.Views {
		if s.View == "d" {
			s.add(truths, rep)
			require.Equal(t, 1, s.Tied)
			require.Zero(t, s.TiedRight)
			require.InDelta(t, 2./3, s.StageRight(), 1e-9)
		}
	}
	require.Contains(t, goals(m), "(d) stage, but for 1 that both ends reset (0 of them right): 1.0000, goal 1: met")
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
