package awsapi

import (
	"regexp"
	"slices"
	"time"

	"github.com/alblab/alblab/lab/evidence/metric"
)

// Limits of GetMetricData (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html).
const (
	maxQueries    = 500
	maxDataPoints = 100_800
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

// dataQuery is one query of GetMetricData.
type dataQuery struct {
	id, label, stat string
	period          time.Duration
	series          *metric.Series
}

// getMetricData answers queries of single metrics. Metric math is refused: the lab has none.
func getMetricData(c *call) (out, error) {
	from, to, err := c.window()
	if err != nil {
		return nil, err
	}
	queries, err := c.dataQueries()
	if err != nil {
		return nil, err
	}
	ascending := false
	switch v := c.in.str("ScanBy"); v {
	case "", "TimestampDescending":
	case "TimestampAscending":
		ascending = true
	default:
		return nil, failure("ValidationError", "The value %s for parameter ScanBy is invalid.", v)
	}
	limit := c.in.num("MaxDatapoints", maxDataPoints)
	if limit < 1 || limit > maxDataPoints {
		return nil, failure("ValidationError", "The parameter MaxDatapoints must be between 1 and %d: %d", maxDataPoints, limit)
	}
	// The queries' points are one row, of which each page is a part.
	type datum struct {
		query int
		at    time.Time
		value float64
	}
	var row []datum
	for i, q := range queries {
		all := points(q.series, from, to, q.period)
		if !ascending {
			slices.Reverse(all)
		}
		for _, p := range all {
			if v, ok := p.stat(q.stat); ok {
				row = append(row, datum{i, p.at, v})
			}
		}
	}
	p := c.pages("NextToken", limit, maxDataPoints, failure("InvalidNextToken", "The next token specified is invalid."))
	if p.bad != nil {
		return nil, p.bad
	}
	first, last, next := p.cut(len(row))
	results := list{}
	for i, q := range queries {
		times, values := list{}, list{}
		for _, d := range row[first:last] {
			if d.query == i {
				times, values = append(times, d.at), append(values, d.value)
			}
		}
		status := "Complete"
		if slices.ContainsFunc(row[last:], func(d datum) bool { return d.query == i }) {
			status = "PartialData"
		}
		results = append(results, out{{"Id", q.id}, {"Label", q.label}, {"Timestamps", times}, {"Values", values}, {"StatusCode", status}})
	}
	return out{{"MetricDataResults", results}, {"NextToken", orNil(next)}, {"Messages", list{}}}, nil
}

// dataQueries reads and checks the queries. One whose data is not wanted is left out.
func (c *call) dataQueries() ([]*dataQuery, error) {
	list := c.in.structs("MetricDataQueries")
	if len(list) == 0 {
		return nil, failure("MissingParameter", "The parameter MetricDataQueries is required.")
	}
	if len(list) > maxQueries {
		return nil, failure("ValidationError", "The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	all, err := c.series()
	if err != nil {
		return nil, err
	}
	var queries []*dataQuery
	seen := map[string]bool{}
	for _, in := range list {
		id := in.str("Id")
		switch {
		case !queryID.MatchString(id):
			return nil, failure("ValidationError", "The value %q for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", id)
		case seen[id]:
			return nil, failure("ValidationError", "The values for parameter id in MetricDataQueries are not unique.")
		case in.has("Expression"):
			return nil, failure("ValidationError", "Error in expression '%s': the embedded lab has no metric math; ask for the metrics", id)
		case !in.has("MetricStat"):
			return nil, failure("ValidationError", "Either Expression or MetricStat must be specified for query %s.", id)
		}
		seen[id] = true
		stat := in.sub("MetricStat")
		m := stat.sub("Metric")
		q := &dataQuery{id: id, label: queryLabel(in, m.str("MetricName")), stat: stat.str("Stat")}
		if q.stat == "" {
			return nil, failure("MissingParameter", "The parameter MetricDataQueries.member.MetricStat.Stat is required.")
		}
		if q.period, err = period(stat); err != nil {
			return nil, err
		}
		if in.has("ReturnData") && !in.flag("ReturnData") {
			continue
		}
		if unit := stat.str("Unit"); unit == "" || unit == unitOf(m.str("MetricName")) {
			q.series = find(all, m.str("Namespace"), m.str("MetricName"), dimensions(m))
		}
		queries = append(queries, q)
	}
	return queries, nil
}
