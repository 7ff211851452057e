package analyzers

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// Pass is what an analyzer works on: the connections that no analyzer before it has concluded.
type Pass struct {
	Analyzer *Analyzer
	Result   *correlate.Result

	run   *run
	count int
}

// Conns yields the connections that have no conclusion yet, in order.
func (p *Pass) Conns(yield func(*correlate.Conn) bool) {
	for i, c := range p.Result.Conns {
		if p.run.concluded[i] {
			continue
		}
		if !yield(c) {
			return
		}
	}
}

// Has says whether the bundle has evidence of a kind.
func (p *Pass) Has(k evidence.Kind) bool { return p.run.has[k] }

// Listener returns what is known of the connection's listener.
func (p *Pass) Listener(c *correlate.Conn) Listener { return p.run.listeners[c.Server.Port()] }

// Report concludes a connection: f becomes its one finding. Signature, Stage and Conn are filled in; Cites left empty cite
// every record of the connection. A second report for the same connection, or one that cites nothing, is an error of the
// analyzer.
func (p *Pass) Report(c *correlate.Conn, f Finding) error {
	if p.run.concluded[c.Index] {
		return fmt.Errorf("%s: connection %s has a finding already", p.Analyzer.Name, c.Client)
	}
	f.Conn = c
	if f.Signature = p.Analyzer.Name; f.Stage == "" {
		f.Stage = p.Analyzer.Stage
	}
	if len(f.Cites) == 0 {
		f.Cites = c.Refs()
	}
	if len(f.Cites) == 0 {
		return fmt.Errorf("%s: finding for %s cites nothing", p.Analyzer.Name, c.Client)
	}
	if len(f.Causes) == 1 {
		f.Causes = nil
	}
	in := p.run.words
	f.Message, f.Basis, f.Causes = in.text(f.Message), in.text(f.Basis), in.list(f.Causes)
	p.run.concluded[c.Index] = true
	p.count++
	p.run.add(&f)
	return nil
}

// Decide asks the policy of the connection's listener about the captured hello. ok is false where either is unknown.
func (p *Pass) Decide(c *correlate.Conn) (d policy.Decision, ok bool) {
	l := p.Listener(c)
	if l.Policy == nil || c.Capture == nil || c.Capture.Hello == nil {
		return d, false
	}
	return l.Policy.Decide(c.Capture.Hello, certsOf(l)), true
}

// Explain puts a decision of Decide into words, in full: what was offered, what is allowed, what would cure a refusal. Equal
// hellos are explained once. It is nil where there have been too many different ones.
func (p *Pass) Explain(c *correlate.Conn, d policy.Decision) *policy.Explanation {
	key := offerKey(c.Server.Port(), c.Capture.Hello)
	if e := p.run.explained[key]; e != nil {
		return e
	}
	if len(p.run.explained) >= maxExplained {
		return nil
	}
	l := p.Listener(c)
	e := policy.Explain(l.Policy, c.Capture.Hello, certsOf(l), d)
	p.run.explained[key] = &e
	return &e
}

// Detail says a decision of Decide in one sentence.
func (p *Pass) Detail(c *correlate.Conn, d policy.Decision) string {
	l := p.Listener(c)
	return policy.Detail(l.Policy, c.Capture.Hello, certsOf(l), d)
}

// maxExplained is the number of different hellos that are explained in full.
const maxExplained = 4096

// offerKey is equal for hellos that offer the same to the same port, whatever their random parts.
func offerKey(port uint16, h *wire.ClientHello) string {
	b := binary.BigEndian.AppendUint16(nil, port)
	b = binary.BigEndian.AppendUint16(b, uint16(h.LegacyVersion))
	b = appendIDs(b, h.Suites)
	b = appendIDs(b, h.SupportedVersions)
	b = appendIDs(b, h.Groups)
	b = appendIDs(b, h.Schemes)
	for _, s := range h.KeyShares {
		b = binary.BigEndian.AppendUint16(b, uint16(s.Group))
		b = binary.BigEndian.AppendUint16(b, uint16(len(s.Data)))
	}
	b = append(b, h.PointFormats...)
	return string(b)
}

func appendIDs[T ~uint16](b []byte, ids []T) []byte {
	for _, id := range ids {
		if !wire.IsGREASE(id) {
			b = binary.BigEndian.AppendUint16(b, uint16(id))
		}
	}
	return append(b, 0xff, 0xff, 0xff)
}

func certsOf(l Listener) policy.CertSet {
	if len(l.Certs) == 0 {
		return assumedCerts()
	}
	return l.Certs
}

// assumedCerts stands for a server of which nothing is known. Assumption: one RSA and one ECDSA certificate, so that no
// refusal is put down to the certificate without evidence.
func assumedCerts() policy.CertSet {
	certs, err := policy.ParseCertSet("both")
	if err != nil {
		panic("analyzers: " + err.Error())
	}
	return certs
}

// tallies counts findings by signature. There are few of them, and as many tallies as clients: a list takes less than a map.
type tallies []Tally

// add counts f and returns the number of findings of its signature.
func (t *tallies) add(f *Finding) int {
	for i := range *t {
		if e := &(*t)[i]; e.Signature == f.Signature {
			e.Connections++
			e.Stage = f.Stage
			return e.Connections
		}
	}
	*t = append(*t, Tally{f.Signature, f.Stage, 1})
	return 1
}

// list returns the tallies in the order of the analyzers.
func (t tallies) list(order map[string]int) []Tally {
	slices.SortFunc(t, func(x, y Tally) int { return order[x.Signature] - order[y.Signature] })
	return list([]Tally(t))
}
