package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/alblab/alblab/lab/evidence/metric"
)

// metricQueries is how many metrics one call of GetMetricData asks for; AWS takes 500
// (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html).
const metricQueries = 100

// Metrics reads all metrics of a namespace that have a dimension of this value: sums by minute.
func (c *Clients) Metrics(ctx context.Context, namespace, dimension, value string, w Window) ([]metric.Series, error) {
	var listed []types.Metric
	in := &cloudwatch.ListMetricsInput{Namespace: &namespace, Dimensions: []types.DimensionFilter{{Name: &dimension, Value: &value}}}
	for p := cloudwatch.NewListMetricsPaginator(c.CloudWatch, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, explain(err, "listing the metrics of %s", value)
		}
		listed = append(listed, page.Metrics...)
	}
	var all []metric.Series
	for part := range slices.Chunk(listed, metricQueries) {
		series, err := c.metricData(ctx, part, w)
		if err != nil {
			return nil, explain(err, "reading the metrics of %s", value)
		}
		all = append(all, series...)
	}
	slices.SortStableFunc(all, func(a, b metric.Series) int {
		return cmp.Or(cmp.Compare(a.MetricName, b.MetricName), cmp.Compare(len(a.Dimensions), len(b.Dimensions)),
			slices.CompareFunc(a.Dimensions, b.Dimensions, func(x, y metric.Dimension) int {
				return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value))
			}))
	})
	return all, nil
}

func (c *Clients) metricData(ctx context.Context, of []types.Metric, w Window) ([]metric.Series, error) {
	in := &cloudwatch.GetMetricDataInput{
		StartTime: sdk.Time(w.From.UTC().Truncate(time.Minute)), EndTime: sdk.Time(w.To.UTC()), ScanBy: types.ScanByTimestampAscending,
	}
	series := make([]metric.Series, len(of))
	at := map[string]int{}
	for i, m := range of {
		s := &series[i]
		*s = metric.Series{Namespace: sdk.ToString(m.Namespace), MetricName: sdk.ToString(m.MetricName), Stat: "Sum", Period: 60}
		for _, d := range m.Dimensions {
			s.Dimensions = append(s.Dimensions, metric.Dimension{Name: sdk.ToString(d.Name), Value: sdk.ToString(d.Value)})
		}
		id := fmt.Sprintf("m%d", i)
		at[id] = i
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
			Id: &id, MetricStat: &types.MetricStat{Metric: &of[i], Period: sdk.Int32(60), Stat: sdk.String("Sum")},
		})
	}
	for p := cloudwatch.NewGetMetricDataPaginator(c.CloudWatch, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.MetricDataResults { // a series may go on in the next page
			i, ok := at[sdk.ToString(r.Id)]
			if !ok || len(r.Timestamps) != len(r.Values) {
				return nil, fmt.Errorf("GetMetricData: a result %q with %d times and %d values", sdk.ToString(r.Id), len(r.Timestamps), len(r.Values))
			}
			series[i].Timestamps = append(series[i].Timestamps, r.Timestamps...)
			series[i].Values = append(series[i].Values, r.Values...)
		}
	}
	return slices.DeleteFunc(series, func(s metric.Series) bool { return len(s.Values) == 0 }), nil
}

// Sample is a request that AWS WAF sampled.
type Sample struct {
	Time             time.Time
	ClientIP, URI    string
	Action, RuleName string
	raw              waftypes.SampledHTTPRequest
}

// sampleSpan is how far back AWS WAF keeps samples
// (docs.aws.amazon.com/waf/latest/APIReference/API_GetSampledRequests.html).
const sampleSpan = 3 * time.Hour

// WebACL is the web ACL of a load balancer, nil if it has none.
func (c *Clients) WebACL(ctx context.Context, loadBalancerARN string) (*waftypes.WebACL, error) {
	out, err := c.WAF.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: &loadBalancerARN})
	if err != nil {
		if code(err) == "WAFNonexistentItemException" {
			return nil, nil
		}
		return nil, explain(err, "looking for the web ACL")
	}
	return out.WebACL, nil
}

// Samples reads the sampled requests of a web ACL: those of each rule and those of the default action.
func (c *Clients) Samples(ctx context.Context, acl *waftypes.WebACL, w Window, now time.Time) ([]Sample, error) {
	if acl == nil {
		return nil, nil
	}
	if earliest := now.Add(-sampleSpan); w.From.Before(earliest) {
		w.From = earliest
	}
	if !w.From.Before(w.To) {
		return nil, nil
	}
	var names []string
	add := func(v *waftypes.VisibilityConfig) {
		if v != nil && v.SampledRequestsEnabled && !slices.Contains(names, sdk.ToString(v.MetricName)) {
			names = append(names, sdk.ToString(v.MetricName))
		}
	}
	add(acl.VisibilityConfig)
	for i := range acl.Rules {
		add(acl.Rules[i].VisibilityConfig)
	}
	var all []Sample
	for _, name := range names {
		out, err := c.WAF.GetSampledRequests(ctx, &wafv2.GetSampledRequestsInput{
			WebAclArn: acl.ARN, RuleMetricName: &name, Scope: waftypes.ScopeRegional, MaxItems: sdk.Int64(500),
			TimeWindow: &waftypes.TimeWindow{StartTime: sdk.Time(w.From.UTC()), EndTime: sdk.Time(w.To.UTC())},
		})
		if err != nil {
			return all, explain(err, "reading the sampled requests of rule %s", name)
		}
		for _, r := range out.SampledRequests {
			s := Sample{Time: sdk.ToTime(r.Timestamp), Action: sdk.ToString(r.Action), RuleName: name, raw: r}
			if r.Request != nil {
				s.ClientIP, s.URI = sdk.ToString(r.Request.ClientIP), sdk.ToString(r.Request.URI)
			}
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b Sample) int { return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.URI, b.URI)) })
	return all, nil
}
