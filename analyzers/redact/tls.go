package redact

import (
	"encoding/binary"

	"github.com/alblab/alblab/lab/wire"
)

// message replaces in place what a whole handshake message in clear tells of who it is. Lengths stay. RFC 5246, section 7.4;
// RFC 8446, section 4.
func (m *Mapper) message(b []byte) {
	body := b[4:]
	switch b[0] {
	case 1:
		_, err := wire.ParseClientHello(b)
		m.hello(body)
		if err != nil && len(body) > 34 {
			m.maskRuns(body[34:])
		}
	case 0, 14: // hello_request, server_hello_done
	case 2:
		if _, err := wire.ParseServerHello(b); err != nil {
			clear(body)
		}
	case 4: // new_session_ticket
		clear(body[min(6, len(body)):])
	case 11: // certificate
		vectors(body[min(3, len(body)):], 3)
	case 12: // server_key_exchange: curve and point stay, the signature goes
		if len(body) >= 4 && body[0] == 3 && 4+int(body[3])+4 <= len(body) {
			clear(body[4+int(body[3])+4:])
		} else {
			clear(body)
		}
	case 13:
		certificateRequest(body)
	case 15: // certificate_verify
		clear(body[min(4, len(body)):])
	default:
		clear(body)
	}
}

// vectors clears the content of a list of vectors whose lengths have n bytes, and keeps the lengths.
func vectors(b []byte, n int) {
	for len(b) >= n {
		size := 0
		for _, c := range b[:n] {
			size = size<<8 | int(c)
		}
		end := n + min(size, len(b)-n)
		clear(b[n:end])
		b = b[end:]
	}
	clear(b)
}

// certificateRequest keeps types and schemes, and clears the authorities' names. RFC 5246, section 7.4.4.
func certificateRequest(b []byte) {
	if len(b) < 1 || len(b) < 1+int(b[0])+2 {
		clear(b)
		return
	}
	rest := b[1+int(b[0]):]
	n := int(binary.BigEndian.Uint16(rest))
	// Before TLS 1.2 no schemes stand between: then this length is that of the authorities and reaches the end.
	if 2+n == len(rest) {
		vectors(rest[2:], 2)
		return
	}
	if 2+n+2 > len(rest) {
		clear(rest)
		return
	}
	vectors(rest[2+n+2:], 2)
}

// hello replaces the server name and clears what a server gave to this client: tickets and keys of sessions, cookies.
func (m *Mapper) hello(b []byte) {
	for typ, body := range extensions(b) {
		switch typ {
		case wire.ExtServerName:
			m.serverName(body)
		case wire.ExtSessionTicket, 44, 0xfe0d: // tickets, cookie, encrypted client hello
			clear(body)
		case wire.ExtPreSharedKey:
			preSharedKey(body)
		}
	}
}

// extensions yields the extensions of a hello's body, as far as it is well-formed.
func extensions(b []byte) func(func(uint16, []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		rest := b
		skip := func(width, fixed int) bool {
			if len(rest) < fixed+width {
				return false
			}
			n := 0
			for _, c := range rest[fixed : fixed+width] {
				n = n<<8 | int(c)
			}
			if fixed+width+n > len(rest) {
				return false
			}
			rest = rest[fixed+width+n:]
			return true
		}
		if !skip(1, 34) || !skip(2, 0) || !skip(1, 0) || len(rest) < 2 {
			return
		}
		for rest = rest[2:]; len(rest) >= 4; {
			n := int(binary.BigEndian.Uint16(rest[2:]))
			end := min(4+n, len(rest))
			if !yield(binary.BigEndian.Uint16(rest), rest[4:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// serverName replaces the names in the extension. RFC 6066, section 3.
func (m *Mapper) serverName(b []byte) {
	if len(b) < 5 {
		return
	}
	for rest := b[2:]; len(rest) >= 3; {
		n := min(int(binary.BigEndian.Uint16(rest[1:])), len(rest)-3)
		name := string(rest[3 : 3+n])
		r := m.Host(name)
		if len(r) != len(name) {
			r = m.word("host", name, false)
		}
		copy(rest[3:3+n], r)
		rest = rest[3+n:]
	}
}

// preSharedKey clears identities and binders, and keeps their lengths and ages. RFC 8446, section 4.2.11.
func preSharedKey(b []byte) {
	if len(b) < 2 {
		return
	}
	end := min(2+int(binary.BigEndian.Uint16(b)), len(b))
	for rest := b[2:end]; len(rest) >= 2; {
		n := min(int(binary.BigEndian.Uint16(rest)), len(rest)-2)
		clear(rest[2 : 2+n])
		rest = rest[min(2+n+4, len(rest)):]
	}
	if end+2 <= len(b) {
		vectors(b[end+2:], 1)
	}
}

// helloBytes replaces in place what the records of a hello tell: what a client sent before an answer came.
func (m *Mapper) helloBytes(b []byte) {
	s := newStreams(m)
	st := &stream{}
	st.parser = parser{s: s, stream: st}
	st.parser.take(0, append([]byte(nil), b...))
	st.parser.finish()
	clear(b)
	for _, c := range st.chunks {
		copy(b[c.off:], c.data)
	}
}
