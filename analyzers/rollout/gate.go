package rollout

import (
	"fmt"
	"strconv"
	"strings"
)

// FailOn says what makes a change unacceptable.
type FailOn string

// The limits, from strict to none.
const (
	FailOnUnknown FailOn = "unknown" // clients that break, or may
	FailOnBreaks  FailOn = "breaks"  // clients that break
	FailOnNever   FailOn = "never"
)

// Gate is whether a change may go on.
type Gate struct {
	FailOn     FailOn  `json:"fail_on"`
	AllowShare float64 `json:"allow_share"` // of connections, 0 to 1
	Share      float64 `json:"share"`       // of the connections that count against it
	Clients    int64   `json:"clients"`     // that count against it
	Passed     bool    `json:"passed"`
}

// Decide sets the report's gate. Clients that fail under the old policy already do not count: the change does not break them.
func (r *Report) Decide(on FailOn, allow float64) *Gate {
	g := &Gate{FailOn: on, AllowShare: allow}
	n := int64(0)
	if on != FailOnNever {
		n, g.Clients = r.Breaks.Connections, r.Breaks.Clients
	}
	if on == FailOnUnknown {
		n, g.Clients = n+r.Unknown.Connections, g.Clients+r.Unknown.Clients
	}
	g.Share = share(n, r.Total.Connections)
	g.Passed = n == 0 || float64(n) <= allow*float64(r.Total.Connections)*(1+1e-12)
	r.Gate = g
	return g
}

// ParseShare reads "0.1%" or "0.001".
func ParseShare(s string) (float64, error) {
	digits, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("share %q is not a part such as 0.1%% or 0.001", s)
	}
	return v, nil
}
