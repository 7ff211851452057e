package terraform_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// table is a Glue table as the module describes it.
type table struct {
	names, types []string
	path, serde  string
	regex        *regexp.Regexp // whole line
}

func tables(t *testing.T) map[string]table {
	t.Helper()
	all := map[string]table{}
	for name, v := range watching(t, true, 443)["tables"].AsValueMap() {
		var tb table
		for _, c := range v.GetAttr("columns").AsValueSlice() {
			pair := list(c)
			tb.names, tb.types = append(tb.names, pair[0]), append(tb.types, pair[1])
		}
		tb.path, tb.serde = v.GetAttr("path").AsString(), v.GetAttr("serde").AsString()
		if options := v.GetAttr("options").AsValueMap(); strings.HasSuffix(tb.serde, "RegexSerDe") {
			// The SerDe asks for the whole line (java.util.regex.Matcher.matches).
			tb.regex = regexp.MustCompile(`^(?:` + options["input.regex"].AsString() + `)$`)
		}
		all[name] = tb
	}
	require.Len(t, all, 4)
	return all
}

// columns cuts a line as Athena does.
func (tb table) columns(t *testing.T, line string) map[string]string {
	t.Helper()
	m := tb.regex.FindStringSubmatch(line)
	require.NotNil(t, m, "the expression does not match, so that all columns would be null: %s", line)
	row := map[string]string{}
	for i, name := range tb.names {
		row[name] = m[i+1]
	}
	return row
}

// Group count must be column count, or every row is null (seen by others in public reports of ALB tables).
func TestTablesHaveAGroupForEachColumn(t *testing.T) {
	regexes := 0
	for name, tb := range tables(t) {
		require.NotEmpty(t, tb.names, name)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(tb.names))), len(tb.names), "%s: a column twice", name)
		if tb.regex != nil {
			regexes++
			require.Equal(t, len(tb.names), tb.regex.NumSubexp(), name)
		}
	}
	require.Equal(t, 2, regexes)
}

// Flow logs: the columns are the format's fields, and the format is the one that alblab's own flow logs have.
func TestFlowTableFollowsTheFormat(t *testing.T) {
	format := flowlog.LabFormat().String()
	fields := list(locals(t, "modules/evidence", awsVars())["fields"])
	parsed, err := flowlog.ParseFormat("${" + strings.Join(fields, "} ${") + "}")
	require.NoError(t, err)
	require.Equal(t, format, parsed.String())
	require.Equal(t, format, locals(t, "modules/evidence", awsVars())["format"].AsString())

	tb := tables(t)["flow_logs"]
	for i, f := range fields {
		require.Equal(t, strings.ReplaceAll(f, "-", "_"), tb.names[i])
	}
	require.Equal(t, len(fields), len(tb.names))
	require.Equal(t, "s3://logs/flow/AWSLogs/111122223333/vpcflowlogs/us-east-1", tb.path)
	// docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html: INT_32, INT_64, STRING.
	want := map[string]string{"version": "int", "srcport": "int", "dstport": "int", "protocol": "int", "tcp_flags": "int", "traffic_path": "int",
		"packets": "bigint", "bytes": "bigint", "start": "bigint", "end": "bigint"}
	for i, name := range tb.names {
		if want[name] == "" {
			want[name] = "string"
		}
		require.Equal(t, want[name], tb.types[i], name)
	}
}

// Each sample of the vendors' is a row, and its columns are what our parser reads of it.
func TestConnectionTableReadsSamples(t *testing.T) {
	tb := tables(t)["connection_logs"]
	lines := sampleLines(t, "../lab/evidence/connlog/testdata/alb-connection.log", "../lab/evidence/connlog/testdata/alb-connection-2026.log")
	written := connlog.Record{Time: time.Unix(1739600000, 0), ClientIP: netip.MustParseAddr("203.0.113.10"), ClientPort: 1, ListenerPort: 443,
		HandshakeLatency: -1, LeafSubject: `CN=a \"b\",O=c d`, VerifyStatus: "Failed:UnmappedConnectionError", ConnTraceID: "TID_" + strings.Repeat("0", 32)}
	own, err := written.AppendText(nil)
	require.NoError(t, err)
	lines = append(lines, string(own), string(own)+" - new-field")
	lines = append(lines, strings.Replace(lines[0], " Success ", ` "Failed:ClientCertExpired" `, 1)) // as re:Post shows it
	for _, line := range lines {
		row := tb.columns(t, line)
		for r, err := range connlog.Records(strings.NewReader(line), nil) {
			require.NoError(t, err, line)
			requireColumns(t, line, row, map[string]string{
				"client_ip": text(r.ClientIP), "client_port": fmt.Sprint(r.ClientPort), "listener_port": fmt.Sprint(r.ListenerPort),
				"tls_protocol": r.TLSProtocol, "tls_cipher": r.TLSCipher, "leaf_client_cert_subject": r.LeafSubject,
				"leaf_client_cert_serial_number": r.LeafSerial, "tls_verify_status": r.VerifyStatus, "conn_trace_id": r.ConnTraceID,
				"tls_keyexchange": r.KeyExchange, "elb": r.ELB, "ip_address": r.NodeIP,
			})
			require.True(t, strings.HasPrefix(line, row["time"]+" "))
		}
	}
	// Validity is two fields of the record; line number and what says that a line is partial are none. Otherwise each field has its column.
	require.Equal(t, reflect.TypeFor[connlog.Record]().NumField()-3, len(tb.names))
	require.Equal(t, "s3://logs/connection/AWSLogs/111122223333/elasticloadbalancing/us-east-1", tb.path)
}

func TestAccessTableReadsSamples(t *testing.T) {
	tb := tables(t)["access_logs"]
	lines := sampleLines(t, "../lab/evidence/accesslog/testdata/alb-access.log", "../lab/evidence/accesslog/testdata/alb-access-2026.log")
	require.Len(t, lines, 9, "sample lines of 2018 and of 2026")
	// Without the fields of 2026, without those of 2023: what stands in older logs.
	lines = append(lines, strings.TrimSuffix(lines[7], ` "-" "-"`))
	lines = append(lines, lines[8]+` "-" new`)
	lines = append(lines, strings.Replace(lines[7], `"Mozilla/5.0 (`, `"A \x22quoted\x22 agent (`, 1))
	for _, line := range lines {
		row := tb.columns(t, line)
		for r, err := range accesslog.Records(strings.NewReader(line), nil) {
			require.NoError(t, err, line)
			want := map[string]string{
				"type": r.Type, "elb": r.ELB, "client_ip": text(r.Client.Addr()), "client_port": fmt.Sprint(r.Client.Port()),
				"received_bytes": fmt.Sprint(r.ReceivedBytes), "sent_bytes": fmt.Sprint(r.SentBytes), "ssl_cipher": r.SSLCipher,
				"ssl_protocol": r.SSLProtocol, "target_group_arn": r.TargetGroupARN, "trace_id": r.TraceID, "domain_name": r.DomainName,
				"chosen_cert_arn": r.ChosenCertARN, "matched_rule_priority": r.MatchedRulePriority, "actions_executed": r.ActionsExecuted,
				"redirect_url": r.RedirectURL, "error_reason": r.ErrorReason, "target_port_list": r.TargetPortList,
				"target_status_code_list": r.TargetStatusCodeList, "classification": r.Classification,
				"classification_reason": r.ClassificationReason, "conn_trace_id": r.ConnTraceID, "transformed_host": r.TransformedHost,
				"transformed_uri": r.TransformedURI, "request_transform_status": r.RequestTransformStatus, "ip_address": r.NodeIP,
			}
			if r.ELBStatusCode > 0 {
				want["elb_status_code"] = fmt.Sprint(r.ELBStatusCode)
			}
			if !strings.Contains(line, `\x22`) {
				want["user_agent"] = r.UserAgent
			}
			requireColumns(t, line, row, want)
			require.Equal(t, r.Request, strings.TrimSuffix(row["request_verb"]+" "+row["request_url"]+" "+strings.TrimSuffix(row["request_proto"], " "), ""), line)
			require.Equal(t, r.Target, strings.Trim(row["target_ip"]+":"+row["target_port"], ":"), line)
		}
	}
	// Client, target and request are cut into two, two and three columns; the line number is none.
	require.Equal(t, reflect.TypeFor[accesslog.Record]().NumField()-1+1+1+2, len(tb.names))
	require.Equal(t, "s3://logs/access/AWSLogs/111122223333/elasticloadbalancing/us-east-1", tb.path)
}

// The JSON SerDe goes by lower-case names: each is a key of the record.
func TestWAFTableHasTheRecordsKeys(t *testing.T) {
	tb := tables(t)["waf_logs"]
	require.Equal(t, lowerTags(reflect.TypeFor[waflog.Record]()), tb.names)
	request := tb.types[slices.Index(tb.names, "httprequest")]
	for _, key := range lowerTags(reflect.TypeFor[waflog.Request]()) {
		require.Regexp(t, `[<,]`+key+`:`, request)
	}
	group := tb.types[slices.Index(tb.names, "rulegrouplist")]
	for _, key := range lowerTags(reflect.TypeFor[waflog.RuleGroup]()) {
		require.Regexp(t, `[<,]`+key+`:`, group)
	}
	for i, typ := range tb.types {
		require.Equal(t, strings.Count(typ, "<"), strings.Count(typ, ">"), tb.names[i])
	}
}

func lowerTags(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag != "-" {
			all = append(all, strings.ToLower(tag))
		}
	}
	return all
}

func sampleLines(t *testing.T, files ...string) []string {
	t.Helper()
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			all = append(all, strings.TrimRight(string(line), "\n"))
		}
	}
	require.NotEmpty(t, all)
	return all
}

// requireColumns compares; where the log has "-", our parser has nothing and a column "-" or nothing.
func requireColumns(t *testing.T, line string, row, want map[string]string) {
	t.Helper()
	for name, value := range want {
		got, ok := row[name]
		require.True(t, ok, "no column %s", name)
		if got == "-" {
			got = ""
		}
		require.Equal(t, value, got, "column %s of %s", name, line)
	}
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
