package embedded_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/metric"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// entry is one connection in the books: what its client did, and what each sort of evidence says of it. 64 bytes; a million
// fit into memory.
type entry struct {
	kind               uint8 // index into soakKinds, plus 1; 0: there was no such connection
	ended              uint8 // times that the load balancer said so
	good, bad          uint8 // lines of the connection log
	requests, blocked  uint8 // by the client
	lines, waf, denied uint8 // access log, WAF records, those of them that block
	rejected           uint8
	inP, outP          uint16 // flow records' packets
	inB, outB          uint32 // and bytes
	inF, outF          uint8  // and flags
	capInP, capOutP    uint16 // the capture's packets
	capInB, capOutB    uint32 // and bytes
	sent, got          uint32 // bytes within TCP, by the client
	in, out            uint32 // and by the load balancer
}

// books has an entry for each connection, by its client's address and port.
type books struct {
	mu      sync.Mutex
	clients map[netip.Addr]map[uint16]*entry
	strays  []string // evidence of no connection of ours
	count   int
	targets int // connections of the load balancer to its target
}

func newBooks() *books { return &books{clients: map[netip.Addr]map[uint16]*entry{}} }

// open enters a connection. Its port must not have been used.
func (b *books) open(at netip.AddrPort, kind int) (*entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ports := b.clients[at.Addr()]
	if ports == nil {
		ports = map[uint16]*entry{}
		b.clients[at.Addr()] = ports
	}
	if ports[at.Port()] != nil {
		return nil, fmt.Errorf("%s is used twice", at)
	}
	e := &entry{kind: uint8(kind + 1)}
	ports[at.Port()] = e
	b.count++
	return e, nil
}

// of finds the connection that evidence tells of, and notes a stray where there is none.
func (b *books) of(a netip.Addr, port int, what string) *entry {
	if e := b.clients[a][uint16(port)]; e != nil {
		return e
	}
	if len(b.strays) < 20 {
		b.strays = append(b.strays, fmt.Sprintf("%s of %s:%d", what, a, port))
	}
	return new(entry)
}

// read enters the whole of the evidence, connection by connection, and returns the metrics' sums.
func (b *books) read(bundle *evidence.Bundle, scanner func(netip.Addr) bool) (metrics map[string]float64, scanned int, err error) {
	metrics = map[string]float64{}
	scans := map[netip.AddrPort]bool{}
	step := func(k evidence.Kind, f func(io.Reader, *evidence.Options) error) {
		if err == nil {
			err = bundle.Each(k, f)
		}
	}
	step(evidence.KindConnection, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range connlog.Records(r, o) {
			if err != nil {
				return err
			}
			e := b.of(rec.ClientIP, int(rec.ClientPort), "a line of the connection log")
			if rec.VerifyStatus == "Success" {
				e.good++
			} else {
				e.bad++
			}
		}
		return nil
	})
	step(evidence.KindAccess, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range accesslog.Records(r, o) {
			if err != nil {
				return err
			}
			b.of(rec.Client.Addr(), int(rec.Client.Port()), "a line of the access log").lines++
		}
		return nil
	})
	step(evidence.KindWAF, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range waflog.Records(r, o) {
			if err != nil {
				return err
			}
			a, _ := netip.ParseAddr(rec.HTTPRequest.ClientIP)
			port, _ := strconv.Atoi(strings.TrimPrefix(rec.HTTPRequest.URI, "/")) // WAF knows no ports: the client says its own
			e := b.of(a, port, "a WAF record")
			e.waf++
			if rec.Action == "BLOCK" {
				e.denied++
			}
		}
		return nil
	})
	step(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range flowlog.Records(r, o) {
			switch {
			case err != nil:
				return err
			case rec.LogStatus != flowlog.OK:
			case scanner(rec.SrcAddr):
				scans[netip.AddrPortFrom(rec.SrcAddr, uint16(rec.SrcPort))] = true
			case scanner(rec.DstAddr):
			case rec.SrcPort == 80 || rec.DstPort == 80: // between the load balancer and its target
			default:
				b.flow(rec)
			}
		}
		return nil
	})
	step(evidence.KindCapture, func(r io.Reader, o *evidence.Options) error {
		for v, err := range capture.Conversations(r, o) {
			if err != nil {
				return err
			}
			switch {
			case scanner(v.Client.Addr()):
				continue
			case v.Server.Port() == 80:
				b.targets++
				continue
			}
			e := b.of(v.Client.Addr(), int(v.Client.Port()), "captured packets")
			e.capInP, e.capInB = e.capInP+uint16(v.FromClient.Packets), e.capInB+uint32(v.FromClient.Bytes)
			e.capOutP, e.capOutB = e.capOutP+uint16(v.FromServer.Packets), e.capOutB+uint32(v.FromServer.Bytes)
		}
		return nil
	})
	step(evidence.KindMetrics, func(r io.Reader, o *evidence.Options) error {
		for s, err := range metric.Records(r, o) {
			if err != nil {
				return err
			}
			if len(s.Dimensions) == 1 || s.Namespace == "AWS/WAFV2" { // not once more by zone or target group
				metrics[s.MetricName] += s.Sum()
			}
		}
		return nil
	})
	return metrics, len(scans), err
}

func (b *books) flow(rec *flowlog.Record) {
	if rec.SrcPort >= 32768 {
		e := b.of(rec.SrcAddr, rec.SrcPort, "a flow record")
		if rec.Action == flowlog.Reject {
			e.rejected++
			return
		}
		e.inP, e.inB, e.inF = e.inP+uint16(rec.Packets), e.inB+uint32(rec.Bytes), e.inF|uint8(rec.TCPFlags)
		return
	}
	e := b.of(rec.DstAddr, rec.DstPort, "a flow record")
	e.outP, e.outB, e.outF = e.outP+uint16(rec.Packets), e.outB+uint32(rec.Bytes), e.outF|uint8(rec.TCPFlags)
}

// counted is a connection whose client keeps count.
type counted struct {
	net.Conn
	sent, got int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.got += int64(n)
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent += int64(n)
	return n, err
}

func (c *counted) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }
func (c *counted) Reset() error {
	if r, ok := c.Conn.(interface{ Reset() error }); ok {
		return r.Reset()
	}
	return syscall.ENOTSUP
}

// check compares an entry with what its kind leaves behind.
func (e *entry) check(k *soakKind, v6 bool) (wrong []string) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	lost := e.ended == 0 && k.mayVanish // the reset came before the connection was accepted
	bad(e.ended == 1 || lost, "ended %d times", e.ended)
	bad(int(e.good) == k.good, "%d lines Success, not %d", e.good, k.good)
	bad(int(e.bad) == k.bad || k.mayVanish && e.bad == 0, "%d lines Failed, not %d", e.bad, k.bad)
	bad(e.lines == e.requests, "%d lines of the access log for %d requests", e.lines, e.requests)
	bad(e.waf == e.requests, "%d WAF records for %d requests", e.waf, e.requests)
	bad(e.denied == e.blocked, "%d WAF records that block, not %d", e.denied, e.blocked)
	bad(e.rejected == 0 || k.reset, "%d rejected flows", e.rejected)
	bad(e.inF&2 != 0 && e.outF&18 == 18, "flags %d and %d: no handshake of TCP", e.inF, e.outF)
	bad(e.inP == e.capInP && e.inB == e.capInB && e.outP == e.capOutP && e.outB == e.capOutB,
		"the flow log has %d and %d packets, %d and %d bytes, the capture %d and %d, %d and %d", e.inP, e.outP, e.inB, e.outB, e.capInP, e.capOutP, e.capInB, e.capOutB)
	if k.reset {
		return wrong
	}
	// A client that takes longer than the load balancer drains, on a computer that is busy, has its close_notify answered by a
	// reset; and what another goroutine writes last (h2's GOAWAY) may be on the wire before it is counted.
	late := e.outF&4 != 0
	bad(e.sent == e.in || late && e.in < e.sent, "the client sent %d bytes, the load balancer got %d", e.sent, e.in)
	bad(e.out == e.got || e.out < e.got && e.got-e.out < 64, "the load balancer sent %d bytes, the client got %d", e.out, e.got)
	head := uint32(40) // at least, and more where packets were sent again
	if v6 {
		head = 60
	}
	bad(e.sent+head*uint32(e.inP) <= e.inB && e.got+head*uint32(e.outP) <= e.outB, "%d bytes in and %d out of payload are not in the flow records", e.sent, e.got)
	return wrong
}
