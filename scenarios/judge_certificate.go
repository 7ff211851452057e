package scenarios

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence/connlog"
)

// leaf judges what the connection log says of the client's certificate: all of it or nothing, and the certificate that the
// step has (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html).
func (j *judgement) leaf(c *correlate.Conn, r *connlog.Record, w *LineWant) {
	const none = "- - -"
	got := none
	if r.LeafSubject != "" || r.LeafSerial != "" || !r.LeafNotAfter.IsZero() {
		got = leafWords(r.LeafSubject, r.LeafSerial, r.LeafNotBefore, r.LeafNotAfter)
	}
	switch {
	case !w.Subject && got != none:
		j.differ(FactConnection, "no client certificate", got, c.ConnLogRef)
	case w.Subject && got != j.leafWanted(got):
		j.differ(FactConnection, "the client certificate "+j.leafWanted(got), got, c.ConnLogRef)
	}
}

// leafWanted describes the certificate of the step at hand. Of a lab that hands out no certificates what it logged is taken.
func (j *judgement) leafWanted(got string) string {
	cr, ok := j.carrier.lab.(Credentials)
	if !ok {
		return got
	}
	for i := range j.scenario.Steps {
		if st := &j.scenario.Steps[i]; st.Name == j.step {
			cert, err := cr.PKI().Client(st.Cert)
			if err != nil || cert.Leaf == nil {
				return "of the step"
			}
			l := cert.Leaf
			return leafWords(l.Subject.String(), strings.ToUpper(hex.EncodeToString(l.SerialNumber.Bytes())), l.NotBefore, l.NotAfter)
		}
	}
	return "of the step"
}

func leafWords(subject, serial string, notBefore, notAfter time.Time) string {
	return fmt.Sprintf("%q %s %s %s", subject, serial, notBefore.UTC().Format(time.RFC3339), notAfter.UTC().Format(time.RFC3339))
}
