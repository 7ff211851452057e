package awsapi

import (
	"fmt"
	"slices"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Delivery says when evidence becomes visible through the API, on the lab's clock.
type Delivery struct {
	// AtOnce shows everything as soon as it has happened: log files need not be full, windows and minutes not over, and the
	// delays below are not waited for.
	AtOnce bool
	// The delays count from the end of the window, the minute or the file of five minutes that a record belongs to. WAF and
	// Samples count from the request.
	Flow, Access, Connection, WAF, Samples, Metrics, Capture time.Duration
}

// Documented is the delivery that AWS documents, or that others have measured where it does not: flow logs about five minutes to
// CloudWatch Logs (docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html), load balancers' files every five minutes
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html), metrics of 60 seconds.
//
// Assumption: load balancers' files come a minute after their five minutes, WAF logs and samples within a minute or two, metrics
// after two: no page says so.
func Documented() Delivery {
	return Delivery{Flow: 5 * time.Minute, Access: time.Minute, Connection: time.Minute, WAF: time.Minute,
		Samples: 2 * time.Minute, Metrics: 2 * time.Minute, Capture: 10 * time.Second}
}

// After delivers all kinds the same time after their windows.
func After(d time.Duration) Delivery {
	return Delivery{Flow: d, Access: d, Connection: d, WAF: d, Samples: d, Metrics: d, Capture: d}
}

// ParseDelivery reads a Delivery: "aws" is what AWS documents, "0s" at once, any other duration that long after each window.
func ParseDelivery(s string) (Delivery, error) {
	if s == "aws" {
		return Documented(), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return Delivery{}, fmt.Errorf("delivery %q: want 0s (at once), a duration like 30s, or aws", s)
	}
	if d == 0 {
		return Delivery{AtOnce: true}, nil
	}
	return After(d), nil
}

// String says it in words.
func (d Delivery) String() string {
	switch {
	case d.AtOnce:
		return "at once"
	case d == Documented():
		return "as late as AWS delivers it"
	case d == After(d.Flow):
		return d.Flow.String() + " after its window"
	}
	return "late"
}

// delay is that of a kind.
func (d *Delivery) delay(k evidence.Kind) time.Duration {
	if d.AtOnce {
		return 0
	}
	switch k {
	case evidence.KindFlow:
		return d.Flow
	case evidence.KindAccess:
		return d.Access
	case evidence.KindConnection:
		return d.Connection
	case evidence.KindWAF:
		return d.WAF
	case evidence.KindMetrics:
		return d.Metrics
	case evidence.KindMirror:
		return d.Capture
	}
	return 0
}

// windowEnd is the end of the window of time t, after which the delay counts.
func windowEnd(t time.Time, window time.Duration) time.Time {
	return t.Truncate(window).Add(window)
}

// horizon is the latest arrival that is visible now for a kind; ok is false if nothing of it is.
func (s *Server) horizon(k evidence.Kind) (t time.Time, ok bool) {
	f := s.faults.get()
	if slices.Contains(f.Missing, k) || slices.Contains(f.Off, k) {
		return time.Time{}, false
	}
	return s.account.Now().Add(-f.Late[k]), true
}

// off reports whether a kind of log is switched off in the settings.
func (s *Server) off(k evidence.Kind) bool {
	return slices.Contains(s.faults.get().Off, k) || k == evidence.KindWAF && s.id.WebACL == "" || k == evidence.KindFlow && s.id.FlowFormat == ""
}
