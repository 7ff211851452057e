package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/alblab/alblab/lab/aws/ec2query"
	"github.com/alblab/alblab/lab/aws/signed"
)

// Clients are the services that the lab calls. Each field is an interface of the calls that are made, so that a test can stand
// in for one.
type Clients struct {
	Region     string
	Endpoint   string // where calls go if not to AWS; "" is AWS
	STS        STS
	ELB        ELB
	Logs       Logs
	CloudWatch CloudWatch
	S3         S3
	WAF        WAF
	Tags       Tags
	EC2        EC2
	// Services of which only leftovers are asked for and deleted; nil: they are not asked.
	ACM, Athena, Glue, IAM Caller
}

// Caller is a service without a package of the SDK's, through lab/aws/signed.
type Caller interface {
	Query(ctx context.Context, action string, params map[string][]string, out any) error
	JSON(ctx context.Context, action string, in, out any) error
}

// STS is AWS Security Token Service.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// ELB is Elastic Load Balancing.
type ELB interface {
	elb.DescribeLoadBalancersAPIClient
	elb.DescribeListenersAPIClient
	elb.DescribeTrustStoresAPIClient
	DescribeLoadBalancerAttributes(context.Context, *elb.DescribeLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error)
	DescribeSSLPolicies(context.Context, *elb.DescribeSSLPoliciesInput, ...func(*elb.Options)) (*elb.DescribeSSLPoliciesOutput, error)
	DescribeAccountLimits(context.Context, *elb.DescribeAccountLimitsInput, ...func(*elb.Options)) (*elb.DescribeAccountLimitsOutput, error)
	ModifyListener(context.Context, *elb.ModifyListenerInput, ...func(*elb.Options)) (*elb.ModifyListenerOutput, error)
	DeleteLoadBalancer(context.Context, *elb.DeleteLoadBalancerInput, ...func(*elb.Options)) (*elb.DeleteLoadBalancerOutput, error)
	DeleteTrustStore(context.Context, *elb.DeleteTrustStoreInput, ...func(*elb.Options)) (*elb.DeleteTrustStoreOutput, error)
	DeleteTargetGroup(context.Context, *elb.DeleteTargetGroupInput, ...func(*elb.Options)) (*elb.DeleteTargetGroupOutput, error)
}

// Logs is CloudWatch Logs.
type Logs interface {
	cloudwatchlogs.FilterLogEventsAPIClient
	cloudwatchlogs.DescribeLogGroupsAPIClient
	DescribeQueryDefinitions(context.Context, *cloudwatchlogs.DescribeQueryDefinitionsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeQueryDefinitionsOutput, error)
	DeleteQueryDefinition(context.Context, *cloudwatchlogs.DeleteQueryDefinitionInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteQueryDefinitionOutput, error)
	DeleteLogGroup(context.Context, *cloudwatchlogs.DeleteLogGroupInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteLogGroupOutput, error)
}

// CloudWatch is CloudWatch's metrics.
type CloudWatch interface {
	cloudwatch.GetMetricDataAPIClient
	cloudwatch.ListMetricsAPIClient
	GetDashboard(context.Context, *cloudwatch.GetDashboardInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetDashboardOutput, error)
	DeleteDashboards(context.Context, *cloudwatch.DeleteDashboardsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DeleteDashboardsOutput, error)
	DeleteAlarms(context.Context, *cloudwatch.DeleteAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DeleteAlarmsOutput, error)
}

// S3 is Amazon S3.
type S3 interface {
	s3.ListObjectsV2APIClient
	s3.ListObjectVersionsAPIClient
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	DeleteObjects(context.Context, *s3.DeleteObjectsInput, ...func(*s3.Options)) (*s3.DeleteObjectsOutput, error)
	DeleteBucket(context.Context, *s3.DeleteBucketInput, ...func(*s3.Options)) (*s3.DeleteBucketOutput, error)
}

// WAF is AWS WAF.
type WAF interface {
	GetWebACLForResource(context.Context, *wafv2.GetWebACLForResourceInput, ...func(*wafv2.Options)) (*wafv2.GetWebACLForResourceOutput, error)
	GetSampledRequests(context.Context, *wafv2.GetSampledRequestsInput, ...func(*wafv2.Options)) (*wafv2.GetSampledRequestsOutput, error)
	GetWebACL(context.Context, *wafv2.GetWebACLInput, ...func(*wafv2.Options)) (*wafv2.GetWebACLOutput, error)
	DeleteWebACL(context.Context, *wafv2.DeleteWebACLInput, ...func(*wafv2.Options)) (*wafv2.DeleteWebACLOutput, error)
	GetIPSet(context.Context, *wafv2.GetIPSetInput, ...func(*wafv2.Options)) (*wafv2.GetIPSetOutput, error)
	DeleteIPSet(context.Context, *wafv2.DeleteIPSetInput, ...func(*wafv2.Options)) (*wafv2.DeleteIPSetOutput, error)
	GetLoggingConfiguration(context.Context, *wafv2.GetLoggingConfigurationInput, ...func(*wafv2.Options)) (*wafv2.GetLoggingConfigurationOutput, error)
}

// Tags is the Resource Groups Tagging API.
type Tags interface {
	resourcegroupstaggingapi.GetResourcesAPIClient
}

// EC2 is Amazon EC2, through lab/aws/ec2query.
type EC2 interface {
	NetworkInterfaces(context.Context, ...ec2query.Filter) ([]ec2query.NetworkInterface, error)
	FlowLogs(context.Context, ...ec2query.Filter) ([]ec2query.FlowLog, error)
	MirrorSessions(context.Context, ...ec2query.Filter) ([]ec2query.MirrorSession, error)
	CreateMirrorSession(context.Context, ec2query.MirrorSession) (ec2query.MirrorSession, error)
	DeleteMirrorSession(context.Context, string) error
	Do(ctx context.Context, action string, params map[string][]string, out any) error
}

// ConfigOptions of [LoadConfig]. Nil means the zero value.
type ConfigOptions struct {
	Region   string // "": as the environment and profile say
	Profile  string
	Endpoint string // "": AWS, or AWS_ENDPOINT_URL
}

// LoadConfig finds region, credentials and endpoint as every AWS tool does: environment, profile, role of the machine.
func LoadConfig(ctx context.Context, o *ConfigOptions) (sdk.Config, error) {
	if o == nil {
		o = &ConfigOptions{}
	}
	// What fails is returned; the SDK's own lines on standard error only repeat it, in other words.
	fs := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if o.Region != "" {
		fs = append(fs, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		fs = append(fs, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Endpoint != "" {
		fs = append(fs, config.WithBaseEndpoint(o.Endpoint))
	}
	c, err := config.LoadDefaultConfig(ctx, fs...)
	if err != nil {
		return c, problem("look at ~/.aws/config, or name a profile with --profile", "loading the AWS configuration: %w", err)
	}
	if c.Region == "" {
		return c, problem("set AWS_REGION, or give --region", "no AWS region is set")
	}
	return c, nil
}

// NewClients makes the clients of a configuration.
func NewClients(c sdk.Config) *Clients {
	endpoint := sdk.ToString(c.BaseEndpoint)
	return &Clients{
		Region: c.Region, Endpoint: endpoint,
		STS: sts.NewFromConfig(c), ELB: elb.NewFromConfig(c), Logs: cloudwatchlogs.NewFromConfig(c),
		CloudWatch: cloudwatch.NewFromConfig(c), WAF: wafv2.NewFromConfig(c), Tags: resourcegroupstaggingapi.NewFromConfig(c),
		EC2: ec2Client{ec2query.New(c)}, ACM: signed.New(c, signed.ACM()), Athena: signed.New(c, signed.Athena()),
		Glue: signed.New(c, signed.Glue()), IAM: signed.New(c, signed.IAM()),
		// bucket.127.0.0.1 is no host: an endpoint of one's own is asked by path.
		S3: s3.NewFromConfig(c, func(o *s3.Options) {
			o.UsePathStyle = endpoint != ""
			o.DisableLogOutputChecksumValidationSkipped = true // objects of before 2025 have none: a line on standard error for each
		}),
	}
}

// ec2Client gives [ec2query.Client.Do] the interface's plain type.
type ec2Client struct{ *ec2query.Client }

func (e ec2Client) Do(ctx context.Context, action string, params map[string][]string, out any) error {
	return e.Client.Do(ctx, action, params, out)
}

// code is an API error's code, "" for other errors.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// hintOf knows what to do about the errors of AWS that people meet most.
func hintOf(err error) string {
	c := code(err)
	switch {
	case err == nil:
		return ""
	case strings.Contains(c, "ExpiredToken") || c == "RequestExpired":
		return "the credentials have ended: renew them ('aws sso login', or new temporary keys) and run the command again"
	case c == "SignatureDoesNotMatch" && strings.Contains(err.Error(), "scoped to a valid region"), c == "AuthorizationHeaderMalformed":
		return "calls go to one region and are signed for another: give the load balancer's region by --region or AWS_REGION"
	case c == "InvalidClientTokenId" || c == "UnrecognizedClientException" || c == "SignatureDoesNotMatch" || c == "AuthFailure":
		return "AWS does not know these credentials: check AWS_ACCESS_KEY_ID, AWS_PROFILE and the clock of this machine"
	case strings.Contains(c, "AccessDenied") || c == "UnauthorizedOperation":
		return "the role lacks a permission: docs/aws.md lists what it needs"
	case strings.Contains(c, "Throttl") || c == "RequestLimitExceeded" || c == "TooManyRequestsException":
		return "AWS limits how often the account may call: wait a minute and run the command again"
	case strings.Contains(err.Error(), "failed to refresh cached credentials") || strings.Contains(err.Error(), "get credentials"):
		return "there are no credentials: run 'aws configure' or 'aws sso login', or set AWS_PROFILE"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: is 'alblab serve --aws-api' running, and is --endpoint-url or AWS_ENDPOINT_URL meant?"
	case c == "InternalFailure" || strings.HasPrefix(c, "InternalServ") || c == "InternalError" || c == "ServiceUnavailable":
		return "the service itself failed, also when it was asked again: wait a minute and run the command again; https://health.aws.amazon.com tells of outages"
	case errors.Is(err, context.Canceled):
		return ""
	case c == "" && (errors.As(err, new(*net.OpError)) || errors.As(err, new(*url.Error))): // not net.Error, which a missing file is as well
		return "AWS cannot be reached: check the network, the proxy, the region and AWS_ENDPOINT_URL"
	}
	return ""
}

// explain says what was being done and adds the hint.
func explain(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	if h := Hint(err); h != "" {
		return &Problem{fmt.Errorf("%s: %w", what, err), h}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// expiry is when the credentials end; zero if they do not.
func expiry(ctx context.Context, c sdk.Config) (time.Time, error) {
	if c.Credentials == nil {
		return time.Time{}, errors.New("no credentials")
	}
	v, err := c.Credentials.Retrieve(ctx)
	if err != nil || !v.CanExpire {
		return time.Time{}, err
	}
	return v.Expires, nil
}
