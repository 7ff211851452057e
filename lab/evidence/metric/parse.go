package metric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// maxFile is how much of a file is read: metrics are few, and the whole file is held in memory.
const maxFile = 64 << 20

// Records reads metric data, plain or gzip: metrics.json of a bundle (a list of series, or one a line), and what the AWS CLI
// prints for get-metric-statistics and get-metric-data, also several documents in a row. get-metric-statistics gives a series
// for each statistic that it holds, one without statistic where there are no points. Points are put in the order of time. Each series is its own and may be kept.
//
// A damaged object gives an *evidence.ParseError and reading goes on with the next line that begins one; any other error
// is the reader's and the last.
func Records(r io.Reader, o *evidence.Options) iter.Seq2[*Series, error] {
	return func(yield func(*Series, error) bool) {
		d := document{line: 1}
		if o != nil {
			d.file = o.File
		}
		var readErr error
		d.data, readErr = io.ReadAll(io.LimitReader(evidence.Decompress(r), maxFile+1))
		if len(d.data) > maxFile {
			d.data = d.data[:maxFile]
			readErr = errTooLong
		}
		d.data = bytes.TrimPrefix(d.data, []byte("\xef\xbb\xbf"))
		for {
			all, err := d.next()
			if err == io.EOF {
				break
			}
			if err != nil && !yield(nil, err) {
				return
			}
			for i := range all {
				if !yield(&all[i], nil) {
					return
				}
			}
		}
		if readErr != nil {
			yield(nil, d.ended(readErr))
		}
	}
}

var errTooLong = fmt.Errorf("metric data is longer than %d bytes, the rest is left out", maxFile)

// ended tells damage of the content from a failure to read it.
func (d *document) ended(err error) error {
	if err == errTooLong || strings.HasPrefix(err.Error(), "damaged gzip") {
		return d.damaged("", err.Error())
	}
	return fmt.Errorf("reading metric data: %w", err)
}

// document walks over the objects of a file.
type document struct {
	file string
	data []byte
	pos  int
	line int // of pos
}

func (d *document) damaged(field, msg string) error {
	return &evidence.ParseError{File: d.file, Line: d.line, Field: field, Msg: msg}
}

// move goes to a later position, counting lines.
func (d *document) move(to int) {
	d.line += bytes.Count(d.data[d.pos:to], []byte("\n"))
	d.pos = to
}

// skip goes to the next line that begins with an object, or to the end.
func (d *document) skip() {
	rest := d.data[d.pos:]
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			d.move(len(d.data))
			return
		}
		rest = rest[i+1:]
		if len(rest) > 0 && rest[0] == '{' {
			d.move(len(d.data) - len(rest))
			return
		}
	}
}

// next returns the series of the next object.
func (d *document) next() ([]Series, error) {
	rest := bytes.TrimLeft(d.data[d.pos:], " \t\r\n,[]")
	d.move(len(d.data) - len(rest))
	if len(rest) == 0 {
		return nil, io.EOF
	}
	if rest[0] != '{' {
		err := d.damaged("", "not a JSON object: "+evidence.Quote(firstLine(rest)))
		d.skip()
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(rest))
	var keys map[string]json.RawMessage
	if err := dec.Decode(&keys); err != nil {
		bad := d.damaged("", "not JSON: "+message(err)+": "+evidence.Quote(firstLine(rest)))
		d.skip()
		return nil, bad
	}
	all, field, msg := seriesOf(keys)
	var err error
	if msg != "" {
		err = d.damaged(field, msg)
	}
	for i := range all {
		all[i].Line = d.line
	}
	d.move(d.pos + int(dec.InputOffset()))
	return all, err
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

func message(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return "it ends too early"
	}
	return err.Error()
}

// seriesOf tells by its keys what an object is. A message that is not empty says what is wrong with it, and with which field.
func seriesOf(keys map[string]json.RawMessage) (all []Series, field, msg string) {
	if raw, ok := keys["MetricDataResults"]; ok {
		return dataResults(raw)
	}
	if raw, ok := keys["Datapoints"]; ok {
		return statistics(keys["Label"], raw)
	}
	if keys["MetricName"] == nil {
		return nil, "MetricName", "missing: this is no metric data"
	}
	var s Series
	var times []stamp
	for _, f := range []struct {
		name string
		to   any
	}{
		{"Namespace", &s.Namespace}, {"MetricName", &s.MetricName}, {"Dimensions", &s.Dimensions}, {"Stat", &s.Stat},
		{"Period", &s.Period}, {"Timestamps", &times}, {"Values", &s.Values},
	} {
		if raw := keys[f.name]; raw != nil {
			if err := json.Unmarshal(raw, f.to); err != nil {
				return nil, f.name, err.Error() + ": " + evidence.Quote(raw)
			}
		}
	}
	if msg := s.setTimes(times); msg != "" {
		return nil, "Timestamps", msg
	}
	return []Series{s}, "", ""
}

// setTimes gives the values their times and puts both in order. It returns what is wrong, if anything is.
func (s *Series) setTimes(times []stamp) string {
	if len(times) != len(s.Values) {
		return fmt.Sprintf("%d timestamps and %d values", len(times), len(s.Values))
	}
	type point struct {
		t time.Time
		v float64
	}
	points := make([]point, len(times))
	for i, t := range times {
		points[i] = point{time.Time(t), s.Values[i]}
	}
	slices.SortStableFunc(points, func(a, b point) int { return a.t.Compare(b.t) })
	s.Timestamps, s.Values = make([]time.Time, len(points)), make([]float64, len(points))
	for i, p := range points {
		s.Timestamps[i], s.Values[i] = p.t, p.v
	}
	return ""
}

// dataResults reads GetMetricData
// (source: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html).
func dataResults(raw json.RawMessage) (all []Series, field, msg string) {
	var results []struct {
		ID         string `json:"Id"`
		Label      string
		Timestamps []stamp
		Values     []float64
	}
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, "MetricDataResults", err.Error()
	}
	for _, r := range results {
		s := Series{MetricName: r.Label, Values: r.Values}
		if s.MetricName == "" {
			s.MetricName = r.ID
		}
		if msg := s.setTimes(r.Timestamps); msg != "" {
			return all, "MetricDataResults", s.MetricName + ": " + msg
		}
		all = append(all, s)
	}
	return all, "", ""
}

// statistics reads GetMetricStatistics
// (source: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html).
func statistics(label, raw json.RawMessage) (all []Series, field, msg string) {
	var name string
	if label != nil {
		if err := json.Unmarshal(label, &name); err != nil {
			return nil, "Label", err.Error()
		}
	}
	var points []struct {
		Timestamp                                   stamp
		Average, Maximum, Minimum, SampleCount, Sum *float64
		ExtendedStatistics                          map[string]float64
	}
	if err := json.Unmarshal(raw, &points); err != nil {
		return nil, "Datapoints", err.Error()
	}
	byStat := map[string]*Series{}
	times := map[string][]stamp{}
	add := func(stat string, t stamp, v float64) {
		s := byStat[stat]
		if s == nil {
			s = &Series{MetricName: name, Stat: stat}
			byStat[stat] = s
		}
		s.Values = append(s.Values, v)
		times[stat] = append(times[stat], t)
	}
	for _, p := range points {
		for stat, v := range map[string]*float64{"Average": p.Average, "Maximum": p.Maximum, "Minimum": p.Minimum,
			"SampleCount": p.SampleCount, "Sum": p.Sum} {
			if v != nil {
				add(stat, p.Timestamp, *v)
			}
		}
		for stat, v := range p.ExtendedStatistics {
			add(stat, p.Timestamp, v)
		}
	}
	for stat, s := range byStat {
		s.setTimes(times[stat])
		all = append(all, *s)
	}
	if len(all) == 0 && name != "" { // asked for, and nothing was published
		all = []Series{{MetricName: name}}
	}
	slices.SortFunc(all, func(a, b Series) int { return compare(&a, &b) })
	return all, "", ""
}

// stamp is a time as the AWS CLI prints it: RFC 3339, or Unix seconds.
type stamp time.Time

func (s *stamp) UnmarshalJSON(b []byte) error {
	var sec float64
	if json.Unmarshal(b, &sec) == nil {
		whole, frac := math.Modf(sec)
		t := time.Unix(int64(whole), int64(math.Round(frac*1e3))*1e6).UTC()
		if math.Abs(sec) > 1e12 || t.Year() < 0 || t.Year() > 9999 {
			return fmt.Errorf("time %s is out of range", b)
		}
		*s = stamp(t)
		return nil
	}
	var t time.Time
	if err := json.Unmarshal(b, &t); err != nil {
		return fmt.Errorf("%s is not a time", evidence.Quote(b))
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return fmt.Errorf("time %s is out of range", b)
	}
	*s = stamp(t)
	return nil
}
