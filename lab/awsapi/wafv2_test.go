package awsapi_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
)

func (b *bench) waf() *wafv2.Client { return wafv2.NewFromConfig(b.config) }

func TestWebACL(t *testing.T) {
	b := start(t, nil)
	ctx := t.Context()
	o, err := b.waf().GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(b.loadBalancer(t))})
	require.NoError(t, err)
	acl := o.WebACL
	require.NotNil(t, acl.DefaultAction.Allow)
	require.Len(t, acl.Rules, 2)
	require.Equal(t, "AWSManagedRulesAmazonIpReputationList", *acl.Rules[0].Statement.ManagedRuleGroupStatement.Name)
	forwarded := acl.Rules[1].Statement.IPSetReferenceStatement.IPSetForwardedIPConfig
	require.Equal(t, types.ForwardedIPPositionFirst, forwarded.Position)
	require.Equal(t, "X-Forwarded-For", *forwarded.HeaderName)
	l, err := b.waf().GetLoggingConfiguration(ctx, &wafv2.GetLoggingConfigurationInput{ResourceArn: acl.ARN})
	require.NoError(t, err)
	require.Equal(t, []string{"arn:aws:logs:us-east-1:111122223333:log-group:" + wafGroup}, l.LoggingConfiguration.LogDestinationConfigs)
	list, err := b.waf().ListWebACLs(ctx, &wafv2.ListWebACLsInput{Scope: types.ScopeRegional})
	require.NoError(t, err)
	got, err := b.waf().GetWebACL(ctx, &wafv2.GetWebACLInput{Scope: types.ScopeRegional, Id: list.WebACLs[0].Id, Name: list.WebACLs[0].Name})
	require.NoError(t, err)
	require.Equal(t, *acl.ARN, *got.WebACL.ARN)
	resources, err := b.waf().ListResourcesForWebACL(ctx, &wafv2.ListResourcesForWebACLInput{WebACLArn: acl.ARN})
	require.NoError(t, err)
	require.Equal(t, []string{b.loadBalancer(t)}, resources.ResourceArns)

	var gone *types.WAFNonexistentItemException
	_, err = b.waf().GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(b.loadBalancer(t) + "0")})
	require.ErrorAs(t, err, &gone)
	var bad *types.WAFInvalidParameterException
	_, err = b.waf().GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String("arn:aws:x:::aaaaaaaaaaaaaaaaa")})
	require.ErrorAs(t, err, &bad)
	b.api.SetFaults(awsapi.Faults{Off: []evidence.Kind{evidence.KindWAF}})
	_, err = b.waf().GetLoggingConfiguration(ctx, &wafv2.GetLoggingConfigurationInput{ResourceArn: acl.ARN})
	require.ErrorAs(t, err, &gone, "logging is off")
}

func TestNoWebACL(t *testing.T) {
	spec := testSpec()
	spec.WAF = nil
	b := startWith(t, spec, nil)
	o, err := b.waf().GetWebACLForResource(t.Context(), &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(b.loadBalancer(t))})
	require.NoError(t, err)
	require.Nil(t, o.WebACL)
	groups, err := b.logs().DescribeLogGroups(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, groups.LogGroups, 1)
	out, err := b.api.Outputs(nil)
	require.NoError(t, err)
	require.Nil(t, out.WAF)
}

func TestGetSampledRequests(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	in := &wafv2.GetSampledRequestsInput{WebAclArn: aws.String(b.Lab.Identity().WebACL), RuleMetricName: aws.String("block-forwarded-ips"), Scope: types.ScopeRegional, MaxItems: aws.Int64(10),
		TimeWindow: &types.TimeWindow{StartTime: aws.Time(b.Lab.Now().Add(-time.Hour)), EndTime: aws.Time(b.Lab.Now().Add(time.Hour))}}
	o, err := b.waf().GetSampledRequests(t.Context(), in)
	require.NoError(t, err)
	require.Len(t, o.SampledRequests, 1)
	s := o.SampledRequests[0]
	require.Equal(t, "BLOCK", *s.Action)
	require.Equal(t, "/blocked", *s.Request.URI)
	require.Equal(t, b.Lab.Now(), *s.Timestamp)
	require.EqualValues(t, 1, o.PopulationSize)
	for name, want := range map[string]int{"Default_Action": 2, "alblab": 2, "ALL": 3, "AWS-AWSManagedRulesAmazonIpReputationList": 0} {
		in.RuleMetricName = &name
		o, err := b.waf().GetSampledRequests(t.Context(), in)
		require.NoError(t, err)
		require.Len(t, o.SampledRequests, want, name)
	}
	in.RuleMetricName = aws.String("nope")
	_, err = b.waf().GetSampledRequests(t.Context(), in)
	var gone *types.WAFNonexistentItemException
	require.ErrorAs(t, err, &gone)
	in.MaxItems = aws.Int64(501)
	_, err = b.waf().GetSampledRequests(t.Context(), in)
	var bad *types.WAFInvalidParameterException
	require.ErrorAs(t, err, &bad)
}

func TestGetResources(t *testing.T) {
	b := start(t, nil)
	c := resourcegroupstaggingapi.NewFromConfig(b.config)
	read := func(in resourcegroupstaggingapi.GetResourcesInput) (arns []string) {
		for p := resourcegroupstaggingapi.NewGetResourcesPaginator(c, &in); p.HasMorePages(); {
			o, err := p.NextPage(t.Context())
			require.NoError(t, err)
			for _, r := range o.ResourceTagMappingList {
				arns = append(arns, *r.ResourceARN)
				require.Len(t, r.Tags, 3)
			}
		}
		return arns
	}
	all := read(resourcegroupstaggingapi.GetResourcesInput{})
	require.Greater(t, len(all), 15)
	require.Equal(t, all, read(resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(4)}))
	require.Equal(t, all, read(resourcegroupstaggingapi.GetResourcesInput{TagFilters: []tagtypes.TagFilter{{Key: aws.String("alblab:run"), Values: []string{b.Lab.Identity().RunID}}}}))
	require.Empty(t, read(resourcegroupstaggingapi.GetResourcesInput{TagFilters: []tagtypes.TagFilter{{Key: aws.String("alblab:run"), Values: []string{"other"}}}}))
	require.Equal(t, []string{b.loadBalancer(t)}, read(resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"elasticloadbalancing:loadbalancer"}}))
	require.Len(t, read(resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"s3"}}), 3)
	_, err := c.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{PaginationToken: aws.String("x")})
	var expired *tagtypes.PaginationTokenExpiredException
	require.ErrorAs(t, err, &expired)
}

func TestServiceQuotas(t *testing.T) {
	b := start(t, nil)
	c := servicequotas.NewFromConfig(b.config)
	o, err := c.GetServiceQuota(t.Context(), &servicequotas.GetServiceQuotaInput{ServiceCode: aws.String("elasticloadbalancing"), QuotaCode: aws.String("L-53DA6B97")})
	require.NoError(t, err)
	require.Equal(t, 50.0, *o.Quota.Value)
	list, err := c.ListServiceQuotas(t.Context(), &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("elasticloadbalancing")})
	require.NoError(t, err)
	require.Len(t, list.Quotas, 3)
	_, err = c.GetServiceQuota(t.Context(), &servicequotas.GetServiceQuotaInput{ServiceCode: aws.String("elasticloadbalancing"), QuotaCode: aws.String("L-0")})
	var none *quotatypes.NoSuchResourceException
	require.ErrorAs(t, err, &none)
}
