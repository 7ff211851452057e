package benchmark

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// Score is how well one view of a mix was judged.
type Score struct {
	View, Words string
	Filter      bool // only whether a connection is a refused first flight was asked
	// Stages counts connections by their stage and the one that was claimed, "" for none.
	Stages map[analyzers.Stage]map[analyzers.Stage]int
	// Causes: exactly the right one was named; it is in the set that was named; it is not in that set; none was named.
	Exact, InSet, Wrong, None int
	SetSize                   int // of all sets, summed
	// Clear are the connections whose cause the packets show in clear, Coded those whose cause has a code of its own in the
	// connection log (Success, Failed:ClientCert...); and how many of them were named exactly.
	Clear, ClearExact, Coded, CodedExact int
	// Tied are the failed connections that both ends reset after the load balancer's flight, which it did not close: no log says who was
	// first. TiedInSet are those of them whose stage was not claimed rightly, but in doubt, with the truth among the causes named.
	Tied, TiedInSet int
	// Overclaims are single causes that a flow log cannot show, claimed from it.
	Overclaims int
	// Unexplained are findings on connections that nobody made, by their stage.
	Unexplained map[analyzers.Stage]int
	Mistakes    []string // the first few, in words; those of Wrong first
}

// keepMistakes bounds Score.Mistakes.
const keepMistakes = 20

func newScores() []*Score {
	var all []*Score
	for _, v := range views() {
		all = append(all, &Score{View: v.name, Words: v.words, Filter: v.filter, Stages: map[analyzers.Stage]map[analyzers.Stage]int{}, Unexplained: map[analyzers.Stage]int{}})
	}
	return all
}

func (s *Score) stage(truth, claimed analyzers.Stage) {
	if s.Stages[truth] == nil {
		s.Stages[truth] = map[analyzers.Stage]int{}
	}
	s.Stages[truth][claimed]++
}

// Precision is the share of right ones among the connections for which a stage was claimed, those that nobody made included; not a
// number where it never was.
func (s *Score) Precision(of analyzers.Stage) float64 {
	right, all := 0, s.Unexplained[of]
	for truth, claims := range s.Stages {
		all += claims[of]
		if truth == of {
			right += claims[of]
		}
	}
	return share(right, all)
}

// Recall is the share of a stage's connections for which it was claimed.
func (s *Score) Recall(of analyzers.Stage) float64 {
	all := 0
	for _, n := range s.Stages[of] {
		all += n
	}
	return share(s.Stages[of][of], all)
}

// StageRight is the share of all connections whose stage was claimed rightly.
func (s *Score) StageRight() float64 {
	right, all := 0, 0
	for truth, claims := range s.Stages {
		right += claims[truth]
		for _, n := range claims {
			all += n
		}
	}
	return share(right, all)
}

// StageRightOrInSet is StageRight with the connections that are TiedInSet among the right ones.
func (s *Score) StageRightOrInSet() float64 {
	right, all := s.TiedInSet, 0
	for truth, claims := range s.Stages {
		right += claims[truth]
		for _, n := range claims {
			all += n
		}
	}
	return share(right, all)
}

// tied says that both ends reset a connection after the load balancer's flight and before a session, and that the load balancer did
// not close it.
func tied(t *truth, c *correlate.Conn) bool {
	const fin, rst = 1, 4
	return c != nil && c.In.Flags >= 0 && c.Out.Flags >= 0 && c.In.Flags&c.Out.Flags&rst != 0 && c.Out.Flags&fin == 0 &&
		(t.stage == analyzers.StageRefusedLater || t.stage == analyzers.StageClosedByOther)
}

// share is not a number where there is no whole: nothing was measured.
func share(part, whole int) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}

// end is a client's end of a connection and the load balancer's port, in a minute of the flow log.
type end struct {
	client netip.AddrPort
	port   uint16
	minute int64
}

func endOf(r *flowlog.Record) end {
	return end{netip.AddrPortFrom(r.SrcAddr, uint16(r.SrcPort)), uint16(r.DstPort), r.Start / 60}
}

// filtered scores the published filter, which claims one stage or nothing.
func (s *Score) filtered(truths []*truth, found map[end]bool) {
	syns := map[end]int{} // of single SYNs the client's port is not known
	for e := range found {
		syns[end{netip.AddrPortFrom(e.client.Addr(), 0), e.port, e.minute}]++
	}
	for _, t := range truths {
		if t.dropped {
			continue
		}
		hit := false
		for minute := t.start.Unix() / 60; minute <= t.start.Unix()/60+2 && !hit; minute++ {
			e := end{t.client, t.port, minute}
			hit = found[e]
			if t.client.Port() == 0 && syns[e] > 0 {
				hit = true
				syns[e]--
			}
		}
		claim := analyzers.Stage("")
		if hit {
			claim = analyzers.StageFirstFlight
		}
		s.stage(t.stage, claim)
	}
}

// add scores a report.
func (s *Score) add(truths []*truth, rep *analyzers.Report) {
	m := newMatcher(rep)
	slices.SortStableFunc(truths, func(x, y *truth) int { return x.start.Compare(y.start) })
	for _, t := range truths {
		c := m.find(t)
		if t.dropped {
			continue
		}
		s.judge(t, c, m.findings[c])
	}
	for c, f := range m.findings {
		if !m.taken[c] {
			s.Unexplained[f.Stage]++
			s.mistake("unexplained", "%s to %s: %s", c.Client, c.Server, f.Signature)
		}
	}
}

func (s *Score) mistake(shape, format string, args ...any) {
	if len(s.Mistakes) < keepMistakes {
		s.Mistakes = append(s.Mistakes, shape+": "+fmt.Sprintf(format, args...))
	}
}

// wrong counts a set that lacks the truth.
func (s *Score) wrong(t *truth, c *correlate.Conn, f *analyzers.Finding, set []string) {
	s.Wrong++
	s.Mistakes = slices.Insert(s.Mistakes, 0, fmt.Sprintf("%s: is %s, found only %s; %s", t.shape, t.cause, strings.Join(set, " "), where(t, c, f)))
	s.Mistakes = s.Mistakes[:min(len(s.Mistakes), keepMistakes)]
}

// judge holds one finding against the truth.
func (s *Score) judge(t *truth, c *correlate.Conn, f *analyzers.Finding) {
	coded := (t.cause == signatures.Completed || t.code != "") && !t.crossed
	if t.clear {
		s.Clear++
	}
	if coded {
		s.Coded++
	}
	if f == nil {
		s.None++
		s.stage(t.stage, "")
		s.mistake(t.shape, "no finding, is %s (%s); %s", t.stage, t.cause, where(t, c, nil))
		return
	}
	s.stage(t.stage, f.Stage)
	if tied(t, c) {
		s.Tied++
		if f.Stage != t.stage && f.Certainty != analyzers.Certain && slices.Contains(f.Causes, t.cause) {
			s.TiedInSet++
		}
	}
	if f.Stage != t.stage {
		s.mistake(t.shape, "is %s (%s), found %s %s; %s", t.stage, t.cause, f.Stage, f.Signature, where(t, c, f))
	}
	set := f.Causes
	if len(set) == 0 {
		set = []string{f.Signature}
	}
	switch exact := len(set) == 1 && set[0] == t.cause; {
	case exact:
		s.Exact++
		if t.clear {
			s.ClearExact++
		}
		switch {
		case !coded:
		case t.code == "" || c.ConnLog != nil && c.ConnLog.VerifyStatus == "Failed:"+t.code && strings.Contains(f.Message, "("+t.code+")"):
			s.CodedExact++
		case c.ConnLog != nil: // without the log there is no code
			s.mistake(t.shape, "is %s, found %s: %s", t.code, c.ConnLog.VerifyStatus, f.Message)
		}
		if (s.View == "b" || s.View == "c") && !flowShows(t.cause) {
			s.Overclaims++
			s.mistake(t.shape, "claims %s from a flow log; %s", t.cause, where(t, c, f))
		}
	case slices.Contains(set, t.cause):
		s.InSet++
		s.SetSize += len(set)
		if t.clear && s.View == "e" {
			s.mistake(t.shape, "is %s, found the set %s; %s", t.cause, strings.Join(set, " "), where(t, c, f))
		}
	case f.Signature == signatures.RefusedFirstFlight && len(f.Causes) == 0:
		s.None++
	default:
		s.wrong(t, c, f, set)
		if len(set) == 1 && (s.View == "b" || s.View == "c") && !flowShows(set[0]) {
			s.Overclaims++
		}
	}
}

// flowShows says whether a flow log can show a cause for certain: what was rejected, and who never connected.
func flowShows(cause string) bool {
	switch cause {
	case signatures.SecurityGroupReject, signatures.PortScan, signatures.HalfOpenScan:
		return true
	}
	return false
}

func where(t *truth, c *correlate.Conn, f *analyzers.Finding) string {
	w := fmt.Sprintf("%s at %s", t.client, t.start.Format("15:04:05.000"))
	if c == nil {
		return w + ", no connection"
	}
	w += fmt.Sprintf(", in %d/%d/%d, out %d/%d/%d", c.In.Packets, c.In.Bytes, c.In.Flags, c.Out.Packets, c.Out.Bytes, c.Out.Flags)
	if f != nil {
		w += "; " + f.Basis
	}
	return w
}

// matcher finds the connections of the truths.
type matcher struct {
	findings map[*correlate.Conn]*analyzers.Finding
	conns    map[end][]*correlate.Conn // minute 0
	syns     map[end][]*correlate.Conn // client port 0, minute 0
	taken    map[*correlate.Conn]bool
}

func newMatcher(rep *analyzers.Report) *matcher {
	m := &matcher{
		findings: map[*correlate.Conn]*analyzers.Finding{}, conns: map[end][]*correlate.Conn{}, syns: map[end][]*correlate.Conn{},
		taken: map[*correlate.Conn]bool{},
	}
	for _, f := range rep.Findings {
		m.findings[f.Conn] = f
	}
	for _, c := range rep.Result.Conns {
		e := end{client: c.Client, port: c.Server.Port()}
		m.conns[e] = append(m.conns[e], c)
		e.client = netip.AddrPortFrom(c.Client.Addr(), 0)
		m.syns[e] = append(m.syns[e], c)
	}
	return m
}

// Slack of the match in time. A SYN that was lost on the way makes a connection begin later than its client did.
const (
	synSlack  = 2 * time.Second
	connSlack = 30 * time.Second
)

// find returns the connection of a truth, the nearest in time; nil if there is none. Two connections of one port within one window
// share what flow logs say. Single SYNs are found in the order of time, as their ports are not known; so truths must come so.
func (m *matcher) find(t *truth) *correlate.Conn {
	list, slack := m.conns[end{client: t.client, port: t.port}], connSlack
	single := t.client.Port() == 0
	if single {
		list, slack = m.syns[end{client: t.client, port: t.port}], synSlack
	}
	var best *correlate.Conn
	for _, c := range list {
		d := distance(c, t.start)
		switch {
		case d > slack, single && m.taken[c]:
		case best == nil, m.taken[best] && !m.taken[c], m.taken[c] == m.taken[best] && d < distance(best, t.start):
			best = c
		}
		if single && best != nil {
			break
		}
	}
	if best != nil {
		m.taken[best] = true
	}
	return best
}

func distance(c *correlate.Conn, t time.Time) time.Duration {
	switch {
	case c.Start.After(t):
		return c.Start.Sub(t)
	case c.End.Before(t):
		return t.Sub(c.End)
	}
	return 0
}
