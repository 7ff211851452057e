package awsapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

const (
	flowGroup = "/alblab/alblab/flow-logs"
	wafGroup  = "aws-waf-logs-alblab"
)

func (b *bench) logs() *cloudwatchlogs.Client { return cloudwatchlogs.NewFromConfig(b.config) }

// filter reads all pages of a search.
func (b *bench) filter(t testing.TB, in cloudwatchlogs.FilterLogEventsInput) (events []types.FilteredLogEvent, pages int) {
	t.Helper()
	for p := cloudwatchlogs.NewFilterLogEventsPaginator(b.logs(), &in); p.HasMorePages(); pages++ {
		o, err := p.NextPage(t.Context())
		require.NoError(t, err)
		events = append(events, o.Events...)
	}
	return events, pages
}

func TestFilterLogEvents(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	all, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup)})
	require.Len(t, all, 10, "five connections, both ways")
	seen := map[string]bool{}
	for i, e := range all {
		require.False(t, seen[*e.EventId])
		seen[*e.EventId] = true
		require.Equal(t, b.Lab.Identity().Nodes[0].Interface+"-all", *e.LogStreamName)
		require.Equal(t, b.Lab.Now().UnixMilli(), *e.Timestamp, "the record's start")
		require.LessOrEqual(t, *e.Timestamp, *e.IngestionTime)
		if i > 0 {
			require.Less(t, *all[i-1].EventId, *e.EventId)
		}
	}

	// The pattern of experiment 1, with "..." for the fields behind the default ones.
	found, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), FilterPattern: aws.String(
		`[version, account, eni, source, destination, srcport="443", destport, protocol="6", packets, bytes, start, end, action="ACCEPT", status, flags="22", ...]`)})
	require.Len(t, found, 1)
	require.Contains(t, *found[0].Message, " 22 ")
	found, _ = b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(wafGroup), FilterPattern: aws.String(`"\"action\":\"BLOCK\"" blocked`)})
	require.Len(t, found, 1)
	for pattern, want := range map[string]int{"": 4, "alblab": 3, "?BLOCK ?Permissions": 2, "alblab -BLOCK": 2, "%/(good|dressed)%": 2, "none": 0} {
		found, _ = b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(wafGroup), FilterPattern: &pattern})
		require.Len(t, found, want, pattern)
	}

	for _, limit := range []int32{1, 3, 9, 10, 11} {
		got, pages := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), Limit: &limit})
		require.Equal(t, all, got, limit)
		require.Equal(t, int(10+limit-1)/int(limit), pages)
	}
	arn := "arn:aws:logs:us-east-1:111122223333:log-group:" + flowGroup
	got, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: &arn, LogStreamNamePrefix: aws.String("eni-")})
	require.Equal(t, all, got)

	// Times: both ends are inside.
	b.pass(t, time.Hour)
	then := *all[0].Timestamp
	for _, tt := range []struct {
		from, to *int64
		want     int
	}{{nil, nil, 10}, {&then, nil, 10}, {nil, &then, 10}, {aws.Int64(then + 1), nil, 0}, {nil, aws.Int64(then - 1), 0}} {
		got, _ = b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), StartTime: tt.from, EndTime: tt.to})
		require.Len(t, got, tt.want)
	}
}

// Events that come while somebody reads the pages neither repeat nor hide others.
func TestPagesStayWhileEventsCome(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	seen := map[string]int{}
	p := cloudwatchlogs.NewFilterLogEventsPaginator(b.logs(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(wafGroup), Limit: aws.Int32(1)})
	for n := 0; p.HasMorePages(); n++ {
		o, err := p.NextPage(t.Context())
		require.NoError(t, err)
		for _, e := range o.Events {
			seen[*e.Message]++
		}
		if n < 3 {
			b.pass(t, time.Second)
			b.get(t, "https", fmt.Sprint("/more", n), nil, nil)
		}
	}
	require.Len(t, seen, 7)
	for m, n := range seen {
		require.Equal(t, 1, n, m)
	}
}

// AWS WAF's own test of its permission is in the group, and readers of the log know that it is no request.
func TestWAFLogGroup(t *testing.T) {
	b := start(t, nil)
	streams, err := b.logs().DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(wafGroup)})
	require.NoError(t, err)
	require.Len(t, streams.LogStreams, 1, "before there is any request")
	require.Equal(t, "log_stream_created_by_aws_to_validate_log_delivery_subscriptions", *streams.LogStreams[0].LogStreamName)
	b.traffic(t)
	streams, err = b.logs().DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(wafGroup), OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true)})
	require.NoError(t, err)
	require.Len(t, streams.LogStreams, 2)
	require.Equal(t, "us-east-1_alblab_0", *streams.LogStreams[0].LogStreamName)
	all, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(wafGroup)})
	require.Len(t, all, 4)
	var text strings.Builder
	for _, e := range all {
		fmt.Fprintln(&text, *e.Message)
	}
	n := 0
	for r, err := range waflog.Records(strings.NewReader(text.String()), nil) {
		require.NoError(t, err)
		require.NotEmpty(t, r.Action)
		n++
	}
	require.Equal(t, 3, n)
}

// A stream is read from either end until the token comes back.
func TestGetLogEvents(t *testing.T) {
	b := start(t, nil)
	for i := range 7 {
		b.get(t, "https", fmt.Sprint("/", i), nil, nil)
		b.pass(t, time.Second)
	}
	stream := aws.String("us-east-1_alblab_0")
	read := func(head bool) (uris []string) {
		in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(wafGroup), LogStreamName: stream, Limit: aws.Int32(3), StartFromHead: &head}
		for {
			o, err := b.logs().GetLogEvents(t.Context(), in)
			require.NoError(t, err)
			var page []string
			for _, e := range o.Events {
				for r, err := range waflog.Records(strings.NewReader(*e.Message), nil) {
					require.NoError(t, err)
					page = append(page, r.HTTPRequest.URI)
				}
			}
			next := o.NextForwardToken
			if head {
				uris = append(uris, page...)
			} else {
				next, uris = o.NextBackwardToken, append(page, uris...)
			}
			if in.NextToken != nil && *next == *in.NextToken {
				require.Empty(t, page)
				return uris
			}
			in.NextToken = next
		}
	}
	want := []string{"/0", "/1", "/2", "/3", "/4", "/5", "/6"}
	require.Equal(t, want, read(true))
	require.Equal(t, want, read(false))
	latest, err := b.logs().GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(wafGroup), LogStreamName: stream, Limit: aws.Int32(1)})
	require.NoError(t, err)
	require.Contains(t, *latest.Events[0].Message, `"/6"`, "the latest ones, if nothing else is said")
	// The end is outside, as API_GetLogEvents has it.
	last := *latest.Events[0].Timestamp
	o, err := b.logs().GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(wafGroup), LogStreamName: stream, EndTime: &last, StartFromHead: aws.Bool(true)})
	require.NoError(t, err)
	require.Len(t, o.Events, 6)
}

func TestLogGroups(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	o, err := b.logs().DescribeLogGroups(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, o.LogGroups, 2)
	require.Equal(t, flowGroup, *o.LogGroups[0].LogGroupName)
	require.Equal(t, "arn:aws:logs:us-east-1:111122223333:log-group:"+wafGroup+":*", *o.LogGroups[1].Arn)
	require.Positive(t, *o.LogGroups[1].StoredBytes)
	o, err = b.logs().DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("aws-waf-logs-")})
	require.NoError(t, err)
	require.Len(t, o.LogGroups, 1)
	tags, err := b.logs().ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:logs:us-east-1:111122223333:log-group:" + wafGroup)})
	require.NoError(t, err)
	require.Equal(t, "alblab", tags.Tags["alblab:owner"])
	b.api.SetFaults(awsapi.Faults{Off: []evidence.Kind{evidence.KindFlow}})
	o, err = b.logs().DescribeLogGroups(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, o.LogGroups, 1)
}

func TestLogErrors(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	var missing *types.ResourceNotFoundException
	var bad *types.InvalidParameterException
	for _, tt := range []struct {
		name string
		in   cloudwatchlogs.FilterLogEventsInput
		want any
	}{
		{"no such group", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("nope")}, &missing},
		{"no such stream", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), LogStreamNames: []string{"nope"}}, &missing},
		{"no group", cloudwatchlogs.FilterLogEventsInput{}, &bad},
		{"a name that is none", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("a b")}, &bad},
		{"limit", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), Limit: aws.Int32(10001)}, &bad},
		{"pattern", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), FilterPattern: aws.String("[a, b")}, &bad},
		{"JSON pattern", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), FilterPattern: aws.String("{ $.action = BLOCK }")}, &bad},
		{"term without quotes", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), FilterPattern: aws.String(`a{b`)}, &bad},
		{"token", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), NextToken: aws.String("x")}, &bad},
		{"names and prefix", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup), LogStreamNames: []string{"a"}, LogStreamNamePrefix: aws.String("a")}, &bad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.logs().FilterLogEvents(t.Context(), &tt.in)
			require.ErrorAs(t, err, tt.want)
		})
	}
	_, err := b.logs().DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(flowGroup), OrderBy: types.OrderByLastEventTime, LogStreamNamePrefix: aws.String("eni")})
	require.ErrorAs(t, err, &bad)
	_, err = b.logs().GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(wafGroup), LogStreamName: aws.String("us-east-1_alblab_0"), NextToken: aws.String("f/1/s")})
	require.ErrorAs(t, err, &bad)
	_, err = b.logs().PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String(wafGroup), RetentionInDays: aws.Int32(1)})
	requireCode(t, err, "UnknownOperationException")
}
