package terraform_test

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/filterpattern"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/labtest"
	"github.com/alblab/alblab/lab/wire"
)

func patterns(t *testing.T, ports ...int64) []string {
	t.Helper()
	var all []string
	for _, v := range watching(t, false, ports...)["patterns"].AsValueMap() {
		all = append(all, v.AsString())
	}
	slices.Sort(all)
	return all
}

// For port 443 alone it is experiment 1's pattern, as published, with an ellipsis for the fields that ours has besides.
func TestMetricFilterIsTheExperiments(t *testing.T) {
	const published = `[version, account, interface, srcaddr, dstaddr, srcport, destport="443", protocol="6", packets<5, bytes, start, end, action="ACCEPT", logstatus]`
	require.Equal(t, []string{strings.TrimSuffix(published, "]") + ", ...]"}, patterns(t, 443))
}

// The metric filter finds the refused client of experiment 1 in our lab's own flow log, and not the one that was served.
func TestMetricFilterFindsTheRefusedClient(t *testing.T) {
	l := labtest.Start(t, lab.Spec{Listeners: map[string]lab.Listener{
		"https": {Port: 8443, SSLPolicy: "FS-1-2-Res-2020-10", Certificate: "rsa"},
	}})
	ask := func(max wire.Version) {
		profile := *clients.Curl()
		profile.MaxVersion = max
		conn, err := l.Dial(t.Context(), lab.Vantage{}, "https")
		require.NoError(t, err)
		_, err = clients.Do(t.Context(), conn, clients.Call{Profile: &profile, ServerName: l.Endpoint().Host, Roots: l.PKI().RootPool(),
			Requests: []clients.Request{{Path: "/"}}, Listener: "https"})
		require.NoError(t, err)
	}
	ask(wire.TLS11)
	ask(wire.TLS12)
	lines := flowLines(t, l)

	pattern, err := filterpattern.Parse(patterns(t, 443, 8443)[0])
	require.NoError(t, err)
	var found []string
	for _, line := range lines {
		if pattern.Match([]byte(line)) {
			found = append(found, line)
		}
	}
	require.Len(t, found, 1, "of %q", lines)
	require.Contains(t, found[0], " 8443 6 3 ", "experiment 1: 3 packets")
}

func flowLines(t *testing.T, l interface {
	Collect(context.Context) (*evidence.Bundle, error)
}) []string {
	t.Helper()
	b, err := l.Collect(t.Context())
	require.NoError(t, err)
	text, err := fs.ReadFile(b.FS, "flow.log")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Equal(t, flowlog.LabFormat().String(), "${"+strings.ReplaceAll(lines[0], " ", "} ${")+"}")
	return lines[1:]
}

// Whatever the ports, each has its pattern, within the limits of one.
func TestMetricFiltersHoldAllPorts(t *testing.T) {
	var ports []int64
	for i := range int64(50) { // as many as a load balancer has listeners
		ports = append(ports, 65535-i)
	}
	all := patterns(t, ports...)
	require.Len(t, all, 3)
	for _, text := range all {
		_, err := filterpattern.Parse(text) // refuses more than 1024 characters
		require.NoError(t, err)
	}
	for _, p := range ports {
		require.Equal(t, 1, strings.Count(strings.Join(all, "\n"), fmt.Sprintf(`destport="%d"`, p)))
	}
}

// Saved queries name fields that exist: those that they parse themselves, and keys of the web ACL's record.
func TestQueriesNameFields(t *testing.T) {
	values := watching(t, false, 443, 8443)
	fields := locals(t, "modules/evidence", awsVars())["fields"]
	insights := values["insights"].AsValueMap()
	require.Len(t, insights, 3)
	for name, q := range insights {
		text := q.AsString()
		m := regexp.MustCompile(`^parse @message "([* ]+)" as ([a-z_, ]+)\n`).FindStringSubmatch(text)
		require.NotNil(t, m, "%s: %s", name, text)
		require.Equal(t, fields.LengthInt(), strings.Count(m[1], "*"), name)
		names := strings.Split(m[2], ", ")
		require.Len(t, names, fields.LengthInt(), name)
		used := 0
		for _, f := range regexp.MustCompile(`\bf_[a-z_]+`).FindAllString(strings.TrimPrefix(text, m[0]), -1) {
			require.Contains(t, names, f, name)
			used++
		}
		require.Positive(t, used, name)
	}
	require.Contains(t, insights["suspects"].AsString(), `f_dstport in ["443", "8443"]`)

	keys := []string{"webaclId", "action", "terminatingRuleId", "httpRequest.clientIp", "ja3Fingerprint", "ja4Fingerprint", "requests"}
	waf := values["waf_insights"].AsValueMap()
	require.Len(t, waf, 3)
	for name, q := range waf {
		for _, by := range regexp.MustCompile(`ispresent\((\w+)\)| by ([^\n|]+)`).FindAllStringSubmatch(q.AsString(), -1) {
			for f := range strings.SplitSeq(by[1]+by[2], ", ") {
				if f = strings.TrimSpace(f); f != "" && f != "bin(1m)" {
					require.Contains(t, keys, f, name)
				}
			}
		}
	}
}

// Athena's queries name tables and columns that exist, and their days.
func TestNamedQueriesNameColumns(t *testing.T) {
	all := tables(t)
	queries := watching(t, true, 443)["queries"].AsValueMap()
	require.Len(t, queries, 5)
	for name, q := range queries {
		sql := q.GetAttr("sql").AsString()
		require.NotEqual(t, cty.NilVal, q.GetAttr("text"), name)
		require.Contains(t, sql, "day >= date_format(", name)
		columns := []string{"day"}
		from := regexp.MustCompile(`(?:FROM|JOIN) (\w+)`).FindAllStringSubmatch(sql, -1)
		require.NotEmpty(t, from, name)
		for _, m := range from {
			require.Contains(t, all, m[1], name)
			columns = append(columns, all[m[1]].names...)
		}
		aliases := regexp.MustCompile(`AS (\w+)`).FindAllStringSubmatch(sql, -1)
		for _, m := range aliases {
			columns = append(columns, m[1])
		}
		plain := regexp.MustCompile(`'[^']*'|httprequest\.clientip|\b[ac]\.`).ReplaceAllString(sql, "")
		for _, word := range regexp.MustCompile(`\b[a-z][a-z0-9_]+\b`).FindAllString(plain, -1) {
			if _, isTable := all[word]; !isTable && !slices.Contains([]string{"count", "min", "max", "sum", "date_format", "current_date", "interval"}, word) {
				require.Contains(t, columns, word, "%s: %s", name, sql)
			}
		}
	}
}
