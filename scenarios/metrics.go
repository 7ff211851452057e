package scenarios

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/metric"
)

// metricTable holds the load balancer's metrics by minute and name.
type metricTable map[time.Time]map[string]metricValue

type metricValue struct {
	sum float64
	ref evidence.Ref
}

// billing metrics follow from the others and are published for accounts, not for requests.
var billing = []string{"ConsumedLCUs", "PeakLCUs"}

// minute returns the metrics of the n-th minute after start, by name.
func (t metricTable) minute(start time.Time, n int) map[string]metricValue {
	return t[start.Add(time.Duration(n)*time.Minute)]
}

// readMetrics reads the sums that name the load balancer and nothing more: those by zone count the same again.
func readMetrics(b *evidence.Bundle, loadBalancer string) (metricTable, error) {
	t := metricTable{}
	err := b.Each(evidence.KindMetrics, func(r io.Reader, o *evidence.Options) error {
		n := 0
		for s, err := range metric.Records(r, o) {
			if err != nil {
				return err
			}
			n++
			ofAll := len(s.Dimensions) == 1 && s.Dimensions[0].Name == "LoadBalancer" && s.Dimensions[0].Value == loadBalancer
			if s.Namespace != "AWS/ApplicationELB" || s.Stat != "Sum" || !ofAll || slices.Contains(billing, s.MetricName) {
				continue
			}
			for i, at := range s.Timestamps {
				at = at.UTC().Truncate(time.Minute)
				if t[at] == nil {
					t[at] = map[string]metricValue{}
				}
				v := t[at][s.MetricName]
				v.sum += s.Values[i]
				v.ref = evidence.Ref{File: o.File, Line: n}
				t[at][s.MetricName] = v
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	return t, nil
}
