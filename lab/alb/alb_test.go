package alb

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/waflog"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/policy"
)

const (
	testHost = "lab.example.test"
	testName = "app/lab/0123456789abcdef"
)

// authority is shared: minting keys is the slow part of these tests.
var authority = pki.New(testHost, netip.MustParseAddr("127.0.0.1"))

// memory is a Recorder that keeps lines, as the format packages write them, and sums.
type memory struct {
	mu                sync.Mutex
	conns, access, wf []byte
	counts            map[string]float64
	zones             map[string]bool
}

func (m *memory) Connection(r *connlog.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := r.AppendText(m.conns)
	if err != nil {
		panic(err)
	}
	m.conns = append(b, '\n')
}

func (m *memory) Access(r *accesslog.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := r.AppendText(m.access)
	if err != nil {
		panic(err)
	}
	m.access = append(b, '\n')
}

func (m *memory) WAF(r *waflog.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := r.AppendText(m.wf)
	if err != nil {
		panic(err)
	}
	m.wf = append(b, '\n')
}

func (m *memory) Count(name, zone string, v float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts, m.zones = map[string]float64{}, map[string]bool{}
	}
	m.counts[name] += v
	m.zones[zone] = true
}

func (m *memory) metrics() map[string]float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]float64{}
	for k, v := range m.counts {
		out[k] = v
	}
	return out
}

// connections parses the connection log back.
func (m *memory) connections(t testing.TB) []*connlog.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*connlog.Record
	for r, err := range connlog.Records(bytes.NewReader(m.conns), &evidence.Options{File: "connection.log"}) {
		require.NoError(t, err)
		c := *r
		out = append(out, &c)
	}
	return out
}

func (m *memory) requests(t testing.TB) []*accesslog.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*accesslog.Record
	for r, err := range accesslog.Records(bytes.NewReader(m.access), &evidence.Options{File: "access.log"}) {
		require.NoError(t, err)
		c := *r
		out = append(out, &c)
	}
	return out
}

func (m *memory) waf(t testing.TB) []*waflog.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*waflog.Record
	for r, err := range waflog.Records(bytes.NewReader(m.wf), &evidence.Options{File: "waf.log"}) {
		require.NoError(t, err)
		out = append(out, r.Clone())
	}
	return out
}

// bench is a load balancer on loopback with one listener.
type bench struct {
	*memory
	lb    *LoadBalancer
	addr  string
	clock *testClock
	ended chan Connection // each ended connection, without what borrows
}

var testNode = Node{Zone: "us-east-1a", Private: netip.MustParseAddr("10.0.1.10"), Public: "198.51.100.10"}

// serverCert returns a server certificate by pki's key.
func serverCert(t testing.TB, key string) tls.Certificate {
	c, err := authority.Server(key)
	require.NoError(t, err)
	return c
}

func mustPolicy(t testing.TB, name string) *policy.Policy {
	p, err := policy.ByName(name)
	require.NoError(t, err)
	return p
}

// start runs a load balancer. The listener gets a policy and an ECDSA and an RSA certificate unless it has its own.
func start(t testing.TB, l Listener, change func(*Config)) *bench {
	t.Helper()
	if l.Policy == nil {
		l.Policy = mustPolicy(t, "TLS13-1-2-2021-06")
	}
	if l.Certificates == nil {
		l.Certificates = []tls.Certificate{serverCert(t, "ecdsa"), serverCert(t, "rsa")}
		l.CertificateARNs = []string{"arn:ecdsa", "arn:rsa"}
	}
	if l.Name == "" {
		l.Name, l.Port = "main", 443
	}
	if l.Action == (Action{}) {
		l.Action = Action{MessageBody: "alblab ok"}
	}
	b := &bench{memory: new(memory), clock: newTestClock(), ended: make(chan Connection, 4096)}
	cfg := Config{
		Name: testName, Account: "123456789012", Region: "us-east-1", Host: testHost,
		Listeners: []Listener{l}, Clock: b.clock, Recorder: b.memory, Seed: 7,
		Observe: func(c *Connection) {
			k := *c
			k.Hello, k.HelloBytes = nil, nil
			select {
			case b.ended <- k:
			default:
			}
		},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	b.lb, err = New(cfg)
	require.NoError(t, err)
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.addr = nl.Addr().String()
	served := make(chan error, 1)
	go func() { served <- b.lb.Serve(nl, testNode, l.Name) }()
	t.Cleanup(func() {
		require.NoError(t, b.lb.Close())
		require.NoError(t, <-served)
	})
	return b
}

func (b *bench) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", b.addr)
	require.NoError(t, err)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

// wait returns the next connection that ended.
func (b *bench) wait(t testing.TB) Connection {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	select {
	case c := <-b.ended:
		return c
	case <-ctx.Done():
		require.FailNow(t, "no connection ended")
	}
	return Connection{}
}

// clientConfig is a crypto/tls client's, which trusts the lab.
func clientConfig() *tls.Config {
	return &tls.Config{ServerName: testHost, RootCAs: authority.RootPool()}
}
