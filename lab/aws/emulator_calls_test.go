package aws_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/aws/ec2query"
	"github.com/alblab/alblab/lab/awsapi"
)

// side is one of the two accounts, and what things are called there.
type side struct {
	ctx           context.Context
	elb           *elb.Client
	logs          *cloudwatchlogs.Client
	waf           *wafv2.Client
	sts           *sts.Client
	tags          *resourcegroupstaggingapi.Client
	ec2           *ec2query.Client
	lb, acl, flow string // ARNs of load balancer and web ACL, log group of the flow log
	run           string // tag
}

func sideOf(ctx context.Context, c sdk.Config, lb *aws.LoadBalancer, run string) *side {
	return &side{ctx, elb.NewFromConfig(c), cloudwatchlogs.NewFromConfig(c), wafv2.NewFromConfig(c), sts.NewFromConfig(c), resourcegroupstaggingapi.NewFromConfig(c),
		ec2query.New(c), lb.ARN, sdk.ToString(lb.WebACL.ARN), lb.FlowLogs[0].LogGroup, run}
}

// told is what a caller can tell of an answer: what he asked for, or the error's code.
func told(lines []string, err error) string {
	var coded interface{ ErrorCode() string }
	switch {
	case errors.As(err, &coded):
		return "error " + coded.ErrorCode()
	case err != nil:
		return "error " + err.Error()
	}
	return strings.Join(lines, "\n")
}

// callsOfBoth are calls that both accounts must answer alike.
func callsOfBoth() map[string]func(*side) string {
	all := balancerCalls()
	maps.Copy(all, aclCalls())
	maps.Copy(all, logCalls())
	maps.Copy(all, networkCalls())
	return all
}

func balancerCalls() map[string]func(*side) string {
	none := "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/none/0123456789abcdef"
	return map[string]func(*side) string{
		"load balancers by name": func(s *side) string {
			o, err := s.elb.DescribeLoadBalancers(s.ctx, &elb.DescribeLoadBalancersInput{Names: []string{"alblab"}})
			if err != nil {
				return told(nil, err)
			}
			x := o.LoadBalancers[0]
			return fmt.Sprintln(*x.LoadBalancerArn == s.lb, *x.LoadBalancerName, x.Type, x.Scheme, x.State.Code, x.IpAddressType, len(x.AvailabilityZones))
		},
		"no load balancer of that name": func(s *side) string {
			_, err := s.elb.DescribeLoadBalancers(s.ctx, &elb.DescribeLoadBalancersInput{Names: []string{"none"}})
			return told(nil, err)
		},
		"no load balancer of that ARN": func(s *side) string {
			_, err := s.elb.DescribeLoadBalancers(s.ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{none}})
			return told(nil, err)
		},
		"listeners": func(s *side) string {
			o, err := s.elb.DescribeListeners(s.ctx, &elb.DescribeListenersInput{LoadBalancerArn: &s.lb})
			if err != nil {
				return told(nil, err)
			}
			var lines []string
			for _, l := range o.Listeners {
				f := l.DefaultActions[0].FixedResponseConfig
				lines = append(lines, fmt.Sprintln(*l.Port, l.Protocol, *l.SslPolicy, len(l.Certificates), l.DefaultActions[0].Type, *f.StatusCode, *f.ContentType, *f.MessageBody,
					*l.LoadBalancerArn == s.lb, strings.HasPrefix(*l.ListenerArn, strings.Replace(s.lb, ":loadbalancer/", ":listener/", 1)+"/")))
			}
			slices.Sort(lines)
			return told(lines, nil)
		},
		"rules": func(s *side) string {
			o, err := s.elb.DescribeListeners(s.ctx, &elb.DescribeListenersInput{LoadBalancerArn: &s.lb})
			if err != nil {
				return told(nil, err)
			}
			r, err := s.elb.DescribeRules(s.ctx, &elb.DescribeRulesInput{ListenerArn: o.Listeners[0].ListenerArn})
			if err != nil {
				return told(nil, err)
			}
			return fmt.Sprintln(len(r.Rules), *r.Rules[0].Priority, *r.Rules[0].IsDefault, r.Rules[0].Actions[0].Type)
		},
		"no listener of that ARN": func(s *side) string {
			_, err := s.elb.DescribeListeners(s.ctx, &elb.DescribeListenersInput{ListenerArns: []string{strings.Replace(none, ":loadbalancer/", ":listener/", 1) + "/0123456789abcdef"}})
			return told(nil, err)
		},
		"attributes": func(s *side) string {
			o, err := s.elb.DescribeLoadBalancerAttributes(s.ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &s.lb})
			var lines []string
			if err == nil {
				for _, a := range o.Attributes {
					if strings.Contains(*a.Key, "_logs.s3.") && !strings.HasPrefix(*a.Key, "health") && !strings.HasSuffix(*a.Key, ".bucket") {
						lines = append(lines, *a.Key+"="+*a.Value)
					}
				}
			}
			slices.Sort(lines)
			return told(lines, err)
		},
		"attributes of none": func(s *side) string {
			_, err := s.elb.DescribeLoadBalancerAttributes(s.ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &none})
			return told(nil, err)
		},
		"tags": func(s *side) string {
			o, err := s.elb.DescribeTags(s.ctx, &elb.DescribeTagsInput{ResourceArns: []string{s.lb}})
			if err != nil {
				return told(nil, err)
			}
			for _, x := range o.TagDescriptions[0].Tags {
				if *x.Key == aws.TagRun {
					return fmt.Sprintln(*x.Value == s.run)
				}
			}
			return "no tag"
		},
	}
}

func aclCalls() map[string]func(*side) string {
	return map[string]func(*side) string{
		"resources by tag": func(s *side) string {
			o, err := s.tags.GetResources(s.ctx, &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"elasticloadbalancing:loadbalancer"},
				TagFilters: []tagtypes.TagFilter{{Key: sdk.String(aws.TagRun), Values: []string{s.run}}}})
			if err != nil {
				return told(nil, err)
			}
			return fmt.Sprintln(len(o.ResourceTagMappingList), *o.ResourceTagMappingList[0].ResourceARN == s.lb)
		},
		"who": func(s *side) string {
			o, err := s.sts.GetCallerIdentity(s.ctx, &sts.GetCallerIdentityInput{})
			if err != nil {
				return told(nil, err)
			}
			return fmt.Sprintln(strings.Contains(s.lb, ":"+*o.Account+":"), strings.HasPrefix(*o.Arn, "arn:aws:"))
		},
		"web ACL": func(s *side) string {
			o, err := s.waf.GetWebACLForResource(s.ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: &s.lb})
			if err != nil || o.WebACL == nil {
				return told([]string{"none"}, err)
			}
			return fmt.Sprintln(*o.WebACL.Name, *o.WebACL.ARN == s.acl, o.WebACL.DefaultAction.Allow != nil)
		},
		"logging": func(s *side) string {
			o, err := s.waf.GetLoggingConfiguration(s.ctx, &wafv2.GetLoggingConfigurationInput{ResourceArn: &s.acl})
			if err != nil {
				return told(nil, err)
			}
			_, group, _ := strings.Cut(o.LoggingConfiguration.LogDestinationConfigs[0], ":log-group:")
			return group
		},
		"logging of none": func(s *side) string {
			_, err := s.waf.GetLoggingConfiguration(s.ctx, &wafv2.GetLoggingConfigurationInput{ResourceArn: sdk.String(s.acl + "0")})
			return told(nil, err)
		},
	}
}

func logCalls() map[string]func(*side) string {
	return map[string]func(*side) string{
		"log groups": func(s *side) string {
			o, err := s.logs.DescribeLogGroups(s.ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: sdk.String("/alblab/")})
			var lines []string
			if err == nil {
				for _, g := range o.LogGroups {
					lines = append(lines, *g.LogGroupName+" "+fmt.Sprintln(strings.HasSuffix(*g.Arn, ":log-group:"+*g.LogGroupName+":*")))
				}
			}
			return told(lines, err)
		},
		"events of no group": func(s *side) string {
			_, err := s.logs.FilterLogEvents(s.ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: sdk.String("none")})
			return told(nil, err)
		},
		"streams of no group": func(s *side) string {
			_, err := s.logs.DescribeLogStreams(s.ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: sdk.String("none")})
			return told(nil, err)
		},
		"events with terms":   func(s *side) string { return s.filtered("ACCEPT OK", 0) },
		"events with a quote": func(s *side) string { return s.filtered(`"6 3 328"`, 0) },
		"events of nobody":    func(s *side) string { return s.filtered("NOTHING", 0) },
		"events in pages":     func(s *side) string { return s.filtered("", 3) },
		"events, one by one":  (*side).paged,
	}
}

func networkCalls() map[string]func(*side) string {
	return map[string]func(*side) string{
		"interfaces": func(s *side) string {
			_, name, _ := strings.Cut(s.lb, ":loadbalancer/")
			all, err := s.ec2.NetworkInterfaces(s.ctx, ec2query.Filter{Name: "description", Values: []string{"ELB " + name}})
			var lines []string
			for _, n := range all {
				lines = append(lines, n.PrivateIP)
			}
			slices.Sort(lines)
			return told(lines, err)
		},
		"interfaces of nobody": func(s *side) string {
			all, err := s.ec2.NetworkInterfaces(s.ctx, ec2query.Filter{Name: "description", Values: []string{"ELB app/none/1"}})
			return told([]string{fmt.Sprintln(len(all))}, err)
		},
		"no interface of that id": func(s *side) string {
			return told(nil, s.ec2.Do(s.ctx, "DescribeNetworkInterfaces", map[string][]string{"NetworkInterfaceId.1": {"eni-0123456789abcdef0"}}, nil))
		},
		"flow logs": func(s *side) string {
			all, err := s.ec2.FlowLogs(s.ctx, ec2query.Filter{Name: "log-group-name", Values: []string{s.flow}})
			var lines []string
			for _, f := range all {
				lines = append(lines, fmt.Sprintln(f.Status, f.TrafficType, f.DestinationType, f.LogGroup, f.Format, f.MaxAggregation))
			}
			return told(lines, err)
		},
	}
}

// filtered is what FilterLogEvents finds in the flow log, whatever the pages.
func (s *side) filtered(pattern string, page int32) string {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &s.flow}
	if pattern != "" {
		in.FilterPattern = &pattern
	}
	if page > 0 {
		in.Limit = &page
	}
	var lines []string
	for p := cloudwatchlogs.NewFilterLogEventsPaginator(s.logs, in); p.HasMorePages(); {
		o, err := p.NextPage(s.ctx)
		if err != nil {
			return told(nil, err)
		}
		for _, e := range o.Events {
			lines = append(lines, withoutIDs(*e.Message))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d:\n%s", len(lines), told(lines, nil))
}

// paged reads one stream by GetLogEvents from its head: the end is where the same token comes back.
func (s *side) paged() string {
	streams, err := s.logs.DescribeLogStreams(s.ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &s.flow})
	if err != nil {
		return told(nil, err)
	}
	var lines []string
	for _, stream := range streams.LogStreams {
		in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &s.flow, LogStreamName: stream.LogStreamName, StartFromHead: sdk.Bool(true), Limit: sdk.Int32(2)}
		for p := cloudwatchlogs.NewGetLogEventsPaginator(s.logs, in, func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true }); p.HasMorePages(); {
			o, err := p.NextPage(s.ctx)
			if err != nil {
				return told(nil, err)
			}
			for _, e := range o.Events {
				lines = append(lines, withoutIDs(*e.Message))
			}
		}
	}
	slices.Sort(lines)
	return told(lines, nil)
}

// withoutIDs leaves account and interface out of a flow record.
func withoutIDs(record string) string {
	f := strings.Fields(record)
	return strings.Join(append([]string{f[0]}, f[3:14]...), " ")
}

// TestSameCalls asks both accounts the same by the same SDK.
func TestSameCalls(t *testing.T) {
	m := startMoto(t)
	a, w := troubledAt(t, time.Now().UTC().Truncate(time.Hour).Add(-24*time.Hour), &awsapi.Options{}) // it takes no old events
	lb, err := a.cfg.Clients.Describe(t.Context(), a.lab.Identity().LoadBalancer)
	require.NoError(t, err)
	m.build(lb)
	m.fill(a.cfg.Clients, lb, w)
	there, err := m.clients.Describe(t.Context(), "alblab")
	require.NoError(t, err)
	ours, theirs := sideOf(t.Context(), a.cfg.AWS, lb, a.lab.Identity().RunID), sideOf(t.Context(), m.cfg, there, "run-1")
	for name, call := range callsOfBoth() {
		t.Run(name, func(t *testing.T) {
			want := call(theirs)
			require.NotEmpty(t, want)
			require.Equal(t, want, call(ours))
		})
	}
}

// TestSamePolicies compares versions and suites of the security policies with those that the emulator's authors have typed from AWS's
// pages. Not the order of suites, which it has for all policies alike: lab/policy/policies says where each one's is from.
func TestSamePolicies(t *testing.T) {
	m := startMoto(t)
	a := plannedAccount(t, few(t), nil)
	read := func(c *elb.Client) map[string][2][]string {
		o, err := c.DescribeSSLPolicies(t.Context(), &elb.DescribeSSLPoliciesInput{})
		require.NoError(t, err)
		require.Nil(t, o.NextMarker)
		all := map[string][2][]string{}
		for _, p := range o.SslPolicies {
			var suites []string
			for _, x := range p.Ciphers {
				suites = append(suites, *x.Name)
			}
			slices.Sort(suites)
			slices.Sort(p.SslProtocols)
			all[*p.Name] = [2][]string{p.SslProtocols, suites}
		}
		return all
	}
	// It gives this one the suites of Ext2; describe-ssl-policies.html, the table of Ext1, has none with SHA-1.
	const wrong = "ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09"
	theirs, ours := read(m.elb), read(elb.NewFromConfig(a.cfg.AWS))
	require.Greater(t, len(theirs), 15)
	for name, want := range theirs {
		require.Contains(t, ours, name)
		if name != wrong {
			require.Equal(t, want, ours[name], name)
		}
	}
}
