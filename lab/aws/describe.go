package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/alblab/alblab/lab/aws/ec2query"
)

// LoadBalancer is what an account says of one load balancer: its listeners, where its logs go, and which are off.
type LoadBalancer struct {
	ARN, DNSName, VPC string
	Name              string // app/<name>/<id>, as logs and metrics have it
	Account, Region   string
	Scheme            string // internet-facing, internal
	Listeners         []Listener
	AccessLog         BucketLog
	ConnectionLog     BucketLog
	Interfaces        []ec2query.NetworkInterface
	FlowLogs          []ec2query.FlowLog // of the VPC, its subnets and interfaces
	WebACL            *waftypes.WebACL   // nil: none
	WAFLogs           []string           // ARNs of the web ACL's log destinations
	Attributes        map[string]string
	// Unread are parts that could not be asked for, with the error: a role may lack a permission.
	Unread []error
}

// Listener is one listener.
type Listener struct {
	ARN              string
	Port             int
	Protocol         string // HTTPS, HTTP
	Policy           string
	MTLSMode         string // off, passthrough, verify
	TrustStoreARN    string
	IgnoreExpiry     bool
	AdvertiseCANames bool
	Certificates     []string // ARNs; the default one
	Actions          []types.Action
}

// BucketLog is a log's setting in the load balancer's attributes.
type BucketLog struct {
	On             bool
	Bucket, Prefix string
}

// Describe finds a load balancer by its ARN, its name, app/<name>/<id>, or its DNS name, and reads its settings. Nothing is
// changed. Parts that cannot be read are told in Unread; an error means that there is no such load balancer, or that it could
// not be looked for.
func (c *Clients) Describe(ctx context.Context, name string) (*LoadBalancer, error) {
	found, err := c.find(ctx, name)
	if err != nil {
		return nil, err
	}
	lb := &LoadBalancer{
		ARN: sdk.ToString(found.LoadBalancerArn), DNSName: sdk.ToString(found.DNSName), VPC: sdk.ToString(found.VpcId),
		Region: c.Region, Scheme: string(found.Scheme),
	}
	lb.Name = loadBalancerName(lb.ARN)
	if parts := strings.SplitN(lb.ARN, ":", 6); len(parts) == 6 {
		lb.Region, lb.Account = parts[3], parts[4]
	}
	if lb.Listeners, err = c.Listeners(ctx, lb.ARN); err != nil {
		return nil, err
	}
	note := func(err error) {
		if err != nil {
			lb.Unread = append(lb.Unread, err)
		}
	}
	note(c.attributes(ctx, lb))
	lb.Interfaces, err = c.Interfaces(ctx, lb.Name)
	note(err)
	note(c.flowLogs(ctx, lb))
	lb.WebACL, err = c.WebACL(ctx, lb.ARN)
	note(err)
	if lb.WebACL != nil {
		lb.WAFLogs, err = c.WAFDestinations(ctx, sdk.ToString(lb.WebACL.ARN))
		note(err)
	}
	return lb, ctx.Err()
}

const hintOfName = "give its name, ARN, app/<name>/<id> or DNS name; 'aws elbv2 describe-load-balancers' lists them"

func (c *Clients) find(ctx context.Context, name string) (*types.LoadBalancer, error) {
	in := &elb.DescribeLoadBalancersInput{}
	fits := func(lb *types.LoadBalancer) bool { return strings.EqualFold(sdk.ToString(lb.DNSName), name) }
	parts := strings.Split(name, "/")
	switch {
	case strings.HasPrefix(name, "arn:"):
		in.LoadBalancerArns = []string{name}
		fits = func(*types.LoadBalancer) bool { return true }
	case len(parts) == 3 && parts[0] == "app":
		in.Names = []string{parts[1]}
		fits = func(lb *types.LoadBalancer) bool { return loadBalancerName(sdk.ToString(lb.LoadBalancerArn)) == name }
	case !strings.Contains(name, "."):
		in.Names = []string{name}
		fits = func(*types.LoadBalancer) bool { return true }
	}
	for p := elb.NewDescribeLoadBalancersPaginator(c.ELB, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if code(err) == "LoadBalancerNotFound" {
			break
		}
		if code(err) == "ValidationError" { // the service's word for a name or an ARN that cannot be one
			return nil, &Problem{Err: explain(err, "looking for load balancer %s", name), Hint: hintOfName}
		}
		if err != nil {
			return nil, explain(err, "looking for load balancer %s", name)
		}
		for i := range page.LoadBalancers {
			if fits(&page.LoadBalancers[i]) {
				return &page.LoadBalancers[i], nil
			}
		}
	}
	return nil, problem(hintOfName, "no load balancer %q in %s", name, c.Region)
}

// Listeners are the listeners of a load balancer, in the order of their ports.
func (c *Clients) Listeners(ctx context.Context, loadBalancerARN string) ([]Listener, error) {
	var all []Listener
	in := &elb.DescribeListenersInput{LoadBalancerArn: &loadBalancerARN}
	for p := elb.NewDescribeListenersPaginator(c.ELB, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, explain(err, "listing the listeners")
		}
		for _, l := range page.Listeners {
			x := Listener{
				ARN: sdk.ToString(l.ListenerArn), Port: int(sdk.ToInt32(l.Port)), Protocol: string(l.Protocol),
				Policy: sdk.ToString(l.SslPolicy), MTLSMode: "off", Actions: l.DefaultActions,
			}
			if m := l.MutualAuthentication; m != nil {
				x.MTLSMode, x.TrustStoreARN = sdk.ToString(m.Mode), sdk.ToString(m.TrustStoreArn)
				x.IgnoreExpiry = sdk.ToBool(m.IgnoreClientCertificateExpiry)
				x.AdvertiseCANames = m.AdvertiseTrustStoreCaNames == types.AdvertiseTrustStoreCaNamesEnumOn
			}
			for _, cert := range l.Certificates {
				x.Certificates = append(x.Certificates, sdk.ToString(cert.CertificateArn))
			}
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(a, b Listener) int { return a.Port - b.Port })
	return all, nil
}

func (c *Clients) attributes(ctx context.Context, lb *LoadBalancer) error {
	out, err := c.ELB.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &lb.ARN})
	if err != nil {
		return explain(err, "reading the load balancer's attributes")
	}
	a := map[string]string{}
	for _, x := range out.Attributes {
		a[sdk.ToString(x.Key)] = sdk.ToString(x.Value)
	}
	lb.Attributes = a
	read := func(what string) BucketLog {
		return BucketLog{a[what+".s3.enabled"] == "true", a[what+".s3.bucket"], a[what+".s3.prefix"]}
	}
	lb.AccessLog, lb.ConnectionLog = read("access_logs"), read("connection_logs")
	return nil
}

// Interfaces are a load balancer's network interfaces. They come and go as it scales.
func (c *Clients) Interfaces(ctx context.Context, loadBalancer string) ([]ec2query.NetworkInterface, error) {
	all, err := c.EC2.NetworkInterfaces(ctx, ec2query.Filter{Name: "description", Values: []string{"ELB " + loadBalancer}})
	return all, explain(err, "listing the load balancer's network interfaces")
}

func (c *Clients) flowLogs(ctx context.Context, lb *LoadBalancer) error {
	ids := []string{lb.VPC}
	for _, i := range lb.Interfaces {
		ids = append(ids, i.ID, i.SubnetID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	all, err := c.EC2.FlowLogs(ctx, ec2query.Filter{Name: "resource-id", Values: ids})
	lb.FlowLogs = all
	return explain(err, "listing flow logs")
}

// WAFDestinations are the ARNs of a web ACL's log destinations, none where logging is off.
func (c *Clients) WAFDestinations(ctx context.Context, aclARN string) ([]string, error) {
	out, err := c.WAF.GetLoggingConfiguration(ctx, &wafv2.GetLoggingConfigurationInput{ResourceArn: &aclARN})
	if err != nil {
		if code(err) == "WAFNonexistentItemException" {
			return nil, nil
		}
		return nil, explain(err, "reading the web ACL's logging configuration")
	}
	if out.LoggingConfiguration == nil {
		return nil, nil
	}
	return out.LoggingConfiguration.LogDestinationConfigs, nil
}

// String names the listener for people.
func (l Listener) String() string {
	s := fmt.Sprintf("%s:%d", l.Protocol, l.Port)
	if l.Policy != "" {
		s += " " + l.Policy
	}
	if l.MTLSMode != "off" && l.MTLSMode != "" {
		s += " mtls " + l.MTLSMode
	}
	return s
}
