package accesslog

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

const timeLayout = "2006-01-02T15:04:05.000000Z"

// maxUserAgent is where the log cuts user agents (load-balancer-access-logs.html: 8 KB).
const maxUserAgent = 8 << 10

// AppendText appends the line of the record, without a line end, with all 36 fields that AWS writes since September 2026;
// the last two have no published name and are always "-". It implements [encoding.TextAppender]. An error means that
// a value cannot be written: a year outside of 0-9999, or a text with blanks or control characters in a field that the log
// does not quote; b is then returned as it was.
func (r *Record) AppendText(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, err
	}
	b = appendDash(b, r.Type)
	b = append(b, ' ')
	b = r.Time.UTC().AppendFormat(b, timeLayout)
	b = appendField(b, r.ELB)
	b = append(b, ' ')
	b = appendAddrPort(b, r.Client)
	b = appendField(b, r.Target)
	for _, d := range [...]time.Duration{r.RequestProcessingTime, r.TargetProcessingTime, r.ResponseProcessingTime} {
		b = appendSeconds(b, d)
	}
	b = appendNumber(b, int64(r.ELBStatusCode))
	b = appendNumber(b, int64(r.TargetStatusCode))
	b = appendNumber(b, r.ReceivedBytes)
	b = appendNumber(b, r.SentBytes)
	b = appendQuoted(b, r.Request)
	b = appendQuoted(b, r.UserAgent[:min(len(r.UserAgent), maxUserAgent)])
	b = appendField(b, r.SSLCipher)
	b = appendField(b, r.SSLProtocol)
	b = appendField(b, r.TargetGroupARN)
	b = appendQuoted(b, r.TraceID)
	b = appendQuoted(b, r.DomainName)
	b = appendQuoted(b, r.ChosenCertARN)
	b = appendField(b, r.MatchedRulePriority)
	b = append(b, ' ')
	if r.RequestCreationTime.IsZero() {
		b = append(b, '-')
	} else {
		b = r.RequestCreationTime.UTC().AppendFormat(b, timeLayout)
	}
	for _, s := range [...]string{r.ActionsExecuted, r.RedirectURL, r.ErrorReason, r.TargetPortList, r.TargetStatusCodeList,
		r.Classification, r.ClassificationReason} {
		b = appendQuoted(b, s)
	}
	b = appendField(b, r.ConnTraceID)
	b = appendQuoted(b, r.TransformedHost)
	b = appendQuoted(b, r.TransformedURI)
	b = appendQuoted(b, r.RequestTransformStatus)
	b = appendField(b, r.NodeIP)
	return append(b, ` "-" "-"`...), nil
}

// check finds what the log's form cannot hold.
func (r *Record) check() error {
	for _, t := range [...]time.Time{r.Time, r.RequestCreationTime} {
		if y := t.UTC().Year(); y < 0 || y > 9999 {
			return fmt.Errorf("writing access log: year %d cannot be written", y)
		}
	}
	for i, s := range [...]string{r.Type, r.ELB, r.Target, r.SSLCipher, r.SSLProtocol, r.TargetGroupARN, r.MatchedRulePriority,
		r.ConnTraceID, r.NodeIP, r.Client.Addr().Zone()} {
		if !plain(s) {
			name := [...]string{"type", "elb", "target:port", "ssl_cipher", "ssl_protocol", "target_group_arn",
				"matched_rule_priority", "conn_trace_id", "node IP address", "client:port"}[i]
			return fmt.Errorf("writing access log: field %s: %q cannot be written unquoted", name, s)
		}
	}
	return nil
}

func appendDash(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return append(b, s...)
}

func appendField(b []byte, s string) []byte { return appendDash(append(b, ' '), s) }

func appendQuoted(b []byte, s string) []byte {
	if s == "" {
		return append(b, ` "-"`...)
	}
	b = append(b, ' ', '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

// appendAddrPort writes an address and port. Assumption: IPv6 addresses stand in brackets; no public line shows one.
func appendAddrPort(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return append(b, '-')
	}
	return a.AppendTo(b)
}

// appendSeconds writes seconds with three decimals, "-1" for a negative duration.
func appendSeconds(b []byte, d time.Duration) []byte {
	if d < 0 {
		return append(b, ` -1`...)
	}
	ms := d.Milliseconds()
	b = strconv.AppendInt(append(b, ' '), ms/1000, 10)
	return append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

// appendNumber writes a number, "-" for a negative one.
func appendNumber(b []byte, n int64) []byte {
	b = append(b, ' ')
	if n < 0 {
		return append(b, '-')
	}
	return strconv.AppendInt(b, n, 10)
}
