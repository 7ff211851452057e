package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/pki"
)

// keyed is a lab of which only the certificates are asked for.
type keyed struct {
	lab.Lab
	pki *pki.PKI
}

func (k keyed) PKI() *pki.PKI { return k.pki }

// TestLeafIsExact: the connection log must name the very certificate that the step has, whole or not at all.
func TestLeafIsExact(t *testing.T) {
	keys := pki.New("lab.alblab.example")
	cert, err := keys.Client(pki.KindExpired)
	require.NoError(t, err)
	right := func() *connlog.Record {
		return &connlog.Record{
			LeafSubject: "CN=client expired,O=alblab test", LeafSerial: fmt.Sprintf("%X", cert.Leaf.SerialNumber.Bytes()),
			LeafNotBefore: cert.Leaf.NotBefore, LeafNotAfter: cert.Leaf.NotAfter,
		}
	}
	s := &Scenario{Name: "x", Steps: []Step{{Name: "s", Cert: pki.KindExpired}}}
	tests := []struct {
		name   string
		change func(*connlog.Record)
		wanted bool
		differ bool
	}{
		{"right", func(*connlog.Record) {}, true, false},
		{"unwanted", func(*connlog.Record) {}, false, true},
		{"none, as wanted", func(r *connlog.Record) { *r = connlog.Record{} }, false, false},
		{"none", func(r *connlog.Record) { *r = connlog.Record{} }, true, true},
		{"serial alone", func(r *connlog.Record) { *r = connlog.Record{LeafSerial: r.LeafSerial} }, false, true},
		{"subject", func(r *connlog.Record) { r.LeafSubject = "CN=client expired" }, true, true},
		{"serial", func(r *connlog.Record) { r.LeafSerial += "0" }, true, true},
		{"dates", func(r *connlog.Record) { r.LeafNotAfter = r.LeafNotAfter.Add(time.Second) }, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := right()
			tt.change(r)
			j := &judgement{cut: &cut{scenario: s}, carrier: &carrier{lab: keyed{pki: keys}}, step: "s", quote: newQuoter(&evidence.Bundle{})}
			j.leaf(&correlate.Conn{}, r, &LineWant{Subject: tt.wanted})
			require.Equal(t, tt.differ, len(j.reasons) > 0, "%+v", j.reasons)
		})
	}
}
