package connlog

import (
	"strings"

	"github.com/alblab/alblab/lab/evidence"
)

// PartialColumns are the columns that a query for refused certificates leaves of a line, in their order: AWS's article about
// failing mutual TLS prints its examples so (source: repost.aws/knowledge-center/elb-alb-mtls-client-connection-errors).
func PartialColumns() []string {
	return []string{"timestamp", "tls_protocol", "tls_cipher", "leaf_client_cert_subject", "leaf_client_cert_validity",
		"leaf_client_cert_serial_number", "tls_verify_status"}
}

// parsePartial fills r from a line of [PartialColumns], and returns their number: 0 if s is none. It asks more of the columns
// than parse does of its fields, so that no line of the whole form is taken for one when something is missing in it: of that
// the second field is an address.
func (r *Record) parsePartial(s string) int {
	f := fields{rest: s}
	tim, protocol, cipher := f.next(), f.next(), f.next()
	quoted := strings.HasPrefix(f.rest, `"`)
	subject := f.text()
	validity, serial, status := f.next(), f.next(), f.next()
	columns := len(PartialColumns())
	if f.n != columns || f.rest != "" || f.bad != "" || strings.HasSuffix(s, " ") || !quoted || !strings.HasPrefix(protocol, "TLSv") || cipher == "" ||
		status != "Success" && !strings.HasPrefix(status, "Failed:") {
		return 0
	}
	p := Record{Line: r.Line, Partial: true, TLSProtocol: protocol, TLSCipher: cipher, HandshakeLatency: -1, LeafSubject: subject,
		LeafSerial: serial, VerifyStatus: status}
	var err error
	if p.Time, err = evidence.ParseTime(tim); err != nil {
		return 0
	}
	if validity != "" {
		if p.LeafNotBefore, p.LeafNotAfter, err = parseValidity(validity); err != nil {
			return 0
		}
	}
	*r = p
	return columns
}

// appendPartial appends the line of a partial record.
func (r *Record) appendPartial(b []byte) []byte {
	b = r.Time.UTC().AppendFormat(b, timeLayout)
	b = appendField(b, r.TLSProtocol)
	b = appendField(b, r.TLSCipher)
	b = append(b, ' ')
	b = r.appendLeaf(b)
	return appendField(b, r.VerifyStatus)
}
