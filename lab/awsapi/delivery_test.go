package awsapi_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
)

// have counts what is visible of each kind.
func (b *bench) have(t testing.TB) map[string]int {
	t.Helper()
	flow, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup)})
	waf, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(wafGroup), FilterPattern: aws.String("formatVersion")})
	samples, err := b.waf().GetSampledRequests(t.Context(), &wafv2.GetSampledRequestsInput{WebAclArn: aws.String(b.Lab.Identity().WebACL), RuleMetricName: aws.String("ALL"),
		Scope: types.ScopeRegional, MaxItems: aws.Int64(100), TimeWindow: &types.TimeWindow{StartTime: aws.Time(b.Lab.Now().Add(-2 * time.Hour)), EndTime: aws.Time(b.Lab.Now())}})
	require.NoError(t, err)
	all := map[string]int{"flow": len(flow), "waf": len(waf), "samples": len(samples.SampledRequests), "metrics": len(b.sum(t, "NewConnectionCount", 100)),
		"access": len(b.keys(t, logBucket, "access/")), "connection": len(b.keys(t, logBucket, "connection/"))}
	for k, n := range all {
		if n == 0 {
			delete(all, k)
		}
	}
	return all
}

// Evidence comes as late as AWS delivers it, on the lab's clock.
func TestDocumentedDelivery(t *testing.T) {
	b := start(t, &awsapi.Options{})
	begin := b.Lab.Now()
	b.traffic(t)
	require.Empty(t, b.have(t))
	for _, step := range []struct {
		after time.Duration
		want  map[string]int
	}{
		{59 * time.Second, map[string]int{}},
		{time.Minute, map[string]int{"waf": 3}},
		{2 * time.Minute, map[string]int{"waf": 3, "samples": 3}},
		{3*time.Minute - time.Second, map[string]int{"waf": 3, "samples": 3}},
		{3 * time.Minute, map[string]int{"waf": 3, "samples": 3, "metrics": 1}},
		{6*time.Minute - time.Second, map[string]int{"waf": 3, "samples": 3, "metrics": 1}},
		{6 * time.Minute, map[string]int{"waf": 3, "samples": 3, "metrics": 1, "flow": 10, "access": 1, "connection": 1}},
	} {
		require.NoError(t, b.WaitUntil(t.Context(), begin.Add(step.after)))
		require.Equal(t, step.want, b.have(t), step.after)
	}
	keys := b.keys(t, logBucket, "")
	events, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup)})
	require.Equal(t, begin.Add(6*time.Minute).UnixMilli(), *events[0].IngestionTime)

	// A file of the next five minutes is one more; what is there stays.
	b.get(t, "https", "/", nil, nil)
	b.pass(t, 10*time.Minute)
	require.Len(t, b.keys(t, logBucket, ""), len(keys)+2)
}

// Files are delivered at their time even if nobody looks, and hold five minutes each.
func TestFilesOfFiveMinutes(t *testing.T) {
	b := start(t, &awsapi.Options{})
	for range 4 {
		b.get(t, "https", "/", nil, nil)
		b.pass(t, 3*time.Minute)
	}
	b.pass(t, time.Hour)
	keys := b.keys(t, logBucket, "access/")
	require.Len(t, keys, 2, "minutes 0 and 3, 6 and 9")
	for i, key := range keys {
		k, err := evidence.ParseKey(key)
		require.NoError(t, err)
		require.Equal(t, time.Date(2026, 1, 1, 0, 5+5*i, 0, 0, time.UTC), k.Time)
	}
}

func TestDeliveryAtOnce(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	require.Equal(t, map[string]int{"waf": 3, "samples": 3, "metrics": 1, "flow": 10, "access": 1, "connection": 1}, b.have(t))
}

func TestParseDelivery(t *testing.T) {
	for in, want := range map[string]awsapi.Delivery{"aws": awsapi.Documented(), "0s": {AtOnce: true}, "0": {AtOnce: true}, "30s": awsapi.After(30 * time.Second)} {
		d, err := awsapi.ParseDelivery(in)
		require.NoError(t, err)
		require.Equal(t, want, d)
		require.NotEmpty(t, d.String())
	}
	for _, in := range []string{"", "-1s", "soon", "5"} {
		_, err := awsapi.ParseDelivery(in)
		require.ErrorContains(t, err, "want 0s")
	}
}

// A kind that is late comes later; one that is missing never comes; one that is off is not in the settings either.
func TestLateMissingAndOff(t *testing.T) {
	b := start(t, &awsapi.Options{Faults: awsapi.Faults{
		Late: map[evidence.Kind]time.Duration{evidence.KindFlow: time.Hour, evidence.KindMetrics: 30 * time.Minute}, Missing: []evidence.Kind{evidence.KindAccess}}})
	b.traffic(t)
	b.pass(t, 20*time.Minute)
	require.Equal(t, map[string]int{"waf": 3, "samples": 3, "connection": 1}, b.have(t))
	b.pass(t, 20*time.Minute)
	require.Equal(t, map[string]int{"waf": 3, "samples": 3, "connection": 1, "metrics": 1}, b.have(t))
	b.pass(t, 30*time.Minute)
	require.Equal(t, map[string]int{"waf": 3, "samples": 3, "connection": 1, "metrics": 1, "flow": 10}, b.have(t))
	b.api.SetFaults(awsapi.Faults{})
	require.Equal(t, 1, b.have(t)["access"])
}
