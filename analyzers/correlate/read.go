package correlate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/metric"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// Read reads the evidence of a bundle and joins it. Damaged records are counted in the result and the rest is read; an error
// means that a file could not be read at all, or that ctx ended.
func Read(ctx context.Context, bundle *evidence.Bundle, o *Options) (*Result, error) {
	b := NewBuilder(o)
	r := reader{ctx: ctx, bundle: bundle, b: b}
	if r.b.o.LoadBalancer == "" {
		r.b.o.LoadBalancer = bundle.Manifest.LoadBalancer
	}
	captures := evidence.KindCapture
	if !bundle.Has(captures) { // the mirror shows the same packets once more
		captures = evidence.KindMirror
	}
	steps := []struct {
		kind evidence.Kind
		read func(io.Reader, *evidence.Options) error
	}{
		{evidence.KindFlow, r.flow},
		{captures, func(rd io.Reader, o *evidence.Options) error {
			return each(&r, captures, o, capture.Conversations(rd, o), func(c *capture.Conversation) {
				b.Capture(c, evidence.Ref{File: o.File, Line: firstFrame(c)})
			})
		}},
		{evidence.KindConnection, func(rd io.Reader, o *evidence.Options) error {
			return each(&r, evidence.KindConnection, o, connlog.Records(rd, o), func(rec *connlog.Record) {
				b.Connection(rec, evidence.Ref{File: o.File, Line: rec.Line})
			})
		}},
		{evidence.KindAccess, func(rd io.Reader, o *evidence.Options) error {
			return each(&r, evidence.KindAccess, o, accesslog.Records(rd, o), func(rec *accesslog.Record) {
				b.Access(rec, evidence.Ref{File: o.File, Line: rec.Line})
			})
		}},
		{evidence.KindWAF, func(rd io.Reader, o *evidence.Options) error {
			return each(&r, evidence.KindWAF, o, waflog.Records(rd, o), func(rec *waflog.Record) {
				b.WAF(rec, evidence.Ref{File: o.File, Line: rec.Line})
			})
		}},
		{evidence.KindMetrics, r.metrics},
	}
	for _, s := range steps {
		if err := bundle.Each(s.kind, s.read); err != nil {
			return nil, fmt.Errorf("reading %s evidence: %w", s.kind, err)
		}
	}
	return b.Build(), nil
}

// reader carries what the readers of all kinds share.
type reader struct {
	ctx    context.Context
	bundle *evidence.Bundle
	b      *Builder
	series metricSums
}

// flow reads a flow log; its records are borrowed, so nothing is kept of them.
func (r *reader) flow(rd io.Reader, o *evidence.Options) error {
	if o.Format == "" && r.b.o.FlowFormat != "" {
		with := *o
		with.Format = r.b.o.FlowFormat
		o = &with
	}
	fields := 0
	if at, ok := rd.(io.ReadSeeker); ok && o.Format == "" {
		fields = headerless(at, o)
		if _, err := at.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	err := each(r, evidence.KindFlow, o, flowlog.Records(rd, o), func(rec *flowlog.Record) { r.b.Flow(rec, o.File) })
	if loads := r.b.res.Loads; err == nil {
		loads[len(loads)-1].Headerless = fields
	}
	return err
}

// headerless counts the fields of the first line of a flow log, 0 if it is a header row or cannot be read, which is said later.
func headerless(rd io.Reader, o *evidence.Options) int {
	line, err := evidence.NewLines(rd, o).Next()
	if err != nil {
		return 0
	}
	if _, format := evidence.Detect(bytes.Clone(line), ""); format != "" {
		return 0
	}
	return len(bytes.Fields(line))
}

// each takes all records of one file. Damage is counted; where nothing can be read any more the file ends, as a problem too.
func each[T any](r *reader, k evidence.Kind, o *evidence.Options, records iter.Seq2[T, error], take func(T)) error {
	load := Load{File: o.File, Kind: k}
	for rec, err := range records {
		if err != nil {
			load.Problems++
			load.Damaged = load.Damaged || isContainer(err)
			r.b.problem(withFile(err, o.File))
			continue
		}
		load.Records++
		take(rec)
		if load.Records&0xfff == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
	}
	r.b.res.Loads = append(r.b.res.Loads, load)
	return r.ctx.Err()
}

func (b *Builder) problem(err error) {
	b.res.ProblemCount++
	if isContainer(err) && b.containers < b.o.KeepProblems {
		b.res.Problems = slices.Insert(b.res.Problems, b.containers, err)
		b.containers++
		b.res.Problems = b.res.Problems[:min(len(b.res.Problems), b.o.KeepProblems)]
	} else if len(b.res.Problems) < b.o.KeepProblems {
		b.res.Problems = append(b.res.Problems, err)
	}
}

// isContainer says whether err tells of damage to what holds the records.
func isContainer(err error) bool {
	var pe *evidence.ParseError
	return errors.As(err, &pe) && pe.Container
}

func withFile(err error, file string) error {
	var pe *evidence.ParseError
	if errors.As(err, &pe) {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// metricSums gathers metrics by how they are cut: the whole load balancer's, or by zone where that is all there is. Between
// them is bare: what does not say how it was cut.
type metricSums struct {
	whole, bare, zones map[string]float64
}

func (r *reader) metrics(rd io.Reader, o *evidence.Options) error {
	m := &r.b.res.Metrics
	if m.Sums == nil {
		m.Sums, m.Ref = map[string]float64{}, map[string]evidence.Ref{}
		m.Complete = r.bundle.Manifest.Lab != ""
		r.series = metricSums{whole: map[string]float64{}, bare: map[string]float64{}, zones: map[string]float64{}}
	}
	n := 0
	before := r.b.res.ProblemCount
	err := each(r, evidence.KindMetrics, o, metric.Records(rd, o), func(s *metric.Series) {
		n++
		if !r.series.add(s, r.b.o.LoadBalancer) {
			return
		}
		if _, ok := m.Ref[s.MetricName]; !ok {
			m.Ref[s.MetricName] = evidence.Ref{File: o.File, Line: n}
		}
	})
	if r.b.res.ProblemCount > before {
		m.Complete = false
	}
	for _, from := range []map[string]float64{r.series.zones, r.series.bare, r.series.whole} { // the last one counts
		maps.Copy(m.Sums, from)
	}
	return err
}

// add counts a series of sums, and says whether it is one. The dimensions LoadBalancer alone, and AvailabilityZone with
// LoadBalancer, show the same data twice (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html). What the AWS CLI prints
// names neither namespace nor dimensions: those of the question are not in the answer (source:
// docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html, and API_GetMetricData.html, which
// does not name the statistic either). It is taken for the load balancer's.
func (s *metricSums) add(x *metric.Series, lb string) bool {
	if x.Namespace != "" && x.Namespace != "AWS/ApplicationELB" || x.Stat != "" && x.Stat != "Sum" {
		return false
	}
	into := s.whole
	if len(x.Dimensions) == 0 {
		into = s.bare
	}
	for _, d := range x.Dimensions {
		switch {
		case d.Name == "LoadBalancer" && lb != "" && d.Value != lb:
			return false
		case d.Name == "AvailabilityZone":
			into = s.zones
		case d.Name == "TargetGroup":
			return false
		}
	}
	sum := into[x.MetricName]
	for _, v := range x.Values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			sum += v
		}
	}
	into[x.MetricName] = sum // 0 too: asked for, and nothing was published
	return true
}

// firstFrame is the number of the frame that a person looks at first: the hello's, or the conversation's first.
func firstFrame(c *capture.Conversation) int { return cmp.Or(c.HelloFrame, c.FirstFrame) }
