package awsapi_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
)

// calls are one call of each protocol.
func (b *bench) calls(ctx context.Context) map[string]func() error {
	return map[string]func() error{
		"sts":        func() error { _, err := sts.NewFromConfig(b.config).GetCallerIdentity(ctx, nil); return err },
		"elb":        func() error { _, err := b.elb().DescribeLoadBalancers(ctx, nil); return err },
		"logs":       func() error { _, err := b.logs().DescribeLogGroups(ctx, nil); return err },
		"cloudwatch": func() error { _, err := b.cloudwatch().ListMetrics(ctx, nil); return err },
		"s3":         func() error { _, err := b.s3().ListBuckets(ctx, nil); return err },
		"wafv2": func() error {
			_, err := b.waf().ListWebACLs(ctx, &wafv2.ListWebACLsInput{Scope: waftypes.ScopeRegional})
			return err
		},
	}
}

// The SDK takes each service's throttling and internal errors for what they are: it tries again, and gives up with their codes.
func TestThrottlingAndErrorsAreRetried(t *testing.T) {
	for _, tt := range []struct {
		faults awsapi.Faults
		codes  map[string]string
	}{
		{awsapi.Faults{Throttle: 1}, map[string]string{"sts": "Throttling", "elb": "Throttling", "logs": "ThrottlingException", "cloudwatch": "Throttling", "s3": "SlowDown", "wafv2": "ThrottlingException"}},
		{awsapi.Faults{Errors: 1}, map[string]string{"sts": "InternalFailure", "elb": "InternalFailure", "logs": "ServiceUnavailableException",
			"cloudwatch": "InternalServiceError", "s3": "InternalError", "wafv2": "WAFInternalErrorException"}},
	} {
		t.Run(tt.faults.String(), func(t *testing.T) {
			b := start(t, &awsapi.Options{Faults: tt.faults})
			tries := 0
			b.config.RetryMaxAttempts = 0
			b.config.Retryer = func() aws.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) {
					o.MaxAttempts = 3
					o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { tries++; return 0, nil })
				})
			}
			for name, call := range b.calls(t.Context()) {
				tries = 0
				requireCode(t, call(), tt.codes[name])
				require.Equal(t, 2, tries, name)
			}
		})
	}
	b := start(t, &awsapi.Options{Faults: awsapi.Faults{Throttle: 0.3, Errors: 0.2}, Seed: 3})
	b.config.RetryMaxAttempts = 0
	b.config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 20
			o.RateLimiter = noLimit{}
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	for range 5 {
		for _, call := range b.calls(t.Context()) {
			require.NoError(t, call())
		}
	}
}

// noLimit lets the SDK try again as often as it likes.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noLimit) AddTokens(uint) error { return nil }

func TestExpiredCredentials(t *testing.T) {
	b := start(t, &awsapi.Options{Faults: awsapi.Faults{Expired: true}})
	codes := map[string]string{"sts": "ExpiredToken", "elb": "ExpiredToken", "logs": "ExpiredTokenException", "cloudwatch": "ExpiredToken", "s3": "ExpiredToken", "wafv2": "ExpiredTokenException"}
	for name, call := range b.calls(t.Context()) {
		requireCode(t, call(), codes[name])
	}
}

// Empty pages have a token, and lose nothing.
func TestEmptyPages(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	want, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup)})
	b.api.SetFaults(awsapi.Faults{EmptyPages: true, PageSize: 3})
	got, pages := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(flowGroup)})
	require.Equal(t, want, got)
	require.Equal(t, 8, pages, "four pages, and an empty one before each")
	limits := 0
	for in := (&elb.DescribeAccountLimitsInput{}); ; {
		o, err := b.elb().DescribeAccountLimits(t.Context(), in)
		require.NoError(t, err)
		limits += len(o.Limits)
		if in.Marker = o.NextMarker; in.Marker == nil {
			break
		}
	}
	require.Equal(t, 11, limits)
	require.NotEmpty(t, b.sum(t, "NewConnectionCount", 1))
	n := 0
	for p := s3.NewListObjectsV2Paginator(b.s3(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket)}); p.HasMorePages(); n++ {
		o, err := p.NextPage(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, len(o.Contents), 3)
	}
	require.Equal(t, 2, n)
}

// A caller who goes away while a slow answer is made is not waited for.
func TestSlow(t *testing.T) {
	b := start(t, &awsapi.Options{Faults: awsapi.Faults{Slow: time.Hour}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.cloudwatch().ListMetrics(ctx, &cloudwatch.ListMetricsInput{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// The faults of a running server, and of one call.
func TestFaultsOverHTTP(t *testing.T) {
	b := start(t, nil)
	do := func(method, body string) (int, string) {
		r, err := http.NewRequest(method, b.url+"/_alblab/faults", strings.NewReader(body))
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(text)
	}
	code, text := do(http.MethodPut, "expired")
	require.Equal(t, 200, code)
	require.Equal(t, "expired\n", text)
	_, err := sts.NewFromConfig(b.config).GetCallerIdentity(t.Context(), nil)
	requireCode(t, err, "ExpiredToken")
	code, _ = do(http.MethodPut, "throttle=7")
	require.Equal(t, 400, code)
	_, text = do(http.MethodGet, "")
	require.Equal(t, "expired\n", text)
	do(http.MethodPut, "none")
	require.NoError(t, b.calls(t.Context())["sts"]())
	code, _ = do(http.MethodDelete, "")
	require.Equal(t, 405, code)

	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"Logs_20140328.DescribeLogGroups"}, "X-Alblab-Fault": {"throttle=1"}}
	res, text := b.send(t, "logs", header, "{}")
	require.Equal(t, 400, res.StatusCode)
	require.Contains(t, text, `"__type":"ThrottlingException"`)
	header.Set("X-Alblab-Fault", "what")
	res, _ = b.send(t, "logs", header, "{}")
	require.Equal(t, 400, res.StatusCode)
}

func TestParseFaults(t *testing.T) {
	const text = "throttle=0.5,errors=0.25,empty-pages,page-size=3,slow=1s,missing=access,late=flow:10m0s,off=waf,expired,no-mirror"
	f, err := awsapi.ParseFaults(text)
	require.NoError(t, err)
	require.Equal(t, awsapi.Faults{Throttle: 0.5, Errors: 0.25, EmptyPages: true, PageSize: 3, Slow: time.Second, Expired: true, NoMirror: true,
		Late: map[evidence.Kind]time.Duration{evidence.KindFlow: 10 * time.Minute}, Missing: []evidence.Kind{evidence.KindAccess}, Off: []evidence.Kind{evidence.KindWAF}}, f)
	again, err := awsapi.ParseFaults(f.String())
	require.NoError(t, err)
	require.Equal(t, f, again)
	for in, want := range map[string]string{"x": "unknown", "throttle=2": "share", "throttle": "share", "late=flow": "duration", "late=x:1s": "unknown kind", "missing=": "unknown kind",
		"slow=-1s": "duration", "page-size=0": "from 1"} {
		_, err := awsapi.ParseFaults(in)
		require.ErrorContains(t, err, want, in)
	}
	f, err = awsapi.ParseFaults("")
	require.NoError(t, err)
	require.Equal(t, "none", f.String())
}
