package redact

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// preface takes the header of the PROXY protocol off the begin of a stream and shows it with other addresses
// (www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2). more says that bytes are missing to tell.
func (p *parser) preface() (more bool) {
	const (
		most = 107 // of version 1
		word = "PROXY "
	)
	signature := []byte("\r\n\r\n\x00\r\nQUIT\n")
	b := p.buf
	switch {
	case strings.HasPrefix(word, string(b[:min(len(b), len(word))])):
		i := bytes.Index(b[:min(len(b), most)], []byte("\r\n"))
		if i < 0 {
			return len(b) < most
		}
		line, ok := p.s.m.proxyLine(string(b[:i]))
		if !ok {
			break // words like any others, of which nothing is shown as it is
		}
		p.stream.show(p.s, p.off, append([]byte(line), '\r', '\n'))
		p.advance(i + 2)
	case bytes.HasPrefix(b, signature[:min(len(b), len(signature))]):
		if len(b) < 16 {
			return true
		}
		n := 16 + int(binary.BigEndian.Uint16(b[14:]))
		if len(b) < n {
			return n < maxHead
		}
		p.s.m.proxyHeader(b[:n])
		p.stream.show(p.s, p.off, b[:n])
		p.advance(n)
	}
	return len(p.buf) == 0
}

// proxyLine replaces the addresses of version 1 by others that are written with as many characters; those of other evidence
// they do not fit. Of a connection that the proxy does not know everything is replaced. What is no header is not ok.
func (m *Mapper) proxyLine(line string) (out string, ok bool) {
	const unknown = "PROXY UNKNOWN"
	if rest, found := strings.CutPrefix(line, unknown); found && (rest == "" || rest[0] == ' ') {
		return unknown + m.word("proxy", rest, false), true
	}
	words := strings.Split(line, " ")
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return "", false
	}
	for _, port := range words[4:] {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", false
		}
	}
	for i := 2; i < 4; i++ {
		a, err := netip.ParseAddr(words[i])
		if err != nil || a.Zone() != "" || a.Is4() != (words[1] == "TCP4") {
			return "", false
		}
		hexed := strings.Contains(words[i], ":")
		separator := "."
		if hexed {
			separator = ":"
		}
		parts := strings.Split(words[i], separator)
		for k, part := range parts {
			r := m.word("proxy", part, hexed)
			switch {
			case hexed || part == "":
			case len(part) == 3:
				r = "1" + r[1:]
			case len(part) == 2 && r[0] == '0':
				r = "1" + r[1:]
			}
			parts[k] = r
		}
		words[i] = strings.Join(parts, separator)
	}
	return strings.Join(words, " "), true
}

// proxyHeader replaces the addresses of version 2 in place, and clears what follows them.
func (m *Mapper) proxyHeader(b []byte) {
	size := 0
	switch b[13] >> 4 {
	case 1:
		size = 4
	case 2:
		size = 16
	}
	body := b[16:]
	if size == 0 || len(body) < 2*size+4 {
		clear(body)
		return
	}
	for _, at := range []int{0, size} {
		a, _ := netip.AddrFromSlice(body[at : at+size])
		copy(body[at:], m.Addr(a).AsSlice())
	}
	clear(body[2*size+4:]) // TLVs: host names, endpoints' identifiers
}

// tlsBegins tells whether a segment begins with a hello or is an alert: behind a proxy's handshake or words that lead to
// STARTTLS, TLS does not come first.
func tlsBegins(b []byte) bool {
	if len(b) < 7 || b[1] != 3 || b[2] > 4 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	return b[0] == 22 && (b[5] == 1 || b[5] == 2) && b[6] == 0 && n >= 40 || b[0] == 21 && n == 2 && len(b) == 7
}

// maskRuns replaces words in bytes that are no well-formed hello: they may be names.
func (m *Mapper) maskRuns(b []byte) {
	for i := 0; i < len(b); {
		n := 0
		for i+n < len(b) && (alphanumeric(rune(b[i+n])) && b[i+n] < 128 || b[i+n] == '.' || b[i+n] == '-' || b[i+n] == '_') {
			n++
		}
		if n >= 4 {
			copy(b[i:i+n], m.word("host", string(b[i:i+n]), false))
		}
		i += n + 1
	}
}
