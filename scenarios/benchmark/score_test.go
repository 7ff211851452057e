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
