package rollout

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/evidence"
)

// FuzzRead gives any bytes as a capture, a connection log or an access log, alone or beside a connection log and the catalogue, grouped
// in every way, and has the whole answer made of it.
func FuzzRead(f *testing.F) {
	kinds := []evidence.Kind{evidence.KindConnection, evidence.KindAccess, evidence.KindCapture, evidence.KindMirror}
	f.Add([]byte(mixture), uint8(0))
	f.Add([]byte(request(1, "203.0.113.1", "Java/1.7.0_25", "TLSv1", cbc)), uint8(1))
	f.Add([]byte(request(1, "203.0.113.1", "Java/1.7.0_25", "TLSv1", cbc)), uint8(1+4+16))
	f.Add(captured(f, catalog.All()[:2]), uint8(2))
	f.Add([]byte(strings.TrimSuffix(mixture, "\n")), uint8(4*8))
	by := []By{ByAuto, ByJA4, ByUserAgent, ByAddress, ByNetwork}
	q := question(f, "TLS13-1-0-2021-06", "TLS13-1-2-Res-2021-06")
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		in := Input{Kind: kinds[int(which)%len(kinds)], Name: "fuzz", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
		list := []Input{in}
		if which&4 != 0 {
			list = append(list, text(evidence.KindConnection, mixture))
		}
		traffic, err := Read(t.Context(), list, &ReadOptions{Workers: 1, By: by[int(which/8)%len(by)]})
		if err != nil {
			t.Fatalf("damage must not be an error: %v", err)
		}
		n := int64(0)
		for _, c := range traffic.Clients {
			for _, u := range c.Uses {
				n += u.Connections
			}
		}
		if n != traffic.Stats.Connections {
			t.Fatalf("%d connections counted, clients have %d", traffic.Stats.Connections, n)
		}
		if len(traffic.Clients) == 0 {
			return
		}
		if which&4 != 0 {
			if err := traffic.AddCatalogue(catalog.All()[:3]); err != nil {
				t.Fatal(err)
			}
		}
		// Judging is slow for a fuzzer where every policy is tried; the answer for this one must add up.
		r := Judge(q, traffic)
		if r.Total.Connections+r.FailsToday.Connections != n {
			t.Fatalf("%d connections judged of %d", r.Total.Connections+r.FailsToday.Connections, n)
		}
		if r.Decide(FailOnBreaks, 0).Passed != (r.Breaks.Connections == 0) {
			t.Fatal("the gate does not go by what breaks")
		}
		if which&4 != 0 && (r.Catalogue == nil || r.Catalogue.Clients != 3) {
			t.Fatal("the catalogue is not counted for itself")
		}
		_ = r.Answer()
		_ = r.Caveats()
	})
}
