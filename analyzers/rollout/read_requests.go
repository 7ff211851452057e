package rollout

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
)

// requests reads access logs. They have a line for each request, of which a connection may carry many: only the first that is
// seen of a connection counts. Where a connection log of the same load balancer has the same time, it has the connections, and
// the access log adds nothing but the user agents.
func (r *reader) requests(ctx context.Context, list []Input) error {
	return r.blocks(ctx, list, func() func(*collector, block) {
		w := &requestWorker{reader: r, terms: newTerms(), logged: r.all.ranges}
		return w.block
	})
}

// requestWorker reads blocks of access logs.
type requestWorker struct {
	*reader
	terms  *terms
	logged map[string]*span // when connection logs have lines; not changed while access logs are read
}

func (w *requestWorker) block(c *collector, b block) {
	for rec, err := range accesslog.Records(bytes.NewReader(b.text), &evidence.Options{File: b.file}) {
		if err != nil {
			var pe *evidence.ParseError
			if errors.As(err, &pe) {
				if b.cut && pe.Line == 1 {
					continue // told before
				}
				pe.Line += b.first - 1
			}
			c.stats.Lines++
			w.damage(err)
			continue
		}
		if b.cut && rec.Line == 1 {
			continue // counted before
		}
		c.stats.Lines++
		w.count(c, b, rec)
	}
}

func (w *requestWorker) count(c *collector, b block, rec *accesslog.Record) {
	addr := rec.Client.Addr()
	if rec.SSLProtocol == "" {
		c.stats.NotTLS++
		return
	}
	if w.o.Port != 0 && !requestPort(rec.Request, w.o.Port) {
		return
	}
	began := rec.RequestCreationTime
	if began.IsZero() {
		began = rec.Time
	}
	at := began.UnixNano()
	agent := strings.ToValidUTF8(rec.UserAgent, "\ufffd")
	if w.hasConnection(rec.ELB, at) {
		if addr.IsValid() && agent != "" && (c.by == ByAuto || c.by == ByAddress || c.by == ByNetwork || c.by == ByUserAgent) {
			n := c.byAddress(addr).known()
			n.agents = addExample(n.agents, agent)
		}
		c.stats.Repeated++
		return
	}
	if w.isCaptured(addr, rec.Client.Port(), at) || !w.recent.add(rec.ConnTraceID, rec.Client) {
		c.stats.Repeated++
		return
	}
	s, bad := w.terms.seen([]byte(rec.SSLProtocol), []byte(rec.SSLCipher), nil)
	if bad != "" {
		w.damage(&evidence.ParseError{File: b.file, Line: b.first - 1 + rec.Line, Msg: bad})
	}
	var t *tally
	switch {
	case agent == "" && addr.IsValid(), c.by == ByAddress, c.by == ByNetwork:
		t = c.byAddress(addr)
		n := t.known()
		n.agents = addExample(n.agents, agent)
	default:
		t = c.byName(KindUserAgent, strings.Clone(cut(agent)))
		n := t.known()
		n.addrs = addExample(n.addrs, orNone(addr, addr.IsValid()))
	}
	t.seen(at)
	t.use(c.offerSeen(s), 1)
	c.stats.Connections++
}

// cut bounds a user agent, which its sender chooses.
func cut(agent string) string {
	const most = 300
	if len(agent) > most {
		return strings.ToValidUTF8(agent[:most], "")
	}
	return agent
}

// requestPort says whether a request went to a port of the load balancer: "GET https://host:443/ HTTP/2.0".
func requestPort(request string, port uint16) bool {
	_, rest, ok := strings.Cut(request, "://")
	if !ok {
		return true // no port to go by
	}
	host, _, _ := strings.Cut(rest, "/")
	a, err := netip.ParseAddrPort(host)
	if err == nil {
		return a.Port() == port
	}
	_, digits, ok := strings.Cut(host, ":")
	if !ok {
		return true
	}
	n := 0
	for _, c := range []byte(digits) {
		n = n*10 + int(c-'0')
	}
	return n == int(port)
}

// hasConnection says whether a connection log has the connections of this time. Lines from before 2026 do not name the load
// balancer, and count for each.
func (w *requestWorker) hasConnection(elb string, at int64) bool {
	for _, name := range [...]string{elb, ""} {
		if s := w.logged[name]; s != nil && at >= s.first && at <= s.last {
			return true
		}
	}
	return false
}

// recent remembers which connections were seen lately, in two generations of bounded size. All workers share it.
type recent struct {
	seed   maphash.Seed
	shards [64]recentShard
}

type recentShard struct {
	mu       sync.Mutex
	now, old map[uint64]struct{}
}

// recentShardLen is how many connections a generation of one shard holds: over 500,000 in all.
const recentShardLen = 8 << 10

func newRecent() *recent {
	r := &recent{seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].now = map[uint64]struct{}{}
	}
	return r
}

// add says whether the connection is new: by its trace id, else by its address and port.
func (r *recent) add(traceID string, client netip.AddrPort) bool {
	var sum uint64
	if traceID != "" {
		sum = maphash.String(r.seed, traceID)
	} else {
		sum = maphash.Comparable(r.seed, client)
	}
	s := &r.shards[sum%uint64(len(r.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.now[sum]; ok {
		return false
	}
	_, seen := s.old[sum]
	if len(s.now) == recentShardLen {
		s.old, s.now = s.now, make(map[uint64]struct{}, recentShardLen)
	}
	s.now[sum] = struct{}{}
	return !seen
}
