package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits of what HelloReader takes.
const (
	maxRecord  = 1 << 14 // payload of one record: RFC 8446, section 5.1
	maxMessage = 1 << 16 // one hello; s2n-tls stops there too (S2N_MAXIMUM_HANDSHAKE_MESSAGE_LENGTH)
)

// HelloState is how far a HelloReader has come.
type HelloState uint8

// The states. The last three are final.
const (
	HelloNeedMore  HelloState = iota // no fault so far; more bytes are needed
	HelloComplete                    // Hello has it
	HelloNotTLS                      // the first bytes are not those of TLS, nor of an SSLv2 hello
	HelloMalformed                   // TLS, but damaged, or something else than a hello; Err says what and where
)

func (s HelloState) String() string {
	switch s {
	case HelloNeedMore:
		return "need-more"
	case HelloComplete:
		return "complete"
	case HelloNotTLS:
		return "not-tls"
	}
	return "malformed"
}

// HelloReader assembles the ClientHello at the start of a byte stream, which may be spread over records and over reads as the
// network pleases. It holds at most one hello of 64 KiB. The zero value is ready.
type HelloReader struct {
	raw      []byte // all bytes fed that belong to the hello's records
	msg      []byte // the handshake message without record headers
	at       int    // bytes of raw that have been looked at: the start of the next record
	hello    ClientHello
	state    HelloState
	err      *ParseError
	version  Version // of the first record
	consumed int
}

// Feed takes the next bytes of the stream and tells how it stands. In a final state it takes no more.
func (r *HelloReader) Feed(p []byte) HelloState {
	if r.state != HelloNeedMore {
		return r.state
	}
	r.raw = append(r.raw, p...)
	if len(r.raw) > 0 && r.raw[0]&0x80 != 0 {
		r.sslv2()
	} else {
		for r.state == HelloNeedMore && r.record() {
		}
	}
	return r.state
}

// State tells how it stands without new bytes.
func (r *HelloReader) State() HelloState { return r.state }

// Hello returns the hello once it is complete, else nil. It borrows from the reader.
func (r *HelloReader) Hello() *ClientHello {
	if r.state != HelloComplete {
		return nil
	}
	return &r.hello
}

// Err returns a *ParseError in the state HelloMalformed, else nil. Its offset counts in the stream for faults of the framing,
// in the message for faults within the hello.
func (r *HelloReader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Raw returns all bytes that were fed, for a TLS library that wants to read them again.
func (r *HelloReader) Raw() []byte { return r.raw }

// Message returns the handshake message so far, without record headers; for an SSLv2 hello its whole record.
func (r *HelloReader) Message() []byte { return r.msg }

// Consumed returns how many bytes of the stream are the hello's records; later ones belong to what follows.
func (r *HelloReader) Consumed() int { return r.consumed }

// Reset makes the reader ready for another stream and keeps its buffers.
func (r *HelloReader) Reset() {
	*r = HelloReader{raw: r.raw[:0], msg: r.msg[:0], hello: r.hello}
}

func (r *HelloReader) stop(offset int, what string) bool {
	r.state, r.err = HelloMalformed, &ParseError{offset, what}
	return false
}

func (r *HelloReader) sslv2() {
	if len(r.raw) < 5 {
		if len(r.raw) >= 3 && r.raw[2] != typeClientHello {
			r.state = HelloNotTLS
		}
		return
	}
	if !IsSSLv2Hello(r.raw) {
		r.state = HelloNotTLS
		return
	}
	n := 2 + int(binary.BigEndian.Uint16(r.raw)&0x7FFF)
	if len(r.raw) < n {
		return
	}
	r.msg = append(r.msg[:0], r.raw[:n]...)
	r.consumed = n
	r.finish(r.hello.ParseSSLv2(r.msg))
}

// record looks at the next record and tells whether there may be another.
func (r *HelloReader) record() bool {
	b := r.raw[r.at:]
	first := r.at == 0
	if first && !looksLikeTLS(b) {
		r.state = HelloNotTLS
		return false
	}
	switch {
	case len(b) == 0:
		return false
	case b[0] != recordHandshake && (first || len(b) >= 2):
		return r.notHandshake(b)
	case len(b) < 5:
		return false
	case b[1] != 3:
		return r.stop(r.at+1, "record does not begin like a record of TLS")
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	if n == 0 || n > maxRecord {
		return r.stop(r.at+3, fmt.Sprintf("handshake record of %d bytes", n))
	}
	if len(r.msg) == 0 && len(b) > 5 && b[5] != typeClientHello {
		return r.stop(r.at+5, fmt.Sprintf("handshake message of type %d before a client hello", b[5]))
	}
	if len(b) < 5+n {
		return r.fits(b[5:])
	}
	if first {
		r.version = Version(binary.BigEndian.Uint16(b[1:]))
	}
	r.msg = append(r.msg, b[5:5+n]...)
	r.at += 5 + n
	if len(r.msg) < 4 {
		return true
	}
	want := 4 + (int(r.msg[1])<<16 | int(binary.BigEndian.Uint16(r.msg[2:])))
	switch {
	case want > maxMessage:
		return r.stop(r.at, fmt.Sprintf("client hello of %d bytes", want))
	case len(r.msg) < want:
		return true
	case len(r.msg) > want: // RFC 8446, section 5.1: nothing may follow in the record before keys change
		return r.stop(r.at-(len(r.msg)-want), "bytes after the client hello in its record")
	}
	r.consumed = r.at
	r.finish(r.hello.Parse(r.msg))
	r.hello.RecordVersion = r.version
	return false
}

// fits refuses early what could never become a hello within the limit. part is the start of a record that is not whole.
func (r *HelloReader) fits(part []byte) bool {
	var head [4]byte
	if n := copy(head[:], r.msg); n+copy(head[n:], part) == 4 {
		if want := 4 + (int(head[1])<<16 | int(binary.BigEndian.Uint16(head[2:]))); want > maxMessage {
			return r.stop(r.at, fmt.Sprintf("client hello of %d bytes", want))
		}
	}
	return false
}

// looksLikeTLS judges as many of the first bytes as there are.
func looksLikeTLS(b []byte) bool {
	return len(b) == 0 || b[0] >= 20 && b[0] <= 23 && (len(b) == 1 || b[1] == 3)
}

func (r *HelloReader) notHandshake(b []byte) bool {
	if len(b) < 2 {
		return false // the second byte tells TLS from something else
	}
	if b[0] == recordAlert {
		if a, err := ParseAlert(b); err == nil {
			return r.stop(r.at, "alert instead of a client hello: "+a.String())
		}
	}
	return r.stop(r.at, fmt.Sprintf("record of type %d instead of a client hello", b[0]))
}

func (r *HelloReader) finish(err error) {
	r.state = HelloComplete
	if err != nil {
		r.state = HelloMalformed
		errors.As(err, &r.err)
	}
}

// ParseHello reads a hello from bytes that are whole TLS records, an SSLv2 record, or one bare handshake message. Records after
// the hello's are ignored. The error is a *ParseError.
func ParseHello(b []byte) (*ClientHello, error) {
	if len(b) > 0 && b[0] == typeClientHello {
		return ParseClientHello(b)
	}
	var r HelloReader
	switch r.Feed(b) {
	case HelloComplete:
		return &r.hello, nil
	case HelloNotTLS:
		return nil, &ParseError{0, "neither a TLS record nor a client hello"}
	case HelloNeedMore:
		return nil, &ParseError{len(b), "client hello is cut short"}
	}
	return nil, r.err
}
