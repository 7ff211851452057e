package waf

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

var update = flag.Bool("update", false, "write the golden files")

const arn = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/lab/01234567-89ab-cdef-0123-456789abcdef"

func request(client, forwarded string) *Request {
	r := &Request{
		Time: time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC), SourceID: "123456789012-app/lab/0123456789abcdef", ID: "1-6955b905-000000000000000000000001",
		ClientIP: netip.MustParseAddr(client), Method: "GET", URI: "/", HTTPVersion: "HTTP/2.0", Scheme: "https", Host: "lab.example.test",
		Headers: []waflog.Header{{Name: "host", Value: "lab.example.test"}}, JA3: "834d18406c1a0ec51303dda2eb4ca4fe",
	}
	if forwarded != "" {
		r.Headers = append(r.Headers, waflog.Header{Name: "x-forwarded-for", Value: forwarded})
	}
	return r
}

func newACL(t testing.TB, change func(*Config)) *ACL {
	c := Config{ARN: arn, ReputationGroup: true, Reputation: []netip.Prefix{netip.MustParsePrefix("203.0.113.99/32"), netip.MustParsePrefix("2001:db8::66/128")},
		Blocked: []netip.Prefix{netip.MustParsePrefix("192.0.2.64/30")}}
	if change != nil {
		change(&c)
	}
	a, err := New(c)
	require.NoError(t, err)
	return a
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name, client, forwarded string
		change                  func(*Config)
		want                    Verdict
		rule, kind              string
	}{
		{"allow", "203.0.113.10", "", nil, Allow, DefaultAction, "REGULAR"},
		{"default-block", "203.0.113.10", "", func(c *Config) { c.DefaultBlock = true }, Block, DefaultAction, "REGULAR"},
		{"reputation", "203.0.113.99", "", nil, Block, ReputationRule, "MANAGED_RULE_GROUP"},
		{"reputation-ipv6", "2001:db8::66", "", nil, Block, ReputationRule, "MANAGED_RULE_GROUP"},
		{"reputation-first", "203.0.113.99", "192.0.2.66", nil, Block, ReputationRule, "MANAGED_RULE_GROUP"},
		{"reputation-off", "203.0.113.99", "", func(c *Config) { c.ReputationGroup = false }, Allow, DefaultAction, "REGULAR"},
		{"forwarded", "203.0.113.10", "192.0.2.66", nil, Block, ForwardedIPRule, "REGULAR"},
		{"forwarded-first-of-two", "203.0.113.10", "192.0.2.66, 198.51.100.1", nil, Block, ForwardedIPRule, "REGULAR"},
		{"forwarded-second-of-two", "203.0.113.10", "198.51.100.1, 192.0.2.66", nil, Allow, DefaultAction, "REGULAR"},
		{"forwarded-no-address", "203.0.113.10", "unknown, 192.0.2.66", nil, Allow, DefaultAction, "REGULAR"},
		{"forwarded-mapped", "203.0.113.10", "::ffff:192.0.2.66", nil, Block, ForwardedIPRule, "REGULAR"},
		{"other-header", "203.0.113.10", "192.0.2.66", func(c *Config) { c.Header = "True-Client-IP" }, Allow, DefaultAction, "REGULAR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newACL(t, tt.change)
			v, rec := a.Judge(request(tt.client, tt.forwarded))
			require.Equal(t, tt.want, v)
			require.Equal(t, []string{v.String(), tt.rule, tt.kind}, []string{rec.Action, rec.TerminatingRuleID, rec.TerminatingRuleType})
			got, err := rec.AppendText(nil)
			require.NoError(t, err)
			var indented bytes.Buffer
			require.NoError(t, json.Indent(&indented, got, "", "  "))
			indented.WriteByte('\n')
			file := filepath.Join("testdata", tt.name+".json")
			if *update {
				require.NoError(t, os.WriteFile(file, indented.Bytes(), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), indented.String())
			n := 0
			for _, err := range waflog.Records(bytes.NewReader(got), &evidence.Options{}) {
				require.NoError(t, err)
				n++
			}
			require.Equal(t, 1, n)
		})
	}
}

// TestShapeIsThatOfARealRecord: a record has the keys of one that a real load balancer left (github.com/unqork-external/tomisp),
// apart from those that depend on rules and requests which are not modelled.
func TestShapeIsThatOfARealRecord(t *testing.T) {
	sample, err := os.ReadFile(filepath.Join("testdata", "waf-allow-sample.json"))
	require.NoError(t, err)
	var want, got map[string]any
	require.NoError(t, json.Unmarshal(sample, &want))
	r := request("203.0.113.10", "")
	r.BodySize = 20
	_, rec := newACL(t, nil).Judge(r)
	line, err := rec.AppendText(nil)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &got))
	for k, v := range want {
		require.Contains(t, got, k)
		require.IsType(t, v, got[k], k)
	}
	for k := range want["httpRequest"].(map[string]any) {
		require.Contains(t, got["httpRequest"], k)
	}
	group := want["ruleGroupList"].([]any)[2].(map[string]any)
	require.Equal(t, "AWS#AWSManagedRulesAmazonIpReputationList", group["ruleGroupId"])
	require.Equal(t, group, got["ruleGroupList"].([]any)[0])
}

func TestSamples(t *testing.T) {
	a := newACL(t, nil)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(d time.Duration) { r := request("203.0.113.10", ""); r.Time = begin.Add(d); a.Judge(r) }
	for i := range 600 {
		at(time.Duration(i) * time.Second)
	}
	now := begin.Add(10 * time.Minute)
	list, n := a.Samples(DefaultAction, begin, now, now, 1000)
	require.EqualValues(t, 600, n)
	require.Len(t, list, maxSamples)
	require.Equal(t, begin.Add(599*time.Second), list[0].Time, "the latest first")
	require.Equal(t, begin.Add(100*time.Second), list[len(list)-1].Time)
	list, _ = a.Samples(DefaultAction, begin, now, now, 3)
	require.Len(t, list, 3)
	list, n = a.Samples(DefaultAction, begin, now, now.Add(4*time.Hour), 10)
	require.Empty(t, list)
	require.Zero(t, n)
	list, _ = a.Samples(ReputationRule, begin, now, now, 3)
	require.Empty(t, list)
}

func TestErrors(t *testing.T) {
	for _, bad := range []string{"", "lab", "arn:aws:s3:::x", "arn:aws:wafv2:us-east-1:1:regional/ipset/a/b"} {
		_, err := New(Config{ARN: bad})
		require.EqualError(t, err, `web acl: "`+bad+`" is no ARN of a web ACL`)
	}
	_, err := New(Config{ARN: arn, Blocked: []netip.Prefix{{}}})
	require.EqualError(t, err, "web acl: invalid prefix in an IP set")
}

func BenchmarkJudge(b *testing.B) {
	a, r := newACL(b, nil), request("203.0.113.10", "192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		a.Judge(r)
	}
}
