package analyzers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
)

const lines = `2026-03-02T12:00:00.004000Z 203.0.113.10 40000 443 - - - "-" - - Failed:UnmappedConnectionError TID_01 - app/lab/0123456789abcdef 198.51.100.1
2026-03-02T12:00:01.004000Z 203.0.113.11 40000 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.004 "-" - - Success TID_02 x25519 app/lab/0123456789abcdef 198.51.100.1
`

func open(t *testing.T, files map[string]string) *evidence.Bundle {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := evidence.Open(fsys)
	require.NoError(t, err)
	return b
}

// failing reports each failed line.
func failing() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: "failing", Stage: analyzers.StageFirstFlight, Needs: []evidence.Kind{evidence.KindConnection},
		Run: func(p *analyzers.Pass) error {
			for c := range p.Conns {
				if strings.HasPrefix(c.ConnLog.VerifyStatus, "Failed:") {
					if err := p.Report(c, analyzers.Finding{Certainty: analyzers.Likely, Message: "failed"}); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

func run(t *testing.T, b *evidence.Bundle, as ...*analyzers.Analyzer) *analyzers.Report {
	t.Helper()
	r, err := analyzers.Run(context.Background(), b, as, nil)
	require.NoError(t, err)
	return r
}

func TestFirstAnalyzerConcludes(t *testing.T) {
	first, second := failing(), failing()
	second.Name = "second"
	r := run(t, open(t, map[string]string{"connection.log": lines}), first, second)
	require.Len(t, r.Findings, 1)
	require.Equal(t, "failing", r.Findings[0].Signature)
	require.Equal(t, []evidence.Ref{{File: "connection.log", Line: 1}}, r.Findings[0].Cites)
	require.Equal(t, 2, r.Connections)
	require.Equal(t, 1, r.Failures)
	require.Equal(t, 1, r.Undecided)
}

func TestAnalyzerThatLacksEvidenceIsSkipped(t *testing.T) {
	a := failing()
	a.Needs = []evidence.Kind{evidence.KindFlow, evidence.KindCapture}
	r := run(t, open(t, map[string]string{"connection.log": lines}), a)
	require.Empty(t, r.Findings)
	require.Equal(t, []analyzers.Skipped{{
		Analyzer: "failing", Missing: []evidence.Kind{evidence.KindFlow, evidence.KindCapture}, Reason: "needs a VPC flow log or a packet capture",
	}}, r.Skipped)
}

func TestBrokenAnalyzers(t *testing.T) {
	tests := []struct {
		name    string
		run     func(*analyzers.Pass) error
		wantErr string
	}{
		{"its own error", func(*analyzers.Pass) error { return errors.New("out of order") }, "analyzer bad: out of order"},
		{"two findings", func(p *analyzers.Pass) error {
			c := p.Result.Conns[0]
			return errors.Join(p.Report(c, analyzers.Finding{}), p.Report(c, analyzers.Finding{}))
		}, "analyzer bad: bad: connection 203.0.113.10:40000 has a finding already"},
		{"no citation", func(p *analyzers.Pass) error { return p.Report(&correlate.Conn{}, analyzers.Finding{}) }, "cites nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &analyzers.Analyzer{Name: "bad", Run: tt.run}
			_, err := analyzers.Run(context.Background(), open(t, map[string]string{"connection.log": lines}), []*analyzers.Analyzer{a}, nil)
			require.ErrorContains(t, err, tt.wantErr)
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := analyzers.Run(ctx, open(t, map[string]string{"connection.log": lines}), nil, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestManifestDescribesListeners(t *testing.T) {
	manifest := `{"schema":"alblab.bundle/1","lab":"embedded","addresses":["10.0.1.10"],
"spec":{"listeners":{"https":{"port":8443,"ssl_policy":"TLS13-1-2-2021-06","mtls_mode":"verify"},"old":{"port":8444,"ssl_policy":"no-such-policy"}}},
"files":[{"name":"connection.log","kind":"connection"}]}`
	b := open(t, map[string]string{"manifest.json": manifest, "connection.log": strings.ReplaceAll(lines, " 443 ", " 8443 ")})
	var seen []analyzers.Listener
	a := &analyzers.Analyzer{Name: "look", Run: func(p *analyzers.Pass) error {
		for c := range p.Conns {
			seen = append(seen, p.Listener(c))
		}
		return nil
	}}
	r := run(t, b, a)
	require.Len(t, seen, 2)
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-2-2021-06", seen[0].Policy.Name)
	require.Equal(t, "verify", seen[0].MTLS)
	require.NotEmpty(t, seen[0].Certs)
	require.Contains(t, r.Notes[0], "listener old")
	require.Equal(t, []uint16{8443, 8444}, r.Result.ListenerPorts)

	seen = nil // what is given wins; what is not wanted is not taken
	_, err := analyzers.Run(context.Background(), b, []*analyzers.Analyzer{a}, &analyzers.Options{IgnoreSpec: true, Listeners: map[uint16]analyzers.Listener{8443: {MTLS: "off"}}})
	require.NoError(t, err)
	require.Equal(t, analyzers.Listener{MTLS: "off"}, seen[0])
}

func TestReportJSON(t *testing.T) {
	r := run(t, open(t, map[string]string{"connection.log": lines + "half a li", "metrics.json": `[{"Namespace":"AWS/ApplicationELB","MetricName":"ClientTLSNegotiationErrorCount","Dimensions":[{"Name":"LoadBalancer","Value":"app/lab/0123456789abcdef"}],"Stat":"Sum","Period":60,"Timestamps":["2026-03-02T12:00:00Z"],"Values":[2]}]`}), failing())
	b, err := json.Marshal(r)
	require.NoError(t, err)
	var got struct {
		Schema      string
		Connections int
		Findings    []struct {
			Signature, Client, Certainty string
			Listener                     int
			Start                        string
			Cites                        []evidence.Ref
		}
		Metrics []analyzers.MetricFact
		Damaged int `json:"damaged_records"`
		TLS     []analyzers.Usage
	}
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, "alblab.analyze/1", got.Schema)
	require.Equal(t, "203.0.113.10:40000", got.Findings[0].Client)
	require.Equal(t, 443, got.Findings[0].Listener)
	require.Equal(t, "2026-03-02T12:00:00.004Z", got.Findings[0].Start)
	require.Equal(t, 1, got.Damaged)
	require.True(t, got.Metrics[0].Differs)
	require.Equal(t, []analyzers.Usage{{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Connections: 1, Share: 1}}, got.TLS)
}

// TestMetricsAreNotCountedTwice: the same data comes for the load balancer and for each zone.
func TestMetricsAreNotCountedTwice(t *testing.T) {
	series := func(dims string) string {
		return `{"Namespace":"AWS/ApplicationELB","MetricName":"ClientTLSNegotiationErrorCount","Dimensions":[` + dims + `],"Stat":"Sum","Period":60,"Timestamps":["2026-03-02T12:00:00Z"],"Values":[1]}`
	}
	lb := `{"Name":"LoadBalancer","Value":"app/lab/0123456789abcdef"}`
	zone := `{"Name":"AvailabilityZone","Value":"us-east-1a"},` + lb
	r := run(t, open(t, map[string]string{"connection.log": lines, "metrics.json": "[" + series(lb) + "," + series(zone) + "]"}), failing())
	require.Equal(t, 1.0, r.Metrics[0].Sum)
	require.False(t, r.Metrics[0].Differs)
	r = run(t, open(t, map[string]string{"connection.log": lines, "metrics.json": "[" + series(zone) + "," + series(zone) + "]"}), failing())
	require.Equal(t, 2.0, r.Metrics[0].Sum)
}

// TestTextObeysNobody: what strangers send must not move a terminal's cursor.
func TestTextObeysNobody(t *testing.T) {
	a := failing()
	a.Run = func(p *analyzers.Pass) error {
		return p.Report(p.Result.Conns[0], analyzers.Finding{Message: "sent \x1b[2J and \u009b0m"})
	}
	var out bytes.Buffer
	require.NoError(t, run(t, open(t, map[string]string{"connection.log": lines}), a).WriteText(&out))
	require.NotContains(t, out.String(), "\x1b")
	require.NotContains(t, out.String(), "\u009b")
	require.Contains(t, out.String(), "sent ?[2J")
}

// accessLine is a line of the access log, without TLS where version is "".
func accessLine(n int, client, version, cipher string) string {
	kind, port := "https", 443
	if version == "" {
		kind, port, version, cipher = "http", 80, "-", "-"
	}
	return fmt.Sprintf(`%s 2026-03-02T12:00:00.%06dZ app/lab/0123456789abcdef %s:40000 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET %s://lab.example:%d/ HTTP/1.1" "curl/8" %s %s - "Root=1-67e2-%d" "-" "-" 0 2026-03-02T12:00:00.000000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_%d`+"\n",
		kind, n, client, kind, port, cipher, version, n, n)
}

func textOf(t *testing.T, r *analyzers.Report) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, r.WriteText(&out))
	return out.String()
}

// TestOldClientsAreShown: of 100 clients those are shown that a new policy would hurt.
func TestOldClientsAreShown(t *testing.T) {
	var log strings.Builder
	for i := range 100 {
		addr := fmt.Sprintf("203.0.113.%d", i+1)
		switch i {
		case 98:
			log.WriteString(accessLine(i, addr, "TLSv1.2", "AES128-GCM-SHA256"))
		case 99:
			log.WriteString(accessLine(i, addr, "TLSv1.1", "ECDHE-RSA-AES128-SHA"))
		case 97:
			log.WriteString(accessLine(i, addr, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"))
			log.WriteString(accessLine(i+100, addr, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"))
		case 0:
			log.WriteString(accessLine(i, addr, "", ""))
		default:
			log.WriteString(accessLine(i, addr, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"))
		}
	}
	r := run(t, open(t, map[string]string{"access.log": log.String()}))
	var shown []string
	for line := range strings.Lines(textOf(t, r)) {
		if who, ok := strings.CutPrefix(line, "TLS in use by "); ok {
			who, _, _ = strings.Cut(who, ",")
			shown = append(shown, who)
		}
	}
	require.Len(t, shown, 21)
	require.Equal(t, []string{"all clients", "203.0.113.100", "203.0.113.99", "203.0.113.98", "203.0.113.2", "203.0.113.3"}, shown[:6])
	require.NotContains(t, shown, "203.0.113.1", "who used no TLS comes last")
	require.Contains(t, strings.Join(strings.Fields(textOf(t, r)), " "), "80 further clients not shown: those with the oldest versions come first, "+
		"then those without forward secrecy; --format json has them all")
}

func TestOnlyClientIsNamed(t *testing.T) {
	r := run(t, open(t, map[string]string{"access.log": accessLine(1, "203.0.113.10", "TLSv1.3", "TLS_AES_128_GCM_SHA256")}))
	require.Contains(t, textOf(t, r), "TLS in use by 203.0.113.10, shares of requests:\n  100.0 %  TLSv1.3  TLS_AES_128_GCM_SHA256")
	require.NotContains(t, textOf(t, r), "all clients")
}

// TestPlainRequestsHaveNoShare: plain HTTP is no use of TLS.
func TestPlainRequestsHaveNoShare(t *testing.T) {
	log := accessLine(1, "203.0.113.10", "", "") + accessLine(2, "203.0.113.10", "", "") + accessLine(3, "203.0.113.10", "", "") +
		accessLine(4, "203.0.113.10", "TLSv1.3", "TLS_AES_128_GCM_SHA256") + accessLine(5, "203.0.113.11", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")
	r := run(t, open(t, map[string]string{"access.log": log}))
	require.Equal(t, []analyzers.Usage{
		{Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES128-GCM-SHA256", Requests: 1, Share: 0.5},
		{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Requests: 1, Share: 0.5},
		{Requests: 3},
	}, r.TLS)
	require.Contains(t, textOf(t, r), `TLS in use by all clients, shares of requests:
   50.0 %  TLSv1.2  ECDHE-RSA-AES128-GCM-SHA256          1 request
   50.0 %  TLSv1.3  TLS_AES_128_GCM_SHA256               1 request
        -  no TLS   -                                    3 requests
`)
	r = run(t, open(t, map[string]string{"access.log": accessLine(1, "203.0.113.10", "", "")}))
	require.Contains(t, textOf(t, r), "TLS in use by 203.0.113.10: none\n        -  no TLS   -                                    1 request\n")
}
