// Package waflog reads and writes AWS WAF log records, one JSON object for each request that a web ACL judged. A connection
// whose TLS handshake failed has none.
//
// Start with [Records]; [Record.AppendText] is the way back.
package waflog

import "encoding/json"

// Record is one request judged by a web ACL (source: docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html).
// The raw fields hold the JSON as it was read; nil is written as the empty list or null that AWS has there.
type Record struct {
	Line                        int             `json:"-"`         // position in the input, from 1
	Timestamp                   int64           `json:"timestamp"` // Unix milliseconds
	FormatVersion               int             `json:"formatVersion"`
	WebACLID                    string          `json:"webaclId"`
	TerminatingRuleID           string          `json:"terminatingRuleId"`
	TerminatingRuleType         string          `json:"terminatingRuleType"`
	Action                      string          `json:"action"`
	TerminatingRuleMatchDetails json.RawMessage `json:"terminatingRuleMatchDetails"`
	HTTPSourceName              string          `json:"httpSourceName"`
	HTTPSourceID                string          `json:"httpSourceId"`
	RuleGroupList               []RuleGroup     `json:"ruleGroupList"`
	RateBasedRuleList           json.RawMessage `json:"rateBasedRuleList"`
	NonTerminatingMatchingRules json.RawMessage `json:"nonTerminatingMatchingRules"`
	RequestHeadersInserted      json.RawMessage `json:"requestHeadersInserted"`
	ResponseCodeSent            *int            `json:"responseCodeSent"`
	HTTPRequest                 Request         `json:"httpRequest"`
	Labels                      []Label         `json:"labels,omitempty"`
	RequestBodySize             *int64          `json:"requestBodySize,omitempty"`
	RequestBodySizeInspected    *int64          `json:"requestBodySizeInspectedByWAF,omitempty"`
	JA3Fingerprint              string          `json:"ja3Fingerprint,omitempty"`
	JA4Fingerprint              string          `json:"ja4Fingerprint,omitempty"`

	Other map[string]json.RawMessage `json:"-"` // top-level keys that this struct does not name, as they were read
}

// RuleGroup is one evaluated rule group.
type RuleGroup struct {
	RuleGroupID                 string          `json:"ruleGroupId"`
	TerminatingRule             json.RawMessage `json:"terminatingRule"`
	NonTerminatingMatchingRules json.RawMessage `json:"nonTerminatingMatchingRules"`
	ExcludedRules               json.RawMessage `json:"excludedRules"`
	CustomerConfig              json.RawMessage `json:"customerConfig"`
}

// Request is the HTTP request as WAF saw it.
type Request struct {
	ClientIP    string   `json:"clientIp"`
	Country     string   `json:"country"`
	Headers     []Header `json:"headers"`
	URI         string   `json:"uri"`
	Args        string   `json:"args"`
	HTTPVersion string   `json:"httpVersion"`
	HTTPMethod  string   `json:"httpMethod"`
	RequestID   string   `json:"requestId"` // ALB: the root of X-Amzn-Trace-Id, "1-..."
	Fragment    string   `json:"fragment,omitempty"`
	Scheme      string   `json:"scheme,omitempty"`
	Host        string   `json:"host,omitempty"`
}

// Header is one request header.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Label is one label.
type Label struct {
	Name string `json:"name"`
}
