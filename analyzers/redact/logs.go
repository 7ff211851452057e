package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/metric"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

func (m *Mapper) connectionLog(j *job) error {
	in, err := j.open()
	if err != nil {
		return err
	}
	defer in.Close()
	var buf []byte
	for r, err := range connlog.Records(in, j.options) {
		if err != nil {
			if err := j.damage(err); err != nil {
				return err
			}
			continue
		}
		r.ClientIP = m.Addr(r.ClientIP)
		r.LeafSubject, r.LeafSerial = m.Subject(r.LeafSubject), m.Serial(r.LeafSerial)
		r.ConnTraceID, r.ELB, r.NodeIP = m.Trace(r.ConnTraceID), m.LoadBalancer(r.ELB), m.text(r.NodeIP)
		if buf, err = r.AppendText(buf[:0]); err != nil {
			return err
		}
		if err := j.put(r.Line, buf); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mapper) accessLog(j *job) error {
	in, err := j.open()
	if err != nil {
		return err
	}
	defer in.Close()
	var buf []byte
	for r, err := range accesslog.Records(in, j.options) {
		if err != nil {
			if err := j.damage(err); err != nil {
				return err
			}
			continue
		}
		r.Client, r.ELB = m.AddrPort(r.Client), m.LoadBalancer(r.ELB)
		r.Target, r.TargetPortList = m.text(r.Target), m.text(r.TargetPortList)
		r.Request, r.RedirectURL, r.UserAgent = m.Request(r.Request), m.URL(r.RedirectURL), m.Agent(r.UserAgent)
		r.TargetGroupARN, r.ChosenCertARN = m.ARN(r.TargetGroupARN), m.ARN(r.ChosenCertARN)
		r.TraceID, r.ConnTraceID = m.Trace(r.TraceID), m.Trace(r.ConnTraceID)
		r.DomainName, r.TransformedHost, r.TransformedURI = m.Host(r.DomainName), m.Host(r.TransformedHost), m.Path(r.TransformedURI)
		r.NodeIP = m.text(r.NodeIP)
		if buf, err = r.AppendText(buf[:0]); err != nil {
			return err
		}
		if err := j.put(r.Line, buf); err != nil {
			return err
		}
	}
	return nil
}

// flowLog goes by the names of fields, so that those that only some formats have are not forgotten.
func (m *Mapper) flowLog(j *job) error {
	in, err := j.open()
	if err != nil {
		return err
	}
	defer in.Close()
	lines := evidence.NewLines(in, j.options)
	names := fieldNames(j.options.Format)
	first := true
	for {
		line, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if err := j.damage(err); err != nil {
				return err
			}
			continue
		}
		fields := strings.Fields(string(line))
		if first && isHeader(fields) {
			first, names = false, fields
			if err := j.header(lines.Line(), strings.Join(fields, " ")); err != nil {
				return err
			}
			continue
		}
		first = false
		if len(fields) != len(names) {
			if err := j.damage(lines.Damaged("", "")); err != nil {
				return err
			}
			continue
		}
		for i, f := range fields {
			fields[i] = m.flowField(names[i], f)
		}
		if err := j.put(lines.Line(), []byte(strings.Join(fields, " "))); err != nil {
			return err
		}
	}
}

func isHeader(fields []string) bool {
	_, err := flowlog.ParseFormat(strings.Join(fields, " "))
	return err == nil && len(fields) > 0 && strings.Trim(fields[0], "0123456789-") != ""
}

// fieldNames are the fields of a format as a manifest has it.
func fieldNames(format string) []string {
	if format == "" {
		format = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
	}
	return strings.Fields(strings.NewReplacer("${", "", "}", "", "$", "").Replace(format))
}

// flowKept are the fields that tell nothing of who it is.
var flowKept = map[string]bool{
	"version": true, "srcport": true, "dstport": true, "protocol": true, "packets": true, "bytes": true, "start": true, "end": true,
	"action": true, "log-status": true, "tcp-flags": true, "type": true, "region": true, "az-id": true, "sublocation-type": true,
	"flow-direction": true, "traffic-path": true, "reject-reason": true, "pkt-src-aws-service": true, "pkt-dst-aws-service": true,
	"encryption-status": true, "interface-type": true, "next-hop-interface-type": true, "next-hop-az-id": true,
}

func (m *Mapper) flowField(name, value string) string {
	if value == "-" || flowKept[name] {
		return value
	}
	if a, err := netip.ParseAddr(value); err == nil {
		return m.Addr(a).String()
	}
	switch {
	case name == "account-id":
		return m.Digits(value)
	case strings.HasPrefix(value, "arn:"):
		return m.ARN(value)
	case strings.HasSuffix(name, "-id"):
		return m.ID(value)
	}
	return m.word("name", value, false)
}

func (m *Mapper) wafLog(j *job) error {
	in, err := j.open()
	if err != nil {
		return err
	}
	defer in.Close()
	var buf []byte
	for r, err := range waflog.Records(in, j.options) {
		if err != nil {
			if err := j.damage(err); err != nil {
				return err
			}
			continue
		}
		r = r.Clone()
		m.wafRecord(r)
		if buf, err = r.AppendText(buf[:0]); err != nil {
			return err
		}
		if err := j.put(r.Line, buf); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mapper) wafRecord(r *waflog.Record) {
	r.WebACLID, r.TerminatingRuleID = m.ARN(r.WebACLID), m.rule(r.TerminatingRuleID)
	if account, name, ok := strings.Cut(r.HTTPSourceID, "-"); ok && strings.Trim(account, "0123456789") == "" {
		r.HTTPSourceID = m.Digits(account) + "-" + m.tokens(name, "/")
	} else {
		r.HTTPSourceID = m.ARN(r.HTTPSourceID)
	}
	raw := func(list ...*json.RawMessage) {
		for _, v := range list {
			*v = m.rawJSON(*v)
		}
	}
	raw(&r.TerminatingRuleMatchDetails, &r.RateBasedRuleList, &r.NonTerminatingMatchingRules, &r.RequestHeadersInserted)
	for i := range r.RuleGroupList {
		g := &r.RuleGroupList[i]
		g.RuleGroupID = m.rule(g.RuleGroupID)
		raw(&g.TerminatingRule, &g.NonTerminatingMatchingRules, &g.ExcludedRules, &g.CustomerConfig)
	}
	for i := range r.Labels {
		if !strings.HasPrefix(r.Labels[i].Name, "awswaf:managed:") {
			r.Labels[i].Name = m.tokens(r.Labels[i].Name, ":")
		}
	}
	for k, v := range r.Other {
		r.Other[k] = m.rawJSON(v)
	}
	q := &r.HTTPRequest
	q.ClientIP, q.Host, q.URI, q.Args = m.text(q.ClientIP), m.Host(q.Host), m.Path(q.URI), m.Query(q.Args)
	q.RequestID, q.Fragment = m.Trace(q.RequestID), m.word("query", q.Fragment, false)
	for i := range q.Headers {
		q.Headers[i].Value = m.header(q.Headers[i].Name, q.Headers[i].Value)
	}
}

// rule replaces the name of a rule, but for those that AWS gives.
func (m *Mapper) rule(s string) string {
	switch {
	case s == "Default_Action" || strings.HasPrefix(s, "AWS"):
		return s
	case strings.HasPrefix(s, "arn:"):
		return m.ARN(s)
	}
	return m.token(s)
}

// headersKept are those whose values are the protocol's.
var headersKept = map[string]bool{
	"accept": true, "accept-encoding": true, "connection": true, "content-length": true, "content-type": true, "cache-control": true,
	"x-amzn-tls-version": true, "x-amzn-tls-cipher-suite": true, "x-forwarded-proto": true, "x-forwarded-port": true, "date": true, "server": true,
	"transfer-encoding": true, "upgrade": true, "vary": true,
}

// header replaces a header's value.
func (m *Mapper) header(name, value string) string {
	switch name = strings.ToLower(name); {
	case headersKept[name]:
		return value
	case name == "host":
		return m.Host(value)
	case name == "user-agent":
		return m.Agent(value)
	case name == "x-amzn-trace-id":
		return m.Trace(value)
	case name == "x-forwarded-for":
		return m.text(value)
	case name == "location" || name == "referer" || name == "origin":
		return m.URL(value)
	}
	return m.word("header", value, false)
}

// rawJSON replaces the texts of JSON whose meaning is not known.
func (m *Mapper) rawJSON(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return b
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	out, err := json.Marshal(m.value(v))
	if err != nil {
		return nil
	}
	return out
}

// value replaces the texts in a JSON value; names of members stay.
func (m *Mapper) value(v any) any {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "arn:") {
			return m.ARN(v)
		}
		if a, err := netip.ParseAddr(v); err == nil {
			return m.Addr(a).String()
		}
		return m.rule(v)
	case []any:
		for i := range v {
			v[i] = m.value(v[i])
		}
	case map[string]any:
		for k := range v {
			if k != "action" && k != "conditionType" && k != "location" && k != "limitType" && k != "sensitivityLevel" {
				v[k] = m.value(v[k])
			}
		}
	}
	return v
}

// metrics are one document, not lines.
func (m *Mapper) metrics(j *job) error {
	in, err := j.open()
	if err != nil {
		return err
	}
	defer in.Close()
	var all []metric.Series
	for s, err := range metric.Records(in, j.options) {
		if err != nil {
			if !evidence.IsDamage(err) {
				return err
			}
			j.stats.Damaged++ // its place is not kept: a document has none
			continue
		}
		c := s.Clone()
		for i := range c.Dimensions {
			c.Dimensions[i].Value = m.dimension(c.Dimensions[i].Name, c.Dimensions[i].Value)
		}
		all = append(all, *c)
		j.stats.Records++
	}
	return metric.Write(&wholeFile{j}, all)
}

// dimension replaces a metric dimension's value.
func (m *Mapper) dimension(name, value string) string {
	switch name {
	case "AvailabilityZone", "Region", "Country", "Attack", "Device":
		return value
	case "Rule", "RuleGroup", "ManagedRuleGroup", "LabelName", "LabelNamespace":
		if value == "ALL" {
			return value
		}
		return m.rule(value)
	}
	return m.tokens(value, "/")
}

// wholeFile writes a document that has no lines. What is written at once counts as a record.
type wholeFile struct{ j *job }

func (w *wholeFile) Write(p []byte) (int, error) { return w.j.out.WriteHeader(p) }
