package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws/ec2query"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/metric"
	"github.com/alblab/alblab/lab/policy"
)

// maxGather is how many bytes of logs are fetched unless GatherOptions say otherwise.
const maxGather = 2 << 30

// GatherOptions of Gather. Nil means the zero value.
type GatherOptions struct {
	Dir      string // of the bundle; "": memory, and no more than fits
	MaxBytes int64  // of logs, as they come; 0: 2 GiB, or what memory takes
	Progress func(text string)
}

// Gathered is what Gather brought.
type Gathered struct {
	Bundle *evidence.Bundle
	// Problems are logs that could not be read, or not whole. What came is in the bundle.
	Problems []error
	Bytes    int64
}

// Gather reads what a load balancer's logs and metrics say of a window into a bundle, for the analyzers. It changes nothing. An
// error means that there is no bundle; a log that cannot be read is a problem, and the others are read.
func (c *Clients) Gather(ctx context.Context, lb *LoadBalancer, w Window, o *GatherOptions) (*Gathered, error) {
	if o == nil {
		o = &GatherOptions{}
	}
	store, err := evidence.NewStore(o.Dir, nil)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	g := &gathering{clients: c, lb: lb, window: w, store: store, left: o.MaxBytes, progress: o.Progress}
	if g.left == 0 {
		g.left = maxGather
		if o.Dir == "" {
			g.left = evidence.DefaultMemory
		}
	}
	limit := g.left
	for _, read := range []func(context.Context) error{g.metrics, g.connections, g.requests, g.flows, g.waf} {
		if err := read(ctx); err != nil {
			g.problems = append(g.problems, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	m, err := lb.manifest()
	if err != nil {
		return nil, err
	}
	b, err := store.Seal(m)
	if err != nil {
		g.problems = append(g.problems, err)
	}
	return &Gathered{b, g.problems, limit - g.left}, nil
}

// gathering is a Gather at work.
type gathering struct {
	clients  *Clients
	lb       *LoadBalancer
	window   Window
	store    *evidence.Store
	left     int64
	progress func(string)
	problems []error
}

// errFull says that the bundle holds as much as it may.
var errFull = errors.New("more than fits: what came last is left out; a shorter time, or --out with more room, gives all of it")

func (g *gathering) tell(format string, args ...any) {
	if g.progress != nil {
		g.progress(fmt.Sprintf(format, args...))
	}
}

func (g *gathering) take(n int) error {
	if g.left -= int64(n); g.left < 0 {
		return errFull
	}
	return nil
}

func (g *gathering) metrics(ctx context.Context) error {
	g.tell("metrics")
	all, err := g.clients.Metrics(ctx, "AWS/ApplicationELB", "LoadBalancer", g.lb.Name, g.window)
	if len(all) == 0 {
		return err
	}
	var b bytes.Buffer
	if err := metric.Write(&b, all); err != nil {
		return err
	}
	return errors.Join(err, g.store.Put(evidence.File{Name: "metrics.json", Kind: evidence.KindMetrics, Records: int64(len(all))}, b.Bytes()))
}

func (g *gathering) connections(ctx context.Context) error {
	return g.bucketLog(ctx, evidence.KindConnection, g.lb.ConnectionLog)
}

func (g *gathering) requests(ctx context.Context) error {
	return g.bucketLog(ctx, evidence.KindAccess, g.lb.AccessLog)
}

// bucketLog reads a log of the load balancer's from S3.
func (g *gathering) bucketLog(ctx context.Context, k evidence.Kind, at BucketLog) error {
	if !at.On {
		return nil
	}
	return g.objects(ctx, LogSource{Kind: k, Bucket: at.Bucket, Prefix: at.Prefix, Account: g.lb.Account, Region: g.lb.Region,
		Name: g.lb.Name}, "")
}

// objects reads the files of a log, under the names that AWS gave them.
func (g *gathering) objects(ctx context.Context, s LogSource, format string) error {
	g.tell("%s log", s.Kind)
	list, err := g.clients.LogObjects(ctx, s, g.window)
	if err != nil {
		return err
	}
	for i, o := range list {
		if err := g.take(int(o.Size)); err != nil {
			return fmt.Errorf("%s log: %d of %d files: %w", s.Kind, i, len(list), err)
		}
		b, err := g.clients.Object(ctx, o)
		if err != nil {
			return err
		}
		name := path.Join(string(s.Kind), path.Base(o.Key)) // the folders say nothing that it does not
		if err := g.store.Put(evidence.File{Name: name, Kind: s.Kind, Format: format, Records: -1}, b); err != nil {
			return err
		}
		g.tell("%s log: %d of %d files", s.Kind, i+1, len(list))
	}
	return nil
}

// flows reads the flow log that tells most, in CloudWatch Logs only the streams of the load balancer's interfaces.
func (g *gathering) flows(ctx context.Context) error {
	best := BestFlowLog(g.lb.FlowLogs)
	if best == nil {
		return nil
	}
	if best.DestinationType == ToS3 {
		bucket, prefix, _ := strings.Cut(strings.TrimPrefix(best.Destination, "arn:aws:s3:::"), "/")
		return g.objects(ctx, LogSource{Kind: evidence.KindFlow, Bucket: bucket, Prefix: prefix, Account: g.lb.Account, Region: g.lb.Region, Name: best.ID,
			Hive: best.Hive}, best.Format)
	}
	if best.LogGroup == "" {
		return fmt.Errorf("flow log %s goes to %s, which cannot be read here", best.ID, best.DestinationType)
	}
	for _, i := range g.lb.Interfaces {
		if err := g.events(ctx, evidence.KindFlow, best.LogGroup, i.ID, best.Format); err != nil {
			return err
		}
	}
	return nil
}

// waf reads the web ACL's log: a web ACL has one destination
// (docs.aws.amazon.com/waf/latest/APIReference/API_LoggingConfiguration.html).
func (g *gathering) waf(ctx context.Context) error {
	if len(g.lb.WAFLogs) == 0 {
		return nil
	}
	arn := g.lb.WAFLogs[0]
	if _, group, ok := strings.Cut(arn, ":log-group:"); ok {
		return g.events(ctx, evidence.KindWAF, strings.TrimSuffix(group, ":*"), "", "")
	}
	if _, bucket, ok := strings.Cut(arn, ":s3:::"); ok {
		bucket, prefix, _ := strings.Cut(bucket, "/")
		return g.objects(ctx, LogSource{Kind: evidence.KindWAF, Bucket: bucket, Prefix: prefix, Account: g.lb.Account, Region: g.lb.Region,
			Name: sdk.ToString(g.lb.WebACL.Name)}, "")
	}
	return fmt.Errorf("the web ACL's log goes to %s, which cannot be read here", arn)
}

// events appends the messages of a log group as lines.
func (g *gathering) events(ctx context.Context, k evidence.Kind, group, stream, format string) error {
	g.tell("%s log", k)
	a, err := g.store.Append(string(k)+".log", k, format)
	if err != nil {
		return err
	}
	var full error
	n := 0
	err = g.clients.Events(ctx, group, stream, "", g.window, func(e Event) bool {
		if full = g.take(len(e.Message)); full != nil {
			return false
		}
		_, _ = a.Write([]byte(e.Message + "\n")) // the store's Seal tells of a full disk
		if n++; n%10_000 == 0 {
			g.tell("%s log: %d records", k, n)
		}
		return true
	})
	if full != nil {
		return fmt.Errorf("%s log: %w", k, full)
	}
	return err
}

// BestFlowLog is the flow log that tells most of the active ones, nil if there is none: with TCP flags before one without, of
// all traffic before a part of it, where it can be read before elsewhere.
func BestFlowLog(all []ec2query.FlowLog) *ec2query.FlowLog {
	var best *ec2query.FlowLog
	score := func(f *ec2query.FlowLog) (n int) {
		if strings.Contains(f.Format, "tcp-flags") {
			n += 4
		}
		if f.TrafficType == "ALL" {
			n += 8
		}
		if f.DestinationType == ToCloudWatchLogs || f.DestinationType == "" {
			n += 2
		}
		if f.MaxAggregation == 60 {
			n++
		}
		return n
	}
	for i := range all {
		if f := &all[i]; f.Status == "ACTIVE" && (best == nil || score(f) > score(best)) {
			best = f
		}
	}
	return best
}

// manifest describes the bundle: the load balancer's addresses, ports and policies, as far as this program knows them.
func (lb *LoadBalancer) manifest() (evidence.Manifest, error) {
	spec := lab.Spec{Listeners: map[string]lab.Listener{}}
	for _, l := range lb.Listeners {
		if l.Protocol != "HTTPS" {
			continue
		}
		if _, err := policy.ByName(l.Policy); err != nil {
			continue // newer than this program: its clients are judged without a policy
		}
		spec.Listeners[fmt.Sprintf("https-%d", l.Port)] = lab.Listener{Port: uint16(l.Port), SSLPolicy: l.Policy, MTLSMode: l.MTLSMode,
			IgnoreClientCertificateExpiry: l.IgnoreExpiry, AdvertiseCANames: l.AdvertiseCANames}
	}
	b, err := json.Marshal(spec)
	if err != nil {
		return evidence.Manifest{}, err
	}
	m := evidence.Manifest{Schema: evidence.Schema, Lab: "aws", LoadBalancer: lb.Name, Spec: b}
	for _, i := range lb.Interfaces {
		if i.PrivateIP != "" {
			m.Addresses = append(m.Addresses, i.PrivateIP)
		}
	}
	return m, nil
}

// hasTCPFlags reports whether a flow log's format has them: "" is AWS's default format, which has not.
func hasTCPFlags(format string) bool {
	f, err := flowlog.ParseFormat(format)
	return err == nil && strings.Contains(" "+f.Header()+" ", " tcp-flags ")
}
