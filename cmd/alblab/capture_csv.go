package main

import (
	"io"
	"strconv"
	"strings"

	"github.com/alblab/alblab/lab/evidence/capture"
)

// captureCSV writes a row for each connection (RFC 4180). Lists have blanks between their values.
type captureCSV struct {
	out    io.Writer
	offers captureOffers
	clock  clockText
	b      []byte
	begun  bool
}

func newCaptureCSV(out io.Writer) *captureCSV {
	return &captureCSV{out: out, offers: captureOffers{csv: true}}
}

const captureColumns = "file,frame,start,end,client,client_port,server,server_port,vni,tcp_handshake," +
	"hello_frame,hello_bytes,hello_segments,server_name,alpn,versions,ciphers,groups,key_shares,signature_schemes,ja3,ja4," +
	"answer,version,cipher,group,hello_retry_group,alert,alert_by,ending,ended_by,ended," +
	"packets_in,bytes_in,tcp_flags_in,packets_out,bytes_out,tcp_flags_out,incomplete\r\n"

// header writes the columns' names, once.
func (w *captureCSV) header() error {
	if w.begun {
		return nil
	}
	w.begun = true
	_, err := io.WriteString(w.out, captureColumns)
	return err
}

func (w *captureCSV) summary(*captured) error { return w.header() }

func (w *captureCSV) write(file string, c *capture.Conversation) error {
	if err := w.header(); err != nil {
		return err
	}
	b := appendField(w.b[:0], file)
	b = strconv.AppendInt(append(b, ','), int64(c.FirstFrame), 10)
	b = w.clock.append(append(b, ','), c.Start)
	b = w.clock.append(append(b, ','), c.End)
	b = c.Client.Addr().AppendTo(append(b, ','))
	b = strconv.AppendUint(append(b, ','), uint64(c.Client.Port()), 10)
	b = c.Server.Addr().AppendTo(append(b, ','))
	b = strconv.AppendUint(append(b, ','), uint64(c.Server.Port()), 10)
	b = append(b, ',')
	if c.VNI >= 0 {
		b = strconv.AppendInt(b, int64(c.VNI), 10)
	}
	b = append(append(b, ','), c.Handshake.String()...)
	b = w.hello(append(b, ','), c)
	b = w.answer(append(b, ','), c)
	for _, d := range [...]*capture.Direction{&c.FromClient, &c.FromServer} {
		b = strconv.AppendInt(append(b, ','), d.Packets, 10)
		b = strconv.AppendInt(append(b, ','), d.Bytes, 10)
		b = strconv.AppendUint(append(b, ','), uint64(d.Flags), 10)
	}
	b = strconv.AppendBool(append(b, ','), c.Incomplete)
	w.b = append(b, "\r\n"...)
	_, err := w.out.Write(w.b)
	return err
}

// hello appends the columns from hello_frame to ja4.
func (w *captureCSV) hello(b []byte, c *capture.Conversation) []byte {
	if c.Hello == nil {
		return append(b, ",,,,,,,,,,,"...)
	}
	b = strconv.AppendInt(b, int64(c.HelloFrame), 10)
	b = strconv.AppendInt(append(b, ','), int64(len(c.HelloBytes)), 10)
	b = strconv.AppendInt(append(b, ','), int64(c.HelloSegments), 10)
	b = appendField(append(b, ','), c.Hello.ServerName)
	return append(append(b, ','), w.offers.of(c.Hello).csv...)
}

// answer appends the columns from answer to ended.
func (w *captureCSV) answer(b []byte, c *capture.Conversation) []byte {
	b = append(append(b, c.Answer().String()...), ',')
	if v := c.Version(); v != 0 {
		b = append(b, v.String()...)
	}
	if b = append(b, ','); c.Suite() != 0 {
		b = append(b, c.Suite().String()...)
	}
	if b = append(b, ','); c.Group != 0 {
		b = append(b, c.Group.String()...)
	}
	if b = append(b, ','); c.HelloRetry != nil && c.HelloRetry.Group != 0 {
		b = append(b, c.HelloRetry.Group.String()...)
	}
	b = append(b, ',')
	if a, by := c.Alert(); a != nil {
		b = append(append(append(b, a.Name()...), ','), by.String()...)
	} else {
		b = append(b, ',')
	}
	b = append(append(b, ','), c.Ending.String()...)
	b = append(append(b, ','), c.EndedBy.String()...)
	if b = append(b, ','); c.EndedBy != capture.SideNone {
		b = w.clock.append(b, c.Ended)
	}
	return b
}

// appendField appends a text, quoted where it has to be. Spreadsheets take what begins with =, +, -, @ for a formula, and names come
// from whoever connects: such a text gets an apostrophe in front.
func appendField(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	if strings.IndexByte("=+-@\t", s[0]) >= 0 {
		s = "'" + s
	}
	plain := true
	for i := range len(s) {
		c := s[i]
		plain = plain && c != '"' && c != ',' && c != '\r' && c != '\n'
	}
	if plain {
		return append(b, s...)
	}
	return append(append(append(b, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}
