package rollout

import (
	"slices"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// Seen is what a log line says of a connection: what the server chose.
type Seen struct {
	Version wire.Version // 0: the line has none
	Suite   wire.Suite   // 0: none
	Group   wire.Group   // 0: RSA key transport, or the log does not have it
	Failed  bool         // the handshake failed before both had agreed, or nobody knows what the fields then mean
}

// absent says whether there was a group that the line does not name.
func (s Seen) absent() bool { return s.Group == 0 && !transport(s.Suite) }

// lineJudge judges the lines of one question. Each different line is judged once: see [Judge].
//
// It asks what holds for all hellos that Decide of the old policy answers with the line. Keeps: the new policy answers all of
// them. Breaks: none. Each step below names the rule of Decide that it turns around; a property test holds them against
// random hellos.
type lineJudge struct {
	q        *Question
	to, from *side // from is nil where it is not known
}

func newLineJudge(q *Question) *lineJudge {
	j := &lineJudge{q: q, to: newSide(q.To, q.Certs)}
	if q.From != nil {
		j.from = newSide(q.From, q.fromCerts())
	}
	return j
}

// Line judges the client behind one line of a log. It is slow: judge equal lines once.
func (q *Question) Line(s Seen) Judgement { return newLineJudge(q).judge(s) }

func (j *lineJudge) judge(s Seen) Judgement {
	switch {
	case s.Failed:
		return Judgement{Reason: ReasonFails, Why: "the attempt failed already, and the log does not show what was offered",
			Settle: []Evidence{SettleCapture}, Fails: true}
	case s.Version == 0 || s.Suite == 0:
		return Judgement{Reason: ReasonOther, Why: "the line has no version or no suite", Settle: []Evidence{SettleCapture}}
	}
	if j.from != nil && !j.from.made(s) {
		alone := *j
		alone.from = nil
		v := alone.judge(s)
		v.Foreign = true
		return v
	}
	o := j.versions(s.Version)
	worst, breaks := ReasonNone, !o.open
	if o.none || o.open && len(o.list) == 0 {
		worst = ReasonVersion
	}
	for _, v := range o.list {
		if r := j.keeps(s, v); worst == ReasonNone {
			worst = r
		}
		breaks = breaks && j.breaks(s, v)
	}
	if worst == ReasonNone && o.open {
		worst = ReasonVersion
	}
	switch {
	case breaks:
		if worst == ReasonNone || worst == ReasonScheme {
			worst = ReasonSuite
		}
		return Judgement{Effect: Breaks, Reason: worst, Why: j.words(Breaks, worst, s)}
	case worst == ReasonNone:
		return Judgement{Effect: Keeps}
	}
	u := Judgement{Reason: worst, Why: j.words(Unknown, worst, s)}
	if j.from == nil {
		u.Settle = append(u.Settle, SettleFrom)
	}
	if worst == ReasonGroup && s.absent() {
		u.Settle = append(u.Settle, SettleKeyExchange)
	}
	u.Settle = append(u.Settle, SettleCapture)
	return u
}

// made says whether the policy can have chosen what the line says.
func (s *side) made(l Seen) bool {
	return slices.Contains(s.Versions, l.Version) && s.has(l.Suite, l.Version) &&
		(l.Group == 0 || slices.Contains(s.Groups, l.Group) && !transport(l.Suite))
}

// outcomes are the versions that the new policy may choose for the hellos of a line.
type outcomes struct {
	list []wire.Version
	none bool // it may find none, and refuse
	open bool // nothing is certain: any version of the policy, or none
}

// versions returns what the new policy may choose for a hello that fits a line of version v.
func (j *lineJudge) versions(v wire.Version) (o outcomes) {
	if j.q.Assume == AssumeNothing {
		return j.versionsOfAny(v)
	}
	add := func(top wire.Version) { // the highest version that the client offers
		got := min(top, j.to.high) // RFC 5246, appendix E.1; RFC 8446, section 4.2.1
		switch {
		case got < j.to.low:
			o.none = true
		case !slices.Contains(o.list, got):
			o.list = append(o.list, got)
		}
	}
	add(v)
	if j.from == nil || v == j.from.high { // else it would have chosen a higher one
		for top := v + 1; top <= wire.TLS13; top++ {
			add(top)
		}
	}
	return o
}

// versionsOfAny is versions for hellos that obey no rule. What a hello says in legacy_version then has nothing to do with
// what it says in supported_versions, and which of the two counts depends on whether the policy has TLS 1.3.
func (j *lineJudge) versionsOfAny(v wire.Version) (o outcomes) {
	known := j.from == nil && v == wire.TLS13 && j.to.high == wire.TLS13 || // it stood in supported_versions, and none is higher
		j.from != nil && j.from.high == j.to.high // both policies go by the same field and end alike
	o.open = !known
	if v = min(v, j.to.high); v >= j.to.low {
		o.list = append(o.list, v)
	} else {
		o.none = true
	}
	return o
}

// keeps looks for what may fail when the new policy chooses version v for a client of this line; ReasonNone: nothing.
func (j *lineJudge) keeps(s Seen, v wire.Version) Reason {
	standard := j.q.Assume == AssumeStandard
	if v == wire.TLS13 {
		return j.keeps13(s, standard)
	}
	if s.Version == wire.TLS13 {
		return ReasonSuite // nothing is known of the suites below TLS 1.3
	}
	if _, ok := j.to.rank[s.Suite]; !ok || !fits(s.Suite, v) {
		return ReasonSuite
	}
	if !j.to.certified(s.Suite) {
		return ReasonCertificate
	}
	if !transport(s.Suite) && !j.groupSurvives(s, j.to.classical) {
		return ReasonGroup
	}
	if v == wire.TLS12 && !j.signs12(s, standard) {
		return ReasonScheme
	}
	return ReasonNone
}

func (j *lineJudge) keeps13(s Seen, standard bool) Reason {
	was13 := s.Version == wire.TLS13
	if was13 && !j.to.has(s.Suite, wire.TLS13) || !was13 && !(standard && j.to.has(wire.Suite(0x1301), wire.TLS13)) {
		return ReasonSuite
	}
	usable := j.to.usable13()
	if len(usable) == 0 {
		return ReasonCertificate
	}
	// RFC 8446, section 9.1, has everyone support secp256r1 "in the absence of an application profile"; what a TLS 1.3 line shows of
	// its client goes before that.
	mandatory := standard && !was13 && slices.Contains(j.to.Groups, wire.SECP256R1)
	if !mandatory && (transport(s.Suite) || !j.groupSurvives(s, j.to.Groups)) {
		return ReasonGroup
	}
	if was13 && j.from != nil && subset(j.from.usable13(), usable) {
		return ReasonNone
	}
	if standard && (slices.Contains(usable, wire.RSAPSSSHA256) || slices.Contains(usable, wire.ECDSAP256SHA256)) {
		return ReasonNone
	}
	return ReasonScheme
}

// groupSurvives says whether a group that the client has is among those of the new policy. A client without supported_groups
// is served with any.
func (j *lineJudge) groupSurvives(s Seen, have []wire.Group) bool {
	if s.Group != 0 {
		return slices.Contains(have, s.Group)
	}
	return subset(j.oldGroups(s.Version), have)
}

// oldGroups are those of which an absent one is one: the old policy's, or those of all policies.
func (j *lineJudge) oldGroups(v wire.Version) (list []wire.Group) {
	from := []*policy.Policy{j.q.From}
	if j.from == nil {
		from = policy.All()
	}
	for _, p := range from {
		for _, g := range p.Groups {
			if v == wire.TLS13 || !g.PostQuantum() {
				list = append(list, g)
			}
		}
	}
	return list
}

// signs12 says whether the new policy has a signature scheme for the client with each suite that it may choose in TLS 1.2.
func (j *lineJudge) signs12(s Seen, standard bool) bool {
	seen, _ := s.Suite.Info()
	for _, x := range j.to.Suites {
		info, _ := x.Info()
		if transport(x) || !j.to.has(x, wire.TLS12) {
			continue
		}
		usable := j.to.usable12(info.Auth)
		switch {
		case len(usable) == 0:
			return false
		case standard && (slices.Contains(usable, wire.RSAPKCS1SHA256) || slices.Contains(usable, wire.ECDSAP256SHA256)):
		case j.from != nil && s.Version == wire.TLS12 && info.Auth == seen.Auth && !transport(s.Suite) &&
			subset(j.from.usable12(info.Auth), usable):
		default:
			return false
		}
	}
	return true
}

// breaks says whether every hello of this line fails when the new policy chooses version v.
func (j *lineJudge) breaks(s Seen, v wire.Version) bool {
	if v == wire.TLS13 && len(j.to.usable13()) == 0 {
		return true // nobody can connect
	}
	if j.from == nil || v != s.Version {
		return false
	}
	if v == wire.TLS13 && j.noGroup13(s) {
		return true
	}
	for _, x := range j.to.Suites {
		if j.to.has(x, v) && !j.excluded(s, v, x) {
			return false
		}
	}
	return true
}

// noGroup13: the old policy would have chosen each group of the new one before the one that it chose (policy.Decide: first
// those worth a retry, then hybrid ones, and among those with a share what it prefers).
func (j *lineJudge) noGroup13(s Seen) bool {
	if s.Group == 0 || s.Group == j.from.fallback { // the fallback goes to who says nothing of groups
		return false
	}
	strong := j.from.StronglyPreferred
	at := slices.Index(strong, s.Group)
	for _, g := range j.to.Groups {
		k := slices.Index(strong, g)
		switch {
		case k >= 0 && (at < 0 || slices.Index(j.from.Groups, g) < slices.Index(j.from.Groups, s.Group)):
		case at < 0 && g.PostQuantum() && !s.Group.PostQuantum() && slices.Contains(j.from.Groups, g):
		default:
			return false
		}
	}
	return true
}

// excluded says whether the line proves that a suite of the new policy cannot be chosen for the client: the old policy, which
// could have chosen it too, ranks it above the one that it chose.
func (j *lineJudge) excluded(s Seen, v wire.Version, x wire.Suite) bool {
	if v < wire.TLS13 && !transport(x) && j.noGroup12(s) {
		return true
	}
	if !j.from.has(x, v) || j.from.rank[x] >= j.from.rank[s.Suite] {
		return false
	}
	// It was passed over: the client lacks it; or the client has no group for it, and chose RSA key transport.
	return v == wire.TLS13 || transport(x) || !transport(s.Suite) || subset(j.to.classical, j.from.classical)
}

// noGroup12: before TLS 1.3 the old policy chose its first group that the client has.
func (j *lineJudge) noGroup12(s Seen) bool {
	if s.Group == 0 || transport(s.Suite) || s.Group == j.from.fallback {
		return false
	}
	at := slices.Index(j.from.classical, s.Group)
	return at >= 0 && subset(j.to.classical, j.from.classical[:at])
}
