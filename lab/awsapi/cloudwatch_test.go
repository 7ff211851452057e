package awsapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
)

func (b *bench) cloudwatch() *cloudwatch.Client { return cloudwatch.NewFromConfig(b.config) }

// ofBalancer is a metric of the whole load balancer.
func (b *bench) ofBalancer(name string) *types.Metric {
	return &types.Metric{Namespace: aws.String("AWS/ApplicationELB"), MetricName: &name,
		Dimensions: []types.Dimension{{Name: aws.String("LoadBalancer"), Value: aws.String(b.Endpoint().LoadBalancer)}}}
}

func (b *bench) window() (from, to *time.Time) {
	return aws.Time(b.Lab.Now().Add(-2 * time.Hour)), aws.Time(b.Lab.Now().Add(time.Hour))
}

// sum is a metric's sum by minute, through GetMetricData in pages of the given size.
func (b *bench) sum(t testing.TB, name string, size int32) map[time.Time]float64 {
	t.Helper()
	from, to := b.window()
	got := map[time.Time]float64{}
	p := cloudwatch.NewGetMetricDataPaginator(b.cloudwatch(), &cloudwatch.GetMetricDataInput{StartTime: from, EndTime: to, MaxDatapoints: &size, ScanBy: types.ScanByTimestampAscending,
		MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("m1"), MetricStat: &types.MetricStat{Metric: b.ofBalancer(name), Period: aws.Int32(60), Stat: aws.String("Sum")}}}})
	for p.HasMorePages() {
		o, err := p.NextPage(t.Context())
		require.NoError(t, err)
		for i, at := range o.MetricDataResults[0].Timestamps {
			require.NotContains(t, got, at)
			got[at.UTC()] = o.MetricDataResults[0].Values[i]
		}
	}
	return got
}

func TestGetMetricData(t *testing.T) {
	b := start(t, nil)
	first := b.Lab.Now()
	b.traffic(t)
	b.pass(t, time.Minute)
	require.Empty(t, b.get(t, "https", "/", nil, tooOld).Responses)
	b.pass(t, 2*time.Minute)
	require.Empty(t, b.get(t, "https", "/", nil, tooOld).Responses)
	want := map[time.Time]float64{first: 2, first.Add(time.Minute): 1, first.Add(3 * time.Minute): 1}
	for _, size := range []int32{1, 2, 100} {
		require.Equal(t, want, b.sum(t, "ClientTLSNegotiationErrorCount", size), size)
	}
	require.Empty(t, b.sum(t, "NoSuchMetric", 10))

	from, to := b.window()
	o, err := b.cloudwatch().GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{StartTime: from, EndTime: to, MetricDataQueries: []types.MetricDataQuery{
		{Id: aws.String("e"), Label: aws.String("errors"), MetricStat: &types.MetricStat{Metric: b.ofBalancer("ClientTLSNegotiationErrorCount"), Period: aws.Int32(3600), Stat: aws.String("Sum")}},
		{Id: aws.String("hidden"), ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{Metric: b.ofBalancer("NewConnectionCount"), Period: aws.Int32(60), Stat: aws.String("Sum")}},
		{Id: aws.String("avg"), MetricStat: &types.MetricStat{Metric: b.ofBalancer("NewConnectionCount"), Period: aws.Int32(60), Stat: aws.String("Average")}},
	}})
	require.NoError(t, err)
	require.Len(t, o.MetricDataResults, 2)
	require.Equal(t, "errors", *o.MetricDataResults[0].Label)
	require.Equal(t, []float64{4}, o.MetricDataResults[0].Values)
	require.Equal(t, types.StatusCodeComplete, o.MetricDataResults[0].StatusCode)
	require.Equal(t, []float64{1, 1, 1}, o.MetricDataResults[1].Values)
	require.True(t, o.MetricDataResults[1].Timestamps[0].After(o.MetricDataResults[1].Timestamps[1]), "the latest first, if nothing else is said")
}

func TestGetMetricStatistics(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	from, to := b.window()
	m := b.ofBalancer("ProcessedBytes")
	o, err := b.cloudwatch().GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: m.Dimensions,
		StartTime: from, EndTime: to, Period: aws.Int32(300), Statistics: []types.Statistic{types.StatisticSum, types.StatisticMaximum, types.StatisticSampleCount}})
	require.NoError(t, err)
	require.Equal(t, "ProcessedBytes", *o.Label)
	require.Len(t, o.Datapoints, 1)
	d := o.Datapoints[0]
	require.Equal(t, *d.Sum, *d.Maximum)
	require.Equal(t, 1.0, *d.SampleCount)
	require.Equal(t, types.StandardUnitBytes, d.Unit)
	none, err := b.cloudwatch().GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{Namespace: m.Namespace, MetricName: m.MetricName,
		StartTime: from, EndTime: to, Period: aws.Int32(60), Statistics: []types.Statistic{types.StatisticSum}})
	require.NoError(t, err)
	require.Empty(t, none.Datapoints, "all dimensions must be named")
}

func TestListMetrics(t *testing.T) {
	b := start(t, nil)
	o, err := b.cloudwatch().ListMetrics(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, o.Metrics, "nothing is published where nothing flows")
	b.traffic(t)
	o, err = b.cloudwatch().ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/ApplicationELB"), MetricName: aws.String("NewConnectionCount"),
		Dimensions: []types.DimensionFilter{{Name: aws.String("LoadBalancer"), Value: aws.String(b.Endpoint().LoadBalancer)}}, RecentlyActive: types.RecentlyActivePt3h})
	require.NoError(t, err)
	require.Len(t, o.Metrics, 2, "by load balancer, and by zone")
	b.pass(t, 4*time.Hour)
	o, err = b.cloudwatch().ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h})
	require.NoError(t, err)
	require.Empty(t, o.Metrics)
	b.api.SetFaults(awsapi.Faults{Missing: []evidence.Kind{evidence.KindMetrics}})
	o, err = b.cloudwatch().ListMetrics(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, o.Metrics)
}

func TestCloudWatchErrors(t *testing.T) {
	b := start(t, nil)
	from, to := b.window()
	query := func(change func(*types.MetricDataQuery)) *cloudwatch.GetMetricDataInput {
		q := types.MetricDataQuery{Id: aws.String("m"), MetricStat: &types.MetricStat{Metric: b.ofBalancer("x"), Period: aws.Int32(60), Stat: aws.String("Sum")}}
		change(&q)
		return &cloudwatch.GetMetricDataInput{StartTime: from, EndTime: to, MetricDataQueries: []types.MetricDataQuery{q}}
	}
	for name, tt := range map[string]struct {
		in   *cloudwatch.GetMetricDataInput
		code string
	}{
		"id":         {query(func(q *types.MetricDataQuery) { q.Id = aws.String("M") }), "ValidationError"},
		"expression": {query(func(q *types.MetricDataQuery) { q.Expression, q.MetricStat = aws.String("1+1"), nil }), "ValidationError"},
		"neither":    {query(func(q *types.MetricDataQuery) { q.MetricStat = nil }), "ValidationError"},
		"period":     {query(func(q *types.MetricDataQuery) { q.MetricStat.Period = aws.Int32(61) }), "InvalidParameterValue"},
		"no queries": {&cloudwatch.GetMetricDataInput{StartTime: from, EndTime: to, MetricDataQueries: []types.MetricDataQuery{}}, "MissingParameter"},
		"time":       {&cloudwatch.GetMetricDataInput{StartTime: to, EndTime: from, MetricDataQueries: query(func(*types.MetricDataQuery) {}).MetricDataQueries}, "ValidationError"},
		"token":      {&cloudwatch.GetMetricDataInput{StartTime: from, EndTime: to, NextToken: aws.String("x"), MetricDataQueries: query(func(*types.MetricDataQuery) {}).MetricDataQueries}, "InvalidNextToken"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.cloudwatch().GetMetricData(t.Context(), tt.in)
			requireCode(t, err, tt.code)
		})
	}
	m := b.ofBalancer("x")
	_, err := b.cloudwatch().GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{Namespace: m.Namespace, MetricName: m.MetricName,
		StartTime: aws.Time(from.AddDate(0, 0, -30)), EndTime: to, Period: aws.Int32(60), Statistics: []types.Statistic{types.StatisticSum}})
	var combination *types.InvalidParameterCombinationException
	require.ErrorAs(t, err, &combination, "too many points")
	_, err = b.cloudwatch().GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{Namespace: m.Namespace, MetricName: m.MetricName,
		StartTime: from, EndTime: to, Period: aws.Int32(7), Statistics: []types.Statistic{types.StatisticSum}})
	var value *types.InvalidParameterValueException
	require.ErrorAs(t, err, &value)
	_, err = b.cloudwatch().DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"x"}})
	requireCode(t, err, "UnknownOperationException")
}

// send makes a signed call by hand.
func (b *bench) send(t testing.TB, service string, header http.Header, content string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/", strings.NewReader(content))
	require.NoError(t, err)
	for k, v := range header {
		r.Header[k] = v
	}
	sum := sha256.Sum256([]byte(content))
	creds, err := b.config.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), creds, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()))
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	return res, body(t, res)
}

func body(t testing.TB, res *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// CloudWatch speaks three protocols, and an error comes in the caller's: the SDK above speaks CBOR, the newer AWS CLI JSON, older ones
// Query.
func TestCloudWatchProtocols(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	res, text := b.send(t, "monitoring", form, "Action=ListMetrics&Version=2010-08-01&MetricName=BlockedRequests&Dimensions.member.1.Name=Rule&Dimensions.member.1.Value=ALL")
	require.Equal(t, 200, res.StatusCode)
	require.Contains(t, text, "<ListMetricsResult><Metrics><member><Namespace>AWS/WAFV2</Namespace><MetricName>BlockedRequests</MetricName><Dimensions><member><Name>Region</Name>")
	res, text = b.send(t, "monitoring", form, "Action=Nope&Version=2010-08-01")
	require.Equal(t, 400, res.StatusCode)
	require.Contains(t, text, "<Error><Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation Nope for version 2010-08-01</Message></Error><RequestId>"+res.Header.Get("X-Amzn-Requestid"))

	target := func(op string) http.Header {
		return http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"GraniteServiceVersion20100801." + op}, "X-Amzn-Query-Mode": {"true"}}
	}
	res, text = b.send(t, "monitoring", target("ListMetrics"), `{"MetricName":"BlockedRequests"}`)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "application/x-amz-json-1.0", res.Header.Get("Content-Type"))
	var listed struct{ Metrics []struct{ Namespace string } }
	require.NoError(t, json.Unmarshal([]byte(text), &listed))
	require.Equal(t, "AWS/WAFV2", listed.Metrics[0].Namespace)
	res, text = b.send(t, "monitoring", target("GetMetricStatistics"), `{"Namespace":"x","MetricName":"y","Period":7,"StartTime":1767222000,"EndTime":1767229200.5,"Statistics":["Sum"]}`)
	require.Equal(t, 400, res.StatusCode)
	require.Equal(t, "InvalidParameterValue;Sender", res.Header.Get("X-Amzn-Query-Error"))
	require.Contains(t, text, `"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException"`)

	cbor := http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}}
	r, err := http.NewRequest(http.MethodPost, b.url+"/service/GraniteServiceVersion20100801/operation/ListMetrics", strings.NewReader("\xbf\xff"))
	require.NoError(t, err)
	r.Header = cbor
	res, err = http.DefaultClient.Do(r)
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, "rpc-v2-cbor", res.Header.Get("Smithy-Protocol"))
	require.Equal(t, "application/cbor", res.Header.Get("Content-Type"))
	require.Equal(t, "MissingAuthenticationToken;Sender", res.Header.Get("X-Amzn-Query-Error"))
}
