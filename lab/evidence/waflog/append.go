package waflog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// AppendText appends the record as AWS writes it: one JSON object on one line, without a line end, keys in AWS's order, those
// of Other after them by name. It implements [encoding.TextAppender]. An error means that a raw field is not JSON; b is
// then returned as it was.
func (r *Record) AppendText(b []byte) ([]byte, error) {
	w := *r
	for _, list := range []*json.RawMessage{&w.TerminatingRuleMatchDetails, &w.RateBasedRuleList, &w.NonTerminatingMatchingRules} {
		if *list == nil {
			*list = json.RawMessage("[]")
		}
	}
	if w.RuleGroupList == nil {
		w.RuleGroupList = []RuleGroup{}
	}
	if w.HTTPRequest.Headers == nil {
		w.HTTPRequest.Headers = []Header{}
	}
	out, err := encode(&w)
	if err != nil {
		return b, fmt.Errorf("writing WAF log: %w", err)
	}
	if len(r.Other) == 0 {
		return append(b, out...), nil
	}
	out = out[:len(out)-1] // the closing brace
	keys := make([]string, 0, len(r.Other))
	for k := range r.Other {
		if w.field(k) == nil {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		name, err := encode(k)
		if err != nil {
			return b, fmt.Errorf("writing WAF log: %w", err)
		}
		value, err := encode(r.Other[k])
		if err != nil {
			return b, fmt.Errorf("writing WAF log: field %s: %w", k, err)
		}
		out = append(append(append(append(out, ','), name...), ':'), value...)
	}
	return append(append(b, out...), '}'), nil
}

// encode is json.Marshal without the escapes for HTML, which AWS does not write.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Clone returns a deep copy.
func (r *Record) Clone() *Record {
	c := *r
	for _, raw := range []*json.RawMessage{&c.TerminatingRuleMatchDetails, &c.RateBasedRuleList, &c.NonTerminatingMatchingRules, &c.RequestHeadersInserted} {
		*raw = bytes.Clone(*raw)
	}
	c.RuleGroupList = slices.Clone(r.RuleGroupList)
	for i := range c.RuleGroupList {
		g := &c.RuleGroupList[i]
		for _, raw := range []*json.RawMessage{&g.TerminatingRule, &g.NonTerminatingMatchingRules, &g.ExcludedRules, &g.CustomerConfig} {
			*raw = bytes.Clone(*raw)
		}
	}
	c.HTTPRequest.Headers = slices.Clone(r.HTTPRequest.Headers)
	c.Labels = slices.Clone(r.Labels)
	if r.ResponseCodeSent != nil {
		c.ResponseCodeSent = new(int)
		*c.ResponseCodeSent = *r.ResponseCodeSent
	}
	for _, p := range []**int64{&c.RequestBodySize, &c.RequestBodySizeInspected} {
		if *p != nil {
			n := **p
			*p = &n
		}
	}
	if r.Other != nil {
		c.Other = make(map[string]json.RawMessage, len(r.Other))
		for k, v := range r.Other {
			c.Other[k] = bytes.Clone(v)
		}
	}
	return &c
}
