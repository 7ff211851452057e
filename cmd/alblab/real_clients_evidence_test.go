package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
)

// realEvidence is what serve left, by the lab's port.
type realEvidence struct {
	spec     map[string]lab.Listener
	printed  []string
	conns    map[uint16][]connlog.Record
	access   map[string][]accesslog.Record // by conn_trace_id
	findings map[uint16][]realFinding
	metric   realMetric
}

type realFinding struct {
	Signature string `json:"signature"`
	Certainty string `json:"certainty"`
	Message   string `json:"message"`
	Listener  uint16 `json:"listener"`
	TraceID   string `json:"conn_trace_id"`
}

type realMetric struct {
	Metric string  `json:"metric"`
	Sum    float64 `json:"sum"`
	Found  int     `json:"found"`
	Words  string  `json:"words"`
}

// readReal reads the logs, and what analyze says of them.
func readReal(t *testing.T, l *realLab) *realEvidence {
	t.Helper()
	e := &realEvidence{
		printed: l.all, conns: map[uint16][]connlog.Record{}, access: map[string][]accesslog.Record{}, findings: map[uint16][]realFinding{},
	}
	for r, err := range connlog.Records(openReal(t, l, "connection.log"), nil) {
		require.NoError(t, err)
		e.conns[r.ListenerPort] = append(e.conns[r.ListenerPort], *r)
	}
	for r, err := range accesslog.Records(openReal(t, l, "access.log"), nil) {
		require.NoError(t, err)
		e.access[r.ConnTraceID] = append(e.access[r.ConnTraceID], *r)
	}
	var manifest struct {
		Spec lab.Spec `json:"spec"`
	}
	require.NoError(t, json.NewDecoder(openReal(t, l, "manifest.json")).Decode(&manifest))
	e.spec = manifest.Spec.Listeners

	var stdout, stderr bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"analyze", "--format", "json", "--strict", l.out}, nil, &stdout, &stderr), stderr.String())
	var report struct {
		Undecided int           `json:"undecided"`
		Findings  []realFinding `json:"findings"`
		Omitted   int           `json:"findings_omitted"`
		Metrics   []realMetric  `json:"metrics"`
	}
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report))
	require.Zero(t, report.Omitted)
	require.Zero(t, report.Undecided)
	for _, f := range report.Findings {
		e.findings[f.Listener] = append(e.findings[f.Listener], f)
	}
	for _, m := range report.Metrics {
		if m.Metric == "ClientTLSNegotiationErrorCount" {
			e.metric = m
		}
	}
	return e
}

func openReal(t *testing.T, l *realLab, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join(l.out, name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// check compares the evidence of a case's listener with what is wanted.
func (e *realEvidence) check(t *testing.T, name string, k realCase) {
	port := e.spec[name].Port
	require.NotZero(t, port)
	conns := e.conns[port]
	if k.want.connections > 0 {
		require.Len(t, conns, k.want.connections)
	}
	require.NotEmpty(t, conns, "no connection in connection.log")
	status := "Success"
	if k.want.status != "" {
		status = "Failed:" + k.want.status
	}
	requests := 0
	for _, c := range conns {
		if k.want.also != "" && e.concluded(c.ConnTraceID, port) == k.want.also {
			continue
		}
		require.Equal(t, status, c.VerifyStatus)
		require.Equal(t, k.want.protocol, c.TLSProtocol)
		require.Equal(t, k.want.cipher, c.TLSCipher)
		require.Equal(t, k.want.group, c.KeyExchange)
		require.Equal(t, "203.0.113.10", c.ClientIP.String(), "what 127.0.0.1 is in the lab")
		for _, a := range e.access[c.ConnTraceID] {
			if k.want.requests < 0 && a.ELBStatusCode == 460 {
				continue // a browser that is closed gives up what it asked for by itself, such as its icon
			}
			requests++
			require.Equal(t, k.want.kind, a.Type)
			require.Equal(t, k.want.protocol, a.SSLProtocol)
			require.Equal(t, k.want.cipher, a.SSLCipher)
			require.Equal(t, 200, a.ELBStatusCode)
			require.Equal(t, c.ClientPort, a.Client.Port())
			require.Equal(t, "localhost", a.DomainName)
			require.Contains(t, a.Request, ":"+portOf(e.spec[name])+"/")
		}
	}
	if k.want.requests >= 0 {
		require.Equal(t, k.want.requests, requests, "lines of access.log")
	} else {
		require.Positive(t, requests)
	}
	e.checkFindings(t, port, k)
	e.checkPrinted(t, name, k)
}

// concluded is the signature that analyze gives a connection.
func (e *realEvidence) concluded(trace string, port uint16) string {
	for _, f := range e.findings[port] {
		if f.TraceID == trace {
			return f.Signature
		}
	}
	return ""
}

// checkFindings compares what analyze concludes of each connection.
func (e *realEvidence) checkFindings(t *testing.T, port uint16, k realCase) {
	found, wanted := map[string]bool{}, 0
	for _, f := range e.findings[port] {
		found[f.TraceID] = true
		if f.Signature == k.want.signature {
			wanted++
		} else {
			require.Equal(t, k.want.also, f.Signature, f.Message)
		}
	}
	require.Positive(t, wanted, "no connection is %s", k.want.signature)
	require.Len(t, found, len(e.conns[port]), "a finding for each connection")
}

// checkPrinted compares the lines that serve printed of the connections.
func (e *realEvidence) checkPrinted(t *testing.T, name string, k realCase) {
	want := `completed, \d+ requests?$`
	switch {
	case k.want.status != "" && k.want.protocol == "":
		want = ` refused: ` + k.want.signature + `; cure: `
	case k.want.signature == "closed-by-client":
		want = ` ` + k.want.protocol + ` ` // the client itself went
	case k.want.status != "":
		want = ` ` + k.want.protocol + ` .*, then refused: ` + k.want.status + `; cure: `
	}
	re := regexp.MustCompile(want)
	n, matching := 0, 0
	for _, line := range e.printed {
		if strings.Contains(line, " "+name+": ") {
			n++
			if re.MatchString(line) {
				matching++
			} else {
				require.NotEmpty(t, k.want.also, "%s does not match %s", line, re)
			}
		}
	}
	require.Positive(t, matching, "no line matches %s", re)
	require.Len(t, e.conns[e.spec[name].Port], n, "a line for each connection")
}
