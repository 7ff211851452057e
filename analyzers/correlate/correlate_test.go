package correlate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// t0 is the time of all cases.
var t0 = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

// line numbers the records of a case.
type evidenceOf struct {
	adds []func(*Builder)
	line int
}

func (e *evidenceOf) ref(file string) evidence.Ref {
	e.line++
	return evidence.Ref{File: file, Line: e.line}
}

// flow adds a record, "203.0.113.10:40000" to "10.0.1.10:443", from second start to end; flags -1 for none.
func (e *evidenceOf) flow(from, to string, packets, bytes int64, start, end float64, flags int, more ...func(*flowlog.Record)) {
	f, t := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	r := flowlog.Record{
		Line: e.ref("flow.log").Line, Version: 2, InterfaceID: []byte("eni-lb"), SrcAddr: f.Addr(), DstAddr: t.Addr(),
		SrcPort: int(f.Port()), DstPort: int(t.Port()), Protocol: 6, Packets: packets, Bytes: bytes,
		Start: at(start).Unix(), End: at(end).Unix(), Action: flowlog.Accept, LogStatus: flowlog.OK, TCPFlags: flags,
	}
	for _, m := range more {
		m(&r)
	}
	e.adds = append(e.adds, func(b *Builder) { c := r; b.Flow(&c, "flow.log") })
}

func (e *evidenceOf) conn(client string, port uint16, when float64, status, trace string) {
	c := netip.MustParseAddrPort(client)
	r := &connlog.Record{
		Time: at(when), ClientIP: c.Addr(), ClientPort: c.Port(), ListenerPort: port, VerifyStatus: status, ConnTraceID: trace,
	}
	if status == "Success" {
		r.TLSProtocol, r.TLSCipher = "TLSv1.3", "TLS_AES_128_GCM_SHA256"
	}
	ref := e.ref("connection.log")
	e.adds = append(e.adds, func(b *Builder) { b.Connection(r, ref) })
}

func (e *evidenceOf) access(client string, port uint16, when float64, trace, root string) {
	r := &accesslog.Record{
		Type: "https", Time: at(when), RequestCreationTime: at(when - 0.01), Client: netip.MustParseAddrPort(client),
		Request: fmt.Sprintf("GET https://lab.example:%d/ HTTP/1.1", port), SSLProtocol: "TLSv1.3", SSLCipher: "TLS_AES_128_GCM_SHA256",
		ConnTraceID: trace, TraceID: "Root=" + root, ELBStatusCode: 200,
	}
	ref := e.ref("access.log")
	e.adds = append(e.adds, func(b *Builder) { b.Access(r, ref) })
}

// nobody adds a request that the access log shows without a client.
func (e *evidenceOf) nobody(port uint16, when float64, trace string) {
	r := &accesslog.Record{
		Type: "https", Time: at(when), RequestCreationTime: at(when - 0.01), Request: fmt.Sprintf("GET https://lab.example:%d/ HTTP/1.1", port), ConnTraceID: trace,
	}
	ref := e.ref("access.log")
	e.adds = append(e.adds, func(b *Builder) { b.Access(r, ref) })
}

func (e *evidenceOf) waf(client string, when float64, root, action string) {
	r := &waflog.Record{Timestamp: at(when).UnixMilli(), Action: action, HTTPRequest: waflog.Request{ClientIP: client, RequestID: root}}
	ref := e.ref("waf.log")
	e.adds = append(e.adds, func(b *Builder) { b.WAF(r, ref) })
}

func (e *evidenceOf) packets(client, server string, start, end float64) *capture.Conversation {
	c := &capture.Conversation{Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort(server), Start: at(start), End: at(end)}
	ref := e.ref("capture.pcap")
	e.adds = append(e.adds, func(b *Builder) { b.Capture(c, ref) })
	return c
}

func (e *evidenceOf) build(o *Options) *Result {
	b := NewBuilder(o)
	for _, add := range e.adds {
		add(b)
	}
	return b.Build()
}

const (
	client = "203.0.113.10:40000"
	server = "10.0.1.10:443"
)

func reject(r *flowlog.Record) { r.Action = flowlog.Reject }

func on(iface string) func(*flowlog.Record) {
	return func(r *flowlog.Record) { r.InterfaceID = []byte(iface) }
}

// summary is a connection as the cases write it.
func summary(c *Conn) string {
	to := c.Server.String()
	if !c.Server.Addr().IsValid() {
		to = fmt.Sprint(":", c.Server.Port())
	}
	s := fmt.Sprintf("%s>%s +%g", c.Client, to, c.Start.Sub(t0).Seconds())
	for _, f := range []struct {
		name string
		f    Flow
	}{{"in", c.In}, {"out", c.Out}, {"rejected", c.Rejected}, {"rejectedout", c.RejectedOut}} {
		if f.f.Records > 0 {
			s += fmt.Sprintf(" %s=%d/%d/%d", f.name, f.f.Packets, f.f.Bytes, f.f.Flags)
		}
	}
	if c.ConnLog != nil {
		s += " line=" + c.ConnLog.ConnTraceID
	}
	if c.Requests > 0 {
		s += fmt.Sprintf(" requests=%d", c.Requests)
	}
	if c.WAFCount > 0 {
		s += fmt.Sprintf(" waf=%d blocked=%d", c.WAFCount, c.Blocked)
	}
	if c.Capture != nil {
		s += " packets"
	}
	if c.Shared {
		s += " shared"
	}
	return s
}

func TestJoin(t *testing.T) {
	tests := []struct {
		name    string
		add     func(*evidenceOf)
		o       *Options
		want    []string
		targets []string
	}{
		{
			name: "all kinds of one connection",
			add: func(e *evidenceOf) {
				e.flow(client, server, 18, 1921, 0, 1, 3)
				e.flow(server, client, 16, 6682, 0, 1, 19)
				e.packets(client, server, 0.2, 1.3)
				e.conn(client, 443, 0.25, "Success", "TID_1")
				e.access(client, 443, 0.5, "TID_1", "1-a")
				e.access(client, 443, 0.6, "TID_1", "1-b")
				e.waf("203.0.113.10", 0.5, "1-a", "ALLOW")
				e.waf("203.0.113.10", 0.6, "1-b", "BLOCK")
			},
			want: []string{"203.0.113.10:40000>10.0.1.10:443 +0 in=18/1921/3 out=16/6682/19 line=TID_1 requests=2 waf=2 blocked=1 packets"},
		},
		{
			name: "a handshake across a window's edge",
			add: func(e *evidenceOf) {
				e.flow(client, server, 1, 60, 59, 59, 2)
				e.flow(server, client, 1, 60, 59, 59, 18)
				e.flow(client, server, 2, 268, 60, 60, 0)
				e.flow(server, client, 2, 104, 60, 60, 4)
				e.conn(client, 443, 60.1, "Failed:UnmappedConnectionError", "TID_1")
			},
			want: []string{"203.0.113.10:40000>10.0.1.10:443 +59 in=3/328/2 out=3/164/22 line=TID_1"},
		},
		{ // The benchmark found it: the client's ACK was lost, so the SYN-ACK came again in the next window, with the end.
			name: "a SYN-ACK repeated across a window's edge",
			add: func(e *evidenceOf) {
				e.flow(client, server, 3, 500, 59, 59, 2)
				e.flow(server, client, 1, 60, 59, 59, 18)
				e.flow(client, server, 6, 502, 60, 60, 1)
				e.flow(server, client, 6, 2060, 60, 60, 19)
			},
			want: []string{"203.0.113.10:40000>10.0.1.10:443 +59 in=9/1002/3 out=7/2120/19"},
		},
		{ // The benchmark found it: the load balancer's reset was lost, so the client sent its hello again, long after the end.
			name: "a hello again behind the end, and a connection without its SYN much later",
			add: func(e *evidenceOf) {
				e.flow(client, server, 5, 586, 0, 4, 2)
				e.flow(server, client, 5, 264, 0, 4, 22)
				e.packets(client, server, 0, 0.1).EndedBy = capture.SideServer
				e.conn(client, 443, 0.1, "Failed:UnmappedConnectionError", "TID_1")
				e.packets(client, server, 4, 4.1).EndedBy = capture.SideServer
				e.packets(client, server, 300, 301)
			},
			want: []string{
				"203.0.113.10:40000>10.0.1.10:443 +0 in=5/586/2 out=5/264/22 line=TID_1 packets",
				"203.0.113.10:40000>10.0.1.10:443 +300 packets",
			},
		},
		{
			name: "a port used again, with flags",
			add: func(e *evidenceOf) {
				for i, trace := range []string{"TID_1", "TID_2"} {
					s := float64(20 * i)
					e.flow(client, server, 3, 328, s, s+1, 2)
					e.flow(server, client, 3, 164, s, s+1, 22)
					e.conn(client, 443, s+0.5, "Failed:UnmappedConnectionError", trace)
				}
			},
			want: []string{
				"203.0.113.10:40000>10.0.1.10:443 +0 in=3/328/2 out=3/164/22 line=TID_1",
				"203.0.113.10:40000>10.0.1.10:443 +20 in=3/328/2 out=3/164/22 line=TID_2",
			},
		},
		{
			name: "a port used again, default format: only a long pause tells",
			add: func(e *evidenceOf) {
				for _, s := range []float64{0, 20, 120} {
					e.flow(client, server, 3, 328, s, s+1, -1)
					e.flow(server, client, 3, 164, s, s+1, -1)
				}
			},
			want: []string{
				"203.0.113.10:40000>10.0.1.10:443 +0 in=6/656/-1 out=6/328/-1",
				"203.0.113.10:40000>10.0.1.10:443 +120 in=3/328/-1 out=3/164/-1",
			},
		},
		{
			name: "a port used twice within one window",
			add: func(e *evidenceOf) {
				e.flow(client, server, 6, 656, 0, 40, 2)
				e.flow(server, client, 6, 328, 0, 40, 22)
				e.conn(client, 443, 0.5, "Failed:UnmappedConnectionError", "TID_1")
				e.conn(client, 443, 39.5, "Failed:UnmappedConnectionError", "TID_2")
			},
			want: []string{
				"203.0.113.10:40000>10.0.1.10:443 +0 in=6/656/2 out=6/328/22 line=TID_1 shared",
				"203.0.113.10:40000>10.0.1.10:443 +39.5 in=6/656/2 out=6/328/22 line=TID_2 shared",
			},
		},
		{
			name: "a long session is one connection, however quiet in between",
			add: func(e *evidenceOf) {
				e.flow(client, server, 10, 1500, 0, 50, 2)
				e.flow(server, client, 10, 5000, 0, 50, 18)
				e.flow(client, server, 2, 104, 300, 300, 1)
				e.flow(server, client, 1, 52, 300, 300, 1)
			},
			want: []string{"203.0.113.10:40000>10.0.1.10:443 +0 in=12/1604/3 out=11/5052/19"},
		},
		{
			name: "targets are set apart, addresses given",
			o:    &Options{Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.10")}, ListenerPorts: []uint16{443}},
			add: func(e *evidenceOf) {
				e.flow(client, server, 18, 1921, 0, 1, 3)
				e.flow(server, client, 16, 6682, 0, 1, 19)
				e.flow("10.0.1.10:30000", "10.0.3.10:80", 6, 600, 0, 1, -1)
				e.flow("10.0.3.10:80", "10.0.1.10:30000", 5, 900, 0, 1, -1)
				e.flow("10.0.9.1:50000", "10.0.9.2:22", 6, 600, 0, 1, 3)
			},
			want:    []string{"203.0.113.10:40000>10.0.1.10:443 +0 in=18/1921/3 out=16/6682/19"},
			targets: []string{"10.0.1.10:30000>10.0.3.10:80 +0 in=6/600/-1 out=5/900/-1"},
		},
		{
			name: "targets on the listener's own port, addresses learned",
			add: func(e *evidenceOf) {
				e.flow(client, server, 18, 1921, 0, 1, 3)
				e.flow(server, client, 16, 6682, 0, 1, 19)
				e.flow("10.0.1.10:30000", "10.0.3.10:443", 6, 600, 0, 1, 3)
				e.flow("10.0.3.10:443", "10.0.1.10:30000", 5, 900, 0, 1, 19)
				e.flow("10.0.3.10:44000", server, 18, 1921, 5, 6, 3) // the target calls the load balancer itself
			},
			want: []string{
				"203.0.113.10:40000>10.0.1.10:443 +0 in=18/1921/3 out=16/6682/19",
				"10.0.3.10:44000>10.0.1.10:443 +5 in=18/1921/3",
			},
			targets: []string{"10.0.1.10:30000>10.0.3.10:443 +0 in=6/600/3 out=5/900/19"},
		},
		{
			name: "rejected, at a port that nobody listens on",
			o:    &Options{Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.10")}},
			add:  func(e *evidenceOf) { e.flow("203.0.113.10:40000", "10.0.1.10:8080", 2, 120, 0, 1, 2, reject) },
			want: []string{"203.0.113.10:40000>10.0.1.10:8080 +0 rejected=2/120/2"},
		},
		{
			name: "rejected packets after the end belong to the connection",
			add: func(e *evidenceOf) {
				e.flow(client, server, 3, 328, 0, 0, 2)
				e.flow(server, client, 3, 164, 0, 0, 22)
				e.flow(client, server, 1, 52, 2, 2, 0, reject)
			},
			want: []string{"203.0.113.10:40000>10.0.1.10:443 +0 in=3/328/2 out=3/164/22 rejected=1/52/0"},
		},
		{
			name: "the same packets seen at the client's interface too, and a record twice",
			add: func(e *evidenceOf) {
				e.flow(client, server, 3, 328, 0, 0, 2)
				e.flow(client, server, 3, 328, 0, 0, 2)
				e.flow(client, server, 3, 328, 0, 0, 2, on("eni-client"))
				e.flow(server, client, 3, 164, 0, 0, 22)
				e.flow(server, client, 3, 164, 0, 0, 22, on("eni-client"))
			},
			want: []string{"203.0.113.10:40000>10.0.1.10:443 +0 in=3/328/2 out=3/164/22"},
		},
		{
			name: "no flow log",
			add: func(e *evidenceOf) {
				e.conn(client, 443, 0.25, "Success", "TID_1")
				e.conn(client, 443, 0.25, "Success", "TID_1") // delivered by two ways
				e.access(client, 443, 0.5, "TID_1", "1-a")
			},
			want: []string{"203.0.113.10:40000>:443 +0.25 line=TID_1 requests=1"},
		},
		{
			name: "an access log alone, from before trace ids: a pause tells connections apart",
			add: func(e *evidenceOf) {
				e.access(client, 443, 0.5, "", "1-a")
				e.access(client, 443, 30, "", "1-b")
				e.access(client, 443, 600, "", "1-c")
			},
			want: []string{"203.0.113.10:40000>:443 +0.49 requests=2", "203.0.113.10:40000>:443 +599.99 requests=1"},
		},
		{
			name: "a WAF log alone",
			add: func(e *evidenceOf) {
				e.waf("203.0.113.10", 1, "1-a", "BLOCK")
				e.waf("203.0.113.10", 2, "1-b", "ALLOW")
			},
			want: []string{"203.0.113.10:0>:0 +1 waf=2 blocked=1"},
		},
		{
			name: "WAF records without an address are nobody's: the example of GetSampledRequests has 198.51.100.08",
			add: func(e *evidenceOf) {
				e.waf("198.51.100.08", 1, "", "BLOCK")
				e.waf("198.51.100.08", 2, "", "ALLOW")
				e.waf("", 2.5, "", "ALLOW")
			},
			want: []string{
				"invalid AddrPort>:0 +1 waf=1 blocked=1", "invalid AddrPort>:0 +2 waf=1 blocked=0", "invalid AddrPort>:0 +2.5 waf=1 blocked=0",
			},
		},
		{
			name: "lines without an address are joined by nothing but ids",
			add: func(e *evidenceOf) {
				e.nobody(443, 1, "")
				e.nobody(443, 1.5, "")
				e.waf("", 1.5, "", "BLOCK")
				e.nobody(443, 3, "TID_1")
				e.nobody(443, 4, "TID_1")
			},
			want: []string{
				"invalid AddrPort>:443 +0.99 requests=1", "invalid AddrPort>:443 +1.49 requests=1", "invalid AddrPort>:0 +1.5 waf=1 blocked=1",
				"invalid AddrPort>:443 +2.99 requests=2",
			},
		},
		{
			name: "a WAF log without an access log: the only connection of that moment",
			add: func(e *evidenceOf) {
				e.flow(client, server, 18, 1921, 0, 3, 3)
				e.flow(server, client, 16, 6682, 0, 3, 19)
				e.waf("203.0.113.10", 1, "1-a", "BLOCK")
			},
			want: []string{"203.0.113.10:40000>10.0.1.10:443 +0 in=18/1921/3 out=16/6682/19 waf=1 blocked=1"},
		},
		{
			name: "two clients behind one address are told apart by port, never joined",
			add: func(e *evidenceOf) {
				e.flow(client, server, 3, 328, 0, 0, 2)
				e.flow(server, client, 3, 164, 0, 0, 22)
				e.conn("203.0.113.10:40001", 443, 0.1, "Failed:UnmappedConnectionError", "TID_2")
			},
			want: []string{
				"203.0.113.10:40000>10.0.1.10:443 +0 in=3/328/2 out=3/164/22",
				"203.0.113.10:40001>:443 +0.1 line=TID_2",
			},
		},
		{
			name: "IPv6",
			add: func(e *evidenceOf) {
				e.flow("[2001:db8::10]:40000", "[2001:db8:1::10]:443", 3, 388, 0, 0, 2)
				e.flow("[2001:db8:1::10]:443", "[2001:db8::10]:40000", 3, 224, 0, 0, 22)
			},
			want: []string{"[2001:db8::10]:40000>[2001:db8:1::10]:443 +0 in=3/388/2 out=3/224/22"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var e evidenceOf
			tt.add(&e)
			forward := e.build(tt.o)
			require.Equal(t, tt.want, summaries(forward.Conns))
			require.Equal(t, tt.targets, summaries(forward.Targets))
			for range 5 { // any order gives the same
				rand.Shuffle(len(e.adds), func(i, j int) { e.adds[i], e.adds[j] = e.adds[j], e.adds[i] })
				require.Equal(t, tt.want, summaries(e.build(tt.o).Conns))
			}
		})
	}
}

func summaries(conns []*Conn) (out []string) {
	for _, c := range conns {
		out = append(out, summary(c))
	}
	return out
}
