package main

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// segmentLen is the payload of a full segment: Ethernet's 1500 bytes without headers and timestamps.
const segmentLen = 1448

// segment is one TCP segment of a connection's plan.
type segment struct {
	fromClient bool
	flags      capture.TCPFlags
	payload    []byte
	again      bool // a retransmission of the segment before it of that side
	late       bool // changes places with the segment behind it
}

// course is how a connection goes.
type course uint8

// The courses, with how many of a thousand connections take them. The figures are made up, in the order of what a load balancer in
// front of browsers and scripts sees.
const (
	tls13 course = iota
	tls12
	retry
	refusedAlert
	refusedReset
	unanswered
	noData
	courses
)

var shares = [courses]int{tls13: 550, tls12: 230, retry: 30, refusedAlert: 90, refusedReset: 50, unanswered: 30, noData: 20}

func pick(r *rand.Rand) course {
	n := r.IntN(1000)
	for c, share := range shares {
		if n -= share; n < 0 {
			return course(c)
		}
	}
	return noData
}

const (
	syn = capture.SYN
	ack = capture.ACK
	psh = capture.PSH | capture.ACK
	fin = capture.FIN | capture.ACK
	rst = capture.RST | capture.ACK
)

// planner plans connections.
type planner struct {
	r       *rand.Rand
	hellos  [][]byte
	filler  []byte // of encrypted records
	list    []segment
	rounds  int // of request and response in a connection that is completed
	longer  int // how many connections have a round more
	planned int
}

// plan returns the segments of the next connection. They are valid until the next call.
func (p *planner) plan() []segment {
	p.list = p.list[:0]
	hello := append([]byte(nil), p.hellos[p.r.IntN(len(p.hellos))]...)
	for i := 11; i < 43; i += 8 { // the random
		binary.BigEndian.PutUint64(hello[i:], p.r.Uint64())
	}
	p.add(true, syn, nil)
	p.add(false, syn|ack, nil)
	p.add(true, ack, nil)
	course := pick(p.r)
	if course == noData {
		p.close(false)
		return p.list
	}
	p.send(true, hello)
	p.disturb()
	switch course {
	case tls13, retry:
		if course == retry {
			p.send(false, records(22, serverHello(0x1301, true, true)))
			p.send(true, append([]byte{20, 3, 3, 0, 1, 1}, hello...))
		}
		flight := records(22, serverHello(0x1301, true, false))
		p.send(false, append(append(flight, 20, 3, 3, 0, 1, 1), p.sealed(2400)...))
		p.send(true, append([]byte{20, 3, 3, 0, 1, 1}, p.sealed(53)...))
		p.requests()
	case tls12:
		flight := records(22, serverHello(0xc02f, false, false), message(11, make([]byte, 2300)),
			message(12, append([]byte{3, 0, 29, 32}, make([]byte, 292)...)), message(14, nil))
		p.send(false, flight)
		p.send(true, append(records(22, message(16, make([]byte, 33))), 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 4, 1, 2, 3, 4))
		p.send(false, []byte{20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 4, 1, 2, 3, 4})
		p.requests()
	case refusedAlert:
		p.send(false, wire.Alert{Level: wire.AlertFatal, Description: [...]uint8{40, 70, 47, 112}[p.r.IntN(4)]}.Record(wire.TLS12))
		p.close(false)
	case refusedReset:
		p.add(false, ack, nil)
		p.add(false, rst, nil)
	case unanswered:
		p.add(false, ack, nil)
	}
	return p.list
}

// requests is what follows a handshake.
func (p *planner) requests() {
	rounds := p.rounds
	if p.planned++; p.planned <= p.longer {
		rounds++
	}
	for range rounds {
		p.add(true, psh, p.sealed(180))
		p.add(false, psh, p.sealed(600))
	}
	p.close(true)
}

func (p *planner) close(client bool) {
	p.add(client, fin, nil)
	p.add(!client, fin, nil)
}

func (p *planner) add(fromClient bool, flags capture.TCPFlags, payload []byte) {
	p.list = append(p.list, segment{fromClient: fromClient, flags: flags, payload: payload})
}

// send cuts a flight into segments.
func (p *planner) send(fromClient bool, b []byte) {
	for len(b) > 0 {
		n := min(len(b), segmentLen)
		p.add(fromClient, psh, b[:n:n])
		b = b[n:]
	}
}

// disturb sends a hello's last segment twice, or its last two in the wrong order, now and then.
func (p *planner) disturb() {
	n := len(p.list)
	switch {
	case p.r.IntN(100) == 0:
		s := p.list[n-1]
		s.again = true
		p.list = append(p.list, s)
	case n > 4 && p.r.IntN(20) == 0:
		p.list[n-2].late = true
	}
}

// sealed is an encrypted record.
func (p *planner) sealed(n int) []byte {
	return append([]byte{23, 3, 3, byte(n >> 8), byte(n)}, p.filler[:n]...)
}

// records puts messages into a record each.
func records(typ byte, messages ...[]byte) []byte {
	var b []byte
	for _, m := range messages {
		b = append(append(b, typ, 3, 3, byte(len(m)>>8), byte(len(m))), m...)
	}
	return b
}

func message(typ byte, body []byte) []byte {
	return append([]byte{typ, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// serverHello is a ServerHello, or a HelloRetryRequest that asks for secp384r1 (RFC 8446, section 4.1.3).
func serverHello(suite uint16, v13, again bool) []byte {
	b := append([]byte{3, 3}, make([]byte, 32)...)
	if again {
		copy(b[2:], "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C")
	}
	b = append(b, 0, byte(suite>>8), byte(suite), 0)
	var ext []byte
	switch {
	case again:
		ext = []byte{0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 24}
	case v13:
		ext = append([]byte{0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32}, make([]byte, 32)...)
	default:
		ext = []byte{0xff, 1, 0, 1, 0, 0, 23, 0, 0}
	}
	return message(2, append(append(b, byte(len(ext)>>8), byte(len(ext))), ext...))
}
