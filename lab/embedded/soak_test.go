package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/pki"
)

// soakTime is how long the soak takes where nothing else is asked for: ALBLAB_LONG=1 is for a million connections,
// ALBLAB_SOAK=n for n of them.
const soakTime = 10 * time.Second

// The soak's crowd: clients 60 to 63 scan, the others connect, by IPv4 and IPv6.
const (
	soakWorkers  = 96
	firstScanner = 60
)

// TestSoak sends clients of every kind and noise at a lab at once, and then accounts for each connection, by the client's address and
// port: the load balancer ended it once; the connection log, the access log and WAF have the lines that it must leave, and not one
// more; the flow records' packets hold the bytes that the client counted; the metrics are the sums. Nothing is left behind:
// neither goroutines nor files nor memory. Evidence goes to disk.
func TestSoak(t *testing.T) {
	want := soakCount(t)
	s := newSoak(want)
	s.warm(t)
	goroutines, files, memory := runtime.NumGoroutine(), openFiles(), heap()
	s.start(t)
	began := time.Now()
	most := s.run(t, want)
	took := time.Since(began)
	n := s.books.count
	if want > 0 {
		require.Equal(t, want, n+int(s.scans.Load()), "stopped before all connections were made: give it more time (-timeout)")
	}
	s.complete(t)
	s.account(t)
	t.Logf("%d connections and %d scans in %s: %.0f a second; heap at most %d MiB", n, s.scans.Load(), took.Round(time.Second),
		float64(n)/took.Seconds(), most>>20)
	require.Less(t, most, uint64(256<<20)+uint64(n)*300, "memory is bounded")
	s.books = nil
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", goroutines, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
	require.LessOrEqual(t, openFiles(), files, "open files")
	require.Less(t, heap(), memory+64<<20, "memory after the lab is closed")
}

// soakLeast is how many connections the shortest soak makes at least: a machine whose cores are busy makes as many in a second.
const soakLeast = 100

// complete holds that the crowd was one: enough connections, and of every kind.
func (s *soak) complete(t *testing.T) {
	t.Helper()
	of := make([]int, len(s.kinds))
	for _, ports := range s.books.clients {
		for _, e := range ports {
			of[e.kind-1]++
		}
	}
	var made []string
	for i := range s.kinds {
		k := &s.kinds[i]
		if k.do == nil {
			of[i] = int(s.scans.Load())
		}
		made = append(made, fmt.Sprintf("%s %d", k.name, of[i]))
		if s.books.count > 2000 && k.weight >= 5 || s.books.count > 20_000 { // the rarest are one in a thousand
			require.Positive(t, of[i], "no client was of the kind %s", k.name)
		}
	}
	t.Logf("clients: %s", strings.Join(made, ", "))
	require.Greater(t, s.books.count, soakLeast, "connections")
}

// soakCount is how many connections are asked for; 0: as many as soakTime allows.
func soakCount(t *testing.T) int {
	if v := os.Getenv("ALBLAB_SOAK"); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err, "ALBLAB_SOAK")
		return n
	}
	if os.Getenv("ALBLAB_LONG") != "" {
		return 1_000_000
	}
	return 0
}

// openFiles is how many file descriptors this process has, 0 where the system does not tell.
func openFiles() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(d)
}

// heap is what is in use once all garbage is gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// soak is a lab under load and the books of its clients.
type soak struct {
	lab               *embedded.Lab
	pki               *pki.PKI
	books             *books
	kinds             []soakKind
	total             int
	idle              int // seconds that the load balancer waits: much more than a starved process needs between two packets
	hellos            map[string][]byte
	scans             atomic.Int64
	early             sync.Map // ended connections whose client has not yet entered them
	failing, observed atomic.Int32
}

func soakSpec(idle int) lab.Spec {
	return lab.Spec{
		Listeners: map[string]lab.Listener{
			"https":   {Port: 443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: "ecdsa"},
			"verify":  {Port: 8443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: "ecdsa", MTLSMode: "verify"},
			"forward": {Port: 9443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: "ecdsa", DefaultAction: lab.Action{Type: "forward"}},
		},
		WAF:      &lab.WAF{IPReputation: true, BlockForwardedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.66/32")}},
		Embedded: &lab.Embedded{Seed: 5, IdleTimeout: idle},
	}
}

func newSoak(want int) *soak {
	s := &soak{books: newBooks(), kinds: soakKinds(), hellos: map[string][]byte{}, idle: 10}
	if want > 0 {
		s.idle = 60
	}
	for i := range s.kinds {
		s.total += s.kinds[i].weight
	}
	return s
}

// start starts a lab that tells of each connection's end.
func (s *soak) start(t *testing.T) {
	var err error
	s.lab, err = embedded.Start(context.Background(), soakSpec(s.idle), &embedded.Options{
		Dir: t.TempDir(), WallClock: true, PKI: s.pki,
		Observe: func(c *alb.Connection) {
			e := s.entry(c.Client)
			s.observed.Add(1)
			if c.Err != nil && s.failing.Add(1) < 10 {
				t.Errorf("%s: the lab could not carry it out: %v", c.Client, c.Err)
			}
			s.books.mu.Lock()
			defer s.books.mu.Unlock()
			e.ended++
			e.in, e.out = uint32(c.In), uint32(c.Out)
		},
	})
	require.NoError(t, err)
}

// entry waits for nobody: a connection that ends before its client has entered it is entered here.
func (s *soak) entry(at netip.AddrPort) *entry {
	s.books.mu.Lock()
	e := s.books.clients[at.Addr()][at.Port()]
	s.books.mu.Unlock()
	if e == nil {
		v, _ := s.early.LoadOrStore(at, new(entry))
		e = v.(*entry)
	}
	return e
}

// warm makes keys, records hellos and starts what the standard library starts once.
func (s *soak) warm(t *testing.T) {
	s.start(t)
	s.pki = s.lab.PKI()
	for _, name := range []string{"tls11-max", "tls12-only", "curl"} {
		p, err := clients.ByName(name)
		require.NoError(t, err)
		conn, err := s.lab.Dial(t.Context(), lab.Vantage{}, "https")
		require.NoError(t, err)
		a, err := clients.Do(t.Context(), conn, clients.Call{Profile: p, ServerName: s.lab.Endpoint().Host})
		require.NoError(t, err)
		s.hellos[name] = a.Hello
	}
	var wg sync.WaitGroup
	for i := range s.kinds {
		if s.kinds[i].waits {
			continue
		}
		wg.Go(func() {
			if err := s.connect(t.Context(), rand.New(rand.NewPCG(1, uint64(i))), i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.lab.Close())
	s.books = newBooks()
	s.early.Clear()
	s.scans.Store(0)
}

// run lets the crowd in and returns the most memory that was in use.
func (s *soak) run(t *testing.T, want int) (most uint64) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var begun atomic.Int64
	end := time.Now().Add(soakTime)
	if want > 0 {
		end = time.Now().Add(24 * time.Hour)
		if d, ok := t.Deadline(); ok {
			end = d.Add(-5 * time.Minute) // to account for what there is by then
		}
	}
	more := func() bool {
		return time.Now().Before(end) && (want == 0 || begun.Add(1) <= int64(want))
	}
	var wg sync.WaitGroup
	for w := range soakWorkers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 7))
			for more() && s.failing.Load() < 10 {
				kind, own := s.draw(rng), rand.New(rand.NewPCG(rng.Uint64(), 7))
				carry := func() {
					if err := s.connect(ctx, own, kind); err != nil {
						s.failing.Add(1)
						t.Error(err)
					}
				}
				if s.kinds[kind].waits {
					wg.Go(carry) // for the load balancer to lose patience
					continue
				}
				carry()
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
		select {
		case <-done:
			return most
		case <-tick.C:
		}
	}
}

func (s *soak) draw(rng *rand.Rand) int {
	n := rng.IntN(s.total)
	for i := range s.kinds {
		if n -= s.kinds[i].weight; n < 0 {
			return i
		}
	}
	panic("unreachable")
}

// connect makes a connection of a kind and enters it.
func (s *soak) connect(ctx context.Context, rng *rand.Rand, kind int) error {
	k := &s.kinds[kind]
	from := lab.Vantage{Client: rng.IntN(firstScanner), IPv6: rng.IntN(4) == 0}
	if k.do == nil {
		from.Client = firstScanner + rng.IntN(4)
		s.scans.Add(1)
		_, err := s.lab.SYN(ctx, from, 443)
		return err
	}
	listener := k.listener
	if listener == "" {
		listener = "https"
	}
	conn, err := s.lab.Dial(ctx, from, listener)
	if err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	at := conn.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort()
	e, err := s.books.open(at, kind)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	c := &counted{Conn: conn}
	requests, blocked, err := k.do(ctx, s, c, at.Port())
	err = errors.Join(err, ignoreClosed(conn.Close()))
	s.books.mu.Lock()
	e.requests, e.blocked, e.sent, e.got = uint8(requests), uint8(blocked), uint32(c.sent), uint32(c.got)
	s.books.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s, %s: %w", k.name, at, err)
	}
	return nil
}

// quiet waits until the load balancer has ended what its clients have left: all connections but those that may have gone before it
// looked at them, and then no more for a while.
func (s *soak) quiet(ctx context.Context, t *testing.T) {
	least := 0
	for _, ports := range s.books.clients {
		for _, e := range ports {
			if !s.kinds[e.kind-1].mayVanish {
				least++
			}
		}
	}
	for before := int32(-1); ; {
		now := s.observed.Load()
		if int(now) >= least && now == before {
			return
		}
		before = now
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			require.FailNow(t, "connections do not end", "%d of at least %d have", now, least)
		}
	}
}

// account compares all evidence with the books.
func (s *soak) account(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	s.quiet(ctx, t)
	bundle, err := s.lab.Collect(ctx)
	require.NoError(t, err)
	require.NoError(t, s.lab.Close())
	b := s.books
	s.early.Range(func(at, v any) bool {
		k, was := at.(netip.AddrPort), v.(*entry)
		e := b.of(k.Addr(), int(k.Port()), "the end of a connection")
		e.ended, e.in, e.out = e.ended+was.ended, was.in, was.out
		return true
	})
	scanners := map[netip.Addr]bool{} // the first client is 203.0.113.10 and 2001:db8::10
	for i := byte(firstScanner); i < firstScanner+4; i++ {
		v6 := netip.MustParseAddr("2001:db8::10").As16()
		v6[15] += i
		scanners[netip.AddrFrom16(v6)], scanners[netip.AddrFrom4([4]byte{203, 0, 113, 10 + i})] = true, true
	}
	metrics, scanned, err := b.read(bundle, func(a netip.Addr) bool { return scanners[a] })
	require.NoError(t, err)
	require.NoError(t, bundle.Verify())
	require.Empty(t, b.strays, "evidence of nobody's connection")
	require.Equal(t, int(s.scans.Load()), scanned, "each scan has its flow")
	// NewConnectionCount and ActiveConnectionCount are "from clients to the load balancer and from the load balancer to targets"
	// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
	sums, wrong := map[string]float64{"NewConnectionCount": float64(b.targets), "ActiveConnectionCount": float64(b.targets), "HTTPCode_ELB_5XX_Count": 0}, 0
	for a, ports := range b.clients {
		for port, e := range ports {
			k := &s.kinds[e.kind-1]
			for _, w := range e.check(k, a.Is6()) {
				if wrong++; wrong < 20 {
					t.Errorf("%s, %s port %d: %s; %+v", k.name, a, port, w, *e)
				}
			}
			sums["NewConnectionCount"] += float64(e.ended)
			sums["ActiveConnectionCount"] += float64(e.good)
			sums["ClientTLSNegotiationErrorCount"] += float64(e.bad)
			sums["BlockedRequests"] += float64(e.blocked)
			sums["AllowedRequests"] += float64(e.requests - e.blocked)
			if k.listener == "forward" {
				sums["RequestCount"] += float64(e.requests)
			} else {
				sums["HTTP_Fixed_Response_Count"] += float64(e.requests - e.blocked)
			}
		}
	}
	require.Zero(t, wrong, "connections that are not accounted for")
	for name, sum := range sums {
		require.Equal(t, sum, metrics[name], name)
	}
}
