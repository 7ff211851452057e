package aws

import (
	"bytes"
	"context"
	"path"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// pipe is one way by which evidence comes.
type pipe struct {
	kind    evidence.Kind
	what    string // for people: "access log"
	planned time.Duration
	extra   bool // its absence is told and is no failure: samples, captures
	fetch   func(ctx context.Context) error
	came    func() int // of the canaries
	arrived bool
	took    time.Duration // from the canaries to the first look that saw all of them
	err     error         // why it is given up
	passing error         // the last error that may pass
}

// newPipes lists the ways that the outputs name.
func (h *harvest) newPipes() []*pipe {
	o, d := &h.lab.c.Outputs, h.lab.c.Delivery
	var all []*pipe
	add := func(k evidence.Kind, what string, s3, extra bool, fetch func(context.Context) error, came func() int) {
		all = append(all, &pipe{kind: k, what: what, planned: d.of(k, s3), extra: extra, fetch: fetch, came: came})
	}
	if o.AccessLog.Bucket != "" { // first: it tells where this run's requests come from
		add(evidence.KindAccess, "access log", true, false, h.bucketLog(evidence.KindAccess, o.AccessLog), h.cameAccess)
	}
	if o.ConnectionLog.Bucket != "" {
		add(evidence.KindConnection, "connection log", true, false, h.bucketLog(evidence.KindConnection, o.ConnectionLog), h.cameConnection)
	}
	if o.WAF != nil {
		s3 := o.WAF.DestinationType == ToS3
		fetch := h.groupLog(evidence.KindWAF, o.WAF.LogGroup)
		if s3 {
			fetch = h.bucketLog(evidence.KindWAF, BucketOutput{o.WAF.Bucket, o.WAF.Prefix})
		}
		add(evidence.KindWAF, "AWS WAF log", s3, false, fetch, h.cameWAF)
		add(KindSamples, "sampled requests", false, true, h.fetchSamples, h.cameSamples)
	}
	s3 := o.FlowLog.DestinationType == ToS3
	fetch := h.groupLog(evidence.KindFlow, o.FlowLog.LogGroup)
	if s3 {
		fetch = h.bucketLog(evidence.KindFlow, BucketOutput{o.FlowLog.Bucket, o.FlowLog.Prefix})
	}
	if s3 || o.FlowLog.LogGroup != "" {
		add(evidence.KindFlow, "flow log", s3, false, fetch, h.cameFlows)
	}
	add(evidence.KindMetrics, "metrics", false, false, h.fetchMetrics, h.cameMetrics)
	if h.lab.mirror.works() {
		add(evidence.KindMirror, "captures", false, true, h.fetchCaptures, h.cameCaptures)
	}
	return all
}

// bucketLog fetches the files of a log that were not there at the last look.
func (h *harvest) bucketLog(k evidence.Kind, b BucketOutput) func(context.Context) error {
	o := &h.lab.c.Outputs
	s := LogSource{Kind: k, Bucket: b.Bucket, Prefix: b.Prefix, Account: o.AccountID, Region: o.Region}
	switch k {
	case evidence.KindAccess, evidence.KindConnection:
		s.Name = o.LoadBalancer()
	case evidence.KindWAF:
		s.Name = aclName(o.WAF.WebACLARN)
	}
	return func(ctx context.Context) error {
		objects, err := h.lab.clients.LogObjects(ctx, s, h.window)
		if err != nil {
			return err
		}
		sortObjects(objects)
		for _, obj := range objects {
			id := obj.Bucket + "/" + obj.Key
			if h.seen[id] {
				continue
			}
			raw, err := h.lab.clients.Object(ctx, obj)
			if err != nil {
				return err
			}
			if err := h.add(k, obj.Key, raw, h.flowFormat(k)); err != nil {
				return err
			}
			h.once(id)
		}
		return nil
	}
}

// aclName is a web ACL's name: arn:...:regional/webacl/<name>/<id>.
func aclName(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}

// flowFormat is the format of flow records that have no header row.
func (h *harvest) flowFormat(k evidence.Kind) string {
	if k != evidence.KindFlow {
		return ""
	}
	if h.format == nil {
		f := flowlog.DefaultFormat()
		if s := h.lab.c.Outputs.FlowLog.Format; s != "" {
			if own, err := flowlog.ParseFormat(s); err == nil {
				f = own
			}
		}
		h.format = f
	}
	return h.format.String()
}

// groupLog fetches the events of a log group that were not there at the last look.
func (h *harvest) groupLog(k evidence.Kind, group string) func(context.Context) error {
	return func(ctx context.Context) error {
		var b bytes.Buffer
		var ids []string
		err := h.lab.clients.Events(ctx, group, "", "", h.window, func(e Event) bool {
			id := group + "/" + e.Stream + "/" + e.ID
			if h.seen[id] {
				return true
			}
			ids = append(ids, id)
			b.WriteString(e.Message)
			b.WriteByte('\n')
			return b.Len() < maxHarvest
		})
		if len(ids) == 0 {
			return err
		}
		if aerr := h.add(k, path.Base(group), b.Bytes(), h.flowFormat(k)); aerr != nil {
			return aerr
		}
		for _, id := range ids {
			h.once(id)
		}
		return err
	}
}

func (h *harvest) fetchMetrics(ctx context.Context) error {
	series, err := h.lab.clients.Metrics(ctx, "AWS/ApplicationELB", "LoadBalancer", h.lab.c.Outputs.LoadBalancer(), h.window)
	if err != nil {
		return err
	}
	acl, err := h.lab.clients.WebACL(ctx, h.lab.c.Outputs.LoadBalancerARN)
	if err != nil {
		return err
	}
	if acl != nil && acl.Name != nil {
		// docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html: dimensions Rule, WebACL and Region, and others by label or country.
		waf, err := h.lab.clients.Metrics(ctx, "AWS/WAFV2", "WebACL", *acl.Name, h.window)
		if err != nil {
			return err
		}
		series = append(series, waf...)
	}
	before := points(h.series)
	h.series = series
	h.newly += max(0, points(series)-before)
	return nil
}

func (h *harvest) fetchSamples(ctx context.Context) error {
	acl, err := h.lab.clients.WebACL(ctx, h.lab.c.Outputs.LoadBalancerARN)
	if err != nil {
		return err
	}
	samples, err := h.lab.clients.Samples(ctx, acl, h.window, h.lab.clock.Now())
	if err != nil {
		return err
	}
	h.newly += max(0, len(samples)-len(h.samples))
	h.samples = samples
	return nil
}

// fetchCaptures takes the files that the mirror instance has put into its bucket since the run began. Its last one may still
// grow: one that has changed is read again.
func (h *harvest) fetchCaptures(ctx context.Context) error {
	m := h.lab.c.Outputs.Mirror
	var list []Object
	err := h.lab.clients.Objects(ctx, m.Bucket, m.Prefix, func(o Object) bool {
		if !o.Modified.Before(h.window.From) && isCapture(o.Key) {
			list = append(list, o)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, o := range list {
		id := o.Bucket + "/" + o.Key + "/" + o.Modified.Format(time.RFC3339Nano)
		if h.seen[id] {
			continue
		}
		raw, err := h.lab.clients.Object(ctx, o)
		if err != nil {
			return err
		}
		if h.size += len(raw); h.size > maxHarvest {
			return errTooMuch
		}
		h.captures[path.Base(o.Key)] = raw
		if o.Modified.After(h.newest) {
			h.newest = o.Modified
		}
		h.once(id)
	}
	return nil
}

func isCapture(key string) bool {
	name := strings.TrimSuffix(key, ".gz")
	return strings.HasSuffix(name, ".pcap") || strings.HasSuffix(name, ".pcapng")
}
