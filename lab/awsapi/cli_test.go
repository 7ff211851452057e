package awsapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// cli runs the AWS CLI. Its version is the distribution's: Debian 12 has 2.9.19, which speaks Query to CloudWatch and knows no trust
// stores. No configuration of the user's is read.
func (b *bench) cli(t testing.TB, args ...string) (stdout, stderr string) {
	t.Helper()
	program := tooltest.Need(t, "aws")
	c := exec.CommandContext(t.Context(), program, append([]string{"--endpoint-url", b.url, "--region", "us-east-1", "--output", "json"}, args...)...)
	home := t.TempDir()
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + filepath.Join(home, "none"), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, "none"), "AWS_PAGER=",
		"PYENV_VERSION=" + os.Getenv("PYENV_VERSION"), "PYENV_ROOT=" + os.Getenv("PYENV_ROOT"), "LC_ALL=C.UTF-8"}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return out.String(), errs.String()
}

// query runs the CLI and reads what it prints.
func (b *bench) query(t testing.TB, query string, args ...string) any {
	t.Helper()
	out, errs := b.cli(t, append(args, "--query", query)...)
	require.NotEmpty(t, out, errs)
	var v any
	require.NoError(t, json.Unmarshal([]byte(out), &v), out)
	return v
}

// TestAWSCLI asks what an engineer would ask, with the program that they have.
func TestAWSCLI(t *testing.T) {
	tooltest.Need(t, "aws")
	b := start(t, nil)
	b.traffic(t)
	lb := b.loadBalancer(t)
	listener := *b.listener(t, 9443).ListenerArn
	acl := b.Lab.Identity().WebACL
	b.api.SetFaults(awsapi.Faults{PageSize: 2}) // what the CLI puts together again
	now := func(d time.Duration) string { return b.Lab.Now().Add(d).Format(time.RFC3339) }
	long := os.Getenv("ALBLAB_LONG") != ""
	for _, tt := range []struct {
		name, query string
		want        any
		args        []string
	}{
		{"sts *", "Account", "111122223333", []string{"sts", "get-caller-identity"}},
		{"load balancers", "LoadBalancers[].LoadBalancerName", []any{"alblab"}, []string{"elbv2", "describe-load-balancers"}},
		{"listeners in pages *", "Listeners[].Port", []any{443.0, 8443.0, 9443.0}, []string{"elbv2", "describe-listeners", "--load-balancer-arn", lb}},
		{"rules", "Rules[].Priority", []any{"default"}, []string{"elbv2", "describe-rules", "--listener-arn", listener}},
		{"policies", "SslPolicies[].SslProtocols[]", []any{"TLSv1.2", "TLSv1.3"}, []string{"elbv2", "describe-ssl-policies", "--names", "ELBSecurityPolicy-TLS13-1-2-2021-06"}},
		{"attributes", "Attributes[?Key=='connection_logs.s3.bucket'].Value", []any{logBucket}, []string{"elbv2", "describe-load-balancer-attributes", "--load-balancer-arn", lb}},
		{"tags", "TagDescriptions[].Tags[?Key=='alblab:owner'].Value[]", []any{"alblab"}, []string{"elbv2", "describe-tags", "--resource-arns", lb}},
		{"limits", "Limits[?Name=='application-load-balancers'].Max", []any{"50"}, []string{"elbv2", "describe-account-limits"}},
		{"metrics", "length(Metrics)", 2.0, []string{"cloudwatch", "list-metrics", "--metric-name", "ClientTLSNegotiationErrorCount"}},
		{"statistics *", "Datapoints[].Sum", []any{2.0}, []string{"cloudwatch", "get-metric-statistics", "--namespace", "AWS/ApplicationELB", "--metric-name", "ClientTLSNegotiationErrorCount",
			"--dimensions", "Name=LoadBalancer,Value=" + b.Endpoint().LoadBalancer, "--start-time", now(-time.Hour), "--end-time", now(time.Hour), "--period", "60", "--statistics", "Sum"}},
		{"metric data", "MetricDataResults[].Values[]", []any{5.0}, []string{"cloudwatch", "get-metric-data", "--start-time", now(-time.Hour), "--end-time", now(time.Hour), "--metric-data-queries",
			`[{"Id":"m","MetricStat":{"Metric":{"Namespace":"AWS/ApplicationELB","MetricName":"NewConnectionCount","Dimensions":[{"Name":"LoadBalancer","Value":"` + b.Endpoint().LoadBalancer + `"}]},"Period":60,"Stat":"Sum"}}]`}},
		{"log groups", "logGroups[].logGroupName", []any{flowGroup, wafGroup}, []string{"logs", "describe-log-groups"}},
		{"log streams", "logStreams[0].logStreamName", b.Lab.Identity().Nodes[0].Interface + "-all", []string{"logs", "describe-log-streams", "--log-group-name", flowGroup}},
		{"experiment 1's search *", "length(events)", 1.0, []string{"logs", "filter-log-events", "--log-group-name", flowGroup, "--filter-pattern",
			`[version, account, eni, source, destination, srcport="443", destport, protocol="6", packets, bytes, start, end, action="ACCEPT", status, flags="22", ...]`}},
		{"log events, one page", "length(events)", 2.0, []string{"logs", "get-log-events", "--log-group-name", wafGroup, "--log-stream-name", "us-east-1_alblab_0"}},
		{"web ACL", "WebACL.Name", "alblab", []string{"wafv2", "get-web-acl-for-resource", "--resource-arn", lb}},
		{"WAF logging", "LoggingConfiguration.ResourceArn", acl, []string{"wafv2", "get-logging-configuration", "--resource-arn", acl}},
		{"samples", "SampledRequests[].Request.URI", []any{"/blocked"}, []string{"wafv2", "get-sampled-requests", "--web-acl-arn", acl, "--rule-metric-name", "block-forwarded-ips", "--scope", "REGIONAL",
			"--max-items", "10", "--time-window", "StartTime=" + now(-time.Hour) + ",EndTime=" + now(time.Hour)}},
		{"interfaces *", "NetworkInterfaces[].Attachment.InstanceOwnerId", []any{"amazon-elb", "amazon-elb"}, []string{"ec2", "describe-network-interfaces", "--filters", "Name=description,Values=ELB app/*"}},
		{"flow logs", "FlowLogs[].LogGroupName", []any{flowGroup}, []string{"ec2", "describe-flow-logs"}},
		{"mirror targets", "length(TrafficMirrorTargets)", 1.0, []string{"ec2", "describe-traffic-mirror-targets"}},
		{"mirror filters", "TrafficMirrorFilters[0].IngressFilterRules[0].DestinationPortRange.FromPort", 9443.0, []string{"ec2", "describe-traffic-mirror-filters"}},
		{"security groups", "length(SecurityGroups[0].IpPermissions)", 3.0, []string{"ec2", "describe-security-groups"}},
		{"resources *", "length(ResourceTagMappingList)", 3.0, []string{"resourcegroupstaggingapi", "get-resources", "--resource-type-filters", "s3"}},
		{"quota", "Quota.Value", 50.0, []string{"service-quotas", "get-service-quota", "--service-code", "elasticloadbalancing", "--quota-code", "L-53DA6B97"}},
		{"buckets", "length(Buckets)", 3.0, []string{"s3api", "list-buckets"}},
		{"objects in pages", "length(Contents)", 4.0, []string{"s3api", "list-objects-v2", "--bucket", logBucket, "--page-size", "1"}},
	} {
		name, quick := strings.CutSuffix(tt.name, " *")
		t.Run(name, func(t *testing.T) {
			if !quick && !long {
				t.Skip("each call takes the CLI a second: ALBLAB_LONG=1 runs them all")
			}
			require.Equal(t, tt.want, b.query(t, tt.query, tt.args...))
		})
	}
}

func TestAWSCLIErrors(t *testing.T) {
	tooltest.Need(t, "aws")
	b := start(t, nil)
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"(LoadBalancerNotFound) when calling the DescribeLoadBalancers operation: Load balancers '[nope]' not found", []string{"elbv2", "describe-load-balancers", "--names", "nope"}},
		{"(ResourceNotFoundException)", []string{"logs", "filter-log-events", "--log-group-name", "nope"}},
		{"(NoSuchBucket)", []string{"s3", "ls", "s3://nope"}},
		{"(404)", []string{"s3", "cp", "s3://" + logBucket + "/nope", filepath.Join(t.TempDir(), "x")}},
		{"(InvalidAction) when calling the RunInstances", []string{"ec2", "run-instances", "--image-id", "x"}},
		{"when calling the PutMetricData", []string{"cloudwatch", "put-metric-data", "--namespace", "x", "--metric-name", "y", "--value", "1"}},
	} {
		_, errs := b.cli(t, tt.args...)
		require.Contains(t, errs, tt.want, tt.args)
	}
	b.api.SetFaults(awsapi.Faults{Expired: true})
	_, errs := b.cli(t, "sts", "get-caller-identity")
	require.Contains(t, errs, "(ExpiredToken)")
}

// What aws s3 cp brings home is evidence that alblab reads.
func TestAWSCLICopiesEvidence(t *testing.T) {
	tooltest.Need(t, "aws")
	b := start(t, nil)
	b.traffic(t)
	dir := t.TempDir()
	_, errs := b.cli(t, "s3", "cp", "--recursive", "--only-show-errors", "s3://"+logBucket, dir)
	require.Empty(t, errs)
	for group, name := range map[string]string{flowGroup: "flow.json", wafGroup: "waf.json"} {
		out, errs := b.cli(t, "logs", "filter-log-events", "--log-group-name", group)
		require.Empty(t, errs)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(out), 0o600))
	}
	bundle, err := evidence.Open(os.DirFS(dir))
	require.NoError(t, err)
	for _, k := range []evidence.Kind{evidence.KindFlow, evidence.KindAccess, evidence.KindConnection, evidence.KindWAF} {
		require.Len(t, bundle.Files(k), 1, k)
	}
	for _, s := range bundle.Skipped {
		require.True(t, strings.HasSuffix(s.Name, "TestFile"), s)
	}
}
