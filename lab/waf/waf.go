// Package waf is a web ACL as AWS WAF judges requests that a load balancer hands over: the managed IP-reputation group,
// then a rule that blocks by an address in a header, then the default action. Every request gives a complete record of
// the WAF log.
//
// Start with [New] and [ACL.Judge]; [ACL.Samples] is what GetSampledRequests answers. The metrics of AWS/WAFV2 follow from
// the records. It looks at no request body, as none of its rules does.
package waf

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/alblab/alblab/lab/evidence/waflog"
)

// Names of the managed rule group (source: docs.aws.amazon.com/waf/latest/developerguide/
// aws-managed-rule-groups-ip-rep.html).
const (
	reputationGroup = "AWS#AWSManagedRulesAmazonIpReputationList"
	reputationName  = "AWSManagedIPReputationList"
	reputationLabel = "awswaf:managed:aws:amazon-ip-list:AWSManagedIPReputationList"
	// ReputationRule is the name of the rule that refers to the managed group, as the console names it.
	ReputationRule = "AWS-AWSManagedRulesAmazonIpReputationList"
	// ForwardedIPRule is the name of the rule that blocks by the forwarded address.
	ForwardedIPRule = "block-forwarded-ips"
	// DefaultAction stands in the place of a rule's name where no rule matched.
	DefaultAction = "Default_Action"
)

// Config describes a web ACL.
type Config struct {
	ARN string // arn:aws:wafv2:<region>:<account>:regional/webacl/<name>/<id>
	// ReputationGroup switches the managed group on. Its contents are not public: Reputation stands for them.
	ReputationGroup bool
	Reputation      []netip.Prefix
	// Blocked are the addresses that the rule on the forwarded-IP header blocks; empty: there is no such rule.
	Blocked      []netip.Prefix
	Header       string // the forwarded-IP header; "": X-Forwarded-For
	DefaultBlock bool   // the default action is BLOCK
}

// ACL is a web ACL. All methods may be called from several goroutines.
type ACL struct {
	cfg Config

	mu      sync.Mutex
	samples map[string]*samples // by rule
}

// New makes a web ACL.
func New(c Config) (*ACL, error) {
	// arn:partition:wafv2:region:account:scope/webacl/name/id
	arn := strings.Split(c.ARN, ":")
	if len(arn) != 6 || arn[0] != "arn" || arn[2] != "wafv2" {
		return nil, fmt.Errorf("web acl: %q is no ARN of a web ACL", c.ARN)
	}
	path := strings.Split(arn[5], "/")
	if len(path) != 4 || path[1] != "webacl" {
		return nil, fmt.Errorf("web acl: %q is no ARN of a web ACL", c.ARN)
	}
	for _, p := range append(append([]netip.Prefix(nil), c.Reputation...), c.Blocked...) {
		if !p.IsValid() {
			return nil, errors.New("web acl: invalid prefix in an IP set")
		}
	}
	if c.Header == "" {
		c.Header = "X-Forwarded-For"
	}
	return &ACL{cfg: c, samples: map[string]*samples{}}, nil
}

// Verdict is what the web ACL lets happen to a request.
type Verdict uint8

// The verdicts.
const (
	Allow Verdict = iota
	Block
)

// String returns the action as the log has it.
func (v Verdict) String() string {
	if v == Block {
		return "BLOCK"
	}
	return "ALLOW"
}

// Request is a request as the load balancer hands it over.
type Request struct {
	Time        time.Time
	SourceID    string // <account>-app/<name>/<id>
	ID          string // the root of X-Amzn-Trace-Id without "Root="
	ClientIP    netip.Addr
	Method      string
	URI         string // the path
	Args        string // the query
	HTTPVersion string // HTTP/1.1, HTTP/2.0
	Scheme      string
	Host        string
	Headers     []waflog.Header // as sent, in order
	BodySize    int64           // -1: unknown
	JA3, JA4    string          // "" where the hello gave none
}

// bodyLimit is how much of a body WAF inspects behind an Application Load Balancer
// (docs.aws.amazon.com/waf/latest/developerguide/web-acl-setting-body-inspection-limit.html).
const bodyLimit = 8 << 10

// Judge decides on a request and gives the log's record of it.
func (a *ACL) Judge(r *Request) (Verdict, waflog.Record) {
	v := Allow
	if a.cfg.DefaultBlock {
		v = Block
	}
	rec := a.record(r)
	if a.cfg.ReputationGroup {
		g := waflog.RuleGroup{RuleGroupID: reputationGroup, NonTerminatingMatchingRules: json.RawMessage("[]")}
		if contains(a.cfg.Reputation, r.ClientIP) {
			v = Block
			g.TerminatingRule = json.RawMessage(`{"ruleId":"` + reputationName + `","action":"BLOCK","ruleMatchDetails":null}`)
			rec.TerminatingRuleID, rec.TerminatingRuleType = ReputationRule, "MANAGED_RULE_GROUP"
			rec.Labels = []waflog.Label{{Name: reputationLabel}}
		}
		rec.RuleGroupList = append(rec.RuleGroupList, g)
	}
	if rec.TerminatingRuleID == "" && len(a.cfg.Blocked) > 0 && contains(a.cfg.Blocked, a.forwarded(r)) {
		v = Block
		rec.TerminatingRuleID, rec.TerminatingRuleType = ForwardedIPRule, "REGULAR"
	}
	if rec.TerminatingRuleID == "" {
		rec.TerminatingRuleID, rec.TerminatingRuleType = DefaultAction, "REGULAR"
	}
	rec.Action = v.String()
	a.sample(r.Time, &rec)
	return v, rec
}

// record is the part of a record that does not depend on the verdict.
func (a *ACL) record(r *Request) waflog.Record {
	rec := waflog.Record{
		Timestamp:                   r.Time.UnixMilli(),
		FormatVersion:               1,
		WebACLID:                    a.cfg.ARN,
		TerminatingRuleMatchDetails: json.RawMessage("[]"),
		HTTPSourceName:              "ALB",
		HTTPSourceID:                r.SourceID,
		RuleGroupList:               []waflog.RuleGroup{},
		RateBasedRuleList:           json.RawMessage("[]"),
		NonTerminatingMatchingRules: json.RawMessage("[]"),
		HTTPRequest: waflog.Request{
			ClientIP: r.ClientIP.String(),
			// Assumption: "-", as for an address whose country is not known; AWS's table of addresses is not public.
			Country:     "-",
			Headers:     r.Headers,
			URI:         r.URI,
			Args:        r.Args,
			HTTPVersion: r.HTTPVersion,
			HTTPMethod:  r.Method,
			RequestID:   r.ID,
			Scheme:      r.Scheme,
			Host:        r.Host,
		},
		JA3Fingerprint: r.JA3,
		JA4Fingerprint: r.JA4,
	}
	if rec.HTTPRequest.Headers == nil {
		rec.HTTPRequest.Headers = []waflog.Header{}
	}
	if r.BodySize > 0 {
		size, seen := r.BodySize, min(r.BodySize, bodyLimit)
		rec.RequestBodySize, rec.RequestBodySizeInspected = &size, &seen
	}
	return rec
}

// forwarded returns the first address of the forwarded-IP header (position FIRST), or the zero address where the header is
// missing or its first entry is no address (fallback NO_MATCH): docs.aws.amazon.com/waf/latest/developerguide/
// waf-rule-statement-forwarded-ip-address.html.
func (a *ACL) forwarded(r *Request) netip.Addr {
	for _, h := range r.Headers {
		if !strings.EqualFold(h.Name, a.cfg.Header) {
			continue
		}
		first, _, _ := strings.Cut(h.Value, ",")
		addr, err := netip.ParseAddr(strings.TrimSpace(first))
		if err != nil {
			return netip.Addr{}
		}
		return addr
	}
	return netip.Addr{}
}

func contains(set []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range set {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
