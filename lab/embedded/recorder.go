package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/metric"
	"github.com/alblab/alblab/lab/evidence/waflog"
	"github.com/alblab/alblab/lab/vnet"
)

// recorder turns what happens into evidence, at once, into the store. It is the load balancer's alb.Recorder.
type recorder struct {
	store   *evidence.Store
	conn    *evidence.Appender
	access  *evidence.Appender
	waf     *evidence.Appender
	flow    *evidence.Appender
	format  *flowlog.Format
	meter   *vnet.FlowMeter
	metrics *metric.Aggregator
	capture *packets // nil: no capture
	buffers sync.Pool
	clock   func() time.Time
	elb     string
	problem atomic.Pointer[error] // the first record that could not be written, nil in a sane run
	kept    problems              // what could not be written where it belongs
	logger  *slog.Logger
}

func newRecorder(l *Lab, settings lab.Embedded, o *Options) (*recorder, error) {
	r := &recorder{clock: l.clock.Now, metrics: metric.NewAggregator(), elb: l.names.loadBalancer, logger: l.logger}
	r.buffers.New = func() any { b := make([]byte, 0, 1024); return &b }
	var err error
	r.format = flowlog.LabFormat()
	if f := settings.FlowFormat; f != "" {
		if r.format, err = flowlog.ParseFormat(f); err != nil {
			return nil, fmt.Errorf("flow_format: %w", err)
		}
	}
	if r.store, err = evidence.NewStore(o.Dir, &evidence.StoreOptions{Spill: true}); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		to     **evidence.Appender
		name   string
		kind   evidence.Kind
		format string
	}{
		{&r.flow, "flow.log", evidence.KindFlow, r.format.String()},
		{&r.conn, "connection.log", evidence.KindConnection, ""},
		{&r.access, "access.log", evidence.KindAccess, ""},
		{&r.waf, "waf.log", evidence.KindWAF, ""},
	} {
		if f.kind == evidence.KindWAF && l.spec.WAF == nil {
			continue // no web ACL, no log: a reader must not take its absence for silence
		}
		if *f.to, err = r.store.Append(f.name, f.kind, f.format); err != nil {
			return nil, errors.Join(err, r.store.Close())
		}
	}
	if _, err := r.flow.WriteHeader([]byte(r.format.Header() + "\n")); err != nil {
		return nil, errors.Join(err, r.store.Close())
	}
	r.meter = vnet.NewFlowMeter(vnet.FlowConfig{
		Interfaces: interfaces(l.names.nodes), Account: account, VPC: l.names.vpc, Region: region,
		Version: r.format.Version(),
		Emit: func(rec *flowlog.Record) {
			r.line(r.flow, func(b []byte) ([]byte, error) { return r.format.Append(b, rec), nil })
			if o.Flow != nil {
				o.Flow(rec)
			}
		},
	})
	if settings.Capture != "off" {
		if r.capture, err = newPackets(r.store, l.names.nodes, settings.Capture == "hello"); err != nil {
			return nil, errors.Join(err, r.store.Close())
		}
	}
	return r, nil
}

func interfaces(nodes []node) []vnet.Interface {
	all := make([]vnet.Interface, len(nodes))
	for i, n := range nodes {
		all[i] = n.Interface
	}
	return all
}

// packet takes a packet from the tap: one call at a time.
func (r *recorder) packet(p *vnet.Packet) {
	r.meter.Observe(p)
	r.capture.write(p)
}

// line appends one record with its line end.
func (r *recorder) line(to *evidence.Appender, text func([]byte) ([]byte, error)) {
	if to == nil {
		return
	}
	buf := r.buffers.Get().(*[]byte)
	defer r.buffers.Put(buf)
	b, err := text((*buf)[:0])
	if err != nil {
		r.problem.CompareAndSwap(nil, &err)
		return
	}
	b = append(b, '\n')
	*buf = b
	_, _ = to.Write(b) // the store keeps what the disk cannot take, and tells
}

// Connection implements alb.Recorder.
func (r *recorder) Connection(rec *connlog.Record) { r.line(r.conn, rec.AppendText) }

// Access implements alb.Recorder.
func (r *recorder) Access(rec *accesslog.Record) { r.line(r.access, rec.AppendText) }

// WAF implements alb.Recorder.
func (r *recorder) WAF(rec *waflog.Record) {
	r.line(r.waf, rec.AppendText)
	r.countWAF(rec)
}

// Count implements alb.Recorder: CloudWatch has each metric by load balancer, by load balancer and zone, and those of
// targets by target group as well (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
func (r *recorder) Count(name, zone string, v float64) {
	now := r.clock()
	balancer := metric.Dimension{Name: "LoadBalancer", Value: r.elb}
	in := metric.Dimension{Name: "AvailabilityZone", Value: zone}
	add := func(dimensions ...metric.Dimension) { r.metrics.Add("AWS/ApplicationELB", name, now, v, dimensions...) }
	add(balancer)
	add(in, balancer)
	if ofTargets(name) {
		group := metric.Dimension{Name: "TargetGroup", Value: targetGroup}
		add(group, balancer)
		add(in, group, balancer)
	}
}

// ofTargets reports whether CloudWatch has the metric by target group.
func ofTargets(name string) bool {
	return name == "RequestCount" || name == "TargetConnectionErrorCount" || strings.HasPrefix(name, "HTTPCode_Target_")
}

// countWAF counts what the web ACL did, in total (docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html).
// Assumption: Rule=ALL is the web ACL's total, as is common practice.
func (r *recorder) countWAF(rec *waflog.Record) {
	name := map[string]string{"ALLOW": "AllowedRequests", "BLOCK": "BlockedRequests"}[rec.Action]
	if name == "" {
		return
	}
	r.metrics.Add("AWS/WAFV2", name, r.clock(), 1, metric.Dimension{Name: "Region", Value: region},
		metric.Dimension{Name: "Rule", Value: "ALL"}, metric.Dimension{Name: "WebACL", Value: "alblab"})
}

// flushEvery closes flow-log windows on a clock that nobody moves by hand, and writes out what waits in buffers, so that
// little is lost if the process dies. What cannot be written is logged at once, and told by snapshot.
func (r *recorder) flushEvery(clock vnet.Clock) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var tick func()
	tick = func() {
		if ctx.Err() != nil {
			return
		}
		r.meter.Flush(clock.Now())
		r.note(errors.Join(r.capture.sync(), r.store.Flush()))
		clock.AfterFunc(time.Second, tick)
	}
	tick()
	return cancel
}

// snapshot closes what is open and returns the bundle as it is now. An error says what could not be kept; the bundle
// holds the rest.
func (r *recorder) snapshot(m evidence.Manifest) (*evidence.Bundle, error) {
	r.meter.Flush(r.clock())
	r.meter.Close()
	b, err := r.bundle(m)
	r.kept.add(err)
	return b, r.kept.err()
}

// note keeps a problem, and logs it at once if it is the first, or the first that loses records: of a full disk every file tells.
func (r *recorder) note(err error) {
	if first, lost := r.kept.add(err); lost {
		r.logger.Error("memory is full: evidence is lost from here on", "error", firstOf(err))
	} else if first {
		r.logger.Error("evidence cannot be written: what comes from here on is kept in memory", "error", firstOf(err))
	}
}

// bundle returns what has been written so far. An error says what could not be written since the last time.
func (r *recorder) bundle(m evidence.Manifest) (*evidence.Bundle, error) {
	var errs []error
	if p := r.problem.Load(); p != nil {
		errs = append(errs, fmt.Errorf("writing a record: %w", *p))
	}
	files, err := r.capture.flush()
	errs = append(errs, err)
	m.Files = files
	var series bytes.Buffer
	errs = append(errs, metric.Write(&series, r.metrics.Series()))
	errs = append(errs, r.store.Put(evidence.File{Name: "metrics.json", Kind: evidence.KindMetrics,
		Records: int64(len(r.metrics.Series()))}, series.Bytes()))
	b, err := r.store.Snapshot(m)
	return b, errors.Join(append(errs, err)...)
}

func (r *recorder) close() error { return r.store.Close() }
