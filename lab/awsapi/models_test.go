package awsapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
)

type params = map[string]any

// modelCall is a call of testdata/models.py.
type modelCall struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
	Params    params `json:"params"`
	Error     string `json:"error,omitempty"` // the code that is wanted
}

// modelAnswer is what it says of one.
type modelAnswer struct {
	Service, Operation, Protocol, Skipped string
	Checked                               int
	Problems, Unknown                     []string
}

// modelCalls are all operations, each with most of its answer's members.
func (b *bench) modelCalls(t *testing.T) []modelCall {
	id := b.Identity()
	lb, listener, acl := b.loadBalancer(t), *b.listener(t, 9443).ListenerArn, id.WebACL
	b.pass(t, time.Minute)
	keys := b.keys(t, logBucket, "")
	now := func(d time.Duration) string { return b.Lab.Now().Add(d).Format(time.RFC3339) }
	span := params{"StartTime": now(-time.Hour), "EndTime": now(time.Hour)}
	with := func(more params) params {
		all := params{"StartTime": span["StartTime"], "EndTime": span["EndTime"]}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	dims := []params{{"Name": "LoadBalancer", "Value": b.Endpoint().LoadBalancer}}
	long := "0" + lb[strings.LastIndex(lb, "/")+1:]
	c := func(service, operation string, p params) modelCall {
		if p == nil {
			p = params{}
		}
		return modelCall{service, operation, p, ""}
	}
	stores, err := b.elb().DescribeTrustStores(t.Context(), &elb.DescribeTrustStoresInput{})
	require.NoError(t, err)
	trust := *stores.TrustStores[0].TrustStoreArn
	groups, err := b.elb().DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{})
	require.NoError(t, err)
	return []modelCall{
		c("elbv2", "DescribeLoadBalancers", nil), c("elbv2", "DescribeLoadBalancerAttributes", params{"LoadBalancerArn": lb}),
		c("elbv2", "DescribeListeners", params{"LoadBalancerArn": lb}), c("elbv2", "DescribeListenerAttributes", params{"ListenerArn": listener}),
		c("elbv2", "DescribeListenerCertificates", params{"ListenerArn": listener}), c("elbv2", "DescribeRules", params{"ListenerArn": listener}),
		c("elbv2", "DescribeSSLPolicies", params{"LoadBalancerType": "application"}), c("elbv2", "DescribeTargetGroups", nil),
		c("elbv2", "DescribeTargetHealth", params{"TargetGroupArn": *groups.TargetGroups[0].TargetGroupArn}), c("elbv2", "DescribeTrustStores", nil),
		c("elbv2", "DescribeTrustStoreAssociations", params{"TrustStoreArn": trust}), c("elbv2", "DescribeTrustStoreRevocations", params{"TrustStoreArn": trust}),
		c("elbv2", "DescribeTags", params{"ResourceArns": []string{lb, listener}}), c("elbv2", "DescribeAccountLimits", nil),
		c("elbv2", "ModifyListener", params{"ListenerArn": listener, "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}),

		c("cloudwatch", "ListMetrics", params{"Namespace": "AWS/ApplicationELB"}),
		c("cloudwatch", "GetMetricStatistics", with(params{"Namespace": "AWS/ApplicationELB", "MetricName": "NewConnectionCount", "Dimensions": dims, "Period": 60,
			"Statistics": []string{"Sum", "Average", "Minimum", "Maximum", "SampleCount"}})),
		c("cloudwatch", "GetMetricData", with(params{"MetricDataQueries": []params{{"Id": "m", "MetricStat": params{"Period": 60, "Stat": "Sum",
			"Metric": params{"Namespace": "AWS/ApplicationELB", "MetricName": "NewConnectionCount", "Dimensions": dims}}}}})),

		c("logs", "DescribeLogGroups", nil), c("logs", "DescribeLogStreams", params{"logGroupName": flowGroup}), c("logs", "FilterLogEvents", params{"logGroupName": flowGroup}),
		c("logs", "GetLogEvents", params{"logGroupName": wafGroup, "logStreamName": "us-east-1_alblab_0", "startFromHead": true}),
		c("logs", "ListTagsLogGroup", params{"logGroupName": flowGroup}), c("logs", "ListTagsForResource", params{"resourceArn": "arn:aws:logs:us-east-1:111122223333:log-group:" + flowGroup}),

		c("s3", "ListBuckets", nil), c("s3", "HeadBucket", params{"Bucket": logBucket}), c("s3", "GetBucketLocation", params{"Bucket": logBucket}),
		c("s3", "ListObjectsV2", params{"Bucket": logBucket, "MaxKeys": 2}), c("s3", "ListObjectsV2", params{"Bucket": logBucket, "Delimiter": "/"}),
		c("s3", "ListObjects", params{"Bucket": logBucket}), c("s3", "ListObjectVersions", params{"Bucket": logBucket}),
		c("s3", "HeadObject", params{"Bucket": logBucket, "Key": keys[0]}), c("s3", "GetObject", params{"Bucket": logBucket, "Key": keys[0]}),

		c("wafv2", "GetWebACLForResource", params{"ResourceArn": lb}), c("wafv2", "ListWebACLs", params{"Scope": "REGIONAL"}),
		c("wafv2", "GetWebACL", params{"Name": "alblab", "Scope": "REGIONAL", "Id": acl[strings.LastIndex(acl, "/")+1:]}),
		c("wafv2", "ListResourcesForWebACL", params{"WebACLArn": acl}), c("wafv2", "GetLoggingConfiguration", params{"ResourceArn": acl}),
		c("wafv2", "GetSampledRequests", params{"WebAclArn": acl, "RuleMetricName": "block-forwarded-ips", "Scope": "REGIONAL", "MaxItems": 100, "TimeWindow": span}),
		c("wafv2", "ListTagsForResource", params{"ResourceARN": acl}),

		c("ec2", "DescribeNetworkInterfaces", nil), c("ec2", "DescribeFlowLogs", nil), c("ec2", "DescribeVpcs", nil), c("ec2", "DescribeSubnets", nil),
		c("ec2", "DescribeSecurityGroups", nil), c("ec2", "DescribeInstances", nil), c("ec2", "DescribeTrafficMirrorTargets", nil), c("ec2", "DescribeTrafficMirrorFilters", nil),
		c("ec2", "CreateTrafficMirrorSession", params{"NetworkInterfaceId": id.Nodes[0].Interface, "TrafficMirrorTargetId": "tmt-" + long, "TrafficMirrorFilterId": "tmf-" + long,
			"SessionNumber": 1, "VirtualNetworkId": 7, "TagSpecifications": []params{{"ResourceType": "traffic-mirror-session", "Tags": []params{{"Key": "k", "Value": "v"}}}}}),
		c("ec2", "DescribeTrafficMirrorSessions", nil),

		c("sts", "GetCallerIdentity", nil),
		c("resourcegroupstaggingapi", "GetResources", params{"ResourceTypeFilters": []string{"elasticloadbalancing", "s3"}}),
		c("service-quotas", "ListServiceQuotas", params{"ServiceCode": "elasticloadbalancing"}),
		c("service-quotas", "GetServiceQuota", params{"ServiceCode": "elasticloadbalancing", "QuotaCode": "L-53DA6B97"}),
		c("service-quotas", "GetAWSDefaultServiceQuota", params{"ServiceCode": "elasticloadbalancing", "QuotaCode": "L-53DA6B97"}),
	}
}

// modelErrors are calls that fail, with the code that is wanted.
func (b *bench) modelErrors(t *testing.T) []modelCall {
	acl := b.Identity().WebACL
	none := "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/none/0123456789abcdef"
	return []modelCall{
		{"elbv2", "DescribeLoadBalancers", params{"Names": []string{"none"}}, "LoadBalancerNotFound"},
		{"elbv2", "DescribeListeners", params{"LoadBalancerArn": none}, "LoadBalancerNotFound"},
		{"elbv2", "ModifyListener", params{"ListenerArn": *b.listener(t, 9443).ListenerArn + "0"}, "ListenerNotFound"},
		{"elbv2", "DescribeSSLPolicies", params{"Names": []string{"none"}}, "SSLPolicyNotFound"},
		{"elbv2", "DescribeTrustStores", params{"TrustStoreArns": []string{"arn:aws:elasticloadbalancing:us-east-1:111122223333:truststore/none/0123456789abcdef"}}, "TrustStoreNotFound"},
		{"logs", "FilterLogEvents", params{"logGroupName": "none"}, "ResourceNotFoundException"},
		{"logs", "FilterLogEvents", params{"logGroupName": flowGroup, "filterPattern": "[a, b"}, "InvalidParameterException"},
		{"s3", "ListObjectsV2", params{"Bucket": "none-such"}, "NoSuchBucket"}, {"s3", "GetObject", params{"Bucket": logBucket, "Key": "none"}, "NoSuchKey"},
		{"wafv2", "GetLoggingConfiguration", params{"ResourceArn": acl + "0"}, "WAFNonexistentItemException"},
		{"ec2", "DeleteTrafficMirrorSession", params{"TrafficMirrorSessionId": "tms-0123456789abcdef0"}, "InvalidTrafficMirrorSessionId.NotFound"},
		{"service-quotas", "GetServiceQuota", params{"ServiceCode": "elasticloadbalancing", "QuotaCode": "L-00000000"}, "NoSuchResourceException"},
	}
}

// modelReport is what testdata/models.py says of all calls.
type modelReport struct {
	Version  string
	Complete bool // the models know all that the API has
	Answers  []modelAnswer
}

// models runs testdata/models.py against an endpoint.
func models(t *testing.T, url string, calls []modelCall) *modelReport {
	t.Helper()
	python := tooltest.Need(t, "python3")
	in, err := json.Marshal(params{"endpoint": url, "calls": calls})
	require.NoError(t, err)
	script, err := os.ReadFile("testdata/models.py") // read here, so that Go's test cache knows it
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, "-c", string(script))
	config := filepath.Join(t.TempDir(), "config") // nothing of the user's
	require.NoError(t, os.WriteFile(config, nil, 0o600))
	cmd.Env = append(os.Environ(), "AWS_CONFIG_FILE="+config, "AWS_SHARED_CREDENTIALS_FILE="+config, "AWS_EC2_METADATA_DISABLED=true")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &errs
	err = cmd.Run()
	if strings.Contains(errs.String(), "ModuleNotFoundError") {
		if os.Getenv("ALBLAB_TOOLS") == "required" {
			t.Fatal("botocore is not installed, and ALBLAB_TOOLS=required")
		}
		t.Skip("SKIPPED: python3 has no botocore; install awscli or python3-botocore to run this test")
	}
	require.NoError(t, err, errs.String())
	r := new(modelReport)
	require.NoError(t, json.Unmarshal(out.Bytes(), r))
	require.GreaterOrEqual(t, len(r.Answers), len(calls))
	return r
}

// TestModels: every answer, as it is on the wire, has the members, types, enumerations, lengths and required members of AWS's own model of
// the service, which botocore has; in each protocol that it speaks.
func TestModels(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	report := models(t, b.url, append(b.modelCalls(t), b.modelErrors(t)...))
	t.Logf("botocore %s", report.Version)
	checked, asked := 0, map[string]bool{}
	for _, a := range report.Answers {
		name := a.Service + " " + a.Operation + " " + a.Protocol
		asked[a.Operation] = true
		if a.Skipped != "" {
			require.False(t, report.Complete, "%s: %s", name, a.Skipped)
			t.Logf("SKIPPED: %s: %s", name, a.Skipped)
			continue
		}
		for _, p := range a.Problems {
			t.Errorf("%s: %s", name, p)
		}
		if len(a.Unknown) > 0 {
			t.Logf("%s: younger than botocore %s: %s", name, report.Version, strings.Join(a.Unknown, ", "))
		}
		checked += a.Checked
	}
	require.Greater(t, checked, 1500)
	for _, operation := range documented(t) {
		require.True(t, asked[operation], "%s is documented, and not asked", operation)
	}
}

// TestModelsFindMistakes: the check would have seen an answer that is not AWS's.
func TestModelsFindMistakes(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	lb := b.loadBalancer(t)
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		b.api.ServeHTTP(rec, r)
		text := strings.NewReplacer("<Protocol>HTTPS", "<Protocol>TLSv1", "<SslPolicy>", "<SSLPolicy>", "</SslPolicy>", "</SSLPolicy>",
			`"SampledRequestsEnabled":true,`, "", `"storedBytes":0`, `"storedBytes":"0"`, "<requesterManaged>true", "<requesterManaged>yes").Replace(rec.Body.String())
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.WriteHeader(rec.Code)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(wrong.Close)
	r := models(t, wrong.URL, []modelCall{
		{"elbv2", "DescribeListeners", params{"LoadBalancerArn": lb}, ""}, {"wafv2", "GetWebACLForResource", params{"ResourceArn": lb}, ""},
		{"logs", "DescribeLogGroups", params{}, ""}, {"ec2", "DescribeNetworkInterfaces", params{}, ""},
		{"elbv2", "DescribeLoadBalancers", params{"Names": []string{"none"}}, "ListenerNotFound"},
	})
	var all []string
	for _, a := range r.Answers {
		all = append(all, a.Problems...)
	}
	found := strings.Join(all, "\n")
	for _, want := range []string{"required, and missing", "storedBytes: '0' is no long", "requesterManaged: 'yes' is neither true nor false", "error LoadBalancerNotFound"} {
		require.Contains(t, found, want)
	}
	if r.Complete {
		require.Contains(t, found, "'TLSv1' is none of")
		require.Contains(t, found, "SSLPolicy: not in the model")
	}
}

// documented are the operations that docs/aws-api.md says are answered.
func documented(t *testing.T) []string {
	text, err := os.ReadFile("../../docs/aws-api.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(text), "| service | protocol | calls |")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	var all []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || strings.HasPrefix(cells[1], "-") || strings.HasPrefix(strings.TrimSpace(cells[1]), "-") {
			continue
		}
		calls := regexp.MustCompile(`\([^)]*\)|\*`).ReplaceAllString(cells[3], "")
		for _, c := range strings.Split(calls, ",") {
			all = append(all, strings.TrimSpace(c))
		}
	}
	require.Greater(t, len(all), 45)
	return all
}
