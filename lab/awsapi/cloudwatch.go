package awsapi

import (
	"cmp"
	"slices"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/metric"
)

// cloudwatch is Amazon CloudWatch (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/), in its three protocols: new SDKs speak
// rpc-v2-cbor, the newer AWS CLI JSON 1.0, older ones Query.
func (s *Server) cloudwatch() *service {
	return &service{
		name: "monitoring", version: "2010-08-01", item: "member", namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
		target: "GraniteServiceVersion20100801", cbor: "GraniteServiceVersion20100801",
		protocols: []protocol{protocolQuery, protocolJSON10, protocolCBOR},
		operations: map[string]operation{
			"GetMetricData":       getMetricData,
			"GetMetricStatistics": getMetricStatistics,
			"ListMetrics":         listMetrics,
		},
		shapes: map[string]string{
			"MissingParameter": "MissingRequiredParameterException", "InvalidNextToken": "InvalidNextToken",
			"ValidationError": "ValidationException",
		},
	}
}

// maxDatapoints is how many points one metric may have in an answer of GetMetricStatistics.
const maxDatapoints = 1440

// series are the metrics as they have been delivered: each minute when it is over and its delay has passed.
func (c *call) series() ([]metric.Series, error) {
	if err := c.shelf.look(c.ctx, false); err != nil {
		return nil, err
	}
	until, ok := c.horizon(evidence.KindMetrics)
	if !ok {
		return nil, nil
	}
	if !c.delivery.AtOnce {
		until = until.Add(-time.Minute - c.delivery.Metrics)
	}
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	var all []metric.Series
	for _, s := range c.shelf.metrics {
		n := 0
		for n < len(s.Timestamps) && !s.Timestamps[n].After(until) {
			n++
		}
		if n > 0 {
			s.Timestamps, s.Values = s.Timestamps[:n:n], s.Values[:n:n]
			all = append(all, s)
		}
	}
	return all, nil
}

// dimensions reads the member of that name.
func dimensions(in *input) []metric.Dimension {
	var all []metric.Dimension
	for _, d := range in.structs("Dimensions") {
		all = append(all, metric.Dimension{Name: d.str("Name"), Value: d.str("Value")})
	}
	return all
}

// find finds a metric: its dimensions must be all that it has, in any order. nil if it has never been published.
func find(all []metric.Series, namespace, name string, dims []metric.Dimension) *metric.Series {
	order := func(a, b metric.Dimension) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	}
	dims = slices.SortedFunc(slices.Values(dims), order)
	for i := range all {
		s := &all[i]
		if s.Namespace == namespace && s.MetricName == name && slices.Equal(slices.SortedFunc(slices.Values(s.Dimensions), order), dims) {
			return s
		}
	}
	return nil
}

// point is the statistics of one period.
type point struct {
	at         time.Time
	sum, count float64
	min, max   float64
}

// points aggregates a metric by period between two times, the second excluded. Periods begin at whole multiples.
//
// The lab keeps sums by minute. Counts are published as ones ("Minimum, Maximum, and Average all return 1",
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
// Assumption: that holds for every count; amounts of bytes are one sample a minute.
func points(s *metric.Series, from, to time.Time, period time.Duration) []point {
	var all []point
	if s == nil || period < time.Minute {
		return nil
	}
	from = from.Truncate(period)
	for i, t := range s.Timestamps {
		if t.Before(from) || !t.Before(to) {
			continue
		}
		at := t.Truncate(period)
		count, value := s.Values[i], 1.0
		if unitOf(s.MetricName) == "Bytes" {
			count, value = 1, s.Values[i]
		}
		if n := len(all); n == 0 || !all[n-1].at.Equal(at) {
			all = append(all, point{at: at, min: value, max: value})
		}
		p := &all[len(all)-1]
		p.sum, p.count = p.sum+s.Values[i], p.count+count
		p.min, p.max = min(p.min, value), max(p.max, value)
	}
	return all
}

// unitOf is the unit that a metric is published with.
func unitOf(name string) string {
	if len(name) > 5 && name[len(name)-5:] == "Bytes" {
		return "Bytes"
	}
	return "Count"
}

// stat is one statistic of a period; ok is false for one that the lab cannot make of what it keeps.
func (p *point) stat(name string) (v float64, ok bool) {
	switch name {
	case "Sum":
		return p.sum, true
	case "SampleCount":
		return p.count, true
	case "Average":
		return p.sum / p.count, true
	case "Minimum":
		return p.min, true
	case "Maximum":
		return p.max, true
	}
	return 0, false
}

// simpleStatistics are the statistics that have names of their own.
func simpleStatistics() []string {
	return []string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}
}

// period reads and checks a Period.
func period(in *input) (time.Duration, error) {
	p := in.num("Period", 0)
	if p < 1 || p > 86400*365 || p%60 != 0 && p != 1 && p != 5 && p != 10 && p != 20 && p != 30 {
		return 0, failure("InvalidParameterValue", "The parameter Period must be a multiple of 60, or 1, 5, 10, 20 or 30: %d", p)
	}
	return time.Duration(p) * time.Second, nil
}

// window reads and checks StartTime and EndTime.
func (c *call) window() (from, to time.Time, err error) {
	for _, name := range []string{"StartTime", "EndTime"} {
		if !c.in.has(name) {
			return from, to, failure("MissingParameter", "The parameter %s is required.", name)
		}
	}
	from, to = c.in.time("StartTime"), c.in.time("EndTime")
	if *c.in.problem == nil && !from.Before(to) {
		return from, to, failure("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
	}
	return from, to, nil
}

func getMetricStatistics(c *call) (out, error) {
	namespace, name := c.in.str("Namespace"), c.in.str("MetricName")
	for _, n := range []string{"Namespace", "MetricName", "Period"} {
		if !c.in.has(n) {
			return nil, failure("MissingParameter", "The parameter %s is required.", n)
		}
	}
	from, to, err := c.window()
	if err != nil {
		return nil, err
	}
	per, err := period(c.in)
	if err != nil {
		return nil, err
	}
	stats := c.in.strs("Statistics")
	extended := c.in.strs("ExtendedStatistics")
	if len(stats) == 0 && len(extended) == 0 {
		return nil, failure("InvalidParameterCombination", "At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	}
	for _, s := range stats {
		if !slices.Contains(simpleStatistics(), s) {
			return nil, failure("InvalidParameterValue", "The parameter Statistics must be one of %v: %s", simpleStatistics(), s)
		}
	}
	if n := int64(to.Sub(from) / per); n > maxDatapoints {
		return nil, failure("InvalidParameterCombination", "You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxDatapoints)
	}
	all, err := c.series()
	if err != nil {
		return nil, err
	}
	datapoints := list{}
	if unit := c.in.str("Unit"); unit == "" || unit == unitOf(name) {
		for _, p := range points(find(all, namespace, name, dimensions(c.in)), from, to, per) {
			o := out{{"Timestamp", p.at}}
			for _, s := range stats {
				v, _ := p.stat(s)
				o = append(o, field{s, v})
			}
			datapoints = append(datapoints, append(o, field{"Unit", unitOf(name)}))
		}
	}
	return out{{"Label", name}, {"Datapoints", datapoints}}, nil
}

func listMetrics(c *call) (out, error) {
	if v := c.in.str("RecentlyActive"); v != "" && v != "PT3H" {
		return nil, failure("InvalidParameterValue", "The parameter RecentlyActive must be PT3H: %s", v)
	}
	all, err := c.series()
	if err != nil {
		return nil, err
	}
	recent := c.now().Add(-3 * time.Hour)
	namespace, name := c.in.str("Namespace"), c.in.str("MetricName")
	wanted := c.in.structs("Dimensions")
	metrics := list{}
	for i := range all {
		s := &all[i]
		if namespace != "" && s.Namespace != namespace || name != "" && s.MetricName != name ||
			c.in.has("RecentlyActive") && s.Timestamps[len(s.Timestamps)-1].Before(recent) || !hasDimensions(s, wanted) {
			continue
		}
		metrics = append(metrics, out{{"Namespace", s.Namespace}, {"MetricName", s.MetricName}, {"Dimensions", dimensionList(s)}})
	}
	p := c.pages("NextToken", 0, 500, failure("InvalidParameterValue", "Invalid nextToken"))
	if p.bad != nil {
		return nil, p.bad
	}
	from, to, next := p.cut(len(metrics))
	return out{{"Metrics", metrics[from:to]}, {"NextToken", orNil(next)}}, nil
}

func dimensionList(s *metric.Series) list {
	l := list{}
	for _, d := range s.Dimensions {
		l = append(l, out{{"Name", d.Name}, {"Value", d.Value}})
	}
	return l
}

// hasDimensions reports whether a metric has dimensions, with a value where one is asked for.
func hasDimensions(s *metric.Series, wanted []*input) bool {
	for _, w := range wanted {
		name := w.str("Name")
		if !slices.ContainsFunc(s.Dimensions, func(d metric.Dimension) bool {
			return d.Name == name && (!w.has("Value") || d.Value == w.str("Value"))
		}) {
			return false
		}
	}
	return true
}

func queryLabel(q *input, name string) string {
	if l := q.str("Label"); l != "" {
		return l
	}
	return name
}
