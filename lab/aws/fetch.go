package aws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/alblab/alblab/lab/evidence"
)

// Window is a piece of time, From included, To not.
type Window struct{ From, To time.Time }

// Has reports whether t lies in the window.
func (w Window) Has(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }

// Object is one object of a bucket.
type Object struct {
	Bucket, Key string
	Size        int64
	Modified    time.Time
}

// Event is one event of a log group.
type Event struct {
	ID, Stream string
	Time       time.Time
	Ingested   time.Time
	Message    string
}

// maxObject bounds one log file: AWS closes files at 75 MB, compressed
// (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html).
const maxObject = 256 << 20

// Objects calls f with each object under a prefix, in the order of keys, page by page, until f says stop with false.
func (c *Clients) Objects(ctx context.Context, bucket, prefix string, f func(Object) bool) error {
	in := &s3.ListObjectsV2Input{Bucket: &bucket}
	if prefix != "" {
		in.Prefix = &prefix
	}
	for p := s3.NewListObjectsV2Paginator(c.S3, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return explain(err, "listing s3://%s/%s", bucket, prefix)
		}
		for _, o := range page.Contents {
			if !f(Object{bucket, sdk.ToString(o.Key), sdk.ToInt64(o.Size), sdk.ToTime(o.LastModified)}) {
				return nil
			}
		}
	}
	return nil
}

// Object reads one object whole.
func (c *Clients) Object(ctx context.Context, o Object) ([]byte, error) {
	if o.Size > maxObject {
		return nil, fmt.Errorf("s3://%s/%s has %d bytes, more than %d", o.Bucket, o.Key, o.Size, maxObject)
	}
	out, err := c.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	if err != nil {
		return nil, explain(err, "reading s3://%s/%s", o.Bucket, o.Key)
	}
	defer out.Body.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(out.Body, maxObject+1)); err != nil {
		return nil, fmt.Errorf("reading s3://%s/%s: %w", o.Bucket, o.Key, err)
	}
	if b.Len() > maxObject {
		return nil, fmt.Errorf("s3://%s/%s is larger than %d bytes", o.Bucket, o.Key, maxObject)
	}
	return b.Bytes(), nil
}

// LogSource says where a log of AWS's lies in S3.
type LogSource struct {
	Kind            evidence.Kind
	Bucket, Prefix  string
	Account, Region string
	Name            string // load balancer app/<name>/<id>, web ACL's name, flow log's id; "" any
	Hive            bool   // a flow log's Hive-compatible prefixes
}

// day is the prefix of a day's files. Those of a flow log with a folder for each hour lie below it.
// Sources: as for evidence.Key; Hive-compatible prefixes docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html.
func (s *LogSource) day(t time.Time) string {
	if s.Hive {
		return path.Join(s.Prefix, "AWSLogs", "aws-account-id="+s.Account, "aws-service="+serviceFolder(s.Kind), "aws-region="+s.Region,
			t.Format("year=2006/month=01/day=02")) + "/"
	}
	prefix := path.Join(s.Prefix, "AWSLogs", s.Account, serviceFolder(s.Kind), s.Region)
	if s.Kind == evidence.KindWAF {
		prefix = path.Join(prefix, s.Name)
	}
	return path.Join(prefix, t.Format("2006/01/02")) + "/"
}

// slack is how much earlier or later than its records a file's stamp may be.
const slack = 10 * time.Minute

// LogObjects lists the files of a log whose names say that records of the window can be in them, day by day: AWS's folders are
// days of delivery.
func (c *Clients) LogObjects(ctx context.Context, s LogSource, w Window) ([]Object, error) {
	var all []Object
	for day := w.From.UTC().Add(-slack).Truncate(24 * time.Hour); day.Before(w.To.Add(slack + 2*time.Hour)); day = day.Add(24 * time.Hour) {
		err := c.Objects(ctx, s.Bucket, s.day(day), func(o Object) bool {
			k, err := evidence.ParseKey(o.Key)
			if err != nil || k.Kind != s.Kind || s.Name != "" && k.Name != s.Name {
				return true // a marker, or another log that shares the prefix
			}
			if k.Time.After(w.From.Add(-slack)) && k.Time.Before(w.To.Add(slack)) {
				all = append(all, o)
			}
			return true
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func serviceFolder(k evidence.Kind) string {
	switch k {
	case evidence.KindFlow:
		return "vpcflowlogs"
	case evidence.KindWAF:
		return "WAFLogs"
	}
	return "elasticloadbalancing"
}

// Events calls f with the events of a log group in a window, of all streams or those whose names begin with a prefix, until f
// says stop with false. An empty page with a token is no end
// (docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html).
func (c *Clients) Events(ctx context.Context, group, streamPrefix, pattern string, w Window, f func(Event) bool) error {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, StartTime: sdk.Int64(w.From.UnixMilli()), EndTime: sdk.Int64(w.To.UnixMilli()),
	}
	if streamPrefix != "" {
		in.LogStreamNamePrefix = &streamPrefix
	}
	if pattern != "" {
		in.FilterPattern = &pattern
	}
	for p := cloudwatchlogs.NewFilterLogEventsPaginator(c.Logs, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return explain(err, "reading log group %s", group)
		}
		for _, e := range page.Events {
			if !strings.HasPrefix(sdk.ToString(e.LogStreamName), streamPrefix) {
				continue // an emulator that does not know the prefix (moto 5.2) would double what is asked for stream by stream
			}
			ev := Event{
				sdk.ToString(e.EventId), sdk.ToString(e.LogStreamName), time.UnixMilli(sdk.ToInt64(e.Timestamp)).UTC(),
				time.UnixMilli(sdk.ToInt64(e.IngestionTime)).UTC(), strings.TrimRight(sdk.ToString(e.Message), "\r\n"),
			}
			if !f(ev) {
				return nil
			}
		}
	}
	return nil
}

// sortObjects puts objects into the order of their keys, for AWS's keys the order of time.
func sortObjects(all []Object) {
	slices.SortFunc(all, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
}
