package connlog

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

// minFields is the number of fields that every version of the log has; tls_keyexchange, elb and ip_address came later.
const minFields = 12

// Records reads a connection log, plain or gzip. Each record is its own and may be kept. A damaged line gives an
// *evidence.ParseError and reading goes on; any other error is the reader's and the last. Fields after the last known
// one are ignored, as AWS asks of parsers; tls_verify_status may be quoted or not. A last line without a line end is
// damaged if it has fewer fields than the one before it: it was cut. Lines of [PartialColumns] are read as such.
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

// parser allots records and their texts from small blocks, so that a line costs a fraction of an allocation and a kept
// record holds on to a few kilobytes at most.
type parser struct {
	recs   []Record
	texts  *strings.Builder
	fields int // of the record before
}

const textBlock = 4 << 10

// keep returns a copy of the line that lasts.
func (p *parser) keep(line []byte) string {
	if len(line) > textBlock/4 {
		return string(line)
	}
	if p.texts == nil || p.texts.Cap()-p.texts.Len() < len(line) {
		p.texts = new(strings.Builder)
		p.texts.Grow(textBlock)
	}
	start := p.texts.Len()
	p.texts.Write(line)
	return p.texts.String()[start:]
}

func (p *parser) parse(l *evidence.Lines, line []byte) (*Record, error) {
	if len(p.recs) == 0 {
		p.recs = make([]Record, 16)
	}
	rec := &p.recs[0]
	rec.Line = l.Line()
	n, bad := rec.parse(p.keep(line))
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

// fields cuts a line into its fields.
type fields struct {
	rest string
	n    int    // fields cut so far
	bad  string // what is wrong with a field, "" if nothing is
	open bool   // a quoted field does not end
}

// next returns the next field without its quotes, "" where the log has "-" or the line is at its end.
func (f *fields) next() string {
	s := f.rest
	if s == "" {
		return ""
	}
	if s[0] == '"' {
		s = f.text()
		if !plain(s) && f.bad == "" {
			f.bad = fmt.Sprintf("field %d holds a blank or a control character", f.n)
		}
		return s
	}
	f.n++
	i := 0
	for i < len(s) && s[i] > ' ' && s[i] != 0x7f {
		i++
	}
	f.rest = ""
	if i == 0 && f.bad == "" {
		f.bad = fmt.Sprintf("field %d is empty", f.n)
	}
	if i < len(s) {
		if s[i] != ' ' && f.bad == "" {
			f.bad = fmt.Sprintf("field %d holds a control character", f.n)
		}
		f.rest = s[i+1:]
	}
	return undash(s[:i])
}

// text returns the next field, which may hold blanks if it is quoted.
func (f *fields) text() string {
	if f.rest == "" || f.rest[0] != '"' {
		s := f.next()
		if strings.ContainsAny(s, `"\`) && f.bad == "" {
			f.bad = fmt.Sprintf("field %d has quotes inside but not around it", f.n)
		}
		return s
	}
	f.n++
	s := f.rest
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			f.rest = s[i+1:]
			if f.rest != "" && f.rest[0] != ' ' {
				f.bad = fmt.Sprintf("field %d goes on after its quotes", f.n)
			}
			f.rest = strings.TrimPrefix(f.rest, " ")
			return undash(s[1:i])
		}
	}
	f.open, f.rest, f.bad = true, "", fmt.Sprintf("quoted field %d does not end", f.n)
	return ""
}

func undash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// parse fills r from one line without its end. It returns the number of fields, of those that are known.
func (r *Record) parse(s string) (int, *evidence.ParseError) {
	f := fields{rest: s}
	tim, ip, port, listener := f.next(), f.next(), f.next(), f.next()
	r.TLSProtocol, r.TLSCipher = f.next(), f.next()
	latency := f.next()
	r.LeafSubject = f.text()
	validity := f.next()
	r.LeafSerial, r.VerifyStatus, r.ConnTraceID = f.next(), f.next(), f.next()
	known := f.n
	r.KeyExchange, r.ELB, r.NodeIP = f.next(), f.next(), f.next()
	if known < minFields && !f.open {
		if n := r.parsePartial(s); n > 0 {
			return n, nil
		}
		return 0, &evidence.ParseError{Msg: fmt.Sprintf("%d fields, a connection log line has at least %d: %s", known, minFields, evidence.Quote([]byte(s)))}
	}
	if f.bad != "" {
		return 0, &evidence.ParseError{Msg: f.bad + ": " + evidence.Quote([]byte(s))}
	}
	var err error
	if r.Time, err = evidence.ParseTime(tim); err != nil {
		return f.n, bad("timestamp", tim, "not a time like 2026-01-02T15:04:05.000000Z")
	}
	if ip != "" {
		if r.ClientIP, err = netip.ParseAddr(ip); err != nil {
			return f.n, bad("client_ip", ip, "not an address")
		}
	}
	if r.ClientPort, err = parsePort(port); err != nil {
		return f.n, bad("client_port", port, "not a port number")
	}
	if r.ListenerPort, err = parsePort(listener); err != nil {
		return f.n, bad("listener_port", listener, "not a port number")
	}
	if r.HandshakeLatency, err = evidence.ParseSeconds(latency); err != nil {
		return f.n, bad("tls_handshake_latency", latency, "not a number of seconds")
	}
	if validity != "" {
		if r.LeafNotBefore, r.LeafNotAfter, err = parseValidity(validity); err != nil {
			return f.n, bad("leaf_client_cert_validity", validity, "not NotBefore=<time>;NotAfter=<time>")
		}
	}
	return f.n, nil
}

func bad(field, value, what string) *evidence.ParseError {
	return &evidence.ParseError{Field: field, Msg: evidence.Quote([]byte(value)) + " is " + what}
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err
}

func parseValidity(s string) (before, after time.Time, err error) {
	b, a, ok := strings.Cut(s, ";")
	b, ok1 := strings.CutPrefix(b, "NotBefore=")
	a, ok2 := strings.CutPrefix(a, "NotAfter=")
	if !ok || !ok1 || !ok2 {
		return before, after, strconv.ErrSyntax
	}
	if before, err = evidence.ParseTime(b); err == nil {
		after, err = evidence.ParseTime(a)
	}
	return before, after, err
}
