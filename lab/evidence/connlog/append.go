package connlog

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	timeLayout     = "2006-01-02T15:04:05.000000Z"
	validityLayout = "2006-01-02T15:04:05Z"
)

// AppendText appends the line of the record, without a line end, with all 15 fields that AWS writes since 2026; a partial
// record keeps its seven columns. It implements [encoding.TextAppender]. An error means that a value cannot be written: a year outside of 0-9999, or
// a text with blanks or control characters in a field that the log does not quote; b is then returned as it was.
func (r *Record) AppendText(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, err
	}
	if r.Partial {
		return r.appendPartial(b), nil
	}
	b = r.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, ' ')
	b = appendAddr(b, r.ClientIP)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(r.ClientPort), 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(r.ListenerPort), 10)
	b = appendField(b, r.TLSProtocol)
	b = appendField(b, r.TLSCipher)
	b = append(b, ' ')
	b = appendSeconds(b, r.HandshakeLatency)
	b = append(b, ' ')
	b = r.appendLeaf(b)
	for _, s := range [...]string{r.VerifyStatus, r.ConnTraceID, r.KeyExchange, r.ELB, r.NodeIP} {
		b = appendField(b, s)
	}
	return b, nil
}

// appendLeaf appends subject, validity and serial number of the client's certificate.
func (r *Record) appendLeaf(b []byte) []byte {
	b = append(b, '"')
	b = appendSubject(b, r.LeafSubject)
	b = append(b, `" `...)
	if r.LeafNotBefore.IsZero() && r.LeafNotAfter.IsZero() {
		b = append(b, '-')
	} else {
		b = append(b, "NotBefore="...)
		b = r.LeafNotBefore.UTC().AppendFormat(b, validityLayout)
		b = append(b, ";NotAfter="...)
		b = r.LeafNotAfter.UTC().AppendFormat(b, validityLayout)
	}
	return appendField(b, r.LeafSerial)
}

// check finds what the log's form cannot hold.
func (r *Record) check() error {
	for _, t := range [...]time.Time{r.Time, r.LeafNotBefore, r.LeafNotAfter} {
		if y := t.UTC().Year(); y < 0 || y > 9999 {
			return fmt.Errorf("writing connection log: year %d cannot be written", y)
		}
	}
	for i, s := range [...]string{r.TLSProtocol, r.TLSCipher, r.LeafSerial, r.VerifyStatus, r.ConnTraceID, r.KeyExchange, r.ELB, r.NodeIP} {
		if !plain(s) {
			name := [...]string{"tls_protocol", "tls_cipher", "leaf_client_cert_serial_number", "tls_verify_status",
				"conn_trace_id", "tls_keyexchange", "elb", "ip_address"}[i]
			return fmt.Errorf("writing connection log: field %s: %q cannot be written unquoted", name, s)
		}
	}
	if !plain(r.ClientIP.Zone()) {
		return fmt.Errorf("writing connection log: field client_ip: zone %q cannot be written", r.ClientIP.Zone())
	}
	return nil
}

// plain reports whether s can stand without quotes.
func plain(s string) bool {
	if strings.HasPrefix(s, `"`) {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, '-')
	}
	return a.AppendTo(b)
}

func appendField(b []byte, s string) []byte {
	b = append(b, ' ')
	if s == "" {
		return append(b, '-')
	}
	return append(b, s...)
}

// appendSeconds writes seconds with three decimals, "-" for a negative duration.
func appendSeconds(b []byte, d time.Duration) []byte {
	if d < 0 {
		return append(b, '-')
	}
	ms := d.Milliseconds()
	b = strconv.AppendInt(b, ms/1000, 10)
	return append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

// appendSubject writes a distinguished name so that it stays within its quotes and on its line: a quote that is not
// escaped gets a backslash, a control character becomes a backslash and two hex digits (RFC 2253, section 2.4).
// Assumption: the log escapes as RFC 2253 does; no public line shows such a name.
func appendSubject(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	const hex = "0123456789ABCDEF"
	escaped := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c < ' ' || c == 0x7f:
			if escaped { // the backslash before it stands for itself then
				b = append(b, '\\')
			}
			b = append(b, '\\', hex[c>>4], hex[c&15])
			escaped = false
			continue
		case c == '"' && !escaped:
			b = append(b, '\\')
		}
		b = append(b, c)
		escaped = c == '\\' && !escaped
	}
	if escaped {
		b = append(b, '\\')
	}
	return b
}
