package awsapi

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// The web ACL's rules, as the lab names them.
const (
	reputationRule = "AWS-AWSManagedRulesAmazonIpReputationList"
	forwardedRule  = "block-forwarded-ips"
	defaultAction  = "Default_Action"
)

// wafv2 is AWS WAF (docs.aws.amazon.com/waf/latest/APIReference/).
func (s *Server) wafv2() *service {
	return &service{
		name: "wafv2", target: "AWSWAF_20190729", protocols: []protocol{protocolJSON11},
		operations: map[string]operation{
			"GetWebACLForResource":    getWebACLForResource,
			"GetWebACL":               getWebACL,
			"ListWebACLs":             listWebACLs,
			"ListResourcesForWebACL":  listResourcesForWebACL,
			"GetLoggingConfiguration": getLoggingConfiguration,
			"GetSampledRequests":      getSampledRequests,
			"ListTagsForResource":     listWAFTags,
		},
	}
}

func nonexistent() *apiError {
	return failure("WAFNonexistentItemException", "AWS WAF couldn’t perform the operation because your resource doesn’t exist.")
}

// wafInvalid is a parameter that AWS WAF does not take.
func wafInvalid(name, value, reason string) *apiError {
	e := failure("WAFInvalidParameterException", "Error reason: %s, field: %s, parameter: %s", reason, name, value)
	e.extra = out{{"Field", name}, {"Parameter", value}, {"Reason", reason}}
	return e
}

func getWebACLForResource(c *call) (out, error) {
	arn := c.in.str("ResourceArn")
	switch {
	case arn == "":
		return nil, wafInvalid("RESOURCE_ARN", arn, "The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or slashes.")
	case !elbARN(arn, "loadbalancer/app/"):
		return nil, wafInvalid("RESOURCE_ARN", arn, "The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or slashes.")
	case arn != c.names.loadBalancer:
		return nil, nonexistent()
	case c.id.WebACL == "":
		return out{}, nil
	}
	return out{{"WebACL", c.webACL()}}, nil
}

// webACL describes the web ACL.
func (c *call) webACL() out {
	w := c.id.WAF
	visible := func(name string) out {
		return out{{"SampledRequestsEnabled", true}, {"CloudWatchMetricsEnabled", true}, {"MetricName", name}}
	}
	var rules list
	if w.IPReputation {
		rules = append(rules, out{
			{"Name", reputationRule}, {"Priority", len(rules)},
			{"Statement", out{{"ManagedRuleGroupStatement", out{{"VendorName", "AWS"}, {"Name", "AWSManagedRulesAmazonIpReputationList"}}}}},
			{"OverrideAction", out{{"None", out{}}}}, {"VisibilityConfig", visible(reputationRule)},
		})
	}
	if len(w.BlockForwardedIPs) > 0 {
		header := w.ForwardedIPHeader
		if header == "" {
			header = "X-Forwarded-For"
		}
		rules = append(rules, out{
			{"Name", forwardedRule}, {"Priority", len(rules)},
			{"Statement", out{{"IPSetReferenceStatement", out{
				{"ARN", strings.Replace(c.id.WebACL, "/webacl/", "/ipset/", 1)},
				{"IPSetForwardedIPConfig", out{{"HeaderName", header}, {"FallbackBehavior", "NO_MATCH"}, {"Position", "FIRST"}}},
			}}}},
			{"Action", out{{"Block", out{}}}}, {"VisibilityConfig", visible(forwardedRule)},
		})
	}
	action := "Allow"
	if w.DefaultActionBlock {
		action = "Block"
	}
	if rules == nil {
		rules = list{}
	}
	return out{
		{"Name", c.names.webACL}, {"Id", c.names.webACLID}, {"ARN", c.id.WebACL}, {"DefaultAction", out{{action, out{}}}},
		{"Description", "alblab"}, {"Rules", rules}, {"VisibilityConfig", visible(c.names.webACL)}, {"Capacity", 26},
		{"ManagedByFirewallManager", false}, {"LabelNamespace", "awswaf:" + c.id.Account + ":webacl:" + c.names.webACL + ":"},
	}
}

// lockToken is the token that changes of the web ACL would need.
func (c *call) lockToken() string { return c.names.webACLID }

func (c *call) scopeParameter() error {
	switch s := c.in.str("Scope"); s {
	case "REGIONAL", "CLOUDFRONT":
		return nil
	default:
		return wafInvalid("SCOPE_VALUE", s, "The scope is not valid., field: SCOPE_VALUE, parameter: "+s)
	}
}

func getWebACL(c *call) (out, error) {
	if arn := c.in.str("ARN"); arn != "" {
		if arn != c.id.WebACL {
			return nil, nonexistent()
		}
	} else if err := c.scopeParameter(); err != nil {
		return nil, err
	} else if c.id.WebACL == "" || c.in.str("Scope") != "REGIONAL" || c.in.str("Name") != c.names.webACL || c.in.str("Id") != c.names.webACLID {
		return nil, nonexistent()
	}
	return out{{"WebACL", c.webACL()}, {"LockToken", c.lockToken()}}, nil
}

func listWebACLs(c *call) (out, error) {
	if err := c.scopeParameter(); err != nil {
		return nil, err
	}
	acls := list{}
	if c.id.WebACL != "" && c.in.str("Scope") == "REGIONAL" {
		acls = append(acls, out{{"Name", c.names.webACL}, {"Id", c.names.webACLID}, {"Description", "alblab"}, {"LockToken", c.lockToken()}, {"ARN", c.id.WebACL}})
	}
	return out{{"WebACLs", acls}}, nil
}

func listResourcesForWebACL(c *call) (out, error) {
	if err := c.isWebACL("WebACLArn"); err != nil {
		return nil, err
	}
	arns := list{}
	if t := c.in.str("ResourceType"); t == "" || t == "APPLICATION_LOAD_BALANCER" {
		arns = append(arns, c.names.loadBalancer)
	}
	return out{{"ResourceArns", arns}}, nil
}

func (c *call) isWebACL(member string) error {
	arn := c.in.str(member)
	switch {
	case !strings.HasPrefix(arn, "arn:aws:wafv2:"):
		return wafInvalid("RESOURCE_ARN", arn, "The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or slashes.")
	case arn != c.id.WebACL:
		return nonexistent()
	}
	return nil
}

func getLoggingConfiguration(c *call) (out, error) {
	if err := c.isWebACL("ResourceArn"); err != nil {
		return nil, err
	}
	if c.off(evidence.KindWAF) {
		return nil, nonexistent()
	}
	return out{{"LoggingConfiguration", out{
		{"ResourceArn", c.id.WebACL}, {"LogDestinationConfigs", list{c.logGroupARN(c.names.wafGroup)}},
		{"ManagedByFirewallManager", false}, {"LogType", "WAF_LOGS"}, {"LogScope", "CUSTOMER"},
	}}}, nil
}

func listWAFTags(c *call) (out, error) {
	if err := c.isWebACL("ResourceARN"); err != nil {
		return nil, err
	}
	return out{{"TagInfoForResource", out{{"ResourceARN", c.id.WebACL}, {"TagList", c.tags()}}}}, nil
}

// getSampledRequests answers for the last three hours; RuleMetricName is a rule's, or the web ACL's for its default action
// (docs.aws.amazon.com/waf/latest/APIReference/API_GetSampledRequests.html).
//
// Assumption: Default_Action, as the log has it, names the default action too, and ALL all rules, as the console's query does.
func getSampledRequests(c *call) (out, error) {
	if err := c.isWebACL("WebAclArn"); err != nil {
		return nil, err
	}
	if err := c.scopeParameter(); err != nil {
		return nil, err
	}
	most := c.in.num("MaxItems", 0)
	if most < 1 || most > 500 {
		return nil, wafInvalid("MAX_ITEMS", fmt.Sprint(most), "The value must be between 1 and 500.")
	}
	w := c.in.sub("TimeWindow")
	from, to := w.time("StartTime"), w.time("EndTime")
	if *c.in.problem == nil && (from.IsZero() || !from.Before(to)) {
		return nil, wafInvalid("TIME_WINDOW", from.Format(time.RFC3339), "The start must be before the end.")
	}
	rules := []string{reputationRule, forwardedRule, defaultAction}
	switch name := c.in.str("RuleMetricName"); {
	case name == "ALL":
	case name == c.names.webACL:
		rules = []string{defaultAction}
	case slices.Contains(rules, name):
		rules = []string{name}
	default:
		return nil, nonexistent()
	}
	if oldest := c.now().Add(-3 * time.Hour); from.Before(oldest) {
		from = oldest
	}
	samples, population := list{}, int64(0)
	if until, ok := c.horizon(evidence.KindWAF); ok {
		if !c.delivery.AtOnce {
			until = until.Add(-c.delivery.Samples)
		}
		last := to
		if until.Before(last) {
			last = until
		}
		for _, r := range rules {
			recs, n := c.account.Samples(r, from, last, int(most)-len(samples))
			population += n
			for i := range recs {
				samples = append(samples, sample(&recs[i]))
			}
		}
	}
	return out{{"SampledRequests", samples}, {"PopulationSize", population}, {"TimeWindow", out{{"StartTime", from}, {"EndTime", to}}}}, nil
}

func sample(r *waflog.Record) out {
	headers := list{}
	for _, h := range r.HTTPRequest.Headers {
		headers = append(headers, out{{"Name", h.Name}, {"Value", h.Value}})
	}
	o := out{
		{"Request", out{{"ClientIP", r.HTTPRequest.ClientIP}, {"Country", r.HTTPRequest.Country}, {"URI", r.HTTPRequest.URI},
			{"Method", r.HTTPRequest.HTTPMethod}, {"HTTPVersion", r.HTTPRequest.HTTPVersion}, {"Headers", headers}}},
		{"Weight", 1}, {"Timestamp", time.UnixMilli(r.Timestamp)}, {"Action", r.Action},
	}
	if r.TerminatingRuleType == "MANAGED_RULE_GROUP" {
		o = append(o, field{"RuleNameWithinRuleGroup", "AWS#AWSManagedRulesAmazonIpReputationList#AWSManagedIPReputationList"})
	}
	if len(r.Labels) > 0 {
		labels := list{}
		for _, l := range r.Labels {
			labels = append(labels, out{{"Name", l.Name}})
		}
		o = append(o, field{"Labels", labels})
	}
	return o
}
