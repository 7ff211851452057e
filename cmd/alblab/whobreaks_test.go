package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const hostileAgent = `<script>alert(1)</script>|=cmd*\x1b[31m`

// whoBreaksLogs writes a connection log and an access log, whose user agent is hostile, of two hours.
func whoBreaksLogs(t *testing.T) (connections, requests string) {
	dir := t.TempDir()
	connections, requests = filepath.Join(dir, "connection.log"), filepath.Join(dir, "access.log")
	require.NoError(t, os.WriteFile(connections, []byte(
		`2026-09-01T12:00:00.000000Z 198.51.100.1 20000 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 0.012 "-" - - Success TID_1 secp256r1
2026-09-01T12:00:01.000000Z 203.0.113.1 20001 443 TLSv1 ECDHE-RSA-AES128-SHA 0.012 "-" - - Success TID_3 secp256r1
2026-09-01T12:00:03.000000Z 203.0.113.3 20003 443 - - - "-" - - Failed:UnmappedConnectionError TID_5 -
`), 0o600))
	require.NoError(t, os.WriteFile(requests, []byte(
		`https 2026-09-01T13:00:00.000000Z app/web/0123456789abcdef 198.51.100.9:20000 10.0.3.10:80 0.000 0.001 0.000 200 200 34 366 "GET https://www.example.com:443/ HTTP/1.1" "`+hostileAgent+`" ECDHE-RSA-AES128-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "www.example.com" "-" 0 2026-09-01T13:00:00.000000Z "forward" "-" "-" "10.0.3.10:80" "200" "-" "-" TID_9
`), 0o600))
	return connections, requests
}

func whoBreaks(t *testing.T, code int, args ...string) []byte {
	t.Helper()
	connections, requests := whoBreaksLogs(t)
	args = append([]string{"who-breaks", "--from", "TLS13-1-0-2021-06", "--to", "TLS13-1-2-Res-2021-06", connections, requests}, args...)
	var out, errs bytes.Buffer
	require.Equal(t, code, run(t.Context(), args, strings.NewReader(""), &out, &errs), errs.String())
	require.NotContains(t, out.String(), "\x1b", "what a client sent must not command a terminal")
	return out.Bytes()
}

func TestWhoBreaksJSON(t *testing.T) {
	var r struct {
		Schema  string
		Total   struct{ Clients, Connections int }
		Breaks  struct{ Clients, Connections int }
		Gate    struct{ Passed bool }
		Clients []struct{ Client, Effect, Reason, Kind string }
		Choices struct {
			KeepsAll []string `json:"keeps_all"`
		}
	}
	require.NoError(t, json.Unmarshal(whoBreaks(t, exitNegative, "--format", "json"), &r))
	require.Equal(t, "alblab.who-breaks/1", r.Schema)
	require.Equal(t, 4, r.Total.Clients)
	require.Equal(t, 3, r.Total.Connections)
	require.Equal(t, 1, r.Breaks.Clients)
	require.False(t, r.Gate.Passed)
	require.Equal(t, "203.0.113.1", r.Clients[0].Client)
	require.Equal(t, "version", r.Clients[0].Reason)
	require.Contains(t, r.Choices.KeepsAll, "ELBSecurityPolicy-TLS13-1-0-2021-06")
}

func TestWhoBreaksCSV(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(whoBreaks(t, exitNegative, "--format", "csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 5)
	for _, row := range rows {
		for _, cell := range row {
			require.NotContains(t, "=+@", string(append([]byte(cell), ' ')[0]), "a formula: %s", cell)
		}
	}
}

func TestWhoBreaksMarkdown(t *testing.T) {
	out := string(whoBreaks(t, exitNegative, "--format", "markdown"))
	require.Contains(t, out, "## Do not change yet: 1 of 4 clients breaks")
	require.Contains(t, out, "| **breaks** | 1 | 1 | 33.3% | version |")
	require.NotContains(t, out, "<script>")
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "| unknown | &lt;") {
			require.Equal(t, 7, strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"), line)
		}
	}
}

func TestWhoBreaksJUnit(t *testing.T) {
	for _, tt := range []struct {
		args     []string
		code     int
		failures int
	}{
		{nil, exitNegative, 2}, {[]string{"--fail-on", "unknown"}, exitNegative, 3}, {[]string{"--fail-on", "never"}, exitDone, 0},
		{[]string{"--allow-share", "50%"}, exitDone, 0},
	} {
		var s junitSuite
		require.NoError(t, xml.Unmarshal(whoBreaks(t, tt.code, append(tt.args, "--format", "junit")...), &s))
		require.Equal(t, 5, s.Tests)
		require.Equal(t, tt.failures, s.Failures, "%v", tt.args)
		require.Len(t, s.Cases, s.Tests)
		require.Equal(t, "change to TLS13-1-2-Res-2021-06", s.Cases[0].Name)
	}
}

// TestWhoBreaksSARIF holds the output against what the published schema requires.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json: "required" of sarifLog, run, tool,
// toolComponent, reportingDescriptor, result, message; the values of level; ruleIndex within rules; startLine from 1.
func TestWhoBreaksSARIF(t *testing.T) {
	var log map[string]any
	require.NoError(t, json.Unmarshal(whoBreaks(t, exitNegative, "--format", "sarif"), &log))
	require.Equal(t, "2.1.0", log["version"])
	require.Contains(t, log["$schema"], "sarif-2.1.0")
	runs := log["runs"].([]any)
	require.Len(t, runs, 1)
	one := runs[0].(map[string]any)
	driver := one["tool"].(map[string]any)["driver"].(map[string]any)
	require.Equal(t, "alblab", driver["name"])
	rules := driver["rules"].([]any)
	results := one["results"].([]any)
	require.Len(t, results, 2)
	levels := map[any]int{}
	for _, x := range results {
		r := x.(map[string]any)
		index := int(r["ruleIndex"].(float64))
		require.Less(t, index, len(rules))
		require.Equal(t, rules[index].(map[string]any)["id"], r["ruleId"])
		require.Contains(t, []any{"none", "note", "warning", "error"}, r["level"])
		require.NotEmpty(t, r["message"].(map[string]any)["text"])
		levels[r["level"]]++
		place := r["locations"].([]any)[0].(map[string]any)["physicalLocation"].(map[string]any)
		require.NotEmpty(t, place["artifactLocation"].(map[string]any)["uri"])
		require.GreaterOrEqual(t, place["region"].(map[string]any)["startLine"], 1.0)
		require.NotEmpty(t, r["partialFingerprints"])
	}
	require.Equal(t, map[any]int{"error": 1, "note": 1}, levels, "what breaks is an error, what the gate lets pass a note")
}

// TestWhoBreaksHTML: the page begins with the answer and what to do, needs nothing else, and takes nothing that a client sent for
// its own.
func TestWhoBreaksHTML(t *testing.T) {
	out := string(whoBreaks(t, exitNegative, "--format", "html"))
	require.NotContains(t, out, "<script")
	require.Contains(t, out, "&lt;script&gt;")
	for _, outside := range []string{"http://", "https://", " src=", "@import", "url("} {
		require.NotContains(t, out, outside)
	}
	answer, next, table := strings.Index(out, "Do not change yet"), strings.Index(out, "What to do next"), strings.Index(out, "<table")
	require.Positive(t, answer)
	require.Greater(t, next, answer)
	require.Greater(t, table, next)
	require.Contains(t, out, "203.0.113.1")
	require.Equal(t, strings.Count(out, "<svg"), strings.Count(out, "</svg>"))
}

// TestWhoBreaksCutLog: a log that ends in the middle of a line, as a copy that was broken off does.
func TestWhoBreaksCutLog(t *testing.T) {
	connections, _ := whoBreaksLogs(t)
	text, err := os.ReadFile(connections)
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	require.NoError(t, os.WriteFile(connections, []byte(lines[0]+"\n"+strings.TrimSuffix(lines[1], " secp256r1")), 0o600))
	var out, errs bytes.Buffer
	args := []string{"who-breaks", "--to", "TLS13-1-0-2021-06", connections}
	require.Equal(t, exitDone, run(t.Context(), args, strings.NewReader(""), &out, &errs))
	require.Contains(t, errs.String(), "connection.log:2: the line is cut: it has 12 fields and no line end, the line before it has 13")
	require.Equal(t, exitError, run(t.Context(), append(args, "--strict"), strings.NewReader(""), &out, &errs))
}

// TestWhoBreaksBesideCatalogue: the catalogue's clients close no gate and fail no test beside traffic.
func TestWhoBreaksBesideCatalogue(t *testing.T) {
	var s junitSuite
	require.NoError(t, xml.Unmarshal(whoBreaks(t, exitNegative, "--catalog", "--format", "junit"), &s))
	require.Greater(t, s.Tests, 100)
	require.Equal(t, 2, s.Failures, "the gate and one client")
	var log struct {
		Runs []struct {
			Results []struct{ Level, Message any }
		}
	}
	require.NoError(t, json.Unmarshal(whoBreaks(t, exitNegative, "--catalog", "--format", "sarif"), &log))
	levels := map[any]int{}
	for _, r := range log.Runs[0].Results {
		levels[r.Level]++
	}
	require.Equal(t, 1, levels["error"])
	require.Greater(t, levels["note"], 10)
	page := string(whoBreaks(t, exitNegative, "--catalog", "--format", "html"))
	require.Contains(t, page, "Do not change yet: 1 of 4 clients breaks (33.3% of connections).")
	require.Contains(t, page, "These clients of the catalogue")
}

func TestWhoBreaksTextFits(t *testing.T) {
	for line := range strings.Lines(string(whoBreaks(t, exitNegative))) {
		if strings.Contains(line, "$ ") || strings.Contains(line, "script") {
			continue // commands, and what a client sent
		}
		require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), columns, line)
	}
}

// TestWhoBreaksBucket reads s3://bucket/prefix, as AWS's SDK does, from a server that speaks S3.
func TestWhoBreaksBucket(t *testing.T) {
	connections, _ := whoBreaksLogs(t)
	text, err := os.ReadFile(connections)
	require.NoError(t, err)
	const key = "AWSLogs/123456789012/elasticloadbalancing/us-east-1/2026/09/01/conn_log_123456789012_elasticloadbalancing_us-east-1_app.web.0123456789abcdef_20260901T1205Z_192.0.2.57_1a2b3c4d.log.gz"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/logs" || r.URL.Path == "/logs/":
			fmt.Fprintf(w, `<ListBucketResult><Contents><Key>%s</Key><Size>%d</Size></Contents></ListBucketResult>`, key, zipped.Len())
		case r.URL.Path == "/logs/"+key:
			_, _ = w.Write(zipped.Bytes())
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>`)
		}
	}))
	defer srv.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	var out, errs bytes.Buffer
	args := []string{"who-breaks", "--from", "TLS13-1-0-2021-06", "--to", "TLS13-1-2-Res-2021-06", "--region", "us-east-1", "--endpoint-url", srv.URL}
	require.Equal(t, exitNegative, run(t.Context(), append(args, "s3://logs/AWSLogs/"), strings.NewReader(""), &out, &errs), errs.String())
	require.Contains(t, out.String(), "Do not change yet: 1 of 3 clients breaks")
	require.NotContains(t, errs.String(), "not to AWS")
	out.Reset()
	require.Equal(t, exitError, run(t.Context(), append(args, "s3://other/"), strings.NewReader(""), &out, &errs))
	require.Contains(t, errs.String(), "s3://other/")

	t.Setenv("AWS_ENDPOINT_URL", srv.URL) // left over from an emulator
	args = args[:len(args)-2]
	require.Equal(t, exitNegative, run(t.Context(), append(args, "s3://logs/AWSLogs/"), strings.NewReader(""), &out, &errs), errs.String())
	require.Contains(t, errs.String(), "calls go to "+srv.URL+", not to AWS")
}
