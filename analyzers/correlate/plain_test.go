package correlate

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
)

func TestPlainPorts(t *testing.T) {
	const client = "203.0.113.10:40000"
	tests := []struct {
		name       string
		o          *Options
		add        func(*evidenceOf)
		tls, plain []uint16
		want       []bool // Plain, by connection
	}{
		{name: "by a connection-log line without TLS", add: func(e *evidenceOf) {
			e.conn("203.0.113.11:40001", 443, 0, "Success", "TID_1")
			e.conn(client, 8080, 1, "", "TID_2")
		}, tls: []uint16{443}, plain: []uint16{80, 8080}, want: []bool{false, true}},
		{name: "a port with both speaks TLS", add: func(e *evidenceOf) {
			e.conn("203.0.113.11:40001", 443, 0, "Success", "TID_1")
			e.conn(client, 443, 1, "", "TID_2")
		}, tls: []uint16{443}, plain: []uint16{80}, want: []bool{false, false}},
		{name: "by a request of plain HTTP", add: func(e *evidenceOf) {
			r := &accesslog.Record{Type: "http", Time: at(0), Client: netip.MustParseAddrPort(client), Request: "GET http://lab.example:8080/ HTTP/1.1"}
			e.adds = append(e.adds, func(b *Builder) { b.Access(r, evidence.Ref{File: "access.log", Line: 1}) })
		}, tls: []uint16{443}, plain: []uint16{80, 8080}, want: []bool{true}},
		{name: "port 80 with TLS", add: func(e *evidenceOf) { e.access(client, 80, 0, "TID_1", "1-0") },
			tls: []uint16{80}, want: []bool{false}},
		{name: "port 80 given", o: &Options{ListenerPorts: []uint16{80}}, add: func(e *evidenceOf) { e.flow(client, "10.0.1.10:80", 5, 352, 0, 1, 3) },
			tls: []uint16{80}, want: []bool{false}},
		{name: "port 80 of others teaches no address", add: func(e *evidenceOf) { e.flow("10.0.0.71:34210", "52.95.128.179:80", 7, 471, 0, 1, 3) },
			tls: []uint16{443}, plain: []uint16{80}},
		{name: "port 80 of a load balancer known by 443", add: func(e *evidenceOf) {
			e.flow("203.0.113.11:40001", "10.0.1.10:443", 18, 1921, 0, 1, 3)
			e.flow(client, "10.0.1.10:80", 5, 352, 1, 2, 3)
		}, tls: []uint16{443}, plain: []uint16{80}, want: []bool{false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &evidenceOf{}
			tt.add(e)
			r := e.build(tt.o)
			require.Equal(t, tt.tls, r.ListenerPorts)
			require.Equal(t, tt.plain, r.PlainPorts)
			var got []bool
			for _, c := range r.Conns {
				got = append(got, c.Plain)
			}
			require.Equal(t, tt.want, got)
		})
	}
}
