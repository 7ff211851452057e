package awsapi_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

func (b *bench) elb() *elb.Client { return elb.NewFromConfig(b.config) }

func (b *bench) loadBalancer(t testing.TB) string {
	t.Helper()
	o, err := b.elb().DescribeLoadBalancers(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, o.LoadBalancers, 1)
	return *o.LoadBalancers[0].LoadBalancerArn
}

// listener is the listener on a port.
func (b *bench) listener(t testing.TB, port int32) types.Listener {
	t.Helper()
	o, err := b.elb().DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: aws.String(b.loadBalancer(t))})
	require.NoError(t, err)
	for _, l := range o.Listeners {
		if *l.Port == port {
			return l
		}
	}
	require.Fail(t, "no such listener", port)
	return types.Listener{}
}

func TestDescribeLoadBalancer(t *testing.T) {
	b := start(t, nil)
	o, err := b.elb().DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"alblab"}})
	require.NoError(t, err)
	lb := o.LoadBalancers[0]
	require.Equal(t, types.LoadBalancerTypeEnumApplication, lb.Type)
	require.Equal(t, types.LoadBalancerStateEnumActive, lb.State.Code)
	require.Equal(t, b.Lab.Now(), *lb.CreatedTime)
	require.Len(t, lb.AvailabilityZones, 2)
	require.Equal(t, b.Endpoint().Host, *lb.DNSName)

	a, err := b.elb().DescribeLoadBalancerAttributes(t.Context(), &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn})
	require.NoError(t, err)
	got := map[string]string{}
	for _, x := range a.Attributes {
		got[*x.Key] = *x.Value
	}
	require.Equal(t, "true", got["connection_logs.s3.enabled"])
	require.Equal(t, "60", got["idle_timeout.timeout_seconds"])
	b.api.SetFaults(awsapi.Faults{Off: []evidence.Kind{evidence.KindAccess}})
	a, err = b.elb().DescribeLoadBalancerAttributes(t.Context(), &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn})
	require.NoError(t, err)
	require.Contains(t, a.Attributes, types.LoadBalancerAttribute{Key: aws.String("access_logs.s3.enabled"), Value: aws.String("false")})

	tags, err := b.elb().DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: []string{*lb.LoadBalancerArn, *b.listener(t, 443).ListenerArn}})
	require.NoError(t, err)
	require.Len(t, tags.TagDescriptions, 2)
	require.Len(t, tags.TagDescriptions[1].Tags, 3)
	limits, err := b.elb().DescribeAccountLimits(t.Context(), nil)
	require.NoError(t, err)
	require.Contains(t, limits.Limits, types.Limit{Name: aws.String("application-load-balancers"), Max: aws.String("50")})
}

func TestDescribeListeners(t *testing.T) {
	b := start(t, nil)
	https, mtls, fwd := b.listener(t, 443), b.listener(t, 8443), b.listener(t, 9443)
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-2-2021-06", *https.SslPolicy)
	require.Equal(t, "off", *https.MutualAuthentication.Mode)
	require.Equal(t, "alblab ok", *https.DefaultActions[0].FixedResponseConfig.MessageBody)
	require.Equal(t, "verify", *mtls.MutualAuthentication.Mode)
	require.Contains(t, *mtls.MutualAuthentication.TrustStoreArn, "truststore/alblab-clients/")
	require.Equal(t, "ELBSecurityPolicy-2016-08", *fwd.SslPolicy, "the API's default")
	require.Equal(t, types.ActionTypeEnumForward, fwd.DefaultActions[0].Type)

	rules, err := b.elb().DescribeRules(t.Context(), &elb.DescribeRulesInput{ListenerArn: fwd.ListenerArn})
	require.NoError(t, err)
	require.True(t, *rules.Rules[0].IsDefault)
	groups, err := b.elb().DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: fwd.LoadBalancerArn})
	require.NoError(t, err)
	require.Equal(t, *fwd.DefaultActions[0].TargetGroupArn, *groups.TargetGroups[0].TargetGroupArn)
	require.Equal(t, "alblab", *groups.TargetGroups[0].TargetGroupName)
	health, err := b.elb().DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: groups.TargetGroups[0].TargetGroupArn})
	require.NoError(t, err)
	require.Equal(t, types.TargetHealthStateEnumHealthy, health.TargetHealthDescriptions[0].TargetHealth.State)
	certs, err := b.elb().DescribeListenerCertificates(t.Context(), &elb.DescribeListenerCertificatesInput{ListenerArn: https.ListenerArn})
	require.NoError(t, err)
	require.True(t, *certs.Certificates[0].IsDefault)
	_, err = b.elb().DescribeListenerAttributes(t.Context(), &elb.DescribeListenerAttributesInput{ListenerArn: https.ListenerArn})
	require.NoError(t, err)
}

// Pages: each entry once, in order, whatever the page size; a token is good for its own call alone.
func TestDescribeSSLPoliciesInPages(t *testing.T) {
	b := start(t, nil)
	var names []string
	pages := 0
	in := &elb.DescribeSSLPoliciesInput{PageSize: aws.Int32(7), LoadBalancerType: types.LoadBalancerTypeEnumApplication}
	for more := true; more; pages++ {
		o, err := b.elb().DescribeSSLPolicies(t.Context(), in)
		require.NoError(t, err)
		for _, x := range o.SslPolicies {
			names = append(names, *x.Name)
		}
		in.Marker, more = o.NextMarker, o.NextMarker != nil
	}
	require.Equal(t, policy.Names(), names)
	require.Equal(t, (len(names)+6)/7, pages)

	first, err := b.elb().DescribeSSLPolicies(t.Context(), &elb.DescribeSSLPoliciesInput{PageSize: aws.Int32(7)})
	require.NoError(t, err)
	_, err = b.elb().DescribeSSLPolicies(t.Context(), &elb.DescribeSSLPoliciesInput{PageSize: aws.Int32(8), Marker: first.NextMarker})
	requireCode(t, err, "ValidationError")
	one, err := b.elb().DescribeSSLPolicies(t.Context(), &elb.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-TLS13-1-2-2021-06"}})
	require.NoError(t, err)
	require.Equal(t, []string{"TLSv1.2", "TLSv1.3"}, one.SslPolicies[0].SslProtocols)
	require.Equal(t, types.Cipher{Name: aws.String("TLS_AES_128_GCM_SHA256"), Priority: aws.Int32(1)}, one.SslPolicies[0].Ciphers[0])
	require.Equal(t, "ECDHE-ECDSA-AES128-GCM-SHA256", *one.SslPolicies[0].Ciphers[3].Name)
}

func requireCode(t testing.TB, err error, code string) {
	t.Helper()
	var e smithy.APIError
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.ErrorCode(), e.ErrorMessage())
}

// What is refused comes out of the SDK as the error of its type.
func TestLoadBalancingErrors(t *testing.T) {
	b := start(t, nil)
	c, ctx := b.elb(), t.Context()
	lb, https := b.loadBalancer(t), b.listener(t, 443).ListenerArn
	other := lb[:len(lb)-4] + "0000"

	_, err := c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"other"}})
	var noLB *types.LoadBalancerNotFoundException
	require.ErrorAs(t, err, &noLB)
	_, err = c.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &other})
	require.ErrorAs(t, err, &noLB)
	_, err = c.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{*https + "0"}})
	var noListener *types.ListenerNotFoundException
	require.ErrorAs(t, err, &noListener)
	_, err = c.DescribeSSLPolicies(ctx, &elb.DescribeSSLPoliciesInput{Names: []string{"TLS13-1-2-2021-06"}})
	var noPolicy *types.SSLPolicyNotFoundException
	require.ErrorAs(t, err, &noPolicy)
	_, err = c.DescribeTrustStores(ctx, &elb.DescribeTrustStoresInput{Names: []string{"x"}})
	var noStore *types.TrustStoreNotFoundException
	require.ErrorAs(t, err, &noStore)
	_, err = c.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{"arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/x"}})
	var noRule *types.RuleNotFoundException
	require.ErrorAs(t, err, &noRule)
	_, err = c.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String("x")})
	var noGroup *types.TargetGroupNotFoundException
	require.ErrorAs(t, err, &noGroup)

	for name, call := range map[string]func() error{
		"no argument": func() error { _, err := c.DescribeListeners(ctx, nil); return err },
		"no ARN": func() error {
			_, err := c.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: aws.String("alblab")})
			return err
		},
		"names and ARNs": func() error {
			_, err := c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"alblab"}, LoadBalancerArns: []string{lb}})
			return err
		},
		"page of 0": func() error {
			_, err := c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(0)})
			return err
		},
		"page of 401": func() error {
			_, err := c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(401)})
			return err
		},
		"bad marker": func() error {
			_, err := c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Marker: aws.String("x")})
			return err
		},
		"no tags of an S3 bucket": func() error {
			_, err := c.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{"arn:aws:s3:::x"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { requireCode(t, call(), "ValidationError") })
	}
	_, err = c.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &lb, DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward}}})
	requireCode(t, err, "InvalidAction")
}

// Another policy, or another mode of mutual TLS, takes effect on the next handshake.
func TestModifyListener(t *testing.T) {
	b := start(t, nil)
	ctx, c := t.Context(), b.elb()
	https := b.listener(t, 443)
	require.Empty(t, b.get(t, "https", "/", nil, tooOld).Responses)
	o, err := c.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: https.ListenerArn, SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-0-2021-06")})
	require.NoError(t, err)
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-0-2021-06", *o.Listeners[0].SslPolicy)
	require.Equal(t, wire.TLS11, b.get(t, "https", "/", nil, tooOld).Outcome.Version)
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-0-2021-06", b.Endpoint().Policies["https"])

	store := b.listener(t, 8443).MutualAuthentication.TrustStoreArn
	verify := &types.MutualAuthenticationAttributes{Mode: aws.String("verify"), TrustStoreArn: store, AdvertiseTrustStoreCaNames: types.AdvertiseTrustStoreCaNamesEnumOn}
	_, err = c.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: https.ListenerArn, MutualAuthentication: verify})
	require.NoError(t, err)
	require.Empty(t, b.get(t, "https", "/", nil, nil).Responses, "no certificate")
	a := b.get(t, "https", "/", nil, withCertificate(t, b, pki.KindGoodECDSA))
	require.Len(t, a.Responses, 1)
	require.NotEmpty(t, a.CertificateAuthorities, "the CA names are advertised")
	require.Empty(t, b.get(t, "https", "/", nil, withCertificate(t, b, pki.KindExpired)).Responses)
	verify.IgnoreClientCertificateExpiry = aws.Bool(true)
	_, err = c.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: https.ListenerArn, MutualAuthentication: verify})
	require.NoError(t, err)
	require.Len(t, b.get(t, "https", "/", nil, withCertificate(t, b, pki.KindExpired)).Responses, 1)
	l := b.listener(t, 443)
	require.True(t, *l.MutualAuthentication.IgnoreClientCertificateExpiry)
	associations, err := c.DescribeTrustStoreAssociations(ctx, &elb.DescribeTrustStoreAssociationsInput{TrustStoreArn: store})
	require.NoError(t, err)
	require.Len(t, associations.TrustStoreAssociations, 2)

	_, err = c.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: b.listener(t, 9443).ListenerArn, MutualAuthentication: verify})
	var tooMany *types.TooManyListenersException
	require.ErrorAs(t, err, &tooMany, "two listeners may verify")
	_, err = c.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: https.ListenerArn, MutualAuthentication: &types.MutualAuthenticationAttributes{Mode: aws.String("off")}})
	require.NoError(t, err)
	require.Len(t, b.get(t, "https", "/", nil, nil).Responses, 1)
}

func TestModifyListenerRefuses(t *testing.T) {
	b := start(t, nil)
	c := b.elb()
	https, store := b.listener(t, 443), b.listener(t, 8443).MutualAuthentication.TrustStoreArn
	mtls := func(mode string, change func(*types.MutualAuthenticationAttributes)) elb.ModifyListenerInput {
		m := &types.MutualAuthenticationAttributes{Mode: &mode}
		if change != nil {
			change(m)
		}
		return elb.ModifyListenerInput{MutualAuthentication: m}
	}
	for _, tt := range []struct {
		name, code string
		in         elb.ModifyListenerInput
	}{
		{"unknown policy", "SSLPolicyNotFound", elb.ModifyListenerInput{SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-9")}},
		{"policy without its prefix", "SSLPolicyNotFound", elb.ModifyListenerInput{SslPolicy: aws.String("TLS13-1-2-2021-06")}},
		{"unknown mode", "ValidationError", mtls("strict", nil)},
		{"verify without a trust store", "ValidationError", mtls("verify", nil)},
		{"verify with an unknown trust store", "TrustStoreNotFound", mtls("verify", func(m *types.MutualAuthenticationAttributes) { m.TrustStoreArn = aws.String(*store + "0") })},
		{"off with a trust store", "ValidationError", mtls("off", func(m *types.MutualAuthenticationAttributes) { m.TrustStoreArn = store })},
		{"passthrough that ignores expiry", "ValidationError", mtls("passthrough", func(m *types.MutualAuthenticationAttributes) { m.IgnoreClientCertificateExpiry = aws.Bool(true) })},
		{"another port", "OperationNotPermitted", elb.ModifyListenerInput{Port: aws.Int32(444)}},
		{"another protocol", "OperationNotPermitted", elb.ModifyListenerInput{Protocol: types.ProtocolEnumHttp}},
		{"a protocol of others", "UnsupportedProtocol", elb.ModifyListenerInput{Protocol: types.ProtocolEnumTls}},
		{"unknown certificate", "CertificateNotFound", elb.ModifyListenerInput{Certificates: []types.Certificate{{CertificateArn: aws.String("x")}}}},
		{"ALPN policy", "InvalidConfigurationRequest", elb.ModifyListenerInput{AlpnPolicy: []string{"HTTP2Only"}}},
		{"another action", "OperationNotPermitted", elb.ModifyListenerInput{DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.ListenerArn = https.ListenerArn
			_, err := c.ModifyListener(t.Context(), &tt.in)
			requireCode(t, err, tt.code)
			require.Equal(t, https, b.listener(t, 443), "nothing has changed")
		})
	}
	_, err := c.ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: aws.String(*https.ListenerArn + "0"), SslPolicy: https.SslPolicy})
	requireCode(t, err, "ListenerNotFound")
	_, err = c.ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: https.ListenerArn, Port: aws.Int32(443), Protocol: types.ProtocolEnumHttps})
	require.NoError(t, err, "what is as it is may be said")
}

// A listener's own trust store is one of its own in the account, and other listeners can be given it.
func TestTrustStores(t *testing.T) {
	other := pki.New("other.example")
	spec := testSpec()
	spec.Listeners["own"] = lab.Listener{Port: 9444, MTLSMode: "verify", TrustStore: string(other.TrustStore()), Certificate: "ecdsa"}
	b := startWith(t, spec, nil)
	o, err := b.elb().DescribeTrustStores(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, o.TrustStores, 2)
	require.Equal(t, "alblab-clients", *o.TrustStores[0].Name)
	require.EqualValues(t, 2, *o.TrustStores[0].NumberOfCaCertificates)
	require.Positive(t, *o.TrustStores[0].TotalRevokedEntries)
	require.Equal(t, "alblab-of-own", *o.TrustStores[1].Name)
	lists, err := b.elb().DescribeTrustStoreRevocations(t.Context(), &elb.DescribeTrustStoreRevocationsInput{TrustStoreArn: o.TrustStores[0].TrustStoreArn})
	require.NoError(t, err)
	require.NotEmpty(t, lists.TrustStoreRevocations)

	_, err = b.elb().ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: b.listener(t, 8443).ListenerArn,
		MutualAuthentication: &types.MutualAuthenticationAttributes{Mode: aws.String("verify"), TrustStoreArn: o.TrustStores[1].TrustStoreArn}})
	require.NoError(t, err)
	require.Empty(t, b.get(t, "mtls", "/", nil, withCertificate(t, b, pki.KindGoodECDSA)).Responses, "not its authority any more")
	require.Equal(t, *o.TrustStores[1].TrustStoreArn, *b.listener(t, 8443).MutualAuthentication.TrustStoreArn)
	out, err := b.api.Outputs(nil)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"default": *o.TrustStores[0].TrustStoreArn, "own": *o.TrustStores[1].TrustStoreArn}, out.TrustStoreARNs)
}
