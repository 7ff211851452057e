package metric

import (
	"math"
	"slices"
	"sync"
	"time"
)

// period is that of the load balancer's and of WAF's metrics
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html: 60-second data).
const period = time.Minute

// maxPoints bounds an aggregator: a minute of a metric is one point, and a metric itself counts as eight.
const maxPoints = 1 << 20

// Aggregator counts metrics as CloudWatch publishes them: the sum per metric, set of dimensions and UTC minute. It is safe for
// concurrent use. A nil *Aggregator is valid and does nothing.
type Aggregator struct {
	mu      sync.Mutex
	cells   map[string]*cell
	points  int
	max     int
	dropped int64
}

// cell is one series in the making.
type cell struct {
	namespace, name string
	dims            []Dimension
	minutes         []int64 // Unix time in minutes, ascending
	sums            []float64
}

// NewAggregator returns an aggregator that holds a million points, about two years of one metric.
func NewAggregator() *Aggregator {
	return &Aggregator{cells: make(map[string]*cell), max: maxPoints}
}

// Add counts v for the minute of t. Zero is not counted: CloudWatch reports these metrics only where they are not zero.
// A v that is no number is dropped, and so is what would need a point beyond the aggregator's limit.
func (a *Aggregator) Add(namespace, name string, t time.Time, v float64, dims ...Dimension) {
	if a == nil || v == 0 {
		return
	}
	var buf [256]byte
	key := append(append(buf[:0], namespace...), 0)
	key = append(append(key, name...), 0)
	for _, d := range dims {
		key = append(append(key, d.Name...), 0)
		key = append(append(key, d.Value...), 0)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if math.IsNaN(v) || math.IsInf(v, 0) {
		a.dropped++
		return
	}
	c := a.cells[string(key)]
	if c == nil {
		if a.points+8 >= a.max {
			a.dropped++
			return
		}
		a.points += 8
		c = &cell{namespace: namespace, name: name, dims: slices.Clone(dims)}
		a.cells[string(key)] = c
	}
	a.add(c, minuteOf(t), v)
}

func minuteOf(t time.Time) int64 {
	s := t.Unix()
	m := s / 60
	if s%60 < 0 {
		m--
	}
	return m
}

func (a *Aggregator) add(c *cell, minute int64, v float64) {
	i := len(c.minutes)
	for i > 0 && c.minutes[i-1] > minute { // nearly always none
		i--
	}
	if i > 0 && c.minutes[i-1] == minute {
		if sum := c.sums[i-1] + v; math.IsInf(sum, 0) {
			a.dropped++
		} else {
			c.sums[i-1] = sum
		}
		return
	}
	if a.points >= a.max {
		a.dropped++
		return
	}
	a.points++
	c.minutes = slices.Insert(c.minutes, i, minute)
	c.sums = slices.Insert(c.sums, i, v)
}

// Dropped returns how many calls of Add were not counted.
func (a *Aggregator) Dropped() int64 {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dropped
}

// Series returns what was counted so far, ordered by namespace, name and dimensions: Stat Sum, Period 60.
func (a *Aggregator) Series() []Series {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]Series, 0, len(a.cells))
	for _, c := range a.cells {
		s := Series{Namespace: c.namespace, MetricName: c.name, Dimensions: slices.Clone(c.dims), Stat: "Sum",
			Period: int(period / time.Second), Values: slices.Clone(c.sums)}
		for _, m := range c.minutes {
			s.Timestamps = append(s.Timestamps, time.Unix(m*60, 0).UTC())
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y Series) int { return compare(&x, &y) })
	return all
}
