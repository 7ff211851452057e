package benchmark

import (
	"math/rand/v2"
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// deed is what one client does.
type deed struct {
	shape    *shape
	at       time.Duration // after the beginning
	from     lab.Vantage
	listener string
	syns     []uint16 // ports that get a single SYN each; none: a connection
	profile  *clients.Profile
	manner   *clients.Manner
	cert     pki.Kind
	distrust bool // no CA is trusted
	requests int
	reuse    bool // afterwards the same port is used again
	stage    analyzers.Stage
	cause    string
	code     string // of the connection log, where the certificate has one of its own
	clear    bool   // the packets show the cause in clear, to who knows the policy
}

// shape is a sort of client.
type shape struct {
	name   string
	weight int // in a thousand
	draw   func(g *generator, d *deed)
}

// is labels a deed.
func (d *deed) is(stage analyzers.Stage, cause string) {
	d.stage, d.cause, d.clear = stage, cause, true
}

// hidden says that the packets do not show the cause in clear.
func (d *deed) hidden() { d.clear = false }

// shapes returns every sort of client. Weights lean to what is hard to tell apart; they are not those of any real load balancer.
func shapes() []*shape {
	return []*shape{
		{"closed-port", 15, closedPort},
		{"port-scan", 2, portScan},
		{"half-open-scan", 25, halfOpen},
		{"health-check", 50, quit(clients.QuitConnect, wire.EndingFIN, analyzers.StageNoData, signatures.ConnectAndClose)},
		{"health-check-reset", 20, quit(clients.QuitConnect, wire.EndingReset, analyzers.StageNoData, signatures.ConnectAndClose)},
		{"connect-and-wait", 20, quit(clients.QuitConnect, wire.EndingTimeout, analyzers.StageNoData, signatures.ConnectedNoData)},
		{"old-version", 110, oldVersion},
		{"no-common-suite", 50, noCommonSuite},
		{"no-common-group", 40, noCommonGroup},
		{"no-common-scheme", 25, noCommonScheme},
		{"fallback", 20, fallback},
		{"malformed", 25, malformed},
		{"no-hello", 10, noHello},
		{"too-large", 15, tooLarge},
		{"plain-http", 35, notTLS("GET / HTTP/1.1\r\nHost: lab.alblab.example\r\n\r\n")},
		{"ssh", 10, notTLS("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n")},
		{"garbage", 20, garbage},
		{"reused-port", 6, reusedPort},
		{"certificate-missing-12", 30, certificate(pki.KindNone, wire.TLS12)},
		{"certificate-missing-13", 30, certificate(pki.KindNone, wire.TLS13)},
		{"certificate-refused", 50, certificateRefused},
		{"broken-flight", 15, brokenFlight},
		{"completed-12", 75, completed(wire.TLS12, "http/1.1")},
		{"completed-13", 85, completed(wire.TLS13, "http/1.1")},
		{"completed-h2", 45, completed(wire.TLS13, "h2")},
		{"completed-mtls", 20, completedMTLS},
		{"idle-between-requests", 10, idleBetween},
		{"over-the-edge", 20, overTheEdge},
		{"renegotiation", 12, renegotiation},
		{"distrust-12", 22, distrust(wire.TLS12)},
		{"distrust-13", 22, distrust(wire.TLS13)},
		{"half-hello-fin", 20, quitWithin(wire.EndingFIN)},
		{"half-hello-reset", 20, quitWithin(wire.EndingReset)},
		{"half-hello-silence", 15, quitWithin(wire.EndingTimeout)},
		{"quit-at-flight-fin", 12, quit(clients.QuitFlight, wire.EndingFIN, analyzers.StageClosedByOther, signatures.ClosedByClient)},
		{"quit-at-flight-reset", 12, quit(clients.QuitFlight, wire.EndingReset, analyzers.StageClosedByOther, signatures.ClosedByClient)},
		{"silence-at-flight", 9, quit(clients.QuitFlight, wire.EndingTimeout, analyzers.StageClosedByOther, signatures.HandshakeTimeout)},
		{"catalogue", 120, fromCatalogue},
	}
}

// generator draws deeds.
type generator struct {
	*rand.Rand
	mix    *mix
	shapes []*shape
	total  int
	cat    *catalogue // nil if the mix uses none
}

func newGenerator(m *mix, seed uint64) (*generator, error) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x62656e63686d6172)), mix: m}
	for _, s := range shapes() {
		if s.name == "renegotiation" && m.wireProfile != "" {
			continue // only a capture shows it where the load balancer refuses with a FIN, as it ends sessions too
		}
		if s.name == "catalogue" || s.name == "reused-port" {
			if !m.catalogue {
				continue
			}
		}
		g.shapes = append(g.shapes, s)
		g.total += s.weight
	}
	var err error
	if m.catalogue {
		g.cat, err = newCatalogue(m.spec(seed))
	}
	return g, err
}

// window is how long the clients of one lab go on coming.
const window = 2 * time.Minute

// next draws a deed.
func (g *generator) next() *deed {
	n := g.IntN(g.total)
	i := 0
	for n >= g.shapes[i].weight {
		n -= g.shapes[i].weight
		i++
	}
	d := &deed{shape: g.shapes[i], from: g.mix.vantage(g.Rand), listener: current, at: time.Duration(g.IntN(int(window/paceGrain))) * paceGrain}
	d.shape.draw(g, d)
	if bad(d.from) && (d.stage == analyzers.StageNoData || d.manner != nil && d.manner.Quit != "" && d.manner.By == wire.EndingReset) {
		d.hidden() // who ended it shows only if all of its few packets came, and in order; a reset is sent but once
	}
	if d.profile == nil && d.syns == nil {
		d.profile = clients.Curl()
	}
	if d.manner == nil && g.Float64() < g.mix.slow {
		d.manner = g.pieces()
		if d.profile != nil && d.profile.HelloLen > 1000 {
			d.manner.Pause /= 10 // it must be whole before the load balancer loses patience
		}
	}
	return d
}

// paceGrain is the grain of the clients' beginnings.
const paceGrain = 100 * time.Millisecond

// pieces is a way to send a hello in pieces, records or slowly.
func (g *generator) pieces() *clients.Manner {
	switch g.IntN(4) {
	case 0:
		return &clients.Manner{Segment: 20 + g.IntN(200)}
	case 1:
		return &clients.Manner{Record: 16 + g.IntN(200)}
	case 2:
		return &clients.Manner{Segment: 100 + g.IntN(100), Pause: time.Duration(1+g.IntN(20)) * 100 * time.Millisecond}
	}
	return &clients.Manner{Record: 50 + g.IntN(100), Segment: 60 + g.IntN(300)}
}
