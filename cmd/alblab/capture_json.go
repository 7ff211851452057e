package main

import (
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// captureJSON writes one object a line. It is written by hand: a capture has many connections, and most of a line is the same for all
// hellos of a client.
type captureJSON struct {
	out    io.Writer
	offers captureOffers
	clock  clockText
	b      []byte
	file   string
	quoted []byte // file
}

func newCaptureJSON(out io.Writer) *captureJSON { return &captureJSON{out: out} }

func (w *captureJSON) summary(*captured) error { return nil }

func (w *captureJSON) write(file string, c *capture.Conversation) error {
	if w.quoted == nil || w.file != file {
		w.file, w.quoted = file, appendQuoted(nil, file)
	}
	b := append(w.b[:0], `{"schema":"alblab.capture/1","file":`...)
	b = append(b, w.quoted...)
	b = strconv.AppendInt(append(b, `,"frame":`...), int64(c.FirstFrame), 10)
	b = w.time(append(b, `,"start":`...), c.Start)
	b = w.time(append(b, `,"end":`...), c.End)
	b = appendAddr(append(b, `,"client":`...), c.Client)
	b = appendAddr(append(b, `,"server":`...), c.Server)
	b = append(b, `,"vni":`...)
	if c.VNI < 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(c.VNI), 10)
	}
	b = append(append(append(b, `,"tcp_handshake":"`...), c.Handshake.String()...), '"')
	b = w.hello(append(b, `,"hello":`...), c)
	if len(c.Preface) > 0 {
		b = appendQuoted(append(b, `,"preface":`...), string(c.Preface))
	}
	b = appendAnswer(b, c)
	b = append(append(append(b, `,"ending":"`...), c.Ending.String()...), '"')
	b = append(b, `,"ended_by":`...)
	if c.EndedBy == capture.SideNone {
		b = append(b, `null,"ended":null`...)
	} else {
		b = append(append(append(b, '"'), c.EndedBy.String()...), '"')
		b = w.time(append(b, `,"ended":`...), c.Ended)
	}
	b = appendDirection(append(b, `,"from_client":`...), &c.FromClient)
	b = appendDirection(append(b, `,"from_server":`...), &c.FromServer)
	b = strconv.AppendBool(append(b, `,"incomplete":`...), c.Incomplete)
	b = strconv.AppendBool(append(b, `,"evicted":`...), c.Evicted)
	w.b = append(b, "}\n"...)
	_, err := w.out.Write(w.b)
	return err
}

func (w *captureJSON) time(b []byte, t time.Time) []byte {
	return append(w.clock.append(append(b, '"'), t), '"')
}

// hello appends what the client sent first: an object, with error if it is damaged, or null.
func (w *captureJSON) hello(b []byte, c *capture.Conversation) []byte {
	if c.Hello == nil && c.HelloErr == nil {
		b = append(b, "null"...)
		if len(c.NotTLS) > 0 {
			b = appendQuoted(append(b, `,"not_tls":`...), string(c.NotTLS))
		}
		return b
	}
	b = strconv.AppendInt(append(b, `{"frame":`...), int64(c.HelloFrame), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), int64(len(c.HelloBytes)), 10)
	b = strconv.AppendInt(append(b, `,"segments":`...), int64(c.HelloSegments), 10)
	if c.Hello == nil {
		return append(appendQuoted(append(b, `,"error":`...), c.HelloErr.Error()), '}')
	}
	h := c.Hello
	b = append(append(append(b, `,"record_version":"`...), h.RecordVersion.String()...), '"')
	b = append(append(append(b, `,"legacy_version":"`...), h.LegacyVersion.String()...), '"')
	b = append(b, `,"server_name":`...)
	if h.HasServerName {
		b = appendPlain(b, h.ServerName)
	} else {
		b = append(b, "null"...)
	}
	b = append(append(b, ','), w.offers.of(h).json...)
	return append(b, '}')
}

// appendPlain appends a JSON string; the usual one needs no escapes.
func appendPlain(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendQuoted(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendAddr(b []byte, a netip.AddrPort) []byte { return append(a.AppendTo(append(b, '"')), '"') }

// appendAnswer appends what the server said.
func appendAnswer(b []byte, c *capture.Conversation) []byte {
	b = append(append(append(b, `,"answer":"`...), c.Answer().String()...), '"')
	b = appendText(append(b, `,"version":`...), c.Version() != 0, c.Version())
	b = appendText(append(b, `,"cipher":`...), c.Suite() != 0, c.Suite())
	b = appendText(append(b, `,"group":`...), c.Group != 0, c.Group)
	b = append(b, `,"hello_retry_group":`...)
	if c.HelloRetry != nil {
		b = appendText(b, c.HelloRetry.Group != 0, c.HelloRetry.Group)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"alert":`...)
	a, by := c.Alert()
	if a == nil {
		return append(b, "null"...)
	}
	b = append(append(append(b, `{"name":"`...), a.Name()...), `","description":`...)
	b = strconv.AppendUint(b, uint64(a.Description), 10)
	b = strconv.AppendBool(append(b, `,"fatal":`...), a.Level == wire.AlertFatal)
	return append(append(append(b, `,"by":"`...), by.String()...), `"}`...)
}

// appendDirection appends what one side sent. Packets, bytes and flags are counted as VPC flow logs do.
func appendDirection(b []byte, d *capture.Direction) []byte {
	b = strconv.AppendInt(append(b, `{"packets":`...), d.Packets, 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), d.Bytes, 10)
	b = strconv.AppendUint(append(b, `,"tcp_flags":`...), uint64(d.Flags), 10)
	b = strconv.AppendInt(append(b, `,"data":`...), d.Data, 10)
	b = strconv.AppendInt(append(b, `,"retransmitted":`...), d.Retransmitted, 10)
	b = strconv.AppendInt(append(b, `,"fragments":`...), d.Fragments, 10)
	return append(strconv.AppendBool(append(b, `,"lost":`...), d.Lost), '}')
}

// clockText writes times as RFC 3339 in UTC, with nanoseconds. Most are of the same day as the one before.
type clockText struct {
	day    int64
	prefix []byte
}

func (k *clockText) append(b []byte, t time.Time) []byte {
	const daySeconds = 24 * 60 * 60
	sec := t.Unix()
	day := sec / daySeconds
	if sec -= day * daySeconds; sec < 0 { // before 1970
		day, sec = day-1, sec+daySeconds
	}
	if k.prefix == nil || day != k.day {
		k.day, k.prefix = day, t.UTC().AppendFormat(k.prefix[:0], "2006-01-02T")
	}
	b = append(b, k.prefix...)
	h, m, s, ns := uint32(sec/3600), uint32(sec/60%60), uint32(sec%60), uint32(t.Nanosecond())
	at := len(b)
	b = append(b, "00:00:00.000000000Z"...)
	d := b[at : at+len("00:00:00.000000000")]
	twoDigits(d[0:], h)
	twoDigits(d[3:], m)
	twoDigits(d[6:], s)
	d[9] = byte('0' + ns/100_000_000)
	twoDigits(d[10:], ns/1_000_000%100)
	twoDigits(d[12:], ns/10_000%100)
	twoDigits(d[14:], ns/100%100)
	twoDigits(d[16:], ns%100)
	return b
}

// twoDigits writes a number below 100.
func twoDigits(b []byte, n uint32) { b[0], b[1] = byte('0'+n/10), byte('0'+n%10) }
