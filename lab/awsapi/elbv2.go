package awsapi

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alblab/alblab/lab"
)

// elbv2 is Elastic Load Balancing (docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/).
func (s *Server) elbv2() *service {
	return &service{
		name: "elasticloadbalancing", version: "2015-12-01", item: "member",
		namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
		protocols: []protocol{protocolQuery},
		operations: map[string]operation{
			"DescribeLoadBalancers":          describeLoadBalancers,
			"DescribeLoadBalancerAttributes": describeLoadBalancerAttributes,
			"DescribeListeners":              describeListeners,
			"DescribeListenerAttributes":     describeListenerAttributes,
			"DescribeListenerCertificates":   describeListenerCertificates,
			"ModifyListener":                 modifyListener,
			"DescribeRules":                  describeRules,
			"DescribeSSLPolicies":            describeSSLPolicies,
			"DescribeTargetGroups":           describeTargetGroups,
			"DescribeTargetHealth":           describeTargetHealth,
			"DescribeTrustStores":            describeTrustStores,
			"DescribeTrustStoreAssociations": describeTrustStoreAssociations,
			"DescribeTrustStoreRevocations":  describeTrustStoreRevocations,
			"DescribeTags":                   describeELBTags,
			"DescribeAccountLimits":          describeAccountLimits,
		},
	}
}

// elbPage cuts a listing of Elastic Load Balancing: Marker, PageSize 1 to 400, NextMarker.
func (c *call) elbPage(member string, all list) (out, error) {
	size := c.in.num("PageSize", 0)
	if c.in.has("PageSize") {
		if size < 1 {
			return nil, constraint(size, "pageSize", "greater than or equal to 1")
		}
		if size > 400 {
			return nil, constraint(size, "pageSize", "less than or equal to 400")
		}
	}
	p := c.pages("Marker", size, 400, invalid("Invalid marker"))
	if p.bad != nil {
		return nil, p.bad
	}
	from, to, next := p.cut(len(all))
	return out{{member, all[from:to]}, {"NextMarker", orNil(next)}}, nil
}

// constraint is a value outside of its bounds, in the words that AWS's services share.
func constraint(value any, name, must string) *apiError {
	return invalid("1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: Member must have value %s", value, name, must)
}

// required is a member that is missing.
func required(name string) *apiError {
	return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", name)
}

func describeLoadBalancers(c *call) (out, error) {
	arns, names := c.in.strs("LoadBalancerArns"), c.in.strs("Names")
	if len(arns) > 0 && len(names) > 0 {
		return nil, invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	for _, a := range arns {
		if err := c.checkLoadBalancer(a); err != nil {
			return nil, err
		}
	}
	for _, n := range names {
		if n != c.names.name {
			return nil, failure("LoadBalancerNotFound", "Load balancers '[%s]' not found", n)
		}
	}
	var zones list
	for _, n := range c.id.Nodes {
		zones = append(zones, out{{"ZoneName", n.Zone}, {"SubnetId", n.Subnet}, {"LoadBalancerAddresses", list{}}})
	}
	return c.elbPage("LoadBalancers", list{out{
		{"LoadBalancerArn", c.names.loadBalancer},
		{"DNSName", c.id.DNSName},
		{"CanonicalHostedZoneId", "Z35SXDOTRQ7X7K"}, // us-east-1 (docs.aws.amazon.com/general/latest/gr/elb.html)
		{"CreatedTime", c.id.Created},
		{"LoadBalancerName", c.names.name},
		{"Scheme", "internet-facing"},
		{"VpcId", c.id.VPC},
		{"State", out{{"Code", "active"}}},
		{"Type", "application"},
		{"AvailabilityZones", zones},
		{"SecurityGroups", list{c.id.SecurityGroup}},
		{"IpAddressType", "dualstack"},
		{"EnablePrefixForIpv6SourceNat", "off"},
	}})
}

// checkLoadBalancer holds an ARN to the one that there is.
func (c *call) checkLoadBalancer(arn string) error {
	switch {
	case arn == c.names.loadBalancer:
		return nil
	case !elbARN(arn, "loadbalancer/"):
		return invalid("'%s' is not a valid load balancer ARN", arn)
	}
	return failure("LoadBalancerNotFound", "Load balancers '[%s]' not found", arn)
}

// elbARN reports whether a text has the form of an ARN of Elastic Load Balancing.
func elbARN(arn, resource string) bool {
	p := strings.SplitN(arn, ":", 6)
	return len(p) == 6 && p[0] == "arn" && p[2] == "elasticloadbalancing" && strings.HasPrefix(p[5], resource)
}

// listener finds a listener by its ARN.
func (c *call) listener(arn string) (Listener, error) {
	if !elbARN(arn, "listener/") {
		return Listener{}, invalid("'%s' is not a valid listener ARN", arn)
	}
	for _, l := range c.account.Listeners() {
		if c.names.listeners+l.ID == arn {
			return l, nil
		}
	}
	return Listener{}, failure("ListenerNotFound", "One or more listeners not found")
}

func describeListeners(c *call) (out, error) {
	arns := c.in.strs("ListenerArns")
	lb := c.in.str("LoadBalancerArn")
	switch {
	case len(arns) == 0 && lb == "":
		return nil, invalid("You must specify either listener ARNs or a load balancer ARN")
	case len(arns) > 0 && lb != "":
		return nil, invalid("You cannot specify both listener ARNs and a load balancer ARN")
	}
	var all []Listener
	if lb != "" {
		if err := c.checkLoadBalancer(lb); err != nil {
			return nil, err
		}
		all = c.account.Listeners()
	}
	for _, a := range arns {
		l, err := c.listener(a)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return c.elbPage("Listeners", c.listenerList(all))
}

func (c *call) listenerList(all []Listener) list {
	slices.SortFunc(all, func(a, b Listener) int { return cmp.Compare(a.Port, b.Port) })
	var l list
	for _, x := range all {
		m := out{{"Mode", x.MTLSMode}}
		if x.MTLSMode == "verify" {
			m = append(m, out{
				{"TrustStoreArn", x.TrustStore},
				{"IgnoreClientCertificateExpiry", x.IgnoreClientCertificateExpiry},
				{"TrustStoreAssociationStatus", "active"},
				{"AdvertiseTrustStoreCaNames", onOff(x.AdvertiseCANames)},
			}...)
		}
		var certificate list
		if len(x.Certificates) > 0 { // the default one alone: DescribeListenerCertificates has them all
			certificate = list{out{{"CertificateArn", x.Certificates[0]}}}
		}
		l = append(l, out{
			{"ListenerArn", c.names.listeners + x.ID},
			{"LoadBalancerArn", c.names.loadBalancer},
			{"Port", int(x.Port)},
			{"Protocol", "HTTPS"},
			{"Certificates", certificate},
			{"SslPolicy", x.SSLPolicy},
			{"DefaultActions", c.actions(x.DefaultAction)},
			{"MutualAuthentication", m},
		})
	}
	return l
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (c *call) actions(a lab.Action) list {
	if a.Type == "forward" {
		return list{out{
			{"Type", "forward"}, {"TargetGroupArn", c.names.targetGroup}, {"Order", 1},
			{"ForwardConfig", out{
				{"TargetGroups", list{out{{"TargetGroupArn", c.names.targetGroup}, {"Weight", 1}}}},
				{"TargetGroupStickinessConfig", out{{"Enabled", false}}},
			}},
		}}
	}
	body := a.MessageBody
	if a == (lab.Action{}) {
		body = "alblab ok"
	}
	return list{out{
		{"Type", "fixed-response"}, {"Order", 1},
		{"FixedResponseConfig", out{
			{"MessageBody", orNil(body)},
			{"StatusCode", strconv.Itoa(cmp.Or(a.StatusCode, 200))},
			{"ContentType", cmp.Or(a.ContentType, "text/plain")},
		}},
	}}
}

func describeRules(c *call) (out, error) {
	arns, lArn := c.in.strs("RuleArns"), c.in.str("ListenerArn")
	switch {
	case len(arns) == 0 && lArn == "":
		return nil, invalid("You must specify either listener rule ARNs or a listener ARN")
	case len(arns) > 0 && lArn != "":
		return nil, invalid("You cannot specify both listener rule ARNs and a listener ARN")
	}
	var rules list
	add := func(l Listener) {
		rules = append(rules, out{
			{"RuleArn", c.ruleARN(l)}, {"Priority", "default"}, {"Conditions", list{}},
			{"Actions", c.actions(l.DefaultAction)}, {"IsDefault", true},
		})
	}
	if lArn != "" {
		l, err := c.listener(lArn)
		if err != nil {
			return nil, err
		}
		add(l)
	}
	for _, a := range arns {
		all := c.account.Listeners()
		i := slices.IndexFunc(all, func(l Listener) bool { return c.ruleARN(l) == a })
		if i < 0 {
			return nil, failure("RuleNotFound", "One or more rules not found")
		}
		add(all[i])
	}
	return c.elbPage("Rules", rules)
}

func (c *call) ruleARN(l Listener) string {
	return fmt.Sprintf("%s%s/%s", c.names.rules, l.ID, l.RuleID)
}
