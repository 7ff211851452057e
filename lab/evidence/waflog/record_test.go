package waflog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func readAll(t testing.TB, in string, o *evidence.Options) (recs []*Record, errs []string) {
	t.Helper()
	if o == nil {
		o = &evidence.Options{}
	}
	o.File = "waf.log"
	for r, err := range Records(strings.NewReader(in), o) {
		if err != nil {
			var pe *evidence.ParseError
			require.ErrorAs(t, err, &pe)
			errs = append(errs, err.Error())
			continue
		}
		recs = append(recs, r)
	}
	return recs, errs
}

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NotEmpty(t, b)
	return string(b)
}

func compact(t testing.TB, s string) string {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, json.Compact(&buf, []byte(s)))
	return buf.String()
}

func TestSamples(t *testing.T) {
	recs, errs := readAll(t, sample(t, "waf-block.json"), nil)
	require.Empty(t, errs)
	require.Len(t, recs, 1)
	r := recs[0]
	require.Equal(t, "BLOCK", r.Action)
	require.Equal(t, int64(1697514746303), r.Timestamp)
	require.Equal(t, "GROUP", r.TerminatingRuleType)
	require.Equal(t, "ALB", r.HTTPSourceName)
	require.Len(t, r.RuleGroupList, 5)
	require.JSONEq(t, `{"ruleId":"redirect-ip-direct","action":"BLOCK","ruleMatchDetails":null}`, string(r.RuleGroupList[4].TerminatingRule))
	require.Equal(t, 1, r.Line)

	recs, errs = readAll(t, sample(t, "waf-ja4-excerpt.json"), nil)
	require.Empty(t, errs)
	require.Equal(t, "t13d201100_2b729b4bf6f3_36bf25f296df", recs[0].JA4Fingerprint)

	recs, errs = readAll(t, sample(t, "waf-sampled-requests.json"), nil)
	require.Empty(t, errs)
	require.NotEmpty(t, recs)
	require.Equal(t, int64(1581541799564), recs[0].Timestamp)
	require.Equal(t, "198.51.100.08", recs[0].HTTPRequest.ClientIP)
	require.Equal(t, "Host", recs[0].HTTPRequest.Headers[0].Name)
	require.Equal(t, "AWS#AWSManagedRulesSQLiRuleSet#SQLi_BODY", recs[0].TerminatingRuleID)
}

// Whole records come back with the same content, and on one line.
func TestRoundTripOfSamples(t *testing.T) {
	for _, name := range []string{"waf-allow.json", "waf-block.json"} {
		in := sample(t, name)
		recs, errs := readAll(t, in, nil)
		require.Empty(t, errs)
		out, err := recs[0].AppendText(nil)
		require.NoError(t, err)
		require.JSONEq(t, in, string(out), name)
		require.NotContains(t, string(out), "\n")
		require.NotContains(t, string(out), `\u00`)
		again, errs := readAll(t, string(out), nil)
		require.Empty(t, errs)
		require.Equal(t, recs[0].HTTPRequest, again[0].HTTPRequest)
	}
}

// The order of keys is that of the vendor's example and of the live records.
func TestKeyOrder(t *testing.T) {
	in := sample(t, "waf-allow.json")
	recs, _ := readAll(t, in, nil)
	out, err := recs[0].AppendText(nil)
	require.NoError(t, err)
	// maxRateAllowed and the like are raw, so the whole text is the same but for white space.
	require.Equal(t, compact(t, in), compact(t, string(out)))
}

func TestForms(t *testing.T) {
	pretty := strings.TrimSpace(sample(t, "waf-block.json"))
	one := compact(t, pretty)
	tests := []struct {
		name, in string
		lines    []int
	}{
		{"JSON lines", one + "\n" + one + "\n", []int{1, 2}},
		{"CRLF and blank lines", one + "\r\n\r\n" + one + "\r\n", []int{1, 3}},
		{"no last line end", one + "\n" + one, []int{1, 2}},
		{"several on one line", one + one + " " + one, []int{1, 1, 1}},
		{"pretty in a row", pretty + "\n" + pretty, []int{1, 1 + strings.Count(pretty, "\n") + 1}},
		{"list", "[" + one + ",\n" + one + "]\n", []int{1, 2}},
		{"pretty list", "[\n" + strings.ReplaceAll("  "+pretty, "\n", "\n  ") + ",\n" + strings.ReplaceAll("  "+pretty, "\n", "\n  ") + "\n]", []int{2, 2 + strings.Count(pretty, "\n") + 1}},
		{"byte order mark", "\xef\xbb\xbf" + one, []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recs, errs := readAll(t, tt.in, nil)
			require.Empty(t, errs)
			var lines []int
			for _, r := range recs {
				lines = append(lines, r.Line)
				require.Equal(t, "BLOCK", r.Action)
			}
			require.Equal(t, tt.lines, lines)
		})
	}
}

func TestUnknownKeysAreKept(t *testing.T) {
	in := `{"timestamp":1,"formatVersion":1,"action":"ALLOW","zeta":[1,{"a":"<b>"}],"clientAsn":64500,"httpRequest":{"clientIp":"192.0.2.1","newKey":1}}`
	recs, errs := readAll(t, in, nil)
	require.Empty(t, errs)
	require.Equal(t, json.RawMessage("64500"), recs[0].Other["clientAsn"])
	out, err := recs[0].AppendText(nil)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(out), `,"clientAsn":64500,"zeta":[1,{"a":"<b>"}]}`), "%s", out)
}

func TestLongRecords(t *testing.T) {
	body := strings.Repeat("a", 3<<20)
	in := `{"timestamp":1,"action":"ALLOW","httpRequest":{"uri":"` + body + `"}}`
	recs, errs := readAll(t, in+"\n"+in+"\n", nil)
	require.Empty(t, errs)
	require.Len(t, recs, 2)
	require.Len(t, recs[1].HTTPRequest.URI, len(body))

	recs, errs = readAll(t, in+"\n"+`{"timestamp":2,"action":"BLOCK"}`+"\n", &evidence.Options{MaxLine: 1 << 20})
	require.Equal(t, []string{"waf.log:1: line is longer than 1048576 bytes"}, errs)
	require.Len(t, recs, 1)

	over := "{\n" + strings.Repeat(` "k":"`+strings.Repeat("v", 1000)+"\",\n", 100)
	_, errs = readAll(t, over, &evidence.Options{MaxLine: 10000})
	require.Contains(t, errs[0], "waf.log:1: the record is longer than 10000 bytes")
}

// TestPermissionTest: the event that AWS writes into the log group when logging is set up is no request and no damage.
func TestPermissionTest(t *testing.T) {
	const test = "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs while creating a subscription."
	recs, errs := readAll(t, test+"\n"+`{"timestamp":7,"action":"ALLOW"}`+"\n"+test, nil)
	require.Empty(t, errs)
	require.Len(t, recs, 1)
	require.Equal(t, 2, recs[0].Line)
}

func TestDamage(t *testing.T) {
	const good = `{"timestamp":7,"action":"ALLOW"}`
	tests := []struct {
		name, in, want string
	}{
		{"half a line", `{"timestamp":7,"act`, `waf.log:2: the record does not end: "{\"timestamp\":7,\"act"`},
		{"half a nested line", `{"timestamp":7,"httpRequest":{"headers":[{"name":"x`, "waf.log:2: the record does not end: "},
		{"text", "hello world", `waf.log:2: not a JSON object: "hello world"`},
		{"wrong type", `{"timestamp":"x","action":"ALLOW"}`, `waf.log:2: field timestamp: JSON string where a number is expected: "\"x\""`},
		{"wrong type inside", `{"action":"ALLOW","httpRequest":{"headers":7}}`, `waf.log:2: field httpRequest: headers is a JSON number where a list is expected: `},
		{"no record", `{"hello":1}`, `waf.log:2: field action: missing: this is no WAF log record: "{\"hello\":1}"`},
		{"bad JSON", `{"action":ALLOW}`, `waf.log:2: not JSON: invalid character 'A' looking for beginning of value: `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recs, errs := readAll(t, good+"\n"+tt.in+"\n"+good+"\n", nil)
			require.Len(t, errs, 1)
			require.Contains(t, errs[0], tt.want)
			require.Len(t, recs, 2, "the records around are read")
			require.Equal(t, 3, recs[1].Line)
		})
	}
	t.Run("half at the end", func(t *testing.T) {
		recs, errs := readAll(t, good+"\n{\n  \"timestamp\": 7,", nil)
		require.Len(t, recs, 1)
		require.Len(t, errs, 1)
		require.Contains(t, errs[0], "waf.log:2: the record does not end: ")
	})
}

func TestGzip(t *testing.T) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err := z.Write([]byte(sample(t, "waf-allow.json")))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	recs, errs := readAll(t, buf.String(), nil)
	require.Empty(t, errs)
	require.Len(t, recs, 1)
}

func TestCloneSharesNothing(t *testing.T) {
	recs, _ := readAll(t, sample(t, "waf-block.json"), nil)
	c := recs[0].Clone()
	require.Equal(t, recs[0], c)
	c.RuleGroupList[4].TerminatingRule[0] = '!'
	c.HTTPRequest.Headers[0].Name = "changed"
	require.NotEqual(t, byte('!'), recs[0].RuleGroupList[4].TerminatingRule[0])
	require.NotEqual(t, "changed", recs[0].HTTPRequest.Headers[0].Name)
}

func TestAppendTextOfEmptyRecord(t *testing.T) {
	out, err := (&Record{Action: "ALLOW"}).AppendText(nil)
	require.NoError(t, err)
	require.Equal(t, `{"timestamp":0,"formatVersion":0,"webaclId":"","terminatingRuleId":"","terminatingRuleType":"","action":"ALLOW",`+
		`"terminatingRuleMatchDetails":[],"httpSourceName":"","httpSourceId":"","ruleGroupList":[],"rateBasedRuleList":[],`+
		`"nonTerminatingMatchingRules":[],"requestHeadersInserted":null,"responseCodeSent":null,"httpRequest":{"clientIp":"",`+
		`"country":"","headers":[],"uri":"","args":"","httpVersion":"","httpMethod":"","requestId":""}}`, string(out))
	_, err = (&Record{RateBasedRuleList: json.RawMessage("{")}).AppendText(nil)
	require.ErrorContains(t, err, "writing WAF log: ")
}
