package accesslog

import (
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// minFields is the number of fields that every line has since 2020; more have been appended since.
const minFields = 29

// Records reads an access log, plain or gzip. Each record is its own and may be kept. A damaged line gives an
// *evidence.ParseError and reading goes on; any other error is the reader's and the last. Fields after the last known one
// are ignored, as AWS asks of parsers. A last line without a line end is damaged if it has fewer fields than the one before
// it: it was cut.
func Records(r io.Reader, o *evidence.Options) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		l := evidence.NewLines(r, o)
		var p parser
		evidence.Yield(yield, func() (*Record, error) {
			line, err := l.Next()
			if err != nil {
				return nil, err
			}
			return p.parse(l, line)
		})
	}
}

// parser allots records from small blocks.
type parser struct {
	recs   []Record
	fields int // of the record before
}

func (p *parser) parse(l *evidence.Lines, line []byte) (*Record, error) {
	if len(p.recs) == 0 {
		p.recs = make([]Record, 8)
	}
	rec := &p.recs[0]
	rec.Line = l.Line()
	n, bad := rec.parse(string(line))
	if bad == nil && l.Cut() && n < p.fields {
		bad = &evidence.ParseError{Msg: fmt.Sprintf("the line is cut: it has %d fields and no line end, the line before it has %d: %s", n, p.fields, evidence.Quote(line))}
	}
	if bad != nil {
		*rec = Record{}
		return nil, l.Damaged(bad.Field, bad.Msg)
	}
	p.recs, p.fields = p.recs[1:], n
	return rec, nil
}

// raw holds the fields that are no texts until they are converted.
type raw struct {
	time, client, request, target, response, elbStatus, targetStatus, received, sent, creation string
}

// parse fills r from one line without its end. It returns the number of fields, of those that are known.
func (r *Record) parse(s string) (int, *evidence.ParseError) {
	f := fields{rest: s}
	var v raw
	r.Type, v.time, r.ELB, v.client, r.Target = f.next(), f.next(), f.next(), f.next(), f.next()
	v.request, v.target, v.response = f.next(), f.next(), f.next()
	v.elbStatus, v.targetStatus, v.received, v.sent = f.next(), f.next(), f.next(), f.next()
	r.Request, r.UserAgent = f.text(), f.text()
	r.SSLCipher, r.SSLProtocol, r.TargetGroupARN = f.next(), f.next(), f.next()
	r.TraceID, r.DomainName, r.ChosenCertARN = f.text(), f.text(), f.text()
	r.MatchedRulePriority, v.creation = f.next(), f.next()
	r.ActionsExecuted, r.RedirectURL, r.ErrorReason = f.text(), f.text(), f.text()
	r.TargetPortList, r.TargetStatusCodeList = f.text(), f.text()
	r.Classification, r.ClassificationReason = f.text(), f.text()
	known := f.n
	r.ConnTraceID = f.next()
	r.TransformedHost, r.TransformedURI, r.RequestTransformStatus = f.text(), f.text(), f.text()
	r.NodeIP = f.next()
	if known < minFields && !f.open {
		return 0, &evidence.ParseError{Msg: fmt.Sprintf("%d fields, an access log line has at least %d: %s",
			known, minFields, evidence.Quote([]byte(s)))}
	}
	if f.bad != "" {
		return 0, &evidence.ParseError{Msg: f.bad + ": " + evidence.Quote([]byte(s))}
	}
	return f.n, r.convert(&v)
}

// convert fills times, addresses and numbers.
func (r *Record) convert(v *raw) *evidence.ParseError {
	var err error
	if r.Time, err = evidence.ParseTime(v.time); err != nil {
		return bad("time", v.time, "not a time like 2026-01-02T15:04:05.000000Z")
	}
	if v.creation != "" {
		if r.RequestCreationTime, err = evidence.ParseTime(v.creation); err != nil {
			return bad("request_creation_time", v.creation, "not a time like 2026-01-02T15:04:05.000000Z")
		}
	}
	if v.client != "" {
		if r.Client, err = parseAddrPort(v.client); err != nil {
			return bad("client:port", v.client, "not an address and port")
		}
	}
	for _, d := range [...]struct {
		to    *time.Duration
		name  string
		value string
	}{
		{&r.RequestProcessingTime, "request_processing_time", v.request},
		{&r.TargetProcessingTime, "target_processing_time", v.target},
		{&r.ResponseProcessingTime, "response_processing_time", v.response},
	} {
		if *d.to, err = parseSeconds(d.value); err != nil {
			return bad(d.name, d.value, "not a number of seconds")
		}
	}
	if r.ELBStatusCode, err = parseStatus(v.elbStatus); err != nil {
		return bad("elb_status_code", v.elbStatus, "not a status code")
	}
	if r.TargetStatusCode, err = parseStatus(v.targetStatus); err != nil {
		return bad("target_status_code", v.targetStatus, "not a status code")
	}
	if r.ReceivedBytes, err = parseCount(v.received); err != nil {
		return bad("received_bytes", v.received, "not a number")
	}
	if r.SentBytes, err = parseCount(v.sent); err != nil {
		return bad("sent_bytes", v.sent, "not a number")
	}
	return nil
}

func bad(field, value, what string) *evidence.ParseError {
	return &evidence.ParseError{Field: field, Msg: evidence.Quote([]byte(value)) + " is " + what}
}

// parseAddrPort reads an address and port; an IPv6 address may stand with or without brackets.
func parseAddrPort(s string) (netip.AddrPort, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.AddrPort{}, strconv.ErrSyntax
	}
	host := s[:i]
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	p, err := strconv.ParseUint(s[i+1:], 10, 16)
	return netip.AddrPortFrom(a, uint16(p)), err
}

// parseSeconds reads decimal seconds, -1 for none.
func parseSeconds(s string) (time.Duration, error) {
	if s == "-1" {
		return -1, nil
	}
	return evidence.ParseSeconds(s)
}

// parseStatus reads a status code, -1 for none.
func parseStatus(s string) (int, error) {
	if s == "" {
		return -1, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err
}

// parseCount reads a number of bytes, -1 for none.
func parseCount(s string) (int64, error) {
	if s == "" || s == "-1" {
		return -1, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}
