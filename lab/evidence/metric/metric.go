// Package metric reads, writes and counts CloudWatch metric data: metrics.json of a bundle, and what the AWS CLI prints for
// get-metric-statistics and get-metric-data.
//
// Start with [Records] to read; [Aggregator] counts and [Write] writes.
package metric

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Series is one metric with its data points, ascending in time. Periods without data have no point, as CloudWatch publishes
// none. What the source does not tell is empty or 0: get-metric-statistics prints the metric's name as its label and no
// namespace, dimensions or period; get-metric-data neither, nor the statistic.
type Series struct {
	Line       int         `json:"-"` // where it begins in the input, from 1; not part of the series
	Namespace  string      `json:"Namespace"`
	MetricName string      `json:"MetricName"`
	Dimensions []Dimension `json:"Dimensions"`
	Stat       string      `json:"Stat"`
	Period     int         `json:"Period"` // seconds
	Timestamps []time.Time `json:"Timestamps"`
	Values     []float64   `json:"Values"`
}

// Dimension is a name and a value.
type Dimension struct {
	Name  string `json:"Name"`
	Value string `json:"Value"`
}

// Sum returns the sum of all values.
func (s *Series) Sum() (sum float64) {
	for _, v := range s.Values {
		sum += v
	}
	return sum
}

// Dimension returns the value of a dimension, "" if the series does not have it.
func (s *Series) Dimension(name string) string {
	for _, d := range s.Dimensions {
		if d.Name == name {
			return d.Value
		}
	}
	return ""
}

// AppendText appends the series as one line of JSON, without a line end. It implements [encoding.TextAppender]. An error
// means that timestamps and values differ in number, or a value that JSON cannot hold; b is then returned as it was.
func (s *Series) AppendText(b []byte) ([]byte, error) {
	if len(s.Timestamps) != len(s.Values) {
		return b, fmt.Errorf("writing metric %s: %d timestamps and %d values", s.MetricName, len(s.Timestamps), len(s.Values))
	}
	w := *s
	if w.Dimensions == nil {
		w.Dimensions = []Dimension{}
	}
	w.Timestamps = make([]time.Time, len(s.Timestamps))
	for i, t := range s.Timestamps {
		w.Timestamps[i] = t.UTC()
	}
	if w.Values == nil {
		w.Values = []float64{}
	}
	var buf strings.Builder
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(&w); err != nil {
		return b, fmt.Errorf("writing metric %s: %w", s.MetricName, err)
	}
	return append(b, strings.TrimSuffix(buf.String(), "\n")...), nil
}

// Write writes metrics.json: a JSON list with one series a line, so that a line number points at a series.
func Write(w io.Writer, all []Series) error {
	b := []byte("[")
	for i := range all {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = all[i].AppendText(append(b, '\n')); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		b = append(b, '\n')
	}
	if _, err := w.Write(append(b, "]\n"...)); err != nil {
		return fmt.Errorf("writing metrics: %w", err)
	}
	return nil
}

// Clone returns a deep copy.
func (s *Series) Clone() *Series {
	c := *s
	c.Dimensions, c.Timestamps, c.Values = slices.Clone(s.Dimensions), slices.Clone(s.Timestamps), slices.Clone(s.Values)
	return &c
}

// compare orders series by namespace, name, dimensions and statistic.
func compare(a, b *Series) int {
	return cmp.Or(
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.MetricName, b.MetricName),
		slices.CompareFunc(a.Dimensions, b.Dimensions, func(p, q Dimension) int {
			return cmp.Or(cmp.Compare(p.Name, q.Name), cmp.Compare(p.Value, q.Value))
		}),
		cmp.Compare(a.Stat, b.Stat),
	)
}
