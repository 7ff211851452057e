package awsapi

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
)

func attributes(pairs ...string) list {
	var l list
	for i := 0; i+1 < len(pairs); i += 2 {
		l = append(l, out{{"Key", pairs[i]}, {"Value", pairs[i+1]}})
	}
	return l
}

// describeLoadBalancerAttributes has the attributes of an Application Load Balancer with their defaults
// (docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html), and where the logs go.
func describeLoadBalancerAttributes(c *call) (out, error) {
	arn := c.in.str("LoadBalancerArn")
	if arn == "" {
		return nil, required("loadBalancerArn")
	}
	if err := c.checkLoadBalancer(arn); err != nil {
		return nil, err
	}
	var all list
	for _, x := range []struct {
		name, prefix string
		kind         evidence.Kind
	}{{"access_logs", accessPrefix, evidence.KindAccess}, {"connection_logs", connectionPrefix, evidence.KindConnection}} {
		on, bucket, prefix := "true", c.names.logBucket, x.prefix
		if c.off(x.kind) {
			on, bucket, prefix = "false", "", ""
		}
		all = append(all, attributes(x.name+".s3.enabled", on, x.name+".s3.bucket", bucket, x.name+".s3.prefix", prefix)...)
	}
	all = append(all, attributes(
		"idle_timeout.timeout_seconds", strconv.Itoa(c.id.IdleTimeout),
		"deletion_protection.enabled", "false",
		"routing.http2.enabled", "true",
		"routing.http.drop_invalid_header_fields.enabled", "false",
		"routing.http.xff_client_port.enabled", "false",
		"routing.http.preserve_host_header.enabled", "false",
		"routing.http.xff_header_processing.mode", "append",
		"load_balancing.cross_zone.enabled", "true",
		"routing.http.desync_mitigation_mode", "defensive",
		"client_keep_alive.seconds", "3600",
		"waf.fail_open.enabled", "false",
		"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false",
		"zonal_shift.config.enabled", "false",
	)...)
	return out{{"Attributes", all}}, nil
}

func describeListenerAttributes(c *call) (out, error) {
	arn := c.in.str("ListenerArn")
	if arn == "" {
		return nil, required("listenerArn")
	}
	if _, err := c.listener(arn); err != nil {
		return nil, err
	}
	return out{{"Attributes", attributes("routing.http.response.server.enabled", "true")}}, nil
}

func describeListenerCertificates(c *call) (out, error) {
	arn := c.in.str("ListenerArn")
	if arn == "" {
		return nil, required("listenerArn")
	}
	l, err := c.listener(arn)
	if err != nil {
		return nil, err
	}
	var all list
	for i, a := range l.Certificates {
		all = append(all, out{{"CertificateArn", a}, {"IsDefault", i == 0}})
	}
	return c.elbPage("Certificates", all)
}

// describeSSLPolicies answers from our own catalogue, which has what AWS documents.
func describeSSLPolicies(c *call) (out, error) {
	switch t := c.in.str("LoadBalancerType"); t {
	case "", "application", "network":
	default:
		return nil, invalid("Load balancer type '%s' must be one of 'network,application'", t)
	}
	names := c.in.strs("Names")
	for _, n := range names {
		if !slices.Contains(policy.Names(), n) {
			return nil, failure("SSLPolicyNotFound", "SSL policy '%s' not found", n)
		}
	}
	var all list
	for _, p := range policy.All() {
		if len(names) > 0 && !slices.Contains(names, p.Name) {
			continue
		}
		var versions, ciphers list
		for _, v := range p.Versions {
			versions = append(versions, v.String())
		}
		for i, s := range p.Suites {
			ciphers = append(ciphers, out{{"Name", s.OpenSSL()}, {"Priority", i + 1}})
		}
		all = append(all, out{{"SslProtocols", versions}, {"Ciphers", ciphers}, {"Name", p.Name},
			{"SupportedLoadBalancerTypes", list{"application", "network"}}})
	}
	return c.elbPage("SslPolicies", all)
}

func (c *call) trustStore(arn string) (TrustStore, error) {
	if !elbARN(arn, "truststore/") {
		return TrustStore{}, invalid("'%s' is not a valid trust store ARN", arn)
	}
	all, err := c.account.TrustStores()
	if err != nil {
		return TrustStore{}, err
	}
	for _, t := range all {
		if t.ARN == arn {
			return t, nil
		}
	}
	return TrustStore{}, failure("TrustStoreNotFound", "Trust store '%s' not found", arn)
}

func describeTrustStores(c *call) (out, error) {
	arns, names := c.in.strs("TrustStoreArns"), c.in.strs("Names")
	if len(arns) > 0 && len(names) > 0 {
		return nil, invalid("Trust store names and trust store ARNs cannot be specified at the same time")
	}
	stores, err := c.account.TrustStores()
	if err != nil {
		return nil, err
	}
	for _, a := range arns {
		if _, err := c.trustStore(a); err != nil {
			return nil, err
		}
	}
	var all list
	found := 0
	for _, t := range stores {
		if len(arns) > 0 && !slices.Contains(arns, t.ARN) || len(names) > 0 && !slices.Contains(names, t.Name) {
			continue
		}
		found++
		revoked := 0
		for _, r := range t.RevocationLists {
			revoked += revokedEntries(r)
		}
		all = append(all, out{{"Name", t.Name}, {"TrustStoreArn", t.ARN}, {"Status", "ACTIVE"},
			{"NumberOfCaCertificates", countPEM(t.Bundle, "CERTIFICATE")}, {"TotalRevokedEntries", revoked}})
	}
	if len(names) > 0 && found < len(names) {
		return nil, failure("TrustStoreNotFound", "One or more trust stores not found")
	}
	return c.elbPage("TrustStores", all)
}

func countPEM(b []byte, kind string) (n int) {
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			return n
		}
		if block.Type == kind {
			n++
		}
		b = rest
	}
}

// revokedEntries counts the serial numbers in revocation lists.
func revokedEntries(b []byte) (n int) {
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			return n
		}
		if l, err := x509.ParseRevocationList(block.Bytes); err == nil {
			n += len(l.RevokedCertificateEntries)
		}
		b = rest
	}
}

func describeTrustStoreAssociations(c *call) (out, error) {
	t, err := c.trustStore(c.in.str("TrustStoreArn"))
	if err != nil {
		return nil, err
	}
	var all list
	for _, l := range c.account.Listeners() {
		if l.TrustStore == t.ARN {
			all = append(all, out{{"ResourceArn", c.names.listeners + l.ID}})
		}
	}
	return c.elbPage("TrustStoreAssociations", all)
}

func describeTrustStoreRevocations(c *call) (out, error) {
	t, err := c.trustStore(c.in.str("TrustStoreArn"))
	if err != nil {
		return nil, err
	}
	wanted := c.in.strs("RevocationIds")
	var all list
	for i, r := range t.RevocationLists {
		if id := strconv.Itoa(i + 1); len(wanted) > 0 && !slices.Contains(wanted, id) {
			continue
		}
		all = append(all, out{{"TrustStoreArn", t.ARN}, {"RevocationId", i + 1}, {"RevocationType", "CRL"}, {"NumberOfRevokedEntries", revokedEntries(r)}})
	}
	if len(all) < len(wanted) {
		return nil, failure("RevocationIdNotFound", "One or more revocation IDs not found")
	}
	return c.elbPage("TrustStoreRevocations", all)
}

// describeELBTags has the same tags for everything in the lab.
func describeELBTags(c *call) (out, error) {
	arns := c.in.strs("ResourceArns")
	if len(arns) == 0 {
		return nil, required("resourceArns")
	}
	if len(arns) > 20 {
		return nil, invalid("1 validation error detected: Value at 'resourceArns' failed to satisfy constraint: Member must have length less than or equal to 20")
	}
	var all list
	for _, a := range arns {
		if err := c.anyELB(a); err != nil {
			return nil, err
		}
		all = append(all, out{{"ResourceArn", a}, {"Tags", c.tags()}})
	}
	return out{{"TagDescriptions", all}}, nil
}

// anyELB finds a resource of Elastic Load Balancing of any type.
func (c *call) anyELB(arn string) error {
	var err error
	switch {
	case elbARN(arn, "loadbalancer/"):
		err = c.checkLoadBalancer(arn)
	case elbARN(arn, "listener/"):
		_, err = c.listener(arn)
	case elbARN(arn, "listener-rule/"):
		if !slices.ContainsFunc(c.account.Listeners(), func(l Listener) bool { return c.ruleARN(l) == arn }) {
			err = failure("RuleNotFound", "One or more rules not found")
		}
	case elbARN(arn, "targetgroup/"):
		if arn != c.names.targetGroup {
			err = failure("TargetGroupNotFound", "One or more target groups not found")
		}
	case elbARN(arn, "truststore/"):
		_, err = c.trustStore(arn)
	default:
		err = invalid("'%s' is not a valid ARN", arn)
	}
	return err
}

// describeAccountLimits has AWS's defaults (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html) by
// the names of docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Limit.html.
func describeAccountLimits(c *call) (out, error) {
	var all list
	for _, l := range []struct {
		name string
		max  int
	}{
		{"target-groups", 3000},
		{"targets-per-application-load-balancer", 1000},
		{"target-groups-per-application-load-balancer", 100},
		{"target-groups-per-action-on-application-load-balancer", 5},
		{"listeners-per-application-load-balancer", 50},
		{"rules-per-application-load-balancer", 100},
		{"certificates-per-application-load-balancer", 25},
		{"condition-values-per-alb-rule", 5},
		{"condition-wildcards-per-alb-rule", 6},
		{"application-load-balancers", 50},
		{"network-load-balancers", 50},
	} {
		all = append(all, out{{"Name", l.name}, {"Max", fmt.Sprint(l.max)}})
	}
	return c.elbPage("Limits", all)
}

func describeTargetGroups(c *call) (out, error) {
	arns, names := c.in.strs("TargetGroupArns"), c.in.strs("Names")
	if lb := c.in.str("LoadBalancerArn"); lb != "" {
		if err := c.checkLoadBalancer(lb); err != nil {
			return nil, err
		}
	}
	name := c.targetGroupName()
	for _, a := range arns {
		if a != c.names.targetGroup {
			return nil, failure("TargetGroupNotFound", "One or more target groups not found")
		}
	}
	for _, n := range names {
		if n != name {
			return nil, failure("TargetGroupNotFound", "One or more target groups not found")
		}
	}
	return c.elbPage("TargetGroups", list{out{
		{"TargetGroupArn", c.names.targetGroup}, {"TargetGroupName", name}, {"Protocol", "HTTP"}, {"Port", int(c.id.Target.Port())},
		{"VpcId", c.id.VPC}, {"HealthCheckProtocol", "HTTP"}, {"HealthCheckPort", "traffic-port"}, {"HealthCheckEnabled", true},
		{"HealthCheckIntervalSeconds", 30}, {"HealthCheckTimeoutSeconds", 5}, {"HealthyThresholdCount", 5}, {"UnhealthyThresholdCount", 2},
		{"HealthCheckPath", "/"}, {"Matcher", out{{"HttpCode", "200"}}}, {"LoadBalancerArns", list{c.names.loadBalancer}},
		{"TargetType", "ip"}, {"ProtocolVersion", "HTTP1"}, {"IpAddressType", "ipv4"},
	}})
}

func (c *call) targetGroupName() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(c.id.TargetGroup, "targetgroup/"), "/")
	return name
}

func describeTargetHealth(c *call) (out, error) {
	if a := c.in.str("TargetGroupArn"); a != c.names.targetGroup {
		return nil, failure("TargetGroupNotFound", "One or more target groups not found")
	}
	port := int(c.id.Target.Port())
	return out{{"TargetHealthDescriptions", list{out{
		{"Target", out{{"Id", c.id.Target.Addr().String()}, {"Port", port}, {"AvailabilityZone", c.id.Nodes[0].Zone}}},
		{"HealthCheckPort", strconv.Itoa(port)}, {"TargetHealth", out{{"State", "healthy"}}},
	}}}}, nil
}
