package fidelity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers/fidelity"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
)

// place is where and when a run was.
type place struct {
	lab, client, node, eni, elb string
	clients                     string // of the manifest, JSON
	day                         string
	start                       int64
	port                        int
}

func embedded() place {
	return place{lab: "embedded", client: "203.0.113.10", node: "10.0.1.10", eni: "eni-0a1b", elb: "app/alblab/1111", clients: "[]",
		day: "2026-01-01", start: 1767225600, port: 32768}
}

func account() place {
	return place{lab: "aws", client: "198.51.100.7", node: "172.31.4.9", eni: "eni-0c2d", elb: "app/alblab-7f/2222", clients: `["198.51.100.7"]`,
		day: "2026-02-03", start: 1770076800, port: 51515}
}

// files is a run of one scenario at a place: a client is refused at its hello, and one completes.
func (p place) files() map[string]string {
	const header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags\n"
	flow := func(src, dst string, sport, dport, packets, bytes, flags int) string {
		return fmt.Sprintf("2 111122223333 %s %s %s %d %d 6 %d %d %d %d ACCEPT OK %d\n", p.eni, src, dst, sport, dport, packets, bytes, p.start+5, p.start+6, flags)
	}
	return map[string]string{
		"manifest.json": fmt.Sprintf(`{"schema":"alblab.bundle/1","lab":%q,"load_balancer":%q,"clients":%s,
"spec":{"listeners":{"https":{"port":443,"ssl_policy":"ELBSecurityPolicy-FS-1-2-Res-2020-10"}}},
"slots":[{"name":"s","scenarios":["refused"],"start":"%[4]sT00:00:00Z","end":"%[4]sT00:01:00Z"}],
"files":[{"name":"flow.log","kind":"flow","records":4},{"name":"connection.log","kind":"connection","records":2},
{"name":"attempts.jsonl","kind":"attempts","records":1},{"name":"metrics.json","kind":"metrics","records":1}]}`, p.lab, p.elb, p.clients, p.day),
		"flow.log": header + flow(p.client, p.node, p.port, 443, 3, 328, 2) + flow(p.node, p.client, 443, p.port, 3, 164, 22) +
			flow(p.client, p.node, p.port+1, 443, 9, 1400+p.port%100, 3) + flow(p.node, p.client, 443, p.port+1, 8, 5200, 19),
		"connection.log": fmt.Sprintf("%sT00:00:05.000000Z %s %d 443 - - - \"-\" - - Failed:UnmappedConnectionError TID_%032d - %s %s\n", p.day, p.client, p.port, p.port, p.elb, p.node) +
			fmt.Sprintf("%sT00:00:06.000000Z %s %d 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 0.004 \"-\" - - - TID_%032d x25519 %s %s\n", p.day, p.client, p.port+1, p.port+1, p.elb, p.node),
		"attempts.jsonl": fmt.Sprintf(`{"scenario":"refused","step":"old","time":"%sT00:00:05Z","listener":"https","local":"%s:%d","hello":"16%04x","words":"reset in connection to %s:443","exit":35}`+"\n",
			p.day, p.client, p.port, p.port, p.elb),
		"metrics.json": fmt.Sprintf(`[{"Namespace":"AWS/ApplicationELB","MetricName":"ClientTLSNegotiationErrorCount","Dimensions":[{"Name":"LoadBalancer","Value":%q}],"Stat":"Sum","Period":60,"Timestamps":["%sT00:00:00Z"],"Values":[1]}]`, p.elb, p.day),
	}
}

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

func compare(t *testing.T, a, b map[string]string) *fidelity.Report {
	t.Helper()
	r, err := fidelity.Compare(context.Background(), open(t, a), open(t, b), &fidelity.Options{Analyzers: signatures.All()})
	require.NoError(t, err)
	require.Zero(t, r.A.Damaged+r.B.Damaged, "the test's own files are damaged")
	return r
}

func kindOf(t *testing.T, r *fidelity.Report, name string) fidelity.Kind {
	t.Helper()
	for _, k := range r.Kinds {
		if k.Kind == name {
			return k
		}
	}
	t.Fatalf("no %s in the report", name)
	return fidelity.Kind{}
}

func fieldOf(t *testing.T, k fidelity.Kind, name string) fidelity.Field {
	t.Helper()
	for _, f := range k.Fields {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no field %s", name)
	return fidelity.Field{}
}

func TestSameRunElsewhere(t *testing.T) {
	r := compare(t, embedded().files(), account().files())
	fields, records := r.Unexplained()
	require.Zero(t, fields+records, "%+v", r.Kinds)
	require.Equal(t, 1, r.Scenarios)
	flow := kindOf(t, r, "flow")
	require.Equal(t, 4, flow.Paired)
	require.Equal(t, 4, fieldOf(t, flow, "srcaddr").Expected)
	require.Equal(t, 4, fieldOf(t, flow, "tcp-flags").Same)
	require.Equal(t, 3, fieldOf(t, flow, "bytes").Same, "those of the refused client, and the certificate's")
	require.Equal(t, 1, fieldOf(t, flow, "bytes").Expected, "those of the client that completed")
	require.Equal(t, 2, kindOf(t, r, "findings").Paired)
	require.Equal(t, 1, fieldOf(t, kindOf(t, r, "attempts"), "words").Same, "the endpoint's name does not count")
}

func TestDifferences(t *testing.T) {
	tests := []struct {
		name            string
		file, from, to  string
		kind, field     string
		fields, records int // unexplained
		only            string
	}{
		{"another count of a refused client", "flow.log", " 3 328 ", " 4 380 ", "flow", "packets", 2, 0, ""},
		{"another count of one that completed", "flow.log", " 8 5200 ", " 9 6200 ", "flow", "packets", 0, 0, ""},
		{"another status", "connection.log", "Failed:UnmappedConnectionError", "Failed:ClientCertUntrusted", "connection", "tls_verify_status", 3, 0, ""}, // and the finding that rests on it,
		{"no key exchange", "connection.log", " x25519 ", " - ", "connection", "tls_keyexchange", 1, 0, "a"},
		{"a latency where nothing was agreed", "connection.log", ` - - - "-" - - Failed`, ` - - 0.004 "-" - - Failed`, "connection", "tls_handshake_latency", 1, 0, ""},
		{"no latency", "connection.log", " 0.004 ", " - ", "connection", "tls_handshake_latency", 1, 0, "a"},
		{"another latency", "connection.log", " 0.004 ", " 0.005 ", "connection", "tls_handshake_latency", 0, 0, ""},
		{"no address of the node", "connection.log", " 172.31.4.9\n", " -\n", "connection", "node_ip", 1, 0, "a"},
		{"fewer counted than by the embedded lab", "metrics.json", "[1]", "[0]", "metrics", "AWS/ApplicationELB ClientTLSNegotiationErrorCount by LoadBalancer", 1, 0, ""},
		{"strangers counted too", "metrics.json", "[1]", "[7]", "metrics", "AWS/ApplicationELB ClientTLSNegotiationErrorCount by LoadBalancer", 0, 0, ""},
		{"another end", "attempts.jsonl", `"exit":35`, `"exit":56`, "attempts", "exit", 1, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := account().files()
			require.Contains(t, b[tt.file], tt.from)
			b[tt.file] = strings.Replace(b[tt.file], tt.from, tt.to, 1)
			r := compare(t, embedded().files(), b)
			fields, records := r.Unexplained()
			require.Equal(t, [2]int{tt.fields, tt.records}, [2]int{fields, records}, "%+v", r.Kinds)
			f := fieldOf(t, kindOf(t, r, tt.kind), tt.field)
			require.Equal(t, tt.fields > 0, f.Differs+f.OnlyA+f.OnlyB > 0)
			require.Equal(t, tt.only == "a", f.OnlyA > 0)
			for _, x := range f.Examples {
				require.NotZero(t, x.RefA.Line, "an example says where it stands")
				require.NotEqual(t, x.A, x.B)
			}
		})
	}
}

func TestRecordsWithoutPartner(t *testing.T) {
	b := account().files()
	lines := strings.SplitAfter(b["flow.log"], "\n")
	b["flow.log"] = strings.Join(lines[:len(lines)-2], "")
	r := compare(t, embedded().files(), b)
	k := kindOf(t, r, "flow")
	require.Equal(t, 1, k.AloneA)
	require.Len(t, k.OnlyA, 1)
	require.Contains(t, k.OnlyA[0].Text, "tcp-flags=19")
}

func TestStrangersAreLeftOut(t *testing.T) {
	b := account()
	files := b.files()
	files["flow.log"] += fmt.Sprintf("2 111122223333 eni-0c2d 192.0.2.99 172.31.4.9 40000 443 6 1 40 %d %d ACCEPT OK 2\n", b.start+5, b.start+6)
	r := compare(t, embedded().files(), files)
	fields, records := r.Unexplained()
	require.Zero(t, fields+records)
	require.NotZero(t, r.B.Background)
}

// TestDamage: what cannot be read cannot be the same.
func TestDamage(t *testing.T) {
	b := account().files()
	b["connection.log"] += "damaged\n"
	r, err := fidelity.Compare(context.Background(), open(t, embedded().files()), open(t, b), nil)
	require.NoError(t, err)
	require.Equal(t, 1, r.B.Damaged)
	fields, records := r.Unexplained()
	require.Equal(t, [2]int{0, 1}, [2]int{fields, records})
}

func TestMissingKind(t *testing.T) {
	b := account().files()
	b["manifest.json"] = strings.Replace(b["manifest.json"], `{"name":"connection.log","kind":"connection","records":2},`, "", 1)
	delete(b, "connection.log")
	r := compare(t, embedded().files(), b)
	require.Equal(t, "b", kindOf(t, r, "connection").Missing)
	_, records := r.Unexplained()
	require.NotZero(t, records)
}

func TestRefusals(t *testing.T) {
	other := account().files()
	other["manifest.json"] = strings.Replace(other["manifest.json"], `"refused"`, `"another"`, 1)
	_, err := fidelity.Compare(context.Background(), open(t, embedded().files()), open(t, other), nil)
	require.EqualError(t, err, "the bundles are not of one run: no scenario is in both (refused; another)")

	_, err = fidelity.Compare(context.Background(), open(t, embedded().files()), open(t, account().files()), &fidelity.Options{Records: 1})
	require.ErrorContains(t, err, "more than 1")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = fidelity.Compare(ctx, open(t, embedded().files()), open(t, account().files()), nil)
	require.ErrorIs(t, err, context.Canceled)
}
