package rollout

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// Short is a policy's name without what all names begin with.
func Short(name string) string { return strings.TrimPrefix(name, policy.Prefix) }

// words says why a line has an effect.
func (j *lineJudge) words(e Effect, r Reason, s Seen) string {
	to := Short(j.q.To.Name)
	switch r {
	case ReasonVersion:
		return j.versionWords(e, s)
	case ReasonCertificate:
		return fmt.Sprintf("%s needs another certificate than %s", s.Suite, j.q.Certs)
	case ReasonScheme:
		return fmt.Sprintf("%s may have no signature scheme that the client offers", to)
	case ReasonGroup:
		switch {
		case e == Breaks:
			return fmt.Sprintf("the client has no group of %s, for the old policy prefers them to %s", to, s.Group)
		case s.absent():
			return fmt.Sprintf("the log does not name the group, and %s lacks some that it may have been", to)
		case s.Group == 0:
			return fmt.Sprintf("it was served without a group, and %s may need one", to)
		}
		return fmt.Sprintf("it was served with %s, which %s lacks; it may offer another", s.Group, to)
	case ReasonSuite:
		_, known := j.to.rank[s.Suite]
		switch {
		case e == Breaks:
			return fmt.Sprintf("it was served with %s, and offers no suite that %s allows", s.Suite, to)
		case !known && s.Version < wire.TLS13 && j.to.low == wire.TLS13:
			return fmt.Sprintf("it was served with %s; whether it offers TLSv1.3 is not known", s.Version)
		case s.Version == wire.TLS13 && j.to.high < wire.TLS13:
			return fmt.Sprintf("it was served with TLSv1.3; what it offers below is not known, and %s ends there", to)
		case known:
			return fmt.Sprintf("it may offer TLSv1.3 without a suite that %s has", to)
		}
		return fmt.Sprintf("it was served with %s, which %s lacks; it may offer another", s.Suite, to)
	}
	return ""
}

func (j *lineJudge) versionWords(e Effect, s Seen) string {
	to, low := Short(j.q.To.Name), j.to.low
	need := low.String() + " or later"
	if low == wire.TLS13 {
		need = low.String()
	}
	switch {
	case e == Breaks:
		return fmt.Sprintf("it offers %s at most, and %s needs %s", s.Version, to, need)
	case s.Version < low:
		return fmt.Sprintf("it was served with %s, and %s needs %s; it may offer more", s.Version, to, need)
	}
	return fmt.Sprintf("it was served with %s, and which version %s would choose is not proven", s.Version, to)
}
