package redact

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/alblab/alblab/lab/wire"
)

// mode is what a stream turned out to be.
type mode uint8

const (
	modeNew    mode = iota
	modeTLS         // records
	modeClear       // lines of text: HTTP, SSH, a PROXY header
	modeHidden      // nothing is shown, until TLS begins
)

// parser reads a stream in order and says what of it may be shown, and how. It understands TLS as far as it is in clear, and the
// head of the first HTTP message; all else is hidden.
type parser struct {
	s      *streams
	stream *stream
	mode   mode
	off    int    // of buf[0] in the stream
	buf    []byte // what is not understood yet
	skip   int    // bytes of an encrypted record to come
	hidden bool   // a ChangeCipherSpec was sent

	message []byte // of handshake messages that are not whole yet
	runs    []run  // where its bytes stand
}

// run is a stretch of a message in the stream.
type run struct{ at, off, n int }

const (
	maxHead    = 64 << 10 // of a text
	maxMessage = 1 << 18  // of a handshake message
)

// take takes the next bytes.
func (p *parser) take(off int, b []byte) {
	if (p.mode == modeHidden || p.mode == modeClear) && tlsBegins(b) {
		if p.mode == modeClear {
			p.text(true)
		}
		p.mode, p.hidden, p.skip = modeTLS, false, 0
		p.buf, p.message, p.runs = nil, nil, nil
	}
	if p.mode == modeHidden {
		return
	}
	if n := min(p.skip, len(b)); n > 0 {
		p.skip -= n
		off, b = off+n, b[n:]
	}
	if len(b) == 0 {
		return
	}
	if len(p.buf) == 0 {
		p.off = off
	}
	p.buf = append(p.buf, b...)
	if p.mode == modeNew && !p.choose() {
		return
	}
	switch p.mode {
	case modeTLS:
		p.records()
	case modeClear:
		p.text(false)
	}
}

// choose looks at the first bytes; false: more are needed.
func (p *parser) choose() bool {
	if p.preface() {
		return false
	}
	c := p.buf[0]
	switch {
	case c >= 20 && c <= 23:
		p.mode = modeTLS
	case wire.IsSSLv2Hello(p.buf):
		n := int(binary.BigEndian.Uint16(p.buf)&0x7fff) + 2
		if len(p.buf) < n {
			return false
		}
		p.stream.show(p.s, p.off, p.buf[:n]) // has no names
		p.advance(n)
		p.mode = modeTLS
	case c&0x80 != 0 && len(p.buf) < 5:
		return false
	case c > ' ' && c < 127:
		p.mode = modeClear
	default:
		p.hide()
	}
	return p.mode != modeHidden
}

func (p *parser) advance(n int) {
	p.off += n
	p.buf = append(p.buf[:0], p.buf[n:]...)
}

func (p *parser) hide() { p.mode, p.buf, p.message = modeHidden, nil, nil }

// records reads TLS records. RFC 8446, section 5.1.
func (p *parser) records() {
	for len(p.buf) >= 5 {
		typ, n := p.buf[0], int(binary.BigEndian.Uint16(p.buf[3:]))
		if typ < 20 || typ > 23 || p.buf[1] != 3 || n > 1<<14+2048 {
			p.stream.show(p.s, p.off, p.buf[:5]) // what is wrong with it can be seen
			p.hide()
			return
		}
		if typ == 23 {
			p.stream.show(p.s, p.off, p.buf[:5])
			have := min(5+n, len(p.buf))
			p.skip = 5 + n - have
			p.advance(have)
			continue
		}
		if len(p.buf) < 5+n {
			return
		}
		if p.record(typ, p.off+5, p.buf[5:5+n]); p.mode == modeHidden {
			return
		}
		p.advance(5 + n)
	}
}

// record shows the header, and of the content what may be shown.
func (p *parser) record(typ byte, off int, b []byte) {
	p.stream.show(p.s, off-5, p.buf[:5])
	switch {
	case typ == 20:
		p.hidden = true
		p.stream.show(p.s, off, b[:min(len(b), 1)])
	case typ == 21 && len(b) == 2:
		p.stream.show(p.s, off, b)
	case typ == 22 && (!p.hidden || plainHello(b)):
		p.handshake(off, b)
	}
}

// plainHello recognises the hellos that follow a HelloRetryRequest: they come after a ChangeCipherSpec and in clear. RFC 8446,
// appendix D.4.
func plainHello(b []byte) bool {
	if len(b) < 4 || 4+(int(b[1])<<16|int(b[2])<<8|int(b[3])) != len(b) {
		return false
	}
	switch b[0] {
	case 1:
		_, err := wire.ParseClientHello(b)
		return err == nil
	case 2:
		_, err := wire.ParseServerHello(b)
		return err == nil
	}
	return false
}

// handshake puts messages together and shows those that are whole.
func (p *parser) handshake(off int, b []byte) {
	p.runs = append(p.runs, run{len(p.message), off, len(b)})
	p.message = append(p.message, b...)
	done := 0
	for len(p.message)-done >= 4 {
		msg := p.message[done:]
		n := 4 + (int(msg[1])<<16 | int(msg[2])<<8 | int(msg[3]))
		if n > maxMessage {
			p.shown(done, msg[:4])
			p.hide()
			return
		}
		if len(msg) < n {
			break
		}
		msg = msg[:n]
		p.s.m.message(msg)
		p.shown(done, msg)
		done += n
	}
	if done == len(p.message) {
		p.message, p.runs = p.message[:0], p.runs[:0]
		return
	}
	if len(p.message)-done >= 4 {
		p.shown(done, p.message[done:done+4]) // how long it would be
	}
	p.message = append(p.message[:0], p.message[done:]...)
	var rest []run
	for _, r := range p.runs {
		if cut := done - r.at; cut >= r.n {
			continue
		} else if cut > 0 {
			r = run{done, r.off + cut, r.n - cut}
		}
		rest = append(rest, run{r.at - done, r.off, r.n})
	}
	p.runs = rest
}

// shown shows bytes of messages where they stand in the stream.
func (p *parser) shown(at int, b []byte) {
	for _, r := range p.runs {
		from, to := max(r.at, at), min(r.at+r.n, at+len(b))
		if from < to {
			p.stream.show(p.s, r.off+from-r.at, b[from-at:to-at])
		}
	}
}

// finish ends the stream: a text that has no end is shown as far as it is.
func (p *parser) finish() {
	if p.mode == modeClear {
		p.text(true)
	}
	if p.mode == modeTLS && len(p.buf) >= 5 && p.buf[0] == 22 && !p.hidden {
		// A record that is not whole: its header, and that of the message that begins in it.
		p.stream.show(p.s, p.off, p.buf[:5])
		if len(p.message) == 0 && len(p.buf) >= 9 {
			p.stream.show(p.s, p.off+5, p.buf[5:9])
		}
	} else if p.mode == modeTLS && len(p.buf) > 0 && len(p.buf) < 5 {
		p.stream.show(p.s, p.off, p.buf)
	}
	p.buf, p.message, p.runs = nil, nil, nil
}

// text shows the head of the first message, line by line, with its names replaced. What follows is hidden.
func (p *parser) text(end bool) {
	head := p.buf
	if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
		head = head[:i+4]
	} else if !end && len(head) < maxHead {
		return
	}
	var out []byte
	for i, line := range bytes.SplitAfter(head, []byte("\n")) {
		body := bytes.TrimRight(line, "\r\n")
		out = append(append(out, p.s.m.line(string(body), i == 0)...), line[len(body):]...)
	}
	p.stream.show(p.s, p.off, out)
	p.hide()
}

// line replaces what a line of clear text tells; its length stays.
func (m *Mapper) line(s string, first bool) string {
	r := s
	switch {
	case first && strings.HasPrefix(s, "HTTP/"):
		return s
	case first && strings.Contains(s, " HTTP/"):
		r = m.Request(s)
	case first:
		word, rest, _ := strings.Cut(s, " ")
		if rest == "" || len(word) > 8 {
			r = m.word("text", s, false)
		} else {
			r = word + " " + m.word("text", rest, false)
		}
	default:
		if name, value, ok := strings.Cut(s, ":"); ok {
			trimmed := strings.TrimLeft(value, " \t")
			replaced := m.header(name, trimmed)
			if len(replaced) != len(trimmed) { // an address has become longer or shorter
				replaced = m.word("header", trimmed, false)
			}
			r = name + ":" + value[:len(value)-len(trimmed)] + replaced
		} else {
			r = m.word("text", s, false)
		}
	}
	if len(r) != len(s) { // of a request to an address
		return m.word("text", s, false)
	}
	return r
}
