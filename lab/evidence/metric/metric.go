// Package metric reads and writes CloudWatch metric data, metrics.json of a bundle.
package metric

import "time"

// Series is one metric with its data points, ascending in time. Periods without data have no point, as CloudWatch publishes none.
type Series struct {
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
