package awsapi

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// stillAccount is an account with evidence that does not change.
type stillAccount struct{ bundle *evidence.Bundle }

func (stillAccount) Identity() Identity {
	return Identity{Account: "111122223333", Region: "us-east-1", LoadBalancer: "app/alblab/0123456789abcdef", FlowFormat: flowlog.LabFormat().String(),
		Nodes: []Node{{Interface: "eni-0123456789abcdef0"}}}
}
func (stillAccount) Now() time.Time                      { return time.Unix(1_767_300_000, 0) }
func (stillAccount) Listeners() []Listener               { return nil }
func (stillAccount) ModifyListener(string, Change) error { return nil }
func (stillAccount) TrustStores() ([]TrustStore, error)  { return nil, nil }
func (stillAccount) Samples(string, time.Time, time.Time, int) ([]waflog.Record, int64) {
	return nil, 0
}
func (a stillAccount) Evidence(context.Context, bool) (*evidence.Bundle, error) {
	return a.bundle, nil
}

// flowAccount has a flow log of n records.
func flowAccount(n int) stillAccount {
	var b bytes.Buffer
	f := flowlog.LabFormat()
	fmt.Fprintln(&b, f.Header())
	for i := range n {
		fmt.Fprintf(&b, "8 111122223333 eni-0123456789abcdef0 203.0.113.%d 10.0.1.10 %d 443 6 10 1861 %d %d ACCEPT OK 3 203.0.113.10 10.0.1.10 ingress - vpc-0123456789abcdef0 subnet-0123456789abcdef0 -\n",
			i%200, 1024+i%60000, 1_767_225_600+i/100, 1_767_225_600+i/100)
	}
	m := evidence.Manifest{Files: []evidence.File{{Name: "flow.log", Kind: evidence.KindFlow, Format: f.String()}}}
	return stillAccount{&evidence.Bundle{FS: fstest.MapFS{"flow.log": {Data: b.Bytes()}}, Manifest: m}}
}

// BenchmarkFilterLogEvents searches 100,000 records for the few of one client, page by page.
func BenchmarkFilterLogEvents(b *testing.B) {
	s := New(flowAccount(100_000), &Options{Delivery: &Delivery{AtOnce: true}})
	const body = `{"logGroupName":"/alblab/alblab/flow-logs","filterPattern":"[v, a, e, src=203.0.113.7, ...]"}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "Logs_20140328.FilterLogEvents")
		r.Header.Set("Content-Type", typeJSON11)
		r.Header.Set("X-Amz-Date", "20260101T000000Z")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/logs/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 || strings.Count(w.Body.String(), "eventId") != 500 {
			b.Fatal(w.Code, w.Body.String()[:200])
		}
	}
}

// BenchmarkLook takes in a flow log of 100,000 records.
func BenchmarkLook(b *testing.B) {
	a := flowAccount(100_000)
	b.ReportAllocs()
	for b.Loop() {
		s := New(a, nil)
		if err := s.shelf.look(b.Context(), false); err != nil || len(s.shelf.flow.all) != 100_000 {
			b.Fatal(err)
		}
	}
}
