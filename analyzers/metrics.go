package analyzers

import (
	"fmt"
	"strconv"
)

// tlsErrors is the metric that counts failed handshakes (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
const tlsErrors = "ClientTLSNegotiationErrorCount"

// raises says whether a finding's connection should have raised tlsErrors. Assumption: every connection counts on which the
// client sent data and no session came about, as in both experiments; one that sent nothing does not count.
func raises(f *Finding) bool {
	switch f.Stage {
	case StageFirstFlight, StageRefusedLater:
		return true
	case StageClosedByOther:
		return f.Conn.ConnLog != nil || f.Offer != nil
	}
	return false
}

// metricFacts holds the metrics against what was found. Of a metric that the evidence does not have it says nothing.
func (r *run) metricFacts() []MetricFact {
	m := r.report.Result.Metrics
	sum, ok := m.Sums[tlsErrors]
	if !ok && !m.Complete { // where all metrics are there, nothing was published as nothing failed
		return nil
	}
	f := MetricFact{Metric: tlsErrors, Sum: sum, Found: r.raised, Differs: sum != float64(r.raised)}
	switch {
	case !f.Differs:
		f.Words = fmt.Sprintf("CloudWatch counted %s, and as many were found in the evidence", number(sum))
	case sum > float64(r.raised):
		f.Words = fmt.Sprintf("CloudWatch counted %s, the evidence shows %d: it lacks some, or the metric covers more time or more listeners", number(sum), r.raised)
	default:
		f.Words = fmt.Sprintf("CloudWatch counted %s, the evidence shows %d: the metric covers less time, or some of them count otherwise", number(sum), r.raised)
	}
	return []MetricFact{f}
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
