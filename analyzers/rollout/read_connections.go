package rollout

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/wire"
)

// connections reads connection logs.
func (r *reader) connections(ctx context.Context, list []Input) error {
	return r.blocks(ctx, list, func() func(*collector, block) {
		w := &connectionWorker{reader: r, terms: newTerms()}
		return w.block
	})
}

// connectionWorker reads blocks of connection logs.
type connectionWorker struct {
	*reader
	terms *terms
	brief connlog.Brief
}

func (w *connectionWorker) block(c *collector, b block) {
	if b.cut {
		c.stats.Lines++
		if w.slow(b.text, b.file, b.first, 2) {
			w.count(c, b.file, b.first+1)
		}
		return
	}
	line := b.first - 1
	for text := range bytes.Lines(b.text) {
		line++
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\r'})
		if len(text) == 0 {
			continue
		}
		c.stats.Lines++
		if !w.brief.Parse(text) && !w.slow(text, b.file, line, 1) {
			continue
		}
		w.count(c, b.file, line)
	}
}

// slow reads a line that is not of the usual form, and tells of damage: the line n of text, which is the file's line first and
// on.
func (w *connectionWorker) slow(text []byte, file string, first, n int) bool {
	for rec, err := range connlog.Records(bytes.NewReader(text), &evidence.Options{File: file}) {
		var pe *evidence.ParseError
		switch {
		case errors.As(err, &pe):
			if pe.Line < n {
				continue // told before
			}
			pe.Line += first - 1
			w.damage(err)
			return false
		case err != nil:
			w.damage(err)
			return false
		case rec.Line < n:
			continue
		}
		w.brief = connlog.Brief{Time: rec.Time.UnixNano(), ClientIP: rec.ClientIP, ClientPort: rec.ClientPort, ListenerPort: rec.ListenerPort,
			TLSProtocol: []byte(rec.TLSProtocol), TLSCipher: []byte(rec.TLSCipher), VerifyStatus: []byte(rec.VerifyStatus),
			ConnTraceID: []byte(rec.ConnTraceID), KeyExchange: []byte(rec.KeyExchange), ELB: []byte(rec.ELB)}
		return true
	}
	return false
}

// count counts the line in w.brief.
func (w *connectionWorker) count(c *collector, file string, line int) {
	b := &w.brief
	switch {
	case w.o.Port != 0 && b.ListenerPort != w.o.Port:
		return
	case len(b.TLSProtocol) == 0 && len(b.VerifyStatus) == 0: // no TLS listener
		c.stats.NotTLS++
		return
	}
	if c.lastRng == nil || c.lastELB != string(b.ELB) {
		c.lastELB = string(b.ELB)
		c.lastRng = c.span(c.lastELB, b.Time)
	}
	c.lastRng.add(b.Time)
	if w.isCaptured(b.ClientIP, b.ClientPort, b.Time) {
		c.stats.Repeated++
		return
	}
	offer, bad := w.terms.offer(c, b)
	if bad != "" {
		w.damage(&evidence.ParseError{File: file, Line: line, Msg: bad})
	}
	t := c.byAddress(b.ClientIP.Unmap())
	t.seen(b.Time)
	t.use(offer, 1)
	c.stats.Connections++
}

// offer returns the number of the offer behind a line.
func (t *terms) offer(c *collector, b *connlog.Brief) (offer int, bad string) {
	if failed(b.VerifyStatus) {
		return c.offerSeen(Seen{Failed: true}), ""
	}
	if t.last.is(b) { // as a rule
		return t.last.offer, ""
	}
	t.setKey(b.TLSProtocol, b.TLSCipher, b.KeyExchange)
	if found := t.offers[string(t.key)]; found != nil {
		t.last = found
		return found.offer, ""
	}
	s, bad := t.seen(b.TLSProtocol, b.TLSCipher, b.KeyExchange)
	offer = c.offerSeen(s)
	if len(t.offers) < maxTerms {
		t.offers[string(t.key)] = &lineOffer{string(b.TLSProtocol), string(b.TLSCipher), string(b.KeyExchange), offer}
	}
	return offer, bad
}

// failed says whether a status is that of an attempt of which the log's version and suite say nothing certain. Where the client's
// certificate was refused, both had agreed on them before.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html
func failed(status []byte) bool {
	return bytes.HasPrefix(status, []byte("Failed:")) && !bytes.HasPrefix(status, []byte("Failed:ClientCert"))
}

// isCaptured says whether a capture has shown this connection.
func (r *reader) isCaptured(ip netip.Addr, port uint16, at int64) bool {
	if len(r.captured) == 0 {
		return false
	}
	const near = int64(time.Minute)
	s, ok := r.captured[netip.AddrPortFrom(ip.Unmap(), port)]
	return ok && at-s.at > -near && at-s.at < near
}

// terms knows the texts of logs.
type terms struct {
	known  map[string]Seen       // by protocol, blank, cipher, blank, group
	offers map[string]*lineOffer // by the same
	key    []byte
	bad    map[string]bool
	last   *lineOffer
}

// lineOffer is the number of the offer behind the three texts of a line.
type lineOffer struct {
	protocol, cipher, group string
	offer                   int
}

func (l *lineOffer) is(b *connlog.Brief) bool {
	return l.protocol != "" && l.cipher == string(b.TLSCipher) && l.group == string(b.KeyExchange) && l.protocol == string(b.TLSProtocol)
}

func newTerms() *terms {
	return &terms{known: map[string]Seen{}, offers: map[string]*lineOffer{}, last: &lineOffer{}, bad: map[string]bool{}}
}

func (t *terms) setKey(protocol, cipher, group []byte) {
	t.key = append(append(append(append(append(t.key[:0], protocol...), ' '), cipher...), ' '), group...)
}

// maxTerms bounds what is remembered of what logs hold.
const maxTerms = 10_000

// seen reads the three texts. bad says, once for each, what is not known.
func (t *terms) seen(protocol, cipher, group []byte) (s Seen, bad string) {
	t.setKey(protocol, cipher, group)
	if s, ok := t.known[string(t.key)]; ok {
		return s, ""
	}
	note := func(err error) {
		if err != nil && !t.bad[err.Error()] && len(t.bad) < maxTerms {
			t.bad[err.Error()] = true
			bad = err.Error()
		}
	}
	var err error
	if len(protocol) > 0 {
		s.Version, err = wire.ParseVersion(string(protocol))
		note(err)
	}
	if len(cipher) > 0 {
		s.Suite, err = wire.ParseSuite(string(cipher))
		note(err)
	}
	if len(group) > 0 {
		s.Group, err = wire.ParseGroup(strings.TrimSpace(string(group)))
		note(err)
	}
	if transport(s.Suite) {
		s.Group = 0
	}
	if len(t.known) < maxTerms {
		t.known[string(t.key)] = s
	}
	return s, bad
}
