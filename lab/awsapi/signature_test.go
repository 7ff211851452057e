package awsapi_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// A clock that is wrong is told, as AWS does: early and late, by each service in its own words.
func TestClockSkew(t *testing.T) {
	for name, off := range map[string]time.Duration{"late": 20 * time.Minute, "early": -20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			b := start(t, &awsapi.Options{Wall: func() time.Time { return time.Now().Add(off) }})
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			res, text := b.send(t, "sts", header, "Action=GetCallerIdentity&Version=2011-06-15")
			require.Equal(t, 403, res.StatusCode)
			require.Contains(t, text, "<Code>SignatureDoesNotMatch</Code>")
			want := "Signature expired: "
			if off < 0 {
				want = "Signature not yet current: "
			}
			require.Contains(t, text, want)
			res, text = b.send(t, "logs", http.Header{"X-Amz-Target": {"Logs_20140328.DescribeLogGroups"}, "Content-Type": {"application/x-amz-json-1.1"}}, "{}")
			require.Equal(t, 400, res.StatusCode)
			require.Contains(t, text, `"__type":"InvalidSignatureException"`)
			require.Equal(t, "RequestExpired", b.ec2(t, "DescribeFlowLogs").Error)
			_, err := b.s3().ListBuckets(t.Context(), nil)
			requireCode(t, err, "RequestTimeTooSkewed")
		})
	}
	b := start(t, &awsapi.Options{Wall: func() time.Time { return time.Now().Add(4 * time.Minute) }})
	_, err := sts.NewFromConfig(b.config).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err, "five minutes are allowed")
}

func TestScope(t *testing.T) {
	b := start(t, nil)
	res, text := b.send(t, "logs", http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AWSWAF_20190729.ListWebACLs"}}, "{}")
	require.Equal(t, 400, res.StatusCode)
	require.Contains(t, text, "Credential should be scoped to correct service: 'wafv2'")
	b.config.Region = "eu-west-1"
	_, err := sts.NewFromConfig(b.config).GetCallerIdentity(t.Context(), nil)
	requireCode(t, err, "SignatureDoesNotMatch")
	_, err = b.s3().ListBuckets(t.Context(), nil)
	requireCode(t, err, "AuthorizationHeaderMalformed")
	require.ErrorContains(t, err, "the region 'eu-west-1' is wrong; expecting 'us-east-1'")
}

// What is no signature is refused for its form, in the protocol of the service that was meant.
func TestSignatureForm(t *testing.T) {
	b := start(t, nil)
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	for _, tt := range []struct{ name, auth, date, want string }{
		{"none", "", "", "<Code>MissingAuthenticationToken</Code>"},
		{"another algorithm", "AWS3 x", "20260101T000000Z", "Unsupported AWS &#39;algorithm&#39;"},
		{"no parts", "AWS4-HMAC-SHA256 x", "20260101T000000Z", "requires &#39;Credential&#39; parameter"},
		{"short scope", "AWS4-HMAC-SHA256 Credential=AKID/us-east-1, SignedHeaders=host, Signature=00", "20260101T000000Z", "exactly 5 slash-delimited"},
		{"no date", good + strings.Repeat("0", 64), "", "X-Amz-Date"},
		{"date", good + strings.Repeat("0", 64), "yesterday", "ISO-8601"},
		{"signature", good + "xyz", "20260101T000000Z", "does not match the signature you provided"},
		{"host not signed", strings.Replace(good, "host;", "", 1) + strings.Repeat("0", 64), "20260101T000000Z", "must be a &#39;SignedHeader&#39;"},
		{"scope of another day", good + strings.Repeat("0", 64), "20260102T000000Z", "Date in Credential scope does not match"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, b.url+"/", strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15"))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			if tt.date != "" {
				r.Header.Set("X-Amz-Date", tt.date)
			}
			res, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer res.Body.Close()
			require.GreaterOrEqual(t, res.StatusCode, 400)
			require.Contains(t, body(t, res), tt.want)
			require.Contains(t, res.Header.Get("Content-Type"), "text/xml")
		})
	}
}

// curl signs by itself (--aws-sigv4).
func TestCurl(t *testing.T) {
	curl := tooltest.Need(t, "curl")
	b := start(t, nil)
	b.traffic(t)
	run := func(service string, args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), curl, append([]string{"-s", "-S", "--aws-sigv4", "aws:amz:us-east-1:" + service, "--user", "AKID:secret"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	require.Contains(t, run("sts", "-d", "Action=GetCallerIdentity&Version=2011-06-15", b.url), "<Account>111122223333</Account>")
	require.Contains(t, run("logs", "-H", "X-Amz-Target: Logs_20140328.FilterLogEvents", "-H", "Content-Type: application/x-amz-json-1.1",
		"-d", `{"logGroupName":"`+wafGroup+`","filterPattern":"BLOCK"}`, b.url), `"searchedLogStreams":[]`)
	require.Contains(t, run("s3", b.url+"/"), "<Name>"+logBucket+"</Name>")
	key := b.keys(t, logBucket, "access/")[0]
	require.Equal(t, unzip(t, b.object(t, logBucket, key)), unzip(t, []byte(run("s3", b.url+"/"+logBucket+"/"+key))))
	require.Contains(t, run("s3", b.url+"/nope/x"), "<Code>NoSuchBucket</Code>")
	require.Contains(t, run("s3", "-H", "Host: "+logBucket+".s3.localhost", b.url+"/"+key[:0]), "<Name>"+logBucket+"</Name>", "the bucket in the host")
}
